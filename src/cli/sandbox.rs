//! `farpost sandbox`

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::session::chain;
use super::{Failure, print};
use crate::sandbox::Sandbox;
use crate::sandbox::faults::{FaultRules, Faults};
use crate::sandbox::server::Server;
use crate::sandbox::world::World;

/// Serve the embedded AWS on a loopback port
///
/// For the AWS CLI, boto3 and farpost itself with --endpoint-url. Any credentials will do.
#[derive(Debug, clap::Args)]
pub struct SandboxArgs {
    /// The port; 0 takes one that is free
    #[arg(long, default_value_t = 4577)]
    port: u16,
    /// Keep the state in this file; the one of --sandbox is .farpost/sandbox.json [default: in memory]
    #[arg(long, value_name = "FILE")]
    state: Option<PathBuf>,
    /// What exists before anyone calls, as YAML [default: one Outpost and the ECS images]
    #[arg(long, value_name = "FILE")]
    world: Option<PathBuf>,
    /// Write every request to this file, a JSON object a line
    #[arg(long, value_name = "FILE")]
    record: Option<PathBuf>,
    /// Let calls go wrong as this YAML file says: throttled, lost, denied (docs/sandbox.md)
    #[arg(long, value_name = "FILE")]
    faults: Option<PathBuf>,
}

pub(super) async fn sandbox(args: &SandboxArgs) -> Result<ExitCode, Failure> {
    let world = match &args.world {
        Some(path) => World::read(path).map_err(Failure::wrong)?,
        None => World::default(),
    };
    if let (Some(state), Some(_)) = (args.state.as_ref().filter(|state| state.exists()), &args.world) {
        let message = format!("{} has a world already, and --world is for a new one", state.display());
        return Err(Failure::because(message, "leave --world out, or name another file with --state"));
    }
    let mut sandbox = match &args.state {
        Some(path) => Sandbox::open(path, world).map_err(|error| Failure::wrong(chain(&error)))?,
        None => Sandbox::in_memory(world),
    };
    if let Some(path) = &args.record {
        sandbox.record(path).map_err(|error| Failure::wrong(format!("cannot write {}: {error}", path.display())))?;
    }
    let region = sandbox.region();
    let faults = match &args.faults {
        Some(path) => Some(Arc::new(Faults::new(FaultRules::read(path).map_err(Failure::wrong)?))),
        None => None,
    };
    let server = Server::start_with(Arc::new(sandbox), faults, args.port).await.map_err(|error| {
        Failure::because(
            format!("cannot listen on port {}: {error}", args.port),
            "pass another one with --port; 0 takes one that is free",
        )
    })?;
    print(&format!(
        "http://{}\nUse it with: aws --endpoint-url http://{} --region {region} ecs list-clusters\n",
        server.address(),
        server.address()
    ));
    let stop = CancellationToken::new();
    let listener = tokio::spawn(super::apply::stop_on_signal(stop.clone()));
    stop.cancelled().await;
    listener.abort();
    server.stop().await.map_err(|error| Failure::wrong(error.to_string()))?;
    Ok(ExitCode::SUCCESS)
}
