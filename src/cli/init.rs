//! `farpost init`

use std::path::PathBuf;
use std::process::ExitCode;

use super::{Failure, print};

/// Write a starter stack into a directory
#[derive(Debug, clap::Args)]
pub struct InitArgs {
    /// The directory; it is made when it does not exist
    dir: PathBuf,
    /// The name of the stack [default: the directory's name]
    #[arg(long)]
    name: Option<String>,
    /// The AWS account, 12 digits
    #[arg(long, default_value = "123456789012")]
    account: String,
    /// The region of the stack
    #[arg(long = "stack-region", value_name = "REGION", default_value = "us-west-2")]
    region: String,
}

const STACK: &str = include_str!("starter/stack.yaml");
const NETWORK: &str = include_str!("starter/network.yaml");

pub(super) fn init(args: &InitArgs) -> Result<ExitCode, Failure> {
    let fault = |what: &std::path::Path, error: std::io::Error| {
        Failure::wrong(format!("cannot write {}: {error}", what.display()))
    };
    std::fs::create_dir_all(&args.dir).map_err(|error| fault(&args.dir, error))?;
    let full = args.dir.canonicalize().map_err(|error| fault(&args.dir, error))?;
    let named = full.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let name: String = args.name.clone().unwrap_or(named);
    let fits = |letter: char| letter.is_ascii_alphanumeric() || letter == '-' || letter == '_';
    if name.is_empty() || !name.chars().all(fits) || !name.starts_with(|letter: char| letter.is_ascii_alphanumeric()) {
        let message = format!("{} cannot be the name of a stack", crate::diagnostic::quote(&name));
        return Err(Failure::because(message, "pass --name with letters, digits, - and _"));
    }
    if args.account.len() != 12 || !args.account.chars().all(|letter| letter.is_ascii_digit()) {
        let message = format!("{} is no AWS account", crate::diagnostic::quote(&args.account));
        return Err(Failure::because(message, "pass --account with its 12 digits"));
    }
    let stack = STACK.replace("STACK", &name).replace("ACCOUNT", &args.account).replace("REGION", &args.region);
    let files = [("stack.yaml", stack), ("network.yaml", NETWORK.to_owned())];
    let taken = files.iter().map(|(file, _)| args.dir.join(file)).find(|path| path.exists());
    if let Some(path) = taken {
        return Err(Failure::because(
            format!("{} exists", path.display()),
            "init writes only where nothing is; choose another directory",
        ));
    }
    for (file, text) in files {
        let path = args.dir.join(file);
        std::fs::write(&path, text).map_err(|error| fault(&path, error))?;
    }
    let dir = args.dir.display();
    print(&format!("{dir}: a starter stack. Next:\n  farpost lint {dir}\n  farpost apply {dir} --sandbox\n"));
    Ok(ExitCode::SUCCESS)
}
