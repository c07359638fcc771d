//! Through the real SDK, as the lease does it; boto3 and the AWS CLI ask in `tests/contract`.

use std::sync::Arc;

use aws_sdk_s3::Client;
use aws_sdk_s3::config::{BehaviorVersion, Credentials, Region, SharedHttpClient};
use aws_sdk_s3::error::ProvideErrorMetadata;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{BucketLocationConstraint, CreateBucketConfiguration};

use crate::sandbox::Sandbox;
use crate::sandbox::client::SandboxClient;
use crate::sandbox::world::World;

struct Account {
    folder: tempfile::TempDir,
    sandbox: Arc<Sandbox>,
}

impl Account {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let sandbox = Arc::new(Sandbox::open(&folder.path().join("s.json"), World::default()).unwrap());
        Self { folder, sandbox }
    }

    fn client(&self, region: &'static str) -> Client {
        let config = aws_sdk_s3::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(region))
            .credentials_provider(Credentials::new("A", "B", None, None, "test"))
            .http_client(SharedHttpClient::new(SandboxClient::new(Arc::clone(&self.sandbox))));
        Client::from_conf(config.build())
    }

    async fn with_bucket(&self) -> Client {
        let client = self.client("us-west-2");
        let place = CreateBucketConfiguration::builder().location_constraint(BucketLocationConstraint::UsWest2);
        client.create_bucket().bucket("edge").create_bucket_configuration(place.build()).send().await.unwrap();
        client
    }
}

fn text(what: &'static str) -> ByteStream {
    ByteStream::from_static(what.as_bytes())
}

#[tokio::test]
async fn one_of_two_writers_wins() {
    let account = Account::new();
    let s3 = account.with_bucket().await;
    let put = || s3.put_object().bucket("edge").key("a/lease one");
    let first = put().if_none_match("*").body(text("one")).send().await.unwrap();
    let etag = first.e_tag().unwrap().to_owned();
    assert_eq!(etag, "\"f97c5d29941bfb1b2fdab0874906ab82\"");
    let error = put().if_none_match("*").body(text("two")).send().await.unwrap_err();
    assert_eq!(error.code(), Some("PreconditionFailed"));
    assert_eq!(error.raw_response().unwrap().status().as_u16(), 412);
    let second = put().if_match(&etag).body(text("two")).send().await.unwrap();
    assert_eq!(put().if_match(&etag).body(text("three")).send().await.unwrap_err().code(), Some("PreconditionFailed"));
    let got = s3.get_object().bucket("edge").key("a/lease one").send().await.unwrap();
    assert_eq!(got.e_tag(), second.e_tag());
    assert_eq!(got.body.collect().await.unwrap().into_bytes().as_ref(), b"two");
    let delete = || s3.delete_object().bucket("edge").key("a/lease one");
    assert_eq!(delete().if_match(&etag).send().await.unwrap_err().code(), Some("PreconditionFailed"));
    delete().if_match(second.e_tag().unwrap()).send().await.unwrap();
    assert_eq!(delete().if_match("*").send().await.unwrap_err().code(), Some("NoSuchKey"));
    assert_eq!(put().if_match(&etag).body(text("x")).send().await.unwrap_err().code(), Some("NoSuchKey"));
    delete().send().await.unwrap();
    assert!(account.sandbox.outlives_its_process(&account.folder.path().join("s.json")));
}

#[tokio::test]
async fn a_bucket_is_in_one_region_and_of_one_owner() {
    let account = Account::new();
    let s3 = account.with_bucket().await;
    let elsewhere = account.client("eu-central-1");
    let error = elsewhere.get_object().bucket("edge").key("x").send().await.unwrap_err();
    let answer = error.raw_response().unwrap();
    assert_eq!((answer.status().as_u16(), answer.headers().get("x-amz-bucket-region")), (301, Some("us-west-2")));
    assert_eq!(error.code(), Some("PermanentRedirect"));
    let error = elsewhere.head_bucket().bucket("edge").send().await.unwrap_err();
    assert_eq!(error.raw_response().unwrap().headers().get("x-amz-bucket-region"), Some("us-west-2"));
    let get = || s3.get_object().bucket("edge").key("x");
    let error = get().expected_bucket_owner("210987654321").send().await.unwrap_err();
    assert_eq!(error.code(), Some("AccessDenied"));
    let error = get().expected_bucket_owner("123456789012").send().await.unwrap_err();
    assert_eq!(error.code(), Some("NoSuchKey"));
    let error = s3.get_object().bucket("none").key("x").send().await.unwrap_err();
    assert_eq!(error.code(), Some("NoSuchBucket"));
    let error = s3.head_object().bucket("edge").key("x").send().await.unwrap_err();
    assert!(error.into_service_error().is_not_found());
}

#[tokio::test]
async fn bytes_stay_as_they_are_and_a_torn_body_is_refused() {
    let account = Account::new();
    let s3 = account.with_bucket().await;
    let bytes = vec![0, 159, 146, 150];
    s3.put_object()
        .bucket("edge")
        .key("b")
        .metadata("who", "me")
        .content_type("a/b")
        .body(bytes.clone().into())
        .send()
        .await
        .unwrap();
    let got = s3.get_object().bucket("edge").key("b").send().await.unwrap();
    assert_eq!(got.metadata().unwrap()["who"], "me");
    assert_eq!((got.content_length(), got.content_type()), (Some(4), Some("a/b")));
    assert_eq!(got.body.collect().await.unwrap().into_bytes().as_ref(), bytes);
    let wrong = s3.put_object().bucket("edge").key("b").checksum_crc32("AAAAAA==").body(text("x"));
    assert_eq!(wrong.send().await.unwrap_err().code(), Some("BadDigest"));
}
