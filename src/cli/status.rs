//! `farpost status`

use std::fmt::Write as _;
use std::process::ExitCode;

use super::output::{FORMAT_VERSION, StatusObject, StatusOutput};
use super::session::{Manifests, connect};
use super::{Failure, Global, Output, print};
use crate::kinds::{KINDS, Owner, Purpose, Readiness, Scope};
use crate::observed::{Shared, survey};
use crate::report::style;

/// Show what exists and whether it is ready
///
/// Looks at each object in full, as the waits of apply do. Ends with 1 when something is missing or not ready.
#[derive(Debug, clap::Args)]
pub struct StatusArgs {
    #[command(flatten)]
    manifests: Manifests,
}

pub(super) async fn status(global: &Global, args: &StatusArgs) -> Result<ExitCode, Failure> {
    let desired = args.manifests.load(global)?;
    let aws = connect(global, &desired.stack).await?;
    let place = desired.place();
    let wanted = desired.wanted();
    let survey = survey(&aws, &place, &wanted, Purpose::Survey).await?;
    let shared = Shared::default();
    let mut rows = Vec::new();
    for kind in KINDS {
        let name = kind.about().kind;
        for found in survey.of(name) {
            let Owner::Us(address) = found.owner(&place.stack) else { continue };
            let scope = Scope {
                place: &place,
                wanted: wanted.get(name).map_or(&[], Vec::as_slice),
                purpose: Purpose::Settle(&found.id),
                declared: &wanted,
                known: &survey,
                shared: &shared,
            };
            let looked = kind.read(&aws, &scope).await.map_err(Failure::from)?;
            // What cannot be looked at alone (a task that ECS has forgotten) is as the survey saw it.
            let now = looked.into_iter().find(|one| one.id == found.id).unwrap_or_else(|| found.clone());
            let says = now.detail["says"].as_str().map(str::to_owned);
            rows.push((address, now.id, now.readiness, says));
        }
    }
    let missing: Vec<_> =
        desired.in_order().filter(|resource| !rows.iter().any(|(address, ..)| *address == resource.address)).collect();
    if global.output == Output::Json {
        let there = rows.iter().map(|(address, id, readiness, says)| StatusObject {
            address,
            id: Some(id),
            readiness: Some(readiness),
            says: says.as_deref(),
        });
        let gone = missing.iter().map(|resource| StatusObject {
            address: &resource.address,
            id: None,
            readiness: None,
            says: None,
        });
        let objects = there.chain(gone).collect();
        print(&super::json(&StatusOutput { format_version: FORMAT_VERSION, place: &place, objects }));
    } else {
        let width = rows.iter().map(|(address, ..)| address.to_string().len()).max().unwrap_or(0);
        let mut text = String::new();
        for (address, id, readiness, says) in &rows {
            let state = match readiness {
                Readiness::Ready => style::paint(style::CREATE, "ready"),
                Readiness::Pending(why) => style::paint(style::UPDATE, &format!("pending: {why}")),
                Readiness::Failed(why) => style::paint(style::ERROR, &format!("failed: {why}")),
                Readiness::Unknown(why) => style::paint(style::UPDATE, &format!("unknown: {why}")),
                Readiness::Deferred(why) => style::paint(style::UPDATE, &format!("deferred: {why}")),
            };
            let says = says.as_ref().map_or_else(String::new, |says| format!("  ({says})"));
            writeln!(text, "{:width$}  {id}  {state}{says}", address.to_string()).ok();
        }
        for resource in &missing {
            writeln!(text, "{:width$}  {}", resource.address.to_string(), style::paint(style::DELETE, "missing")).ok();
        }
        print(&text);
    }
    let all_ready = missing.is_empty() && rows.iter().all(|(_, _, readiness, _)| *readiness == Readiness::Ready);
    Ok(if all_ready { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
