//! S3 as somebody with the rights to it sees it.

use aws_sdk_s3::Client;
use aws_sdk_s3::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_s3::types::{BucketLocationConstraint, CreateBucketConfiguration};

/// A client of an endpoint that takes any credentials.
pub(crate) fn client(endpoint: &str) -> Client {
    let config = aws_sdk_s3::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-west-2"))
        .endpoint_url(endpoint)
        .force_path_style(true)
        .credentials_provider(Credentials::new("AKIDEXAMPLE", "example", None, None, "test"));
    Client::from_conf(config.build())
}

/// Makes a bucket in the region of the tests.
pub(crate) async fn make_bucket(s3: &Client, bucket: &str) {
    let place = CreateBucketConfiguration::builder().location_constraint(BucketLocationConstraint::UsWest2);
    s3.create_bucket().bucket(bucket).create_bucket_configuration(place.build()).send().await.unwrap();
}
