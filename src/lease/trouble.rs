//! Why a lease was not taken, and what can be done about it.

use std::io;
use std::path::PathBuf;

use crate::aws::Fault;
use crate::desired::LeasePlace;

/// What S3 refuses for, which waiting does not mend.
#[derive(Debug, Clone)]
pub(super) enum Trouble {
    NoBucket(Fault),
    /// The bucket is in this region.
    Region(String, Fault),
    /// The bucket is another account's than is expected.
    Owner(Fault),
    Denied(Fault),
    Fault(Fault),
}

impl Trouble {
    pub(super) fn fault(&self) -> &Fault {
        match self {
            Self::NoBucket(fault)
            | Self::Region(_, fault)
            | Self::Owner(fault)
            | Self::Denied(fault)
            | Self::Fault(fault) => fault,
        }
    }
}

/// Why a stack is not ours to write. Nothing was written.
#[derive(Debug, thiserror::Error)]
pub enum NotTaken {
    /// Somebody else works on it.
    #[error("the stack {stack} is held by {holder} ({place})")]
    Busy { stack: String, holder: String, place: String },
    /// The object is there and is no lease of this stack.
    #[error("{message}")]
    NotOurs { message: String },
    /// S3 does not let us.
    #[error("{message}")]
    Refused { message: String, help: Option<String>, fault: Fault },
    /// There is no place for a lock on this machine.
    #[error("the lock file {path} cannot be used: {source}", path = .path.display())]
    Local { path: PathBuf, source: io::Error },
}

impl NotTaken {
    pub(super) fn refused(trouble: &Trouble, place: &LeasePlace, region: &str) -> Self {
        let LeasePlace { bucket, key, owner } = place;
        let partition = crate::aws::partition(region);
        let arn = format!("arn:{partition}:s3:::{bucket}");
        let fault = trouble.fault().clone();
        let (message, help) = match trouble {
            Trouble::NoBucket(_) => (
                format!("the bucket {bucket}, where the lease of the stack is to be, does not exist"),
                Some(format!(
                    "make it in {region} (aws s3 mb s3://{bucket} --region {region}), or mend Stack.spec.lease.bucket"
                )),
            ),
            Trouble::Region(found, _) => (
                format!("the bucket {bucket} of the lease is in {found}; the stack is in {region}"),
                Some(format!("name a bucket in {region} in Stack.spec.lease.bucket")),
            ),
            Trouble::Owner(_) => (
                format!("the bucket {bucket} of the lease does not belong to the account {owner}"),
                Some(
                    "name a bucket of that account, or say whose it is in Stack.spec.lease.expectedBucketOwner"
                        .to_owned(),
                ),
            ),
            Trouble::Denied(fault) => (
                format!("{} on {arn}/{key} is denied, which the lease of the stack takes", fault.operation),
                Some(format!(
                    "allow s3:GetObject and s3:PutObject on {arn}/{key}, and s3:ListBucket on {arn}, without which a \
                     missing object looks like a denied one"
                )),
            ),
            Trouble::Fault(fault) => (format!("the lease s3://{bucket}/{key} of the stack: {fault}"), fault.hint()),
        };
        Self::Refused { message, help, fault }
    }

    /// What the user can do about it.
    pub fn help(&self) -> Option<String> {
        match self {
            Self::Busy { .. } => Some(
                "wait for it with a longer --lock-timeout; a lease whose holder died is free a minute later, by itself"
                    .to_owned(),
            ),
            Self::NotOurs { .. } => Some("name another key in Stack.spec.lease.key".to_owned()),
            Self::Refused { help, .. } => help.clone(),
            Self::Local { .. } => Some("set XDG_STATE_HOME to a folder that can be written".to_owned()),
        }
    }
}
