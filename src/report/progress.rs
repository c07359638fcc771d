//! Events of an apply as they come: lines, spinners on a terminal, or JSON lines. All on standard error.

use std::collections::BTreeMap;
use std::io::Write;
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use tokio::sync::mpsc;

use super::style;
use crate::address::Address;
use crate::apply::Event;
use crate::plan::Work;

/// How progress is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Telling {
    /// A line for each event; waits are repeated at most this often.
    Lines,
    /// Spinners for what is under way, lines for what is over.
    Terminal,
    /// One JSON object a line.
    Json,
    Quiet,
}

/// The same wait is not told again before this.
const REPEAT: Duration = Duration::from_secs(30);

/// No more spinners than this: hundreds may be waited for, and a terminal has few lines.
const SPINNERS: usize = 16;

/// Tells events until the sender is gone.
pub async fn tell(telling: Telling, mut events: mpsc::UnboundedReceiver<Event>) {
    let mut teller = Teller { telling, bars: MultiProgress::new(), running: BTreeMap::new(), told: BTreeMap::new() };
    while let Some(event) = events.recv().await {
        teller.tell(&event);
    }
}

struct Teller {
    telling: Telling,
    bars: MultiProgress,
    running: BTreeMap<Address, ProgressBar>,
    told: BTreeMap<Address, (String, Instant)>,
}

impl Teller {
    fn tell(&mut self, event: &Event) {
        match self.telling {
            Telling::Quiet => {}
            Telling::Json => self.line(&serde_json::to_string(event).unwrap_or_default()),
            Telling::Lines => {
                if let Some(line) = self.as_line(event) {
                    self.line(&line);
                }
            }
            Telling::Terminal => self.on_terminal(event),
        }
    }

    fn as_line(&mut self, event: &Event) -> Option<String> {
        match event {
            Event::Started { address, work } => (*work != Work::Await).then(|| format!("{address}: {}", doing(*work))),
            Event::Waiting { address, why } => {
                let before = self.told.get(address);
                if before.is_some_and(|(text, when)| text == why && when.elapsed() < REPEAT) {
                    return None;
                }
                self.told.insert(address.clone(), (why.clone(), Instant::now()));
                Some(format!("{address}: waiting: {why}"))
            }
            Event::Done { address, work, id, seconds, left } => {
                let left = left.as_ref().map(|why| format!("; not waited for: {why}")).unwrap_or_default();
                Some(ended(address, *work, id, *seconds) + &left)
            }
            Event::Failed { address, work, why, hint, deferred } => {
                let hint = hint
                    .as_ref()
                    .map(|hint| format!("\n  {} {hint}", style::paint(style::HINT, "help:")))
                    .unwrap_or_default();
                let work = noun(*work);
                Some(if *deferred {
                    format!("{} {address}: {work}: {why}{hint}", style::paint(style::UPDATE, "deferred:"))
                } else {
                    format!("{} {address}: {work} failed: {why}{hint}", style::paint(style::ERROR, "error:"))
                })
            }
            Event::Skipped { address, work, because } => Some(format!("{address}: {} skipped: {because}", noun(*work))),
        }
    }

    fn on_terminal(&mut self, event: &Event) {
        match event {
            Event::Started { .. } if self.running.len() >= SPINNERS => {}
            Event::Started { address, work } => {
                let bar = self.bars.add(ProgressBar::new_spinner());
                if let Ok(template) = ProgressStyle::with_template("  {spinner} {prefix} {wide_msg} {elapsed}") {
                    bar.set_style(template);
                }
                bar.set_prefix(address.to_string());
                bar.set_message(doing(*work).to_owned());
                bar.enable_steady_tick(Duration::from_millis(120));
                self.running.insert(address.clone(), bar);
            }
            Event::Waiting { address, why } => {
                if let Some(bar) = self.running.get(address) {
                    bar.set_message(why.replace('\n', " "));
                }
            }
            Event::Done { address, .. } | Event::Failed { address, .. } | Event::Skipped { address, .. } => {
                if let Some(bar) = self.running.remove(address) {
                    bar.finish_and_clear();
                }
                if let Some(line) = self.as_line(event) {
                    self.bars.suspend(|| self.line(&line));
                }
            }
        }
    }

    fn line(&self, text: &str) {
        writeln!(anstream::stderr(), "{text}").ok();
    }
}

fn ended(address: &Address, work: Work, id: &str, seconds: f64) -> String {
    let (word, look) = match work {
        Work::Create => ("created", style::CREATE),
        Work::Update => ("updated", style::UPDATE),
        Work::Delete => ("deleted", style::DELETE),
        Work::Await => ("ready", style::CREATE),
    };
    format!("{address}: {} {} {}", style::paint(look, word), id, style::paint(style::FAINT, &format!("{seconds:.1} s")))
}

fn doing(work: Work) -> &'static str {
    match work {
        Work::Create => "creating",
        Work::Update => "updating",
        Work::Delete => "deleting",
        Work::Await => "waiting",
    }
}

fn noun(work: Work) -> &'static str {
    match work {
        Work::Create => "create",
        Work::Update => "update",
        Work::Delete => "delete",
        Work::Await => "wait",
    }
}
