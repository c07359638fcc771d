//! Machines that share a sandbox and have a clock, a disk and a line to S3 of their own, in virtual time.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_sdk_s3::Client;
use aws_sdk_s3::config::{BehaviorVersion, Credentials, Region, SharedHttpClient};
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{BucketLocationConstraint, CreateBucketConfiguration};
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use futures_util::future::join_all;
use jiff::Timestamp;
use serde_json::Value;
use tokio::time::{Instant, sleep};

use super::*;
use crate::address::Address;
use crate::sandbox::Sandbox;
use crate::sandbox::client::SandboxClient;
use crate::sandbox::world::World;

const BUCKET: &str = "leases";
const KEY: &str = "farpost/store-17.lease";

/// What goes wrong with a call.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Mishap {
    /// It does not arrive.
    Reset,
    /// It is carried out, and the answer does not arrive.
    Lost,
    /// It is carried out, and nothing is heard of it.
    Silence,
    /// S3 answers this.
    Answer(u16, &'static str),
}

/// A line to S3.
#[derive(Debug, Clone)]
struct Line {
    sandbox: SandboxClient,
    /// By method.
    mishaps: Arc<Mutex<VecDeque<(&'static str, Mishap)>>>,
    is_cut: Arc<Mutex<bool>>,
}

impl HttpClient for Line {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for Line {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let reset = || HttpConnectorFuture::ready(Err(ConnectorError::io("connection reset".into())));
        if *self.is_cut.lock().unwrap() {
            return reset();
        }
        let mut mishaps = self.mishaps.lock().unwrap();
        let place = mishaps.iter().position(|(method, _)| *method == request.method());
        let mishap = place.and_then(|place| mishaps.remove(place)).map(|(_, mishap)| mishap);
        match mishap {
            None => self.sandbox.call(request),
            Some(Mishap::Reset) => reset(),
            Some(Mishap::Lost) => {
                let carried_out = self.sandbox.call(request);
                HttpConnectorFuture::new(async move {
                    carried_out.await?;
                    Err(ConnectorError::io("connection reset".into()))
                })
            }
            Some(Mishap::Silence) => {
                let carried_out = self.sandbox.call(request);
                HttpConnectorFuture::new(async move {
                    carried_out.await?;
                    std::future::pending().await
                })
            }
            Some(Mishap::Answer(status, code)) => {
                let body = SdkBody::from(format!("<Error><Code>{code}</Code><Message>{code}</Message></Error>"));
                HttpConnectorFuture::ready(Ok(HttpResponse::new(status.try_into().unwrap(), body)))
            }
        }
    }
}

/// An account, and what all machines share.
struct Account {
    sandbox: Arc<Sandbox>,
    begun: Instant,
}

/// A machine with a disk and a line of its own.
#[derive(Clone)]
struct Machine {
    folder: Arc<tempfile::TempDir>,
    line: Line,
    /// What its wall clock says more than others'.
    ahead: Arc<Mutex<Duration>>,
    begun: Instant,
    said: Arc<Mutex<Vec<String>>>,
}

impl Account {
    async fn new() -> Self {
        let account = Self { sandbox: Arc::new(Sandbox::in_memory(World::default())), begun: Instant::now() };
        let place = CreateBucketConfiguration::builder().location_constraint(BucketLocationConstraint::UsWest2);
        let create = account.machine().s3().create_bucket().bucket(BUCKET).create_bucket_configuration(place.build());
        create.send().await.unwrap();
        account
    }

    fn machine(&self) -> Machine {
        Machine {
            folder: Arc::new(tempfile::tempdir().unwrap()),
            line: Line {
                sandbox: SandboxClient::new(Arc::clone(&self.sandbox)),
                mishaps: Arc::default(),
                is_cut: Arc::default(),
            },
            ahead: Arc::default(),
            begun: self.begun,
            said: Arc::default(),
        }
    }

    fn calls(&self, operation: &str) -> u64 {
        self.sandbox.calls().get(operation).copied().unwrap_or_default()
    }

    /// What the object says.
    async fn object(&self) -> Value {
        let answer = self.machine().s3().get_object().bucket(BUCKET).key(KEY).send().await.unwrap();
        serde_json::from_slice(&answer.body.collect().await.unwrap().into_bytes()).unwrap()
    }
}

impl Machine {
    fn s3(&self) -> Client {
        let config = aws_sdk_s3::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("us-west-2"))
            .credentials_provider(Credentials::new("A", "B", None, None, "test"))
            .retry_config(aws_sdk_s3::config::retry::RetryConfig::disabled())
            .http_client(SharedHttpClient::new(self.line.clone()));
        Client::from_conf(config.build())
    }

    fn lease(&self, patience: u64) -> Lease {
        let (ahead, begun) = (Arc::clone(&self.ahead), self.begun);
        let start = Timestamp::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
        let said = Arc::clone(&self.said);
        Lease {
            place: Place { account: "123456789012".into(), region: "us-west-2".into(), stack: "store-17".into() },
            world: String::new(),
            folder: self.folder.path().to_owned(),
            object: Some(LeasePlace { bucket: BUCKET.into(), key: KEY.into(), owner: "123456789012".into() }),
            patience: Duration::from_secs(patience),
            clock: Arc::new(move || start + begun.elapsed() + *ahead.lock().unwrap()),
            say: Arc::new(move |line| said.lock().unwrap().push(line.to_owned())),
        }
    }

    async fn take(&self, patience: u64) -> Result<Held, NotTaken> {
        self.lease(patience).acquire(&self.s3()).await
    }

    /// Takes the lock only.
    async fn lock(&self, patience: u64) -> Result<Held, NotTaken> {
        Lease { object: None, ..self.lease(patience) }.acquire(&self.s3()).await
    }

    fn mishap(&self, method: &'static str, mishap: Mishap) {
        self.line.mishaps.lock().unwrap().push_back((method, mishap));
    }

    fn cut(&self, is_cut: bool) {
        *self.line.is_cut.lock().unwrap() = is_cut;
    }

    /// The mishaps that did not happen.
    fn left(&self) -> usize {
        self.line.mishaps.lock().unwrap().len()
    }
}

fn address(text: &str) -> Address {
    text.parse().unwrap()
}

async fn seconds(number: u64) {
    sleep(Duration::from_secs(number)).await;
}

fn addresses(unfinished: &BTreeMap<Address, Begun>) -> Vec<String> {
    unfinished.keys().map(ToString::to_string).collect()
}

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
            held.created(&address("Vpc/a"));
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

#[tokio::test(start_paused = true)]
async fn what_a_dead_holder_was_creating_is_handed_over() {
    let account = Account::new().await;
    let held = account.machine().take(0).await.unwrap();
    for name in ["Vpc/a", "Subnet/b", "Role/c"] {
        held.creating(&address(name), "run").await.unwrap();
    }
    held.created(&address("Vpc/a"));
    seconds(11).await;
    held.created(&address("Subnet/b"));
    drop(held);
    let second = account.machine();
    let held = second.take(300).await.unwrap();
    // The end of the second was not on record yet.
    let unfinished = held.unfinished();
    assert_eq!(addresses(&unfinished), ["Role/c", "Subnet/b"]);
    assert_eq!(unfinished[&address("Role/c")].at.to_string(), "2027-01-15T08:00:00Z");
    held.created(&address("Subnet/b"));
    seconds(11).await;
    drop(held);
    let held = account.machine().take(300).await.unwrap();
    assert_eq!(addresses(&held.unfinished()), ["Role/c"]);
    held.created(&address("Role/c"));
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
    held.created(&address("Vpc/a"));
    held.release().await.unwrap();
    assert!(machine.lock(0).await.unwrap().unfinished().is_empty());
    assert_eq!(account.calls("s3:PutObject"), 2);
}

#[tokio::test(start_paused = true)]
async fn other_stacks_and_worlds_do_not_wait_for_each_other() {
    let account = Account::new().await;
    let machine = account.machine();
    let _held = machine.lock(0).await.unwrap();
    let mut other = Lease { object: None, ..machine.lease(0) };
    other.world = "http://127.0.0.1:4577".to_owned();
    let _second = other.clone().acquire(&machine.s3()).await.unwrap();
    other.place.stack = "store-18".to_owned();
    other.acquire(&machine.s3()).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn what_is_no_lease_of_ours_is_left_alone() {
    let account = Account::new().await;
    let machine = account.machine();
    let put = |text: &'static str| {
        let body = ByteStream::from_static(text.as_bytes());
        machine.s3().put_object().bucket(BUCKET).key(KEY).body(body).send()
    };
    put("a letter").await.unwrap();
    let refused = machine.take(10).await.unwrap_err();
    assert!(
        refused.to_string().contains("s3://leases/farpost/store-17.lease is there and is not a lease"),
        "{refused}"
    );
    let answer = machine.s3().get_object().bucket(BUCKET).key(KEY).send().await.unwrap();
    assert_eq!(answer.body.collect().await.unwrap().into_bytes().as_ref(), b"a letter");
    machine.s3().delete_object().bucket(BUCKET).key(KEY).send().await.unwrap();
    let mut other = account.machine().lease(0);
    other.place.stack = "store-18".to_owned();
    other.acquire(&machine.s3()).await.unwrap().release().await.unwrap();
    let refused = machine.take(10).await.unwrap_err();
    assert!(refused.to_string().contains("is the lease of the stack store-18 in account 123456789012"), "{refused}");
}

#[tokio::test(start_paused = true)]
async fn troubles_are_told_in_words() {
    let account = Account::new().await;
    let machine = account.machine();
    let told = async |change: &dyn Fn(&mut LeasePlace)| {
        let mut lease = machine.lease(0);
        change(lease.object.as_mut().unwrap());
        let error = lease.acquire(&machine.s3()).await.unwrap_err();
        format!("{error}; {}", error.help().unwrap_or_default())
    };
    let missing = told(&|place| place.bucket = "none".to_owned()).await;
    assert!(
        missing.contains("the bucket none") && missing.contains("aws s3 mb s3://none --region us-west-2"),
        "{missing}"
    );
    let owner = told(&|place| place.owner = "210987654321".to_owned()).await;
    assert!(owner.contains("does not belong to the account 210987654321"), "{owner}");
    for _ in 0..2 {
        machine.mishap("PUT", Mishap::Answer(403, "AccessDenied"));
        machine.mishap("GET", Mishap::Answer(403, "AccessDenied"));
    }
    let denied = told(&|_| {}).await;
    assert!(denied.contains("s3:PutObject on arn:aws:s3:::leases/farpost/store-17.lease is denied"), "{denied}");
    assert!(denied.contains("s3:ListBucket on arn:aws:s3:::leases,"), "{denied}");

    let account = Account::new().await;
    let machine = account.machine();
    machine.cut(true);
    let begun = Instant::now();
    let silent = machine.take(0).await.unwrap_err();
    assert!(silent.to_string().contains("connection reset"), "{silent}");
    assert!((30..60).contains(&begun.elapsed().as_secs()), "{:?}", begun.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_bucket_elsewhere_is_named_with_its_region() {
    let account = Account::new().await;
    let machine = account.machine();
    let config = machine.s3().config().to_builder().region(Region::new("eu-central-1")).build();
    let place = CreateBucketConfiguration::builder().location_constraint(BucketLocationConstraint::EuCentral1);
    let create = Client::from_conf(config).create_bucket().bucket("far").create_bucket_configuration(place.build());
    create.send().await.unwrap();
    let mut lease = machine.lease(0);
    lease.object.as_mut().unwrap().bucket = "far".to_owned();
    let error = lease.acquire(&machine.s3()).await.unwrap_err();
    assert!(error.to_string().contains("is in eu-central-1; the stack is in us-west-2"), "{error}");
}
