//! Which services are at rest: the scheduler would look at all their tasks and do nothing.
//!
//! Time moves in small steps, and at most of them most services are at rest: all is well, or what was started is not up
//! yet. One pass over the tasks finds the others.

use std::collections::HashMap;

use super::clusters::Cluster;
use super::services::Service;

/// What the tasks of a service come to.
#[derive(Debug, Default)]
struct Tally {
    /// Those that have not stopped.
    alive: i64,
    /// Those of them that are to run on: of its newest deployment, on an instance that does not drain.
    stay: i64,
    /// Those of them that are healthy.
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
        if task.is_wanted() && is_of_it && !task.instance.as_ref().is_some_and(drains) {
            tally.stay += 1;
            tally.good += i64::from(task.healthy);
        }
    }
    let none = Tally::default();
    let tally = |service: &Service| tallies.get(service.name.as_str()).unwrap_or(&none);
    let restless = cluster.services.values().filter(|service| !is_at_rest(service, tally(service)));
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
    // Nothing to start or to stop.
    let is_full = tally.alive == tally.stay && tally.stay == service.desired;
    // Nothing to conclude.
    let is_told = service.steady || tally.good < tally.alive;
    // Nothing to give up.
    let is_sound = deployment.failed == 0 || deployment.state == "COMPLETED";
    service.status == "ACTIVE" && is_full && is_told && is_sound && !tally.has_news && !service.is_daemon()
}
