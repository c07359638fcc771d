//! `farpost watch`

use std::io::IsTerminal;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::ValueEnum;
use tokio_util::sync::CancellationToken;

use super::plan::Reading;
use super::session::{Manifests, connect};
use super::writer::{Locking, lease};
use super::{Failure, Global, LogFormat, talk};
use crate::apply::Wait;
use crate::aws::Fault;
use crate::report::progress::Telling;
use crate::watch::{self, Settings};

/// Reconcile whenever a file changes and at an interval
///
/// Ends on Ctrl-C or SIGTERM. A tree with errors, or one that declares nothing any more, changes nothing: the last
/// good one stays in force.
#[derive(Debug, clap::Args)]
pub struct WatchArgs {
    #[command(flatten)]
    manifests: Manifests,
    /// Look at AWS at least this often, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 300, value_parser = clap::value_parser!(u64).range(1..))]
    interval: u64,
    /// What to do when AWS differs and the manifests did not change
    #[arg(long, value_enum, default_value_t)]
    drift: Drift,
    #[command(flatten)]
    reading: Reading,
    #[command(flatten)]
    locking: Locking,
    /// How long to wait for what was created or changed
    #[arg(long, value_enum, default_value_t)]
    wait: Wait,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
enum Drift {
    #[default]
    Correct,
    Report,
}

pub(super) async fn watch(global: &Global, args: &WatchArgs) -> Result<ExitCode, Failure> {
    let stop = CancellationToken::new();
    let listener = tokio::spawn(super::apply::stop_on_signal(stop.clone()));
    let manifests = args.manifests.clone();
    let connecting = Arc::new(global.clone());
    let locking = args.locking.clone();
    let settings = Settings {
        paths: args.manifests.paths.clone(),
        interval: Duration::from_secs(args.interval),
        drift: match args.drift {
            Drift::Correct => watch::Drift::Correct,
            Drift::Report => watch::Drift::Report,
        },
        guards: args.reading.guards(),
        wait: args.wait,
        telling: match global.log_format {
            LogFormat::Json => Telling::Json,
            LogFormat::Text if std::io::stderr().is_terminal() => Telling::Terminal,
            LogFormat::Text => Telling::Lines,
        },
        load: Box::new(move || manifests.check()),
        connect: Box::new(move |desired| {
            let (global, stack) = (Arc::clone(&connecting), desired.stack.clone());
            let locking = locking.clone();
            Box::pin(async move {
                let aws = connect(&global, &stack).await.map_err(|failure| words(&failure))?;
                locking.record(&aws, &stack).map_err(|failure| words(&failure))?;
                Ok(aws)
            })
        }),
        hold: {
            let (global, locking) = (global.clone(), args.locking.clone());
            Box::new(move |desired, aws| {
                let lease = lease(&global, &desired.stack, &locking);
                Box::pin(async move {
                    let held = lease.acquire(aws.s3()).await.map_err(|error| error.to_string())?;
                    aws.write_as(held.clone());
                    Ok(held)
                })
            })
        },
        say: Box::new(talk),
    };
    let result = watch::watch(settings, stop).await;
    listener.abort();
    result.map_err(|error| Failure::because(format!("cannot watch: {error}"), "check that the paths exist"))?;
    Ok(ExitCode::SUCCESS)
}

/// A failure on one line.
fn words(failure: &Failure) -> String {
    match failure {
        Failure::Faults(faults) => faults.iter().map(Fault::to_string).collect::<Vec<_>>().join("; "),
        Failure::Refused(refusals) => {
            refusals.iter().map(|refusal| refusal.message.clone()).collect::<Vec<_>>().join("; ")
        }
        Failure::Wrong(message, _) => message.clone(),
        Failure::Findings(findings) | Failure::Vanished(findings) => {
            format!("{} findings in the manifests", findings.len())
        }
    }
}
