//! Which services are at rest: the scheduler would look at all their tasks and do nothing.
//!
//! Time moves in small steps, and at most of them most services are at rest. One pass over the tasks finds the others.

use std::collections::HashMap;

use super::clusters::Cluster;
use super::services::Service;

/// What the tasks of a service come to.
#[derive(Debug, Default)]
struct Tally {
    /// Those that have not stopped.
    alive: i64,
    /// Those that are as the service wants them: healthy, of its one deployment, on an instance that stays.
    good: i64,
    /// Whether the scheduler has not taken note of one yet.
    has_news: bool,
}

/// The names of the services that the scheduler has to look at.
pub(super) fn restless(cluster: &Cluster) -> Vec<String> {
    let mut tallies: HashMap<&str, Tally> = HashMap::with_capacity(cluster.services.len());
    let drains = |id: &String| cluster.instances.get(id).is_some_and(|instance| instance.status == "DRAINING");
    for task in cluster.tasks.values() {
        let Some(name) = task.service.as_deref() else { continue };
        let tally = tallies.entry(name).or_default();
        if task.last_status == "STOPPED" {
            tally.has_news |= !task.counted;
            continue;
        }
        tally.alive += 1;
        tally.has_news |= task.healthy && !task.credited;
        let deployment = cluster.services.get(name).and_then(|service| service.deployments.first());
        let is_of_it = deployment.is_some_and(|deployment| task.deployment.as_ref() == Some(&deployment.id));
        let stays = is_of_it && !task.instance.as_ref().is_some_and(drains);
        tally.good += i64::from(task.is_wanted() && task.healthy && stays);
    }
    let none = Tally::default();
    let restless = cluster
        .services
        .values()
        .filter(|service| !is_at_rest(service, tallies.get(service.name.as_str()).unwrap_or(&none)));
    restless.map(|service| service.name.clone()).collect()
}

fn is_at_rest(service: &Service, tally: &Tally) -> bool {
    if service.retry_at.is_some() {
        return false;
    }
    if service.status == "INACTIVE" {
        return true;
    }
    let [deployment] = &service.deployments[..] else { return false };
    service.status == "ACTIVE"
        && service.steady
        && deployment.state == "COMPLETED"
        && !service.is_daemon()
        && !tally.has_news
        && tally.alive == tally.good
        && tally.good == service.desired
}
