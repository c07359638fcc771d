//! `farpost host`

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Subcommand, ValueEnum};

use super::output::{FORMAT_VERSION, HostCostOutput, HostEndpointsOutput};
use super::session::Manifests;
use super::{Failure, Global, Output, json, print, talk};
use crate::address::Address;
use crate::hosts::bootstrap::{self, Format};
use crate::hosts::{Declarations, Host, Trouble, check, cost, endpoints};

/// Help with hosts outside AWS (ECS Anywhere); no AWS, no credentials
#[derive(Debug, clap::Args)]
pub struct HostArgs {
    #[command(subcommand)]
    command: HostCommand,
}

#[derive(Debug, Subcommand)]
enum HostCommand {
    Bootstrap(BootstrapArgs),
    Check(CheckArgs),
    Endpoints(EndpointsArgs),
    Cost(CostArgs),
}

/// Write what brings a declared host into its cluster
///
/// A script for the host, alone or wrapped. It reads the activation code where the manifest keeps it when it runs; the
/// code is in nothing that is written here. docs/hosts.md walks through it.
#[derive(Debug, clap::Args)]
struct BootstrapArgs {
    /// The host, as ExternalInstance/till-1
    #[arg(value_name = "ADDRESS")]
    address: Address,
    #[command(flatten)]
    manifests: Manifests,
    /// What to write [default: powershell for Windows, else sh]
    #[arg(long, value_enum)]
    format: Option<BootstrapFormat>,
    /// The id of the activation, which is no secret [default: the script asks what keeps the code]
    #[arg(long, value_name = "ID")]
    activation_id: Option<String>,
    #[command(flatten)]
    out: Out,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum BootstrapFormat {
    /// A shell script; see its --dry-run
    Sh,
    /// User data for cloud-init
    CloudInit,
    /// A Vagrantfile: a virtual machine on a desk
    Vagrant,
    /// A file of tasks for Ansible
    Ansible,
    /// A PowerShell script, for Windows
    Powershell,
}

/// Write a script that tells on a host whether it can be one
///
/// It needs nothing but bash, changes nothing, and ends with 1 when something stands in the way; --json makes it tell
/// programs. With manifests it knows the stack's endpoints and ports.
#[derive(Debug, clap::Args)]
struct CheckArgs {
    /// Files and directories with manifests [default: what every host of a --region needs]
    #[arg(value_name = "PATH")]
    paths: Vec<PathBuf>,
    #[command(flatten)]
    out: Out,
}

/// List what the hosts of a stack must reach
///
/// For a firewall: ECS, Systems Manager, the services and registries that tasks use, the installer, and the package
/// repositories of the declared operating systems, each with what it is for.
#[derive(Debug, clap::Args)]
struct EndpointsArgs {
    #[command(flatten)]
    manifests: Manifests,
    /// What to write [default: text, or json with --output json]
    #[arg(long, value_enum)]
    format: Option<EndpointsFormat>,
    #[command(flatten)]
    out: Out,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum EndpointsFormat {
    Text,
    Json,
    /// A ruleset of sets that DNS fills, because nftables matches no names
    Nftables,
    /// Access rules for squid.conf
    Squid,
}

/// Price the declared hosts
#[derive(Debug, clap::Args)]
struct CostArgs {
    #[command(flatten)]
    manifests: Manifests,
    /// USD for a host and hour [default: the Stack's externalInstanceHourlyPrice, or AWS's list price, 0.01025]
    #[arg(long, value_name = "USD", value_parser = amount)]
    price: Option<f64>,
    /// For how many hours; 730 are a month
    #[arg(long, default_value_t = cost::HOURS, value_parser = amount)]
    hours: f64,
}

/// Where a file goes.
#[derive(Debug, Clone, clap::Args)]
struct Out {
    /// Write to this file instead of standard output
    #[arg(long = "out", value_name = "FILE")]
    file: Option<PathBuf>,
}

fn amount(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(amount) if amount.is_finite() && amount >= 0.0 => Ok(amount),
        _ => Err("a number is needed that is not below 0".to_owned()),
    }
}

pub(super) fn host(global: &Global, args: &HostArgs) -> Result<ExitCode, Failure> {
    match &args.command {
        HostCommand::Bootstrap(args) => bootstrap(global, args),
        HostCommand::Check(args) => check(global, args),
        HostCommand::Endpoints(args) => endpoints(global, args),
        HostCommand::Cost(args) => cost(global, args),
    }
}

fn declarations(manifests: &Manifests, global: &Global) -> Result<Declarations, Failure> {
    let declared = Declarations::of(&manifests.load(global)?);
    match &global.region {
        Some(region) if *region != declared.place.region => {
            let message = format!("the stack {} belongs to region {}", declared.place.stack, declared.place.region);
            Err(Failure::because(format!("{message}; {region} was asked for"), "leave --region out"))
        }
        _ => Ok(declared),
    }
}

fn bootstrap(global: &Global, args: &BootstrapArgs) -> Result<ExitCode, Failure> {
    let declared = declarations(&args.manifests, global)?;
    let host = Host::read(&declared, &args.address)?;
    let format = match args.format {
        None => Format::of(&host),
        Some(BootstrapFormat::Sh) => Format::Shell,
        Some(BootstrapFormat::CloudInit) => Format::CloudInit,
        Some(BootstrapFormat::Vagrant) => Format::Vagrant,
        Some(BootstrapFormat::Ansible) => Format::Ansible,
        Some(BootstrapFormat::Powershell) => Format::PowerShell,
    };
    let text = bootstrap::write(&host, format, args.activation_id.as_deref())?;
    args.out.write(&text, format == Format::Shell)
}

fn check(global: &Global, args: &CheckArgs) -> Result<ExitCode, Failure> {
    if args.paths.is_empty() {
        return args.out.write(&check::write(check::For::Region(global.region.as_deref())), true);
    }
    let declared = declarations(&Manifests { paths: args.paths.clone() }, global)?;
    args.out.write(&check::write(check::For::Stack(&declared)), true)
}

fn endpoints(global: &Global, args: &EndpointsArgs) -> Result<ExitCode, Failure> {
    let found = endpoints::of_stack(&declarations(&args.manifests, global)?);
    let default = if global.output == Output::Json { EndpointsFormat::Json } else { EndpointsFormat::Text };
    let text = match args.format.unwrap_or(default) {
        EndpointsFormat::Text => found.text(),
        EndpointsFormat::Json => json(&HostEndpointsOutput { format_version: FORMAT_VERSION, endpoints: &found }),
        EndpointsFormat::Nftables => found.nftables(),
        EndpointsFormat::Squid => found.squid(),
    };
    args.out.write(&text, false)
}

fn cost(global: &Global, args: &CostArgs) -> Result<ExitCode, Failure> {
    let found = cost::cost(&declarations(&args.manifests, global)?, args.price, args.hours);
    if global.output == Output::Json {
        print(&json(&HostCostOutput { format_version: FORMAT_VERSION, cost: &found }));
    } else {
        print(&found.text());
    }
    Ok(ExitCode::SUCCESS)
}

impl Out {
    fn write(&self, text: &str, is_program: bool) -> Result<ExitCode, Failure> {
        let Some(path) = &self.file else {
            print(text);
            return Ok(ExitCode::SUCCESS);
        };
        let wrong = |error: std::io::Error| Failure::wrong(format!("cannot write {}: {error}", path.display()));
        std::fs::write(path, text).map_err(wrong)?;
        if is_program {
            make_executable(path).map_err(wrong)?;
        }
        talk(&format!("wrote {}\n", path.display()));
        Ok(ExitCode::SUCCESS)
    }
}

/// For whoever may read it.
#[cfg(unix)]
fn make_executable(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    let mut rights = std::fs::metadata(path)?.permissions();
    rights.set_mode(rights.mode() | ((rights.mode() & 0o444) >> 2));
    std::fs::set_permissions(path, rights)
}

#[cfg(not(unix))]
fn make_executable(_: &Path) -> std::io::Result<()> {
    Ok(())
}

impl From<Trouble> for Failure {
    fn from(trouble: Trouble) -> Self {
        Self::because(trouble.message, trouble.help)
    }
}
