//! That a saved plan is used: noted once, before its first write, so that nobody uses it again: on this machine, and on
//! every machine where the stack has a lease, beside that in S3.
//!
//! The fingerprints refuse a second use by themselves wherever the first one changed something, from any machine. This
//! is for what came back to what it was in between.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};
use std::path::PathBuf;

use aws_sdk_s3::primitives::ByteStream;
use jiff::Timestamp;

use super::refused;
use crate::aws::{Aws, fault};
use crate::cli::Failure;
use crate::desired::LeasePlace;
use crate::lease;
use crate::plan::saved::SavedPlan;

/// How often the note in S3 is tried.
const TRIES: u32 = 4;

/// The places where the use of one plan is noted.
#[derive(Debug)]
pub(super) struct Claim {
    path: PathBuf,
    stack: String,
    /// Beside the lease of the stack, if it has one.
    object: Option<LeasePlace>,
}

impl Claim {
    pub(super) fn new(saved: &SavedPlan, lease: Option<LeasePlace>) -> Self {
        let object = lease.map(|place| LeasePlace { key: format!("{}.plans/{}", place.key, saved.id), ..place });
        let path = lease::folder().join("plans").join(&saved.id);
        Self { path, stack: saved.plan.place.stack.clone(), object }
    }

    /// # Errors
    /// The plan was used from this machine.
    pub(super) fn refuse_used(&self) -> Result<(), Failure> {
        match std::fs::read_to_string(&self.path) {
            Ok(note) => Err(self.used("this machine", &note)),
            Err(_) => Ok(()),
        }
    }

    fn used(&self, whence: &str, note: &str) -> Failure {
        let when = note.split_whitespace().next().unwrap_or("an unknown time");
        let message = format!("this plan of {} was applied already, from {whence} at {when}", self.stack);
        let help =
            "a saved plan is applied once, also where that was cut off; plan again: farpost plan PATH --out FILE";
        refused("already-applied", &message, help)
    }

    /// Notes the use on this machine; of several at once, one does.
    ///
    /// # Errors
    /// Another one did, or it cannot be noted.
    pub(super) fn take(&self) -> Result<(), Failure> {
        let note = || {
            self.path.parent().map_or(Ok(()), std::fs::create_dir_all)?;
            let mut file = OpenOptions::new().write(true).create_new(true).open(&self.path)?;
            let written = writeln!(file, "{} {}", Timestamp::now(), self.stack).and_then(|()| file.sync_all());
            if written.is_err() {
                std::fs::remove_file(&self.path).ok();
            }
            written
        };
        match note() {
            Ok(()) => Ok(()),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                Err(self.used("this machine", &std::fs::read_to_string(&self.path).unwrap_or_default()))
            }
            Err(error) => {
                let message = format!("cannot note in {} that the plan is used: {error}", self.path.display());
                Err(Failure::because(message, "make that directory writable; XDG_STATE_HOME says where it is"))
            }
        }
    }

    /// Takes the note on this machine back.
    pub(super) fn give_back(&self) {
        std::fs::remove_file(&self.path).ok();
    }

    /// Notes the use for every machine, where the stack has a lease.
    ///
    /// # Errors
    /// Another one did, or it cannot be noted.
    pub(super) async fn take_for_all(&self, aws: &Aws) -> Result<(), Failure> {
        let Some(LeasePlace { bucket, key, owner }) = &self.object else { return Ok(()) };
        let note = format!("{} {} {:016x}\n", Timestamp::now(), self.stack, fastrand::u64(..));
        let mut last = None;
        // The client repeats nothing, so that a write whose answer was lost is not taken for somebody else's.
        for look in 0..TRIES {
            let write = aws.s3().put_object().bucket(bucket).key(key).expected_bucket_owner(owner).if_none_match("*");
            match write.body(ByteStream::from(note.clone().into_bytes())).send().await {
                Ok(_) => return Ok(()),
                Err(error) => last = Some(fault("s3:PutObject")(error)),
            }
            match self.read(aws).await {
                Some(there) if there == note => return Ok(()),
                Some(there) => return Err(self.used("another machine", &there)),
                None => tokio::time::sleep(aws.patience.pause(look)).await,
            }
        }
        let why = last.map(|fault| format!(": {fault}")).unwrap_or_default();
        let message = format!("cannot note in s3://{bucket}/{key} that the plan is used{why}; nothing was changed");
        let folder = key.rsplit_once('/').map_or(key.as_str(), |(folder, _)| folder);
        let help = format!("a saved plan of a stack with a lease needs s3:PutObject and s3:GetObject on {folder}/*");
        Err(Failure::because(message, help))
    }

    /// What is noted beside the lease; none when nothing is, or that cannot be read.
    async fn read(&self, aws: &Aws) -> Option<String> {
        let LeasePlace { bucket, key, owner } = self.object.as_ref()?;
        let answer = aws.s3().get_object().bucket(bucket).key(key).expected_bucket_owner(owner).send().await.ok()?;
        Some(String::from_utf8_lossy(&answer.body.collect().await.ok()?.to_vec()).into_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_many_one_takes_it() {
        let directory = tempfile::tempdir().unwrap();
        let claim = Claim { path: directory.path().join("a/b"), stack: "edge".to_owned(), object: None };
        claim.refuse_used().unwrap();
        let won = std::thread::scope(|scope| {
            let all: Vec<_> = (0..8).map(|_| scope.spawn(|| claim.take().is_ok())).collect();
            all.into_iter().map(|one| one.join().unwrap()).filter(|won| *won).count()
        });
        assert_eq!(won, 1);
        assert!(matches!(claim.refuse_used(), Err(Failure::Refused(refusals)) if refusals[0].message.contains("edge")));
    }
}
