//! The file of a saved plan: recognised by its content, written whole or not at all, readable by its owner alone.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use super::refused;
use crate::cli::Failure;
use crate::plan::saved::{LARGEST, is_output, is_saved};

/// How much of a file tells what it is.
const HEAD: u64 = 4096;
/// How a signature of SSH begins.
pub(super) const SIGNATURE: &[u8] = b"-----BEGIN SSH SIGNATURE-----";

/// Where the signature of a plan is: beside it.
pub(super) fn signature_of(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".sig");
    name.into()
}

/// Whether the path is a file with a saved plan in it, whole or not.
///
/// # Errors
/// It is a file that is neither a saved plan nor manifests.
pub(super) fn is_saved_plan(path: &Path) -> Result<bool, Failure> {
    // Pipes can be read once only, and what cannot be read is told by whoever reads manifests.
    let Some(head) = head(path) else { return Ok(false) };
    let shown = path.display();
    if head.trim_ascii().is_empty() && (head.len() as u64) < HEAD {
        let message = format!("{shown} is empty: neither manifests nor a saved plan");
        return Err(refused("empty-manifests", &message, "write it again; an interrupted copy leaves such a file"));
    }
    if is_output(&head) {
        let message = format!("{shown} is a plan as `-o json` prints it, for reading alone");
        return Err(Failure::because(message, "save one that can be applied: farpost plan PATH --out FILE"));
    }
    Ok(is_saved(&head))
}

fn head(path: &Path) -> Option<Vec<u8>> {
    if !path.metadata().ok()?.is_file() {
        return None;
    }
    let mut head = Vec::new();
    File::open(path).ok()?.take(HEAD).read_to_end(&mut head).ok()?;
    Some(head)
}

/// All of a saved plan.
///
/// # Errors
/// It is too large, or cannot be read.
pub(super) fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    let wrong = |error: io::Error| Failure::wrong(format!("cannot read {}: {error}", path.display()));
    let mut bytes = Vec::new();
    File::open(path).map_err(wrong)?.take(LARGEST + 1).read_to_end(&mut bytes).map_err(wrong)?;
    if bytes.len() as u64 > LARGEST {
        let message = format!("{} is larger than {} MiB, and no plan is", path.display(), LARGEST / 1024 / 1024);
        return Err(refused("plan-file", &message, "plan again: farpost plan PATH --out FILE"));
    }
    Ok(bytes)
}

/// Whether a plan may be written there: nothing is, or an older saved plan.
///
/// # Errors
/// Something else is there, or there is no such directory.
pub(super) fn check_target(path: &Path) -> Result<(), Failure> {
    let shown = path.display();
    if path.is_dir() {
        return Err(Failure::because(format!("{shown} is a directory"), "name a file: --out plan.json"));
    }
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if !parent.is_dir() {
        return Err(Failure::because(format!("there is no directory {}", parent.display()), "make it first"));
    }
    let signature = signature_of(path);
    let is_foreign = |path: &Path, is_ours: &dyn Fn(&[u8]) -> bool| {
        path.symlink_metadata().is_ok() && !head(path).is_some_and(|head| head.is_empty() || is_ours(&head))
    };
    let foreign = if is_foreign(path, &is_saved) {
        Some((path, "no saved plan"))
    } else if is_foreign(&signature, &|head| head.starts_with(SIGNATURE)) {
        Some((signature.as_path(), "no signature"))
    } else {
        None
    };
    let Some((path, what)) = foreign else { return Ok(()) };
    let message = format!("{} exists and is {what}; it is not overwritten", path.display());
    Err(Failure::because(message, "choose another name, or remove it first"))
}

/// Writes a plan and its signature. What was there before goes; without a signature, an older one does, too.
///
/// # Errors
/// The disk is full, or may not be written to.
pub(super) fn write(path: &Path, text: &str, signature: Option<&[u8]>) -> Result<(), Failure> {
    let beside = signature_of(path);
    let write = || -> io::Result<()> {
        // A plan never lies beside the signature of another one: at worst it has none.
        match std::fs::remove_file(&beside) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => {}
        }
        replace(path, text.as_bytes())?;
        signature.map_or(Ok(()), |signature| replace(&beside, signature))
    };
    write().map_err(|error| Failure::wrong(format!("cannot write {}: {error}", path.display())))
}

/// The whole file or none of it, readable by its owner alone.
fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{:08x}.tmp", fastrand::u32(..)));
    let temporary = path.with_file_name(name);
    let write = || {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temporary)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        std::fs::rename(&temporary, path)
    };
    write().inspect_err(|_| drop(std::fs::remove_file(&temporary)))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn only_plans_are_overwritten_and_only_the_owner_reads_them() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("plan.json");
        check_target(&path).unwrap();
        write(&path, "{\"farpostPlan\": 1}\n", Some(SIGNATURE)).unwrap();
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        assert!(is_saved_plan(&path).unwrap());
        check_target(&path).unwrap();
        write(&path, "{\"farpostPlan\": 1, \"b\": 2}\n", None).unwrap();
        assert!(!signature_of(&path).exists(), "the signature was of the plan before");
        assert_eq!(std::fs::read_dir(&directory).unwrap().count(), 1, "nothing else is left");

        std::fs::write(&path, "kind: Vpc\n").unwrap();
        assert!(matches!(check_target(&path), Err(Failure::Wrong(message, _)) if message.contains("no saved plan")));
        assert!(!is_saved_plan(&path).unwrap());
        std::fs::remove_file(&path).unwrap();
        std::fs::write(signature_of(&path), "notes").unwrap();
        assert!(matches!(check_target(&path), Err(Failure::Wrong(message, _)) if message.contains("no signature")));
        assert!(check_target(directory.path()).is_err() && check_target(&path.join("a/b")).is_err());
    }

    #[test]
    fn what_is_no_plan_is_told_apart() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a");
        std::fs::write(&path, "").unwrap();
        assert!(matches!(is_saved_plan(&path), Err(Failure::Refused(_))));
        std::fs::write(&path, "{\"formatVersion\": 1, \"place\": {}, \"changes\": []}").unwrap();
        assert!(matches!(is_saved_plan(&path), Err(Failure::Wrong(message, _)) if message.contains("-o json")));
        std::fs::write(&path, "{\"apiVersion\": \"farpost/v1\"}").unwrap();
        assert!(!is_saved_plan(&path).unwrap());
        assert!(!is_saved_plan(&directory.path().join("nowhere")).unwrap());
    }
}
