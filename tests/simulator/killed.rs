//! The same with real processes: farpost is sent SIGKILL while it talks to `farpost sandbox`.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use super::inventory::{Census, census, difference};
use super::served::Served;

const APPLY: &[&str] = &["apply", "manifests", "--yes"];

/// At which of the changing calls of the walkthrough, of which there are more than twenty.
const POINTS: &[usize] = &[1, 2, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21];

fn uninterrupted() -> Census {
    let served = Served::start("outposts");
    served.farpost(APPLY).ends_with(0).prints(&["Converged"]);
    census(&served.content())
}

#[test]
fn a_real_process_may_die_anywhere() {
    let begun = Instant::now();
    let expected = uninterrupted();
    let (next, killed) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let failures = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(2, usize::from) {
            scope.spawn(|| {
                while let Some(changes) = POINTS.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let served = Served::start("outposts");
                    let mut process = served.command(APPLY).spawn().unwrap();
                    if served.wait_for(*changes, &mut process) {
                        killed.fetch_add(1, Ordering::Relaxed);
                        process.kill().unwrap();
                    }
                    process.wait().unwrap();
                    let again = served.farpost(APPLY);
                    if again.code != 0 {
                        failures.lock().unwrap().push(format!("after {changes}: {}{}", again.stdout, again.stderr));
                        continue;
                    }
                    served.farpost(&["plan", "manifests", "--deep", "--detailed-exitcode"]).ends_with(0);
                    if let Some(difference) = difference(&expected, &census(&served.content())) {
                        failures.lock().unwrap().push(format!("after {changes}:\n{difference}"));
                    }
                }
            });
        }
    });
    let (failures, killed) = (failures.into_inner().unwrap(), killed.into_inner());
    println!("killed processes: {killed} in {:.0} s", begun.elapsed().as_secs_f64());
    assert!(killed >= 10, "only {killed} were alive to be killed");
    assert!(failures.is_empty(), "{} points:\n{}", failures.len(), failures.join("\n\n"));
}
