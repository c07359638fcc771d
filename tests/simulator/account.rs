//! An account in a sandbox, and what is in it.

use std::future::Future;
use std::sync::Arc;

use aws_smithy_runtime_api::client::http::SharedHttpClient;
use farpost::aws::Aws;
use farpost::sandbox::Sandbox;
use farpost::sandbox::client::SandboxClient;
use farpost::sandbox::clock::Clock;
use farpost::sandbox::world::World;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::inventory::{Census, census, members};
use super::process::connect;

/// An account that outlives the processes that work on it. Its time passes while somebody lives in it.
#[derive(Clone)]
pub(crate) struct Account {
    pub(crate) sandbox: Arc<Sandbox>,
    clock: Clock,
}

/// What an account holds, and when.
#[derive(Debug, Clone)]
pub(crate) struct Snapshot {
    pub(crate) content: Value,
    at: Timestamp,
}

impl Account {
    /// An empty one. What farpost makes of dates goes by today, so today it is.
    pub(crate) fn new() -> Self {
        Self::at(Timestamp::now())
    }

    fn at(time: Timestamp) -> Self {
        let clock = Clock::starting_at(time);
        let sandbox = Sandbox::in_memory(World { pace: 1.0, ..World::default() }).with_clock(clock.clone());
        Self { sandbox: Arc::new(sandbox), clock }
    }

    /// One that goes on from what another one was.
    pub(crate) fn from(snapshot: &Snapshot) -> Self {
        let account = Self::at(snapshot.at);
        account.sandbox.set_content(&snapshot.content).unwrap();
        account
    }

    /// Lives in it for as long as `work` takes, on virtual time. Whatever still runs then is dead, wherever it was.
    pub(crate) fn live<T>(&self, work: impl Future<Output = T>) -> T {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(async {
            self.clock.take_over();
            let done = work.await;
            self.clock.now();
            done
        })
    }

    /// Somebody else with access to it, whose calls never fail by themselves.
    pub(crate) async fn stranger(&self) -> Aws {
        let http = SharedHttpClient::new(SandboxClient::new(Arc::clone(&self.sandbox)));
        connect(&self.sandbox.region(), http).await.unwrap()
    }

    pub(crate) fn snapshot(&self) -> Snapshot {
        self.live(async { Snapshot { content: self.content(), at: self.sandbox.now() } })
    }

    pub(crate) fn content(&self) -> Value {
        self.sandbox.content()
    }

    pub(crate) fn census(&self) -> Census {
        census(&self.content())
    }

    /// Plays the installer on these hosts, where there is an activation to register with and a cluster to join.
    pub(crate) fn install(&self, hosts: &[String]) {
        let content = self.content();
        let cluster = members(&content["ecs"]["clusters"]).find(|(_, cluster)| cluster["status"] == "ACTIVE");
        let Some((cluster, _)) = cluster else { return };
        for (id, activation) in members(&content["ssm"]["activations"]) {
            let kept = activation["tags"]["farpost/code"].as_str().and_then(|kept| kept.strip_prefix("parameter:"));
            let code = kept.and_then(|name| content["ssm"]["parameters"][name]["versions"].as_array()?.last());
            // A code that was not kept is no use to anybody.
            let Some(code) = code.and_then(|version| version["value"].as_str()) else { continue };
            for name in hosts {
                let host = json!({
                    "activationId": id,
                    "activationCode": code,
                    "cluster": cluster,
                    "computerName": name,
                    "tags": {
                        "farpost/stack": activation["tags"]["farpost/stack"],
                        "farpost/resource": format!("ExternalInstance/{name}"),
                    },
                });
                // The installer is run again on a host that was refused.
                self.live(async { self.sandbox.register_host(&serde_json::from_value(host).unwrap()).ok() });
            }
        }
    }
}

/// A folder that is gone with the value; in memory where there is such a place, as locks are written for good.
pub(crate) fn folder() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}
