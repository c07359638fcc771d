//! What is not ours, and what is said of it.

use super::*;

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
