//! Signatures of saved plans, made and checked by ssh-keygen: no cryptography of our own.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use super::file::{SIGNATURE, signature_of};
use super::refused;
use crate::cli::Failure;

/// What the signatures are for; one of something else does not count.
const NAMESPACE: &str = "farpost-plan";
/// Who is meant where a public key is given, and no list of names.
const SOMEBODY: &str = "the-key";
/// How public keys begin.
const KEY_TYPES: &[&str] = &["ssh-", "ecdsa-", "sk-ssh-", "sk-ecdsa-"];
/// No file of keys is larger.
const LARGEST: u64 = 1024 * 1024;

/// Whether there is a key to sign with.
///
/// # Errors
/// There is none.
pub(super) fn check_key(key: &Path) -> Result<(), Failure> {
    if key.is_file() {
        return Ok(());
    }
    let message = format!("there is no key in {}", key.display());
    Err(Failure::because(message, "make one: ssh-keygen -t ed25519 -f KEY"))
}

/// The signature of these bytes by a key.
///
/// # Errors
/// ssh-keygen is not there, or does not sign.
pub(super) fn sign(bytes: &[u8], key: &Path) -> Result<Vec<u8>, Failure> {
    let output = run(Command::new("ssh-keygen").args(["-Y", "sign", "-n", NAMESPACE, "-f"]).arg(key), bytes)?;
    if output.status.success() && output.stdout.starts_with(SIGNATURE) {
        return Ok(output.stdout);
    }
    let message = format!("ssh-keygen does not sign with {}: {}", key.display(), said(&output));
    Err(Failure::because(message, "the plan was not saved; name a private key, or its public half with ssh-agent"))
}

/// Checks the signature beside a plan and tells whose it is.
///
/// # Errors
/// There is none, or it is not by any of the allowed keys, or not of this plan.
pub(super) fn verify(bytes: &[u8], plan: &Path, allowed: &Path) -> Result<String, Failure> {
    let signature = signature_of(plan);
    if !signature.is_file() {
        let message = format!("{} is not signed: there is no {}", plan.display(), signature.display());
        return Err(refused("unsigned", &message, "sign it where it is made: farpost plan PATH --out FILE --sign KEY"));
    }
    let signers = Signers::of(allowed)?;
    let keygen = |what: &str| {
        let mut command = Command::new("ssh-keygen");
        command.args(["-Y", what, "-n", NAMESPACE, "-f"]).arg(&signers.path).arg("-s").arg(&signature);
        command
    };
    let found = run(&mut keygen("find-principals"), b"")?;
    let names = String::from_utf8_lossy(&found.stdout).into_owned();
    let names: Vec<&str> = names.lines().map(str::trim).filter(|name| !name.is_empty()).collect();
    if !found.status.success() || names.is_empty() {
        let message = format!("{} is not by a key in {}: {}", signature.display(), allowed.display(), said(&found));
        return Err(refused("wrong-signer", &message, "have it signed by one of those, or plan again"));
    }
    let mut last = None;
    for name in names {
        let output = run(keygen("verify").arg("-I").arg(name), bytes)?;
        if output.status.success() {
            return Ok(if name == SOMEBODY { format!("the key of {}", allowed.display()) } else { name.to_owned() });
        }
        last = Some(said(&output));
    }
    let message =
        format!("{} is no signature of {}: {}", signature.display(), plan.display(), last.unwrap_or_default());
    Err(refused("wrong-signature", &message, "the plan or its signature was changed; plan again"))
}

/// Runs ssh-keygen with this standard input.
fn run(command: &mut Command, input: &[u8]) -> Result<Output, Failure> {
    let start = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let mut process = start.map_err(|error| match error.kind() {
        ErrorKind::NotFound => Failure::because(
            "there is no ssh-keygen, which makes and checks the signatures",
            "install OpenSSH 8.2 or later",
        ),
        _ => Failure::wrong(format!("ssh-keygen does not start: {error}")),
    })?;
    if let Some(mut pipe) = process.stdin.take() {
        // It may end before it has read everything; then it says why.
        pipe.write_all(input).ok();
    }
    process.wait_with_output().map_err(|error| Failure::wrong(format!("ssh-keygen: {error}")))
}

/// What it complained of, on one line.
fn said(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stderr).into_owned() + " " + &String::from_utf8_lossy(&output.stdout);
    let words: Vec<&str> = text.split_whitespace().collect();
    if words.is_empty() { output.status.to_string() } else { words.join(" ") }
}

/// A file of allowed signers as ssh-keygen reads it.
struct Signers {
    path: PathBuf,
    /// Whether it was made for this one check.
    is_temporary: bool,
}

impl Signers {
    /// From a file of public keys, or from one of allowed signers.
    fn of(path: &Path) -> Result<Self, Failure> {
        let wrong = |error: std::io::Error| {
            let help = "name a public key (KEY.pub) or a file of allowed signers, as ssh-keygen(1) has it";
            Failure::because(format!("cannot read {}: {error}", path.display()), help)
        };
        let mut text = String::new();
        std::fs::File::open(path).map_err(wrong)?.take(LARGEST).read_to_string(&mut text).map_err(wrong)?;
        if text.contains("PRIVATE KEY-----") {
            let message = format!("{} is a private key, and checking takes the public half", path.display());
            return Err(Failure::because(message, format!("name {}.pub", path.display())));
        }
        let is_key = |line: &&str| KEY_TYPES.iter().any(|start| line.starts_with(start));
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
        let keys: Vec<&str> = lines.filter(is_key).collect();
        if keys.is_empty() {
            return Ok(Self { path: path.to_owned(), is_temporary: false });
        }
        let signers: String = keys.iter().map(|key| format!("{SOMEBODY} {key}\n")).collect();
        let temporary = std::env::temp_dir().join(format!("farpost-signers-{:016x}", fastrand::u64(..)));
        let made = Self { path: temporary, is_temporary: true };
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&made.path);
        file.and_then(|mut file| file.write_all(signers.as_bytes())).map_err(wrong)?;
        Ok(made)
    }
}

impl Drop for Signers {
    fn drop(&mut self) {
        if self.is_temporary {
            std::fs::remove_file(&self.path).ok();
        }
    }
}
