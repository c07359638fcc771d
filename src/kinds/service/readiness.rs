//! Whether a service does what it is for: what its deployments, counts and events say.
//!
//! A service that this run has changed is judged by the deployment that the change started, and by no other: AWS answers
//! a rollback, and the deployment of somebody else, as a service in the best of health.

use aws_sdk_ecs::types::{
    Deployment, DeploymentControllerType, DeploymentRolloutState as Rollout, Service, ServiceEvent,
};
use aws_smithy_types::DateTime;

use super::lower::is_definition;
use crate::aws::{Awaited, Which};
use crate::kinds::Readiness;

/// What can be told of a service from its description.
#[derive(Debug, PartialEq)]
pub(super) enum Judgement {
    Ready,
    /// The deployment goes on; [`counts`] and [`newest_event`] say how far it is.
    UnderWay,
    Pending(String),
    Failed(String),
}

/// As one text. `wanted` is the task definition that the service is to have, given when a change is waited for: then a
/// service that went back to another one has failed.
pub(super) fn readiness(service: &Service, wanted: Option<&str>, awaited: &Awaited) -> Readiness {
    match judge(service, wanted, awaited) {
        Judgement::Ready => Readiness::Ready,
        Judgement::Pending(why) => Readiness::Pending(why),
        Judgement::Failed(why) => Readiness::Failed(why),
        Judgement::UnderWay => {
            let event = newest_event(service, awaited).map(|event| format!(": {event}")).unwrap_or_default();
            Readiness::Pending(counts(service, awaited) + &event)
        }
    }
}

pub(super) fn judge(service: &Service, wanted: Option<&str>, awaited: &Awaited) -> Judgement {
    match service.status().unwrap_or("unknown") {
        "ACTIVE" => {}
        "DRAINING" => return Judgement::Pending(format!("draining: {}", draining(service))),
        status => return Judgement::Pending(format!("status {status}")),
    }
    let controller = service.deployment_controller().map(|controller| controller.r#type());
    let Some(primary) = primary(service) else {
        return match controller {
            // Another program decides what runs, if anything.
            Some(DeploymentControllerType::External) => Judgement::Ready,
            // CodeDeploy makes task sets in place of deployments.
            Some(DeploymentControllerType::CodeDeploy) if service.running_count() >= service.desired_count() => {
                Judgement::Ready
            }
            Some(DeploymentControllerType::CodeDeploy) => Judgement::UnderWay,
            _ => Judgement::Pending("it has no deployment yet".to_owned()),
        };
    };
    let is_ours = match &awaited.which {
        Which::Ours { id, begun } if primary.id() != Some(id) => {
            return displaced(service, primary, wanted, (id, *begun));
        }
        Which::Ours { .. } => true,
        Which::Primary | Which::NotThis(_) => false,
    };
    // What became of ours is known without comparing definitions.
    if let Some(why) = failure(service, primary, wanted.filter(|_| !is_ours), awaited) {
        return Judgement::Failed(why);
    }
    if let Some(event) = gave_up(service, primary, awaited) {
        return Judgement::Failed(told(event).to_owned());
    }
    let is_ecs = !matches!(controller, Some(DeploymentControllerType::External | DeploymentControllerType::CodeDeploy));
    if is_ecs && primary.task_definition() != service.task_definition() {
        return Judgement::Pending("the deployment of its task definition has not begun".to_owned());
    }
    let early = service.deployment_configuration().and_then(|configuration| configuration.early_success_criteria());
    let enough = service.running_count() >= service.desired_count();
    let done = match primary.rollout_state() {
        Some(Rollout::Completed) => enough || early.is_some_and(|criteria| criteria.enable()),
        Some(_) => false,
        // Controllers other than ECS tell no state.
        None => enough && service.deployments().len() == 1,
    };
    if done { Judgement::Ready } else { Judgement::UnderWay }
}

pub(super) fn primary(service: &Service) -> Option<&Deployment> {
    service.deployments().iter().find(|deployment| deployment.status() == Some("PRIMARY"))
}

/// Whether the deployment that is waited for is primary and has a task that runs, where it is to have any.
pub(super) fn has_started(service: &Service, awaited: &Awaited) -> bool {
    let Some(primary) = primary(service) else { return false };
    let is_it = match &awaited.which {
        Which::Ours { id, .. } => primary.id() == Some(id),
        Which::Primary | Which::NotThis(_) => true,
    };
    is_it && (primary.running_count() > 0 || service.desired_count() == 0)
}

/// What became of the deployment of ours, which is not primary any more.
fn displaced(
    service: &Service,
    primary: &Deployment,
    wanted: Option<&str>,
    (id, begun): (&str, Option<DateTime>),
) -> Judgement {
    let ours = service.deployments().iter().find(|deployment| deployment.id() == Some(id));
    let is_before = |time: Option<&DateTime>| matches!((time, begun), (Some(time), Some(begun)) if *time < begun);
    // Nothing in an answer from before our call is younger than what the call made.
    let is_old_answer = ours.is_none()
        && service.deployments().iter().all(|one| is_before(one.created_at()) && is_before(one.updated_at()));
    if is_old_answer {
        return Judgement::Pending("the deployment is not visible yet".to_owned());
    }
    let has_failed = ours.is_some_and(|ours| ours.rollout_state() == Some(&Rollout::Failed));
    let says = |event: &&ServiceEvent| {
        event.message().is_some_and(|message| message.contains(id) && message.contains("deployment failed"))
    };
    let event = newest(service.events().iter().filter(says)).map(told);
    let back = primary.rollout_state_reason().filter(|reason| reason.contains("rolling back"));
    let definition = ours.and_then(Deployment::task_definition).or(wanted).map(short);
    let what = definition.map_or_else(|| "the deployment".to_owned(), |name| format!("the deployment of {name}"));
    // A deployment that was there before ours becomes primary again by a rollback and in no other way.
    if has_failed || event.is_some() || back.is_some() || is_before(primary.created_at()) {
        let reason = ours.filter(|_| has_failed).and_then(Deployment::rollout_state_reason);
        let reason = reason.or(event).or(back).unwrap_or("AWS gives no reason");
        return Judgement::Failed(rolled_back(service, primary, &what, reason));
    }
    let (other, definition) = (primary.id().unwrap_or_default(), primary.task_definition().map_or("", short));
    let when = primary.created_at().map(|time| format!(", begun {}", clock(time))).unwrap_or_default();
    Judgement::Failed(format!(
        "another deployment overtook it: {other} of {definition}{when}\n  ours was {id}; nothing says that it would have \
         failed, and the next apply deploys what is declared"
    ))
}

fn rolled_back(service: &Service, primary: &Deployment, what: &str, reason: &str) -> String {
    let by = match reason {
        reason if reason.contains("circuit breaker") || reason.contains("tasks failed to start") => {
            " by the circuit breaker"
        }
        reason if reason.contains("alarm") => " because of an alarm",
        _ => "",
    };
    let after = |part: &str| reason.split_once(part).map(|(_, why)| why);
    let why = after("circuit breaker: ").or_else(|| after("deployment failed: ")).unwrap_or(reason);
    let why = why.trim_end_matches('.');
    let (definition, id) = (primary.task_definition().map_or("", short), primary.id().unwrap_or_default());
    let (running, desired) = (primary.running_count(), service.desired_count());
    format!("{what} was rolled back{by}: {why}\n  primary is {definition} again ({id}), {running} of {desired} running")
}

fn draining(service: &Service) -> String {
    match service.running_count() + service.pending_count() {
        0 => "its tasks have stopped".to_owned(),
        1 => "1 task still runs".to_owned(),
        count => format!("{count} tasks still run"),
    }
}

/// `1 of 3 running, 1 pending, 4 failed, 2 of the deployment before`.
pub(super) fn counts(service: &Service, awaited: &Awaited) -> String {
    let of_service = (service.running_count(), service.pending_count());
    let Some(shown) = subject(service, awaited) else {
        return listed(of_service, service.desired_count(), 0, 0);
    };
    let (running, pending) = match shown.rollout_state() {
        Some(Rollout::InProgress | Rollout::Failed) => (shown.running_count(), shown.pending_count()),
        _ => of_service,
    };
    let others = service.deployments().iter().filter(|other| other.id() != shown.id());
    let others: i32 = others.map(|other| other.running_count() + other.pending_count()).sum();
    listed((running, pending), service.desired_count(), shown.failed_tasks(), others)
}

fn listed((running, pending): (i32, i32), desired: i32, failed: i32, others: i32) -> String {
    let mut text = format!("{running} of {desired} running");
    for (count, what) in [(pending, "pending"), (failed, "failed"), (others, "of the deployment before")] {
        if count > 0 {
            text.push_str(&format!(", {count} {what}"));
        }
    }
    text
}

/// The deployment that is told of: ours, as long as AWS lists it, and the primary one otherwise.
pub(super) fn subject<'a>(service: &'a Service, awaited: &Awaited) -> Option<&'a Deployment> {
    let ours = match &awaited.which {
        Which::Ours { id, .. } => service.deployments().iter().find(|deployment| deployment.id() == Some(id)),
        Which::Primary | Which::NotThis(_) => None,
    };
    ours.or_else(|| primary(service))
}

/// The events since the change, or since the deployment began; newest first.
pub(super) fn events<'a>(service: &'a Service, awaited: &Awaited) -> Vec<&'a ServiceEvent> {
    let begun = match &awaited.which {
        Which::Ours { begun, .. } => *begun,
        Which::Primary | Which::NotThis(_) => primary(service).and_then(Deployment::created_at).copied(),
    };
    let is_new = |event: &&ServiceEvent| match (event.created_at(), begun) {
        (Some(event), Some(begun)) => *event >= begun,
        _ => true,
    };
    let last = awaited.last_event.as_deref();
    let until = service.events().iter().take_while(|event| last.is_none() || event.id() != last);
    let mut events: Vec<&ServiceEvent> = until.filter(is_new).collect();
    // AWS lists them newest first, which decides between equal times.
    events.sort_by_key(|event| std::cmp::Reverse(event.created_at().map(DateTime::as_nanos)));
    events
}

/// Events that say what the counts and the rest say, too.
const ROUTINE: [&str; 8] = [
    "has reached a steady state",
    "has started ",
    "has stopped ",
    "registered ",
    "deployment completed",
    "has begun draining connections",
    // What is rolled back is said in other words, and more of it.
    "deployment failed: ",
    "rolling back to deployment ",
];

/// The newest event since the change, if it says more than the counts.
pub(super) fn newest_event<'a>(service: &'a Service, awaited: &Awaited) -> Option<&'a str> {
    let event = events(service, awaited).first().map(|event| told(event))?;
    Some(event).filter(|event| !is_routine(event))
}

/// Whether an event says no more than the counts do.
pub(super) fn is_routine(event: &str) -> bool {
    ROUTINE.iter().any(|part| event.contains(part))
}

/// The newest of events; AWS lists them newest first, which decides between equal times.
fn newest<'a>(events: impl Iterator<Item = &'a ServiceEvent>) -> Option<&'a ServiceEvent> {
    events.reduce(|newest, event| if event.created_at() > newest.created_at() { event } else { newest })
}

/// What an event says, without the name of the service before it and where to read more behind it.
pub(super) fn told(event: &ServiceEvent) -> &str {
    let message = event.message().unwrap_or_default();
    let message = message.split(" For more information, see").next().unwrap_or(message);
    match message.strip_prefix("(service ").and_then(|rest| rest.split_once(") ")) {
        Some((_, rest)) => rest,
        None => message,
    }
}

/// `till:2` of an ARN.
pub(super) fn short(definition: &str) -> &str {
    definition.rsplit('/').next().unwrap_or(definition)
}

fn clock(time: &DateTime) -> String {
    aws_smithy_types::DateTime::from_secs(time.secs())
        .fmt(aws_smithy_types::date_time::Format::DateTime)
        .unwrap_or_default()
}

/// Why it will not become ready by itself.
fn failure(service: &Service, primary: &Deployment, wanted: Option<&str>, awaited: &Awaited) -> Option<String> {
    let reason =
        |deployment: &Deployment| deployment.rollout_state_reason().unwrap_or("the deployment failed").to_owned();
    if primary.rollout_state() == Some(&Rollout::Failed) {
        return Some(reason(primary));
    }
    let failed = |deployment: &&Deployment| deployment.rollout_state() == Some(&Rollout::Failed);
    let back = reason(primary);
    let is_wanted = primary.task_definition().zip(wanted).is_some_and(|(live, wanted)| is_definition(wanted, live));
    // Back to what is wanted is no failure.
    if back.contains("rolling back") && !is_wanted {
        let failed = service.deployments().iter().find(failed).map(reason);
        return Some(rolled_back(service, primary, "the deployment", &failed.unwrap_or(back)));
    }
    let live = service.task_definition().unwrap_or_default();
    let wanted = wanted.filter(|wanted| !is_definition(wanted, live))?;
    let ours = |deployment: &&Deployment| {
        deployment.task_definition().is_some_and(|definition| is_definition(wanted, definition))
    };
    let failed = service.deployments().iter().filter(ours).find(failed).map(reason);
    let says = |event: &&ServiceEvent| event.message().is_some_and(|message| message.contains("deployment failed"));
    let event = || events(service, awaited).into_iter().find(says).map(|event| told(event).to_owned());
    let what = format!("the deployment of {}", short(wanted));
    Some(rolled_back(service, primary, &what, &failed.or_else(event)?))
}

/// The event by which ECS says that it tries on for ever, at intervals of up to fifteen minutes. Where there is a
/// circuit breaker, that decides.
fn gave_up<'a>(service: &'a Service, primary: &Deployment, awaited: &Awaited) -> Option<&'a ServiceEvent> {
    let breaker = service.deployment_configuration().and_then(|all| all.deployment_circuit_breaker());
    let crashes = primary.rollout_state() == Some(&Rollout::InProgress)
        && primary.failed_tasks() > 0
        && primary.running_count() < service.desired_count()
        && !breaker.is_some_and(|breaker| breaker.enable());
    let says = |event: &&ServiceEvent| {
        event.message().is_some_and(|message| message.contains("unable to consistently start tasks successfully"))
    };
    events(service, awaited).into_iter().find(says).filter(|_| crashes)
}

#[cfg(test)]
mod tests {
    use aws_sdk_ecs::types::builders::{DeploymentBuilder, ServiceBuilder};
    use aws_sdk_ecs::types::{DeploymentController, DeploymentEarlySuccessCriteria};
    use aws_smithy_types::DateTime;

    use super::*;

    /// As a service is seen that this run has not changed.
    fn readiness(service: &Service, wanted: Option<&str>) -> Readiness {
        super::readiness(service, wanted, &Awaited::default())
    }

    /// As it is seen after a call of ours that started the deployment `ecs-svc/ours` at the second 150.
    fn after_ours(service: &Service) -> Readiness {
        let which = Which::Ours { id: "ecs-svc/ours".to_owned(), begun: Some(DateTime::from_secs(150)) };
        super::readiness(service, Some(NEW), &Awaited { which, last_event: None })
    }

    fn ours(status: &str) -> DeploymentBuilder {
        let ours = deployment(status, NEW).id("ecs-svc/ours").created_at(DateTime::from_secs(150));
        ours.updated_at(DateTime::from_secs(150))
    }

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
            "1 of 2 running, 2 of the deployment before: was unable to place a task because no \
             container instance met all of its requirements."
        );
    }

    #[test]
    fn events_before_the_deployment_are_not_its_own() {
        let primary = deployment("PRIMARY", NEW).rollout_state(Rollout::InProgress).failed_tasks(1).build();
        let old = "(service till) is unable to consistently start tasks successfully.";
        let looping = |at| service(NEW, 0, 1).deployments(primary.clone()).events(event(at, old)).build();
        assert_eq!(pending(readiness(&looping(90), None)), "0 of 1 running, 1 failed");
        assert_eq!(failed(readiness(&looping(100), None)), "is unable to consistently start tasks successfully.");
        // Where there is a breaker, it decides.
        let breaker = aws_sdk_ecs::types::DeploymentCircuitBreaker::builder().enable(true).rollback(true).build();
        let breaker = aws_sdk_ecs::types::DeploymentConfiguration::builder().deployment_circuit_breaker(breaker);
        let guarded = service(NEW, 0, 1).deployments(primary).events(event(100, old));
        assert!(
            pending(readiness(&guarded.deployment_configuration(breaker.build()).build(), None)).contains("unable")
        );
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
        let said = failed(readiness(&going, None));
        assert!(
            said.starts_with("the deployment was rolled back by the circuit breaker: tasks failed to start"),
            "{said}"
        );
        assert_eq!(pending(readiness(&going, Some(OLD))), "0 of 1 running");
        let done = deployment("PRIMARY", OLD).rollout_state(Rollout::Completed).build();
        let over = service(OLD, 1, 1).deployments(done.clone()).deployments(gone_wrong).build();
        assert_eq!(readiness(&over, None), Readiness::Ready);
        assert_eq!(
            failed(readiness(&over, Some(NEW))),
            "the deployment of till:2 was rolled back by the circuit breaker: tasks failed to start\n  primary is till:1 \
             again (ecs-svc/arn:aws:ecs:us-west-2:123456789012:task-definition/till:1), 0 of 1 running"
        );
        let forgotten = service(OLD, 1, 1)
            .deployments(done)
            .events(event(200, "(service till) has reached a steady state."))
            .events(event(190, "(service till) (deployment ecs-svc/2) deployment failed: tasks failed to start."))
            .build();
        assert!(failed(readiness(&forgotten, Some(NEW))).contains("circuit breaker: tasks failed to start"));
        assert_eq!(readiness(&forgotten, Some(OLD)), Readiness::Ready);
    }

    #[test]
    fn only_the_deployment_of_ours_counts() {
        let completed = ours("PRIMARY").rollout_state(Rollout::Completed).build();
        assert_eq!(after_ours(&service(NEW, 1, 1).deployments(completed).build()), Readiness::Ready);
        // An answer from before the call, in which all was well.
        let before = deployment("PRIMARY", NEW).rollout_state(Rollout::Completed).updated_at(DateTime::from_secs(140));
        let before = service(NEW, 1, 1).deployments(before.build());
        assert_eq!(pending(after_ours(&before.build())), "the deployment is not visible yet");
        // Somebody else's, with the same definition.
        let other = deployment("PRIMARY", NEW).id("ecs-svc/other").created_at(DateTime::from_secs(160));
        let other = other.updated_at(DateTime::from_secs(170)).rollout_state(Rollout::Completed).build();
        let overtaken = service(NEW, 1, 1).deployments(other.clone());
        let said = failed(after_ours(&overtaken.clone().build()));
        assert!(
            said.starts_with("another deployment overtook it: ecs-svc/other of till:2, begun 1970-01-01T00:02:40Z"),
            "{said}"
        );
        assert!(said.contains("ours was ecs-svc/ours"), "{said}");
        let leaving = ours("ACTIVE").rollout_state(Rollout::InProgress).build();
        assert!(failed(after_ours(&overtaken.deployments(leaving).build())).starts_with("another deployment"));
    }

    #[test]
    fn a_rollback_is_told_from_an_overtaking_in_each_of_its_states() {
        let old = || deployment("PRIMARY", OLD).updated_at(DateTime::from_secs(200)).running_count(1);
        let told = |service: ServiceBuilder| {
            let said = failed(after_ours(&service.build()));
            assert!(said.contains("primary is till:1 again"), "{said}");
            said.lines().next().unwrap().to_owned()
        };
        // While ours is still listed.
        let reason = "ECS deployment circuit breaker: tasks failed to start.";
        let gone_wrong = ours("ACTIVE").rollout_state(Rollout::Failed).rollout_state_reason(reason).build();
        let going = old().rollout_state(Rollout::InProgress).build();
        assert_eq!(
            told(service(OLD, 1, 1).deployments(going).deployments(gone_wrong)),
            "the deployment of till:2 was rolled back by the circuit breaker: tasks failed to start"
        );
        // When it is over and only the events tell.
        let done = old().rollout_state(Rollout::Completed).build();
        let over = service(OLD, 1, 1).deployments(done.clone());
        let alarm = "(service till) (deployment ecs-svc/ours) deployment failed: alarm detected.";
        assert_eq!(
            told(over.clone().events(event(190, alarm))),
            "the deployment of till:2 was rolled back because of an alarm: alarm detected"
        );
        // When nothing tells but that what was there before is there again.
        assert_eq!(told(over), "the deployment of till:2 was rolled back: AWS gives no reason");
        // AWS may go back by a deployment that is younger than ours.
        let younger = old().id("ecs-svc/back").created_at(DateTime::from_secs(180)).rollout_state(Rollout::InProgress);
        let younger =
            younger.rollout_state_reason("ECS deployment circuit breaker: rolling back to deploymentId ecs-svc/1.");
        assert!(told(service(OLD, 1, 1).deployments(younger.build())).contains("by the circuit breaker"));
    }

    #[test]
    fn what_happened_before_the_change_is_not_told() {
        let primary = deployment("PRIMARY", NEW).rollout_state(Rollout::Completed).build();
        let of = |id: &str, at: i64, message: &str| {
            ServiceEvent::builder().id(id).created_at(DateTime::from_secs(at)).message(message).build()
        };
        let service = service(NEW, 1, 3)
            .deployments(primary)
            .events(of("2", 120, "(service till) is throttled."))
            .events(of("1", 110, "(service till) was unable to place a task."))
            .build();
        let after = |last: &str| Awaited { which: Which::Primary, last_event: Some(last.to_owned()) };
        assert_eq!(newest_event(&service, &after("2")), None);
        assert_eq!(newest_event(&service, &after("1")), Some("is throttled."));
        assert_eq!(events(&service, &Awaited::default()).len(), 2);
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
