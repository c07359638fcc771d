//! Whether a service does what it is for: what its deployments, counts and events say.

use aws_sdk_ecs::types::{
    Deployment, DeploymentControllerType, DeploymentRolloutState as Rollout, Service, ServiceEvent,
};

use super::lower::is_definition;
use crate::kinds::Readiness;

/// `wanted` is the task definition that the service is to have, given when a change is waited for: then a service that
/// went back to another one has failed.
pub(super) fn readiness(service: &Service, wanted: Option<&str>) -> Readiness {
    match service.status().unwrap_or("unknown") {
        "ACTIVE" => {}
        "DRAINING" => return Readiness::Pending(format!("draining: {}", draining(service))),
        status => return Readiness::Pending(format!("status {status}")),
    }
    let controller = service.deployment_controller().map(|controller| controller.r#type());
    let Some(primary) = primary(service) else {
        return match controller {
            // Another program decides what runs, if anything.
            Some(DeploymentControllerType::External) => Readiness::Ready,
            // CodeDeploy makes task sets in place of deployments.
            Some(DeploymentControllerType::CodeDeploy) if service.running_count() >= service.desired_count() => {
                Readiness::Ready
            }
            Some(DeploymentControllerType::CodeDeploy) => {
                let counts = format!("{} of {} running", service.running_count(), service.desired_count());
                let event = newest(service.events().iter()).and_then(ServiceEvent::message);
                Readiness::Pending(event.map_or(counts.clone(), |event| format!("{counts}: {event}")))
            }
            _ => Readiness::Pending("it has no deployment yet".to_owned()),
        };
    };
    if let Some(why) = failure(service, primary, wanted) {
        return Readiness::Failed(why);
    }
    let is_ecs = !matches!(controller, Some(DeploymentControllerType::External | DeploymentControllerType::CodeDeploy));
    if is_ecs && primary.task_definition() != service.task_definition() {
        return Readiness::Pending("the deployment of its task definition has not begun".to_owned());
    }
    let early = service.deployment_configuration().and_then(|configuration| configuration.early_success_criteria());
    let enough = service.running_count() >= service.desired_count();
    let done = match primary.rollout_state() {
        Some(Rollout::Completed) => enough || early.is_some_and(|criteria| criteria.enable()),
        Some(_) => false,
        // Controllers other than ECS tell no state.
        None => enough && service.deployments().len() == 1,
    };
    if done { Readiness::Ready } else { Readiness::Pending(missing(service, primary)) }
}

fn primary(service: &Service) -> Option<&Deployment> {
    service.deployments().iter().find(|deployment| deployment.status() == Some("PRIMARY"))
}

fn draining(service: &Service) -> String {
    match service.running_count() + service.pending_count() {
        0 => "its tasks have stopped".to_owned(),
        1 => "1 task still runs".to_owned(),
        count => format!("{count} tasks still run"),
    }
}

/// What is missing, and the newest event, which often says why.
fn missing(service: &Service, primary: &Deployment) -> String {
    let counts = if primary.rollout_state() == Some(&Rollout::InProgress) {
        (primary.running_count(), service.desired_count())
    } else {
        (service.running_count(), service.desired_count())
    };
    let old = service.deployments().iter().filter(|other| other.id() != primary.id());
    let old: i32 = old.map(|other| other.running_count() + other.pending_count()).sum();
    let mut text = format!("{} of {} running", counts.0, counts.1);
    if old > 0 {
        text.push_str(&format!(", {old} of the deployment before"));
    }
    let event = newest(service.events().iter().filter(|event| is_of(event, primary)))
        .and_then(ServiceEvent::message)
        .filter(|message| !message.contains("has reached a steady state"));
    if let Some(event) = event {
        text.push_str(": ");
        text.push_str(event);
    }
    text
}

/// Whether an event is not older than a deployment.
fn is_of(event: &ServiceEvent, deployment: &Deployment) -> bool {
    match (event.created_at(), deployment.created_at()) {
        (Some(event), Some(deployment)) => event >= deployment,
        _ => true,
    }
}

/// The newest of events; AWS lists them newest first, which decides between equal times.
fn newest<'a>(events: impl Iterator<Item = &'a ServiceEvent>) -> Option<&'a ServiceEvent> {
    events.reduce(|newest, event| if event.created_at() > newest.created_at() { event } else { newest })
}

/// Why it will not become ready by itself.
fn failure(service: &Service, primary: &Deployment, wanted: Option<&str>) -> Option<String> {
    let reason =
        |deployment: &Deployment| deployment.rollout_state_reason().unwrap_or("the deployment failed").to_owned();
    if primary.rollout_state() == Some(&Rollout::Failed) {
        return Some(reason(primary));
    }
    let failed = |deployment: &&Deployment| deployment.rollout_state() == Some(&Rollout::Failed);
    let back = reason(primary);
    if back.contains("rolling back") {
        let failed = service.deployments().iter().find(failed);
        return Some(failed.map_or(back.clone(), |failed| format!("{} {back}", reason(failed))));
    }
    let live = service.task_definition().unwrap_or_default();
    if let Some(wanted) = wanted.filter(|wanted| !is_definition(wanted, live)) {
        let ours = |deployment: &&Deployment| {
            deployment.task_definition().is_some_and(|definition| is_definition(wanted, definition))
        };
        if let Some(deployment) = service.deployments().iter().filter(ours).find(failed) {
            return Some(format!("{} It went back to {live}.", reason(deployment)));
        }
        let says = |event: &&ServiceEvent| event.message().is_some_and(|message| message.contains("deployment failed"));
        let event = newest(service.events().iter().filter(says))?;
        return Some(format!("{} It went back to {live}.", event.message().unwrap_or_default()));
    }
    // Without a circuit breaker ECS tries for ever, at intervals of up to fifteen minutes.
    let gave_up = |event: &&ServiceEvent| {
        event.message().is_some_and(|message| message.contains("unable to consistently start tasks successfully"))
    };
    let crashes = primary.rollout_state() == Some(&Rollout::InProgress)
        && primary.failed_tasks() > 0
        && primary.running_count() < service.desired_count();
    let event = service.events().iter().filter(|event| is_of(event, primary)).find(gave_up);
    event.filter(|_| crashes).and_then(ServiceEvent::message).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use aws_sdk_ecs::types::builders::{DeploymentBuilder, ServiceBuilder};
    use aws_sdk_ecs::types::{DeploymentController, DeploymentEarlySuccessCriteria};
    use aws_smithy_types::DateTime;

    use super::*;

    const OLD: &str = "arn:aws:ecs:us-west-2:123456789012:task-definition/till:1";
    const NEW: &str = "arn:aws:ecs:us-west-2:123456789012:task-definition/till:2";

    fn deployment(status: &str, definition: &str) -> DeploymentBuilder {
        Deployment::builder()
            .id(format!("ecs-svc/{definition}"))
            .status(status)
            .task_definition(definition)
            .created_at(DateTime::from_secs(100))
    }

    fn service(definition: &str, running: i32, desired: i32) -> ServiceBuilder {
        Service::builder().status("ACTIVE").task_definition(definition).running_count(running).desired_count(desired)
    }

    fn event(at: i64, message: &str) -> ServiceEvent {
        ServiceEvent::builder().created_at(DateTime::from_secs(at)).message(message).build()
    }

    fn failed(readiness: Readiness) -> String {
        match readiness {
            Readiness::Failed(why) => why,
            other => panic!("{other:?}"),
        }
    }

    fn pending(readiness: Readiness) -> String {
        match readiness {
            Readiness::Pending(why) => why,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_completed_deployment_with_all_its_tasks_is_ready() {
        let completed = deployment("PRIMARY", NEW).rollout_state(Rollout::Completed).build();
        let of =
            |running, desired| readiness(&service(NEW, running, desired).deployments(completed.clone()).build(), None);
        assert_eq!(of(2, 2), Readiness::Ready);
        assert_eq!(of(0, 0), Readiness::Ready);
        // Being scaled in: all that is wanted runs.
        assert_eq!(of(3, 2), Readiness::Ready);
        assert_eq!(pending(of(1, 3)), "1 of 3 running");
        let early = DeploymentEarlySuccessCriteria::builder().enable(true).healthy_percent(50).build();
        let configuration =
            aws_sdk_ecs::types::DeploymentConfiguration::builder().early_success_criteria(early).build();
        let early = service(NEW, 1, 2).deployments(completed).deployment_configuration(configuration).build();
        assert_eq!(readiness(&early, None), Readiness::Ready);
    }

    #[test]
    fn a_deployment_under_way_tells_counts_and_the_newest_event() {
        let primary = deployment("PRIMARY", NEW).rollout_state(Rollout::InProgress).running_count(1).build();
        let old = deployment("ACTIVE", OLD).rollout_state(Rollout::Completed).running_count(2).build();
        let service = service(NEW, 3, 2)
            .deployments(primary)
            .deployments(old)
            .events(event(
                120,
                "(service till) was unable to place a task because no container instance met all of its requirements.",
            ))
            .events(event(110, "(service till) has started 1 tasks."))
            .events(event(90, "(service till) has reached a steady state."));
        assert_eq!(
            pending(readiness(&service.build(), None)),
            "1 of 2 running, 2 of the deployment before: (service till) was unable to place a task because no \
             container instance met all of its requirements."
        );
    }

    #[test]
    fn events_before_the_deployment_are_not_its_own() {
        let primary = deployment("PRIMARY", NEW).rollout_state(Rollout::InProgress).failed_tasks(1).build();
        let old = "(service till) is unable to consistently start tasks successfully.";
        let looping = |at| service(NEW, 0, 1).deployments(primary.clone()).events(event(at, old)).build();
        assert_eq!(pending(readiness(&looping(90), None)), "0 of 1 running");
        assert_eq!(failed(readiness(&looping(100), None)), old);
    }

    #[test]
    fn a_failed_deployment_has_failed() {
        let reason = "ECS deployment circuit breaker: tasks failed to start.";
        let primary = deployment("PRIMARY", NEW).rollout_state(Rollout::Failed).rollout_state_reason(reason).build();
        assert_eq!(failed(readiness(&service(NEW, 0, 1).deployments(primary).build(), None)), reason);
    }

    #[test]
    fn a_rollback_has_failed_while_it_goes_on_and_afterwards() {
        let reason = "ECS deployment circuit breaker: tasks failed to start.";
        let gone_wrong = deployment("ACTIVE", NEW).rollout_state(Rollout::Failed).rollout_state_reason(reason).build();
        let back = deployment("PRIMARY", OLD)
            .rollout_state(Rollout::InProgress)
            .rollout_state_reason("ECS deployment circuit breaker: rolling back to deploymentId ecs-svc/1.");
        let going = service(OLD, 1, 1).deployments(back.build()).deployments(gone_wrong.clone()).build();
        assert!(failed(readiness(&going, None)).starts_with(reason));
        let done = deployment("PRIMARY", OLD).rollout_state(Rollout::Completed).build();
        let over = service(OLD, 1, 1).deployments(done.clone()).deployments(gone_wrong).build();
        assert_eq!(readiness(&over, None), Readiness::Ready);
        assert_eq!(failed(readiness(&over, Some(NEW))), format!("{reason} It went back to {OLD}."));
        let forgotten = service(OLD, 1, 1)
            .deployments(done)
            .events(event(200, "(service till) has reached a steady state."))
            .events(event(190, "(service till) (deployment ecs-svc/2) deployment failed: tasks failed to start."))
            .build();
        assert!(failed(readiness(&forgotten, Some(NEW))).contains("ecs-svc/2"));
        assert_eq!(readiness(&forgotten, Some(OLD)), Readiness::Ready);
    }

    #[test]
    fn a_deployment_that_mends_a_failed_one_is_under_way() {
        let failed = deployment("ACTIVE", OLD).rollout_state(Rollout::Failed).build();
        let primary = deployment("PRIMARY", NEW).rollout_state(Rollout::InProgress).build();
        let mending = service(NEW, 0, 1).deployments(primary).deployments(failed).build();
        assert_eq!(pending(readiness(&mending, Some(NEW))), "0 of 1 running");
    }

    #[test]
    fn another_definition_than_the_deployed_one_is_not_there_yet() {
        let primary = deployment("PRIMARY", OLD).rollout_state(Rollout::Completed).build();
        assert!(pending(readiness(&service(NEW, 1, 1).deployments(primary).build(), Some(NEW))).contains("not begun"));
    }

    #[test]
    fn draining_tells_how_many_tasks_run() {
        let of = |running| Service::builder().status("DRAINING").running_count(running).build();
        assert_eq!(pending(readiness(&of(2), None)), "draining: 2 tasks still run");
        assert_eq!(pending(readiness(&of(0), None)), "draining: its tasks have stopped");
    }

    #[test]
    fn other_controllers_are_judged_by_their_counts() {
        let of = |controller: DeploymentControllerType, deployments: Vec<Deployment>, running| {
            let controller = DeploymentController::builder().r#type(controller).build().unwrap();
            let service = service(NEW, running, 1).deployment_controller(controller);
            readiness(&service.set_deployments(Some(deployments)).build(), None)
        };
        let primary = deployment("PRIMARY", OLD).build();
        assert_eq!(of(DeploymentControllerType::External, Vec::new(), 0), Readiness::Ready);
        assert_eq!(of(DeploymentControllerType::CodeDeploy, Vec::new(), 1), Readiness::Ready);
        assert_eq!(pending(of(DeploymentControllerType::CodeDeploy, Vec::new(), 0)), "0 of 1 running");
        assert_eq!(of(DeploymentControllerType::CodeDeploy, vec![primary.clone()], 1), Readiness::Ready);
        assert_eq!(pending(of(DeploymentControllerType::CodeDeploy, vec![primary], 0)), "0 of 1 running");
    }
}
