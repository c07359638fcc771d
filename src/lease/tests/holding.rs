//! Who holds a lease, for how long, and who follows.

use super::*;

#[tokio::test(start_paused = true)]
async fn what_is_free_is_taken_at_once_and_given_up_at_once() {
    let account = Account::new().await;
    let begun = Instant::now();
    let held = account.machine().take(0).await.unwrap();
    held.check().unwrap();
    assert_eq!(held.number(), 1);
    let object = account.object().await;
    assert_eq!((&object["stack"], &object["number"]), (&"store-17".into(), &1.into()));
    let other = held.clone();
    held.release().await.unwrap();
    assert_eq!(other.check(), Err(Lost::Released));
    assert_eq!(other.creating(&address("Vpc/a"), "run").await, Err(Lost::Released));
    assert!(account.object().await["released"].is_string());
    let next = account.machine().take(0).await.unwrap();
    assert_eq!(next.number(), 2);
    assert!(begun.elapsed() < Duration::from_secs(1));
}

#[tokio::test(start_paused = true)]
async fn a_living_holder_keeps_it_and_the_others_wait() {
    let account = Account::new().await;
    let held = account.machine().take(0).await.unwrap();
    let etag = account.object().await;
    let refused = account.machine().take(0).await.unwrap_err();
    assert!(matches!(&refused, NotTaken::Busy { holder, .. } if holder.contains("process")), "{refused}");
    assert_eq!(account.object().await, etag);

    let second = account.machine();
    let waiting = tokio::spawn({
        let second = second.clone();
        async move { second.take(100_000).await }
    });
    seconds(3600).await;
    held.check().unwrap();
    assert!(!waiting.is_finished());
    held.release().await.unwrap();
    let free = Instant::now();
    assert_eq!(waiting.await.unwrap().unwrap().number(), 2);
    assert!(free.elapsed() < Duration::from_secs(6), "{:?}", free.elapsed());
    let said = second.said.lock().unwrap().clone();
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(said[0].contains("is held by") && said[0].contains("since 2027-01-15T08:00:00Z"), "{said:?}");
}

#[tokio::test(start_paused = true)]
async fn who_waits_long_enough_gives_up() {
    let account = Account::new().await;
    let _held = account.machine().take(0).await.unwrap();
    let begun = Instant::now();
    account.machine().take(90).await.unwrap_err();
    let waited = begun.elapsed();
    assert!((90..92).contains(&waited.as_secs()), "{waited:?}");
}

#[tokio::test(start_paused = true)]
async fn a_dead_holder_is_followed_after_a_minute() {
    let account = Account::new().await;
    let first = account.machine();
    let held = first.take(0).await.unwrap();
    seconds(25).await;
    drop(held);
    let died = Instant::now();
    let next = account.machine().take(300).await.unwrap();
    assert_eq!(next.number(), 2);
    assert!((60..66).contains(&died.elapsed().as_secs()), "{:?}", died.elapsed());
}

#[tokio::test(start_paused = true)]
async fn on_its_own_machine_a_dead_holder_is_followed_at_once() {
    let account = Account::new().await;
    let machine = account.machine();
    drop(machine.take(0).await.unwrap());
    let died = Instant::now();
    assert_eq!(machine.take(10).await.unwrap().number(), 2);
    assert!(died.elapsed() < Duration::from_secs(1), "{:?}", died.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_holder_that_is_cut_off_stops_before_it_is_followed() {
    let account = Account::new().await;
    let first = account.machine();
    let held = first.take(0).await.unwrap();
    let waiting = tokio::spawn({
        let second = account.machine();
        async move { second.take(1000).await }
    });
    seconds(95).await;
    first.cut(true);
    let cut = Instant::now();
    seconds(25).await;
    held.check().unwrap();
    while held.check().is_ok() {
        seconds(1).await;
    }
    assert!(cut.elapsed() <= FENCED, "{:?}", cut.elapsed());
    assert!(!waiting.is_finished());
    let lost = held.check().unwrap_err();
    assert!(matches!(&lost, Lost::NotRenewed(40.., why) if why.contains("connection reset")), "{lost:?}");
    let next = waiting.await.unwrap().unwrap();
    assert!((50..=66).contains(&cut.elapsed().as_secs()), "{:?}", cut.elapsed());
    // When the line is back, it stays lost, and nothing is written over what the other has.
    first.cut(false);
    seconds(100).await;
    assert_eq!(held.check().unwrap_err(), lost);
    assert_eq!(held.creating(&address("Vpc/a"), "run").await.unwrap_err(), lost);
    assert_eq!(held.release().await.unwrap_err(), lost);
    next.check().unwrap();
    assert_eq!(account.object().await["number"], 2);
}

#[tokio::test(start_paused = true)]
async fn a_short_cut_is_borne() {
    let account = Account::new().await;
    let machine = account.machine();
    let held = machine.take(0).await.unwrap();
    for _ in 0..20 {
        machine.cut(true);
        seconds(25).await;
        machine.cut(false);
        seconds(5).await;
        held.check().unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_machine_that_slept_knows_by_its_wall_clock() {
    let account = Account::new().await;
    let machine = account.machine();
    let held = machine.take(0).await.unwrap();
    *machine.ahead.lock().unwrap() = Duration::from_secs(41);
    let lost = held.check().unwrap_err();
    assert!(matches!(lost, Lost::NotRenewed(41, _)), "{lost:?}");
}

#[tokio::test(start_paused = true)]
async fn a_holder_that_was_replaced_learns_it_with_the_next_write() {
    let account = Account::new().await;
    let machine = account.machine();
    let held = machine.take(0).await.unwrap();
    let mut object = account.object().await;
    object["number"] = 7.into();
    object["holder"]["id"] = "x".into();
    let body = ByteStream::from(object.to_string().into_bytes());
    machine.s3().put_object().bucket(BUCKET).key(KEY).body(body).send().await.unwrap();
    let lost = held.creating(&address("Vpc/a"), "run").await.unwrap_err();
    assert!(matches!(&lost, Lost::TakenOver(who) if who.contains("process")), "{lost:?}");
    assert_eq!(account.object().await, object);
}

#[tokio::test(start_paused = true)]
async fn a_deleted_object_is_a_lost_lease() {
    let account = Account::new().await;
    let machine = account.machine();
    let held = machine.take(0).await.unwrap();
    machine.s3().delete_object().bucket(BUCKET).key(KEY).send().await.unwrap();
    seconds(11).await;
    assert_eq!(held.check(), Err(Lost::Gone));
}

/// Every write is tried with everything that can happen to it, and so is the look after it.
#[tokio::test(start_paused = true)]
async fn lost_answers_lose_nothing() {
    let mishaps = [
        Mishap::Reset,
        Mishap::Lost,
        Mishap::Silence,
        Mishap::Answer(503, "SlowDown"),
        Mishap::Answer(500, "InternalError"),
        Mishap::Answer(409, "ConditionalRequestConflict"),
    ];
    for first in mishaps {
        for second in [None, Some(Mishap::Reset), Some(Mishap::Silence), Some(Mishap::Answer(503, "SlowDown"))] {
            let case = format!("{first:?}, then {second:?}");
            let account = Account::new().await;
            let machine = account.machine();
            let happen = || {
                machine.mishap("PUT", first);
                second.iter().for_each(|second| machine.mishap("GET", *second));
            };
            happen();
            let begun = Instant::now();
            let held = machine.take(0).await.unwrap_or_else(|error| panic!("{case}: {error}"));
            assert!(begun.elapsed() < Duration::from_secs(30), "{case}: {:?}", begun.elapsed());
            assert_eq!((machine.left(), held.number()), (0, 1), "{case}");
            happen();
            seconds(40).await;
            assert_eq!((machine.left(), held.check()), (0, Ok(())), "{case}");
            happen();
            held.creating(&address("Vpc/a"), "run").await.unwrap();
            assert_eq!(account.object().await["creating"].as_object().unwrap().len(), 1, "{case}");
            held.unmade(&address("Vpc/a"));
            machine.mishap("PUT", Mishap::Lost);
            held.release().await.unwrap();
            let object = account.object().await;
            assert!(object["released"].is_string() && object.get("creating").is_none(), "{case}: {object}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn giving_up_does_not_wait_for_an_s3_that_is_silent() {
    let account = Account::new().await;
    let machine = account.machine();
    let held = machine.take(0).await.unwrap();
    machine.mishap("PUT", Mishap::Silence);
    let begun = Instant::now();
    held.release_within(Duration::from_secs(1)).await.unwrap_err();
    assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
    machine.lock(0).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn of_many_at_once_one_wins() {
    let account = Account::new().await;
    let machines: Vec<Machine> = (0..16).map(|_| account.machine()).collect();
    let taken = join_all(machines.iter().map(|machine| machine.take(0))).await;
    let held: Vec<&Held> = taken.iter().flatten().collect();
    assert_eq!(held.len(), 1);
    assert!(taken.iter().all(|one| matches!(one, Ok(_) | Err(NotTaken::Busy { .. }))), "{taken:?}");
}

#[tokio::test(start_paused = true)]
async fn of_many_that_wait_each_has_its_turn_alone() {
    let account = Account::new().await;
    let inside = Arc::new(Mutex::new(0));
    let work = (0..16).map(|number| {
        let (machine, inside) = (account.machine(), Arc::clone(&inside));
        async move {
            let held = machine.take(10_000).await.unwrap();
            *inside.lock().unwrap() += 1;
            for _ in 0..5 {
                assert_eq!((*inside.lock().unwrap(), held.check()), (1, Ok(())));
                seconds(3).await;
            }
            *inside.lock().unwrap() -= 1;
            // Every third dies.
            if number % 3 > 0 {
                held.release().await.unwrap();
            }
        }
    });
    join_all(work).await;
    assert_eq!(account.object().await["number"], 16);
}
