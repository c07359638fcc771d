//! Everything that exists in a sandbox, and how time moves it.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::world::World;
use super::{ec2, ecs, iam, logs, s3, secrets, ssm};

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct State {
    pub(super) world: World,
    /// Counts the ids that were given out, so that the same calls give the same ids.
    issued: u64,
    /// The number of the snapshot that it was last written in.
    #[serde(default)]
    pub(super) snapshot: u64,
    /// Before this nothing happens by itself, as far as the last look told; none after a call that changes something.
    #[serde(skip)]
    quiet_until: Option<Timestamp>,
    pub(super) ec2: ec2::Ec2,
    pub(super) iam: iam::Iam,
    pub(super) ecs: ecs::Ecs,
    /// Files from before there were log groups have none.
    #[serde(default)]
    pub(super) logs: logs::Logs,
    #[serde(default)]
    pub(super) ssm: ssm::Ssm,
    #[serde(default)]
    pub(super) secrets: secrets::Secrets,
    #[serde(default)]
    pub(super) s3: s3::S3,
}

impl State {
    pub(super) fn new(world: World) -> Self {
        Self {
            world,
            issued: 0,
            snapshot: 0,
            quiet_until: None,
            ec2: ec2::Ec2::default(),
            iam: iam::Iam::default(),
            ecs: ecs::Ecs::default(),
            logs: logs::Logs::default(),
            ssm: ssm::Ssm::default(),
            secrets: secrets::Secrets::default(),
            s3: s3::S3::default(),
        }
    }

    /// Lets everything happen that is due at `now`; whether anything did.
    pub(super) fn advance(&mut self, now: Timestamp) -> bool {
        self.quiet_until = None;
        let instances = ec2::advance(self, now);
        let tasks = ecs::advance(self, now);
        instances || tasks
    }

    /// As [`State::advance`], for a call that only looks: while nothing can have happened since the last look, this
    /// is next to nothing, so that those who wait may look often.
    pub(super) fn advance_to_look(&mut self, now: Timestamp) -> bool {
        if self.quiet_until.is_some_and(|until| now < until) {
            return false;
        }
        let moved = self.advance(now);
        self.quiet_until = ecs::next_change(self, now).map(|next| next.min(ec2::next_change(self, now)));
        moved
    }

    /// `length` hexadecimal digits that were not given out before.
    pub(super) fn hex(&mut self, length: usize) -> String {
        self.issued += 1;
        let digest = Sha256::digest(format!("farpost sandbox {}", self.issued));
        let mut text: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        text.truncate(length);
        text
    }

    /// An id as EC2 makes them: `prefix-0` and sixteen digits.
    pub(super) fn id(&mut self, prefix: &str) -> String {
        format!("{prefix}-0{}", self.hex(16))
    }

    /// How long something takes here that takes `seconds` in AWS.
    pub(super) fn takes(&self, seconds: f64) -> Duration {
        Duration::from_secs_f64((seconds * self.world.pace).max(0.0))
    }

    /// `arn:aws:service:region:account:resource` in this sandbox's partition, region and account.
    pub(super) fn arn(&self, service: &str, resource: &str) -> String {
        let region = if service == "iam" { "" } else { &self.world.region };
        format!("arn:{}:{service}:{region}:{}:{resource}", self.partition(), self.world.account)
    }

    /// `aws`, `aws-cn` or `aws-us-gov`.
    pub(super) fn partition(&self) -> &'static str {
        match &self.world.region {
            region if region.starts_with("cn-") => "aws-cn",
            region if region.starts_with("us-gov-") => "aws-us-gov",
            _ => "aws",
        }
    }
}
