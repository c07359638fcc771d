//! What a holder leaves to the next.

use super::*;
use crate::lease::record::forget_old;

#[tokio::test(start_paused = true)]
async fn what_a_dead_holder_was_creating_is_handed_over() {
    let account = Account::new().await;
    let held = account.machine().take(0).await.unwrap();
    for name in ["Vpc/a", "Subnet/b", "Role/c"] {
        held.creating(&address(name), "run").await.unwrap();
    }
    held.unmade(&address("Vpc/a"));
    seconds(11).await;
    held.unmade(&address("Subnet/b"));
    drop(held);
    let second = account.machine();
    let held = second.take(300).await.unwrap();
    // The end of the second was not on record yet.
    let unfinished = held.unfinished();
    assert_eq!(addresses(&unfinished), ["Role/c", "Subnet/b"]);
    // The clock of the first machine may be minutes apart.
    let minute = Duration::from_secs(60);
    assert!(held.may_hide(&unfinished[&address("Role/c")], minute) > Duration::from_secs(59));
    held.unmade(&address("Subnet/b"));
    seconds(11).await;
    drop(held);
    let held = account.machine().take(300).await.unwrap();
    assert_eq!(addresses(&held.unfinished()), ["Role/c"]);
    held.unmade(&address("Role/c"));
    assert!(held.unfinished().is_empty());
    held.release().await.unwrap();
    assert!(account.machine().take(0).await.unwrap().unfinished().is_empty());
    // What was left on the second machine was settled by the third.
    seconds(100).await;
    assert!(second.take(300).await.unwrap().unfinished().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_release_leaves_what_is_not_known() {
    let account = Account::new().await;
    let held = account.machine().take(0).await.unwrap();
    held.creating(&address("Vpc/a"), "run").await.unwrap();
    held.release().await.unwrap();
    let held = account.machine().take(0).await.unwrap();
    assert_eq!(addresses(&held.unfinished()), ["Vpc/a"]);
    // Of another day: everything shows by now.
    drop(held);
    seconds(25 * 60 * 60).await;
    assert!(account.machine().take(300).await.unwrap().unfinished().is_empty());
}

#[tokio::test(start_paused = true)]
async fn creates_that_begin_together_are_one_write() {
    let account = Account::new().await;
    let held = account.machine().take(0).await.unwrap();
    let before = account.calls("s3:PutObject");
    let names: Vec<Address> = (0..20).map(|number| address(&format!("Vpc/v{number}"))).collect();
    for done in join_all(names.iter().map(|name| held.creating(name, "run"))).await {
        done.unwrap();
    }
    assert!(account.calls("s3:PutObject") - before <= 2);
    assert_eq!(account.object().await["creating"].as_object().unwrap().len(), 20);
}

#[tokio::test(start_paused = true)]
async fn without_a_lease_the_machine_remembers() {
    let account = Account::new().await;
    let machine = account.machine();
    let held = machine.lock(0).await.unwrap();
    let refused = machine.lock(0).await.unwrap_err();
    assert!(matches!(&refused, NotTaken::Busy { place, .. } if place == "this machine"), "{refused}");
    held.creating(&address("Vpc/a"), "run").await.unwrap();
    seconds(1000).await;
    held.check().unwrap();
    drop(held);
    let held = machine.lock(10).await.unwrap();
    assert_eq!(addresses(&held.unfinished()), ["Vpc/a"]);
    held.release().await.unwrap();
    // Also for one that takes a lease now, which nobody had before.
    let held = machine.take(0).await.unwrap();
    assert_eq!(addresses(&held.unfinished()), ["Vpc/a"]);
    held.unmade(&address("Vpc/a"));
    held.release().await.unwrap();
    assert!(machine.lock(0).await.unwrap().unfinished().is_empty());
    assert_eq!(account.calls("s3:PutObject"), 2);
}

#[tokio::test(start_paused = true)]
async fn what_was_made_stays_on_record_while_answers_may_lag() {
    let account = Account::new().await;
    let machine = account.machine();
    let held = machine.take(0).await.unwrap();
    held.creating(&address("Vpc/a"), "run").await.unwrap();
    held.creating(&address("Vpc/b"), "run").await.unwrap();
    seconds(12).await;
    held.made(&address("Vpc/a"));
    held.unmade(&address("Vpc/b"));
    held.release().await.unwrap();
    let held = machine.take(0).await.unwrap();
    let unfinished = held.unfinished();
    assert_eq!(addresses(&unfinished), ["Vpc/a"]);
    assert!(unfinished[&address("Vpc/a")].made);
    // By the clock of the same machine.
    assert_eq!(held.may_hide(&unfinished[&address("Vpc/a")], Duration::from_secs(60)).as_secs_f64().round() as u64, 8);
    held.release().await.unwrap();
    seconds(8).await;
    assert!(machine.take(0).await.unwrap().unfinished().is_empty());
}

#[test]
fn a_clock_that_was_ahead_hides_nothing() {
    let now: Timestamp = "2027-01-15T08:00:00Z".parse().unwrap();
    let begun = |at: &str| Begun { at: at.parse().unwrap(), run: "run".to_owned(), made: false };
    let ahead = begun("2027-01-15T08:00:30Z");
    let mut unfinished: BTreeMap<Address, Begun> = BTreeMap::from([(address("Vpc/a"), ahead.clone())]);
    forget_old(&mut unfinished, now);
    assert_eq!((unfinished.len(), ahead.age(now)), (1, Duration::ZERO));
    // Long ago is long ago by any clock.
    let (mut near, mut far) = (begun("2027-01-15T07:55:00Z"), begun("2027-01-15T07:40:00Z"));
    near.distrust_clock(now);
    far.distrust_clock(now);
    assert_eq!((near.age(now), far.age(now)), (Duration::ZERO, Duration::from_secs(1200)));
}
