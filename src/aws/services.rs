//! Describing services of ECS, ten in a call, also for those that each wait for one: the first is asked about at once,
//! and what comes within a moment after that is asked together.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_sdk_ecs::Client;
use aws_sdk_ecs::types::{Service, ServiceField};
use tokio::sync::oneshot;

use super::{Cause, Fault, fault};

const OPERATION: &str = "ecs:DescribeServices";

/// The name of a service that somebody waits for, and where the answer goes.
type Question = (String, oneshot::Sender<Result<Option<Service>, Fault>>);

/// Describes services.
#[derive(Debug, Clone)]
pub struct Services {
    ecs: Client,
    /// How long questions wait for others after a call.
    pause: Duration,
    /// Questions that were not sent yet, by cluster; a cluster is there while it is paused for.
    open: Arc<Mutex<BTreeMap<String, Vec<Question>>>>,
}

impl Services {
    /// How many services one call describes.
    pub const AT_ONCE: usize = 10;

    pub(super) fn new(ecs: Client, pause: Duration) -> Self {
        Self { ecs, pause, open: Arc::default() }
    }

    /// Those of at most [`Services::AT_ONCE`] services of a cluster that exist, with their tags.
    ///
    /// # Errors
    /// The call failed, or AWS says of a service that it cannot be described.
    pub async fn describe(&self, cluster: String, names: Vec<String>) -> Result<Vec<Service>, Fault> {
        let call = self.ecs.describe_services().cluster(cluster).set_services(Some(names)).include(ServiceField::Tags);
        match call.send().await.map_err(fault(OPERATION)) {
            Ok(answer) => {
                if let Some(failure) = answer.failures().iter().find(|failure| failure.reason() != Some("MISSING")) {
                    let (arn, reason) =
                        (failure.arn().unwrap_or_default(), failure.reason().unwrap_or("no reason given"));
                    return Err(Fault::found(OPERATION, Cause::Invalid, format!("{arn}: {reason}")));
                }
                Ok(answer.services.unwrap_or_default())
            }
            // Without the cluster there is no service of it.
            Err(fault) if fault.is_gone() => Ok(Vec::new()),
            Err(fault) => Err(fault),
        }
    }

    /// One service, if it exists, in a call with whatever others are asked for within a moment.
    ///
    /// # Errors
    /// As [`Services::describe`]; a call that fails fails for all that it was for.
    pub async fn describe_one(&self, cluster: &str, name: &str) -> Result<Option<Service>, Fault> {
        let (sender, answer) = oneshot::channel();
        let question = (name.to_owned(), sender);
        // Tasks of their own: whoever asks may be given up, and the others must hear all the same.
        let (services, cluster) = (self.clone(), cluster.to_owned());
        match self.open().entry(cluster.clone()) {
            Entry::Vacant(place) => {
                place.insert(Vec::new());
                tokio::spawn(async move { services.send_in_turns(cluster, question).await });
            }
            Entry::Occupied(mut waiting) => {
                waiting.get_mut().push(question);
                if waiting.get().len() == Self::AT_ONCE {
                    let questions = std::mem::take(waiting.get_mut());
                    tokio::spawn(async move { services.send(&cluster, questions).await });
                }
            }
        }
        answer.await.unwrap_or_else(|_| Err(Fault::found(OPERATION, Cause::NoAnswer, "the call was given up")))
    }

    async fn send_in_turns(&self, cluster: String, first: Question) {
        let mut questions = vec![first];
        while !questions.is_empty() {
            self.send(&cluster, questions).await;
            tokio::time::sleep(self.pause).await;
            let mut open = self.open();
            questions = open.get_mut(&cluster).map(std::mem::take).unwrap_or_default();
            if questions.is_empty() {
                open.remove(&cluster);
            }
        }
    }

    async fn send(&self, cluster: &str, mut questions: Vec<Question>) {
        questions.retain(|(_, sender)| !sender.is_closed());
        let mut names: Vec<String> = questions.iter().map(|(name, _)| name.clone()).collect();
        names.sort_unstable();
        names.dedup();
        if names.is_empty() {
            return;
        }
        let answer = self.describe(cluster.to_owned(), names).await;
        for (name, sender) in questions {
            let found = |services: &Vec<Service>| {
                services.iter().find(|service| service.service_name() == Some(name.as_str())).cloned()
            };
            // Who asked may have gone.
            sender.send(answer.as_ref().map(found).map_err(Clone::clone)).ok();
        }
    }

    fn open(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Vec<Question>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use aws_smithy_runtime_api::client::http::SharedHttpClient;
    use futures_util::future::join_all;

    use crate::aws::{Access, Aws, Patience};
    use crate::sandbox::Sandbox;
    use crate::sandbox::client::SandboxClient;
    use crate::sandbox::world::World;

    async fn account(services: usize) -> Aws {
        let http = SharedHttpClient::new(SandboxClient::new(Arc::new(Sandbox::in_memory(World::default()))));
        let access = Access { region: Some("us-west-2".to_owned()), ..Access::default() };
        let aws = Aws::connect(&access, Some(http), Patience::SANDBOX).await.unwrap();
        aws.ecs().create_cluster().cluster_name("edge").send().await.unwrap();
        let container = aws_sdk_ecs::types::ContainerDefinition::builder().name("c").image("nginx").memory(8).build();
        let definition = aws.ecs().register_task_definition().family("web").container_definitions(container);
        definition.send().await.unwrap();
        for number in 0..services {
            let service = aws.ecs().create_service().cluster("edge").task_definition("web").desired_count(0);
            service.service_name(format!("s{number}")).send().await.unwrap();
        }
        aws
    }

    #[tokio::test]
    async fn questions_of_a_moment_are_one_call_and_each_gets_its_answer() {
        let aws = account(12).await;
        let names: Vec<String> = (0..12).map(|number| format!("s{number}")).chain(["none".to_owned()]).collect();
        let answers = join_all(names.iter().map(|name| aws.services().describe_one("edge", name))).await;
        let found: Vec<Option<String>> = answers
            .into_iter()
            .map(|answer| answer.unwrap().and_then(|service| service.service_name().map(str::to_owned)))
            .collect();
        let expected: Vec<Option<String>> = (0..12).map(|number| Some(format!("s{number}"))).chain([None]).collect();
        assert_eq!(found, expected);
        // The first alone, ten, and the rest.
        assert_eq!(aws.counts()["ecs:DescribeServices"], 3);
    }

    #[tokio::test]
    async fn who_goes_takes_nobody_along() {
        let aws = Arc::new(account(2).await);
        let first = Arc::clone(&aws);
        let gone = tokio::spawn(async move { first.services().describe_one("edge", "s0").await });
        tokio::task::yield_now().await;
        let second = Arc::clone(&aws);
        let stays = tokio::spawn(async move { second.services().describe_one("edge", "s1").await });
        tokio::task::yield_now().await;
        gone.abort();
        assert!(stays.await.unwrap().unwrap().is_some());
        assert!(aws.services().describe_one("gone", "s1").await.unwrap().is_none());
    }
}
