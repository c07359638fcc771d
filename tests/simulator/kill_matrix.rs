//! Every changing call of every example is one at which the process dies: before it, after it, and after it where the
//! next process is answered from the past. The next process converges, and the account is as if nothing had happened.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use super::inventory::{Census, difference};
use super::scenarios::{Kill, scenarios};
use super::tap::Side;

/// A point of the matrix: which scenario, and where its processes die.
struct Point {
    scenario: usize,
    kills: Vec<Kill>,
}

const SIDES: [(Side, bool); 3] = [(Side::Before, false), (Side::After, false), (Side::After, true)];

/// How many points of the matrix `cargo test` takes, so that it ends within minutes; which ones is drawn from a fixed seed.
const SAMPLE: usize = 510;

#[test]
fn a_process_may_die_anywhere() {
    matrix(SAMPLE);
}

#[test]
#[ignore = "every point takes minutes: cargo test --test it kill_matrix_long -- --ignored"]
fn kill_matrix_long() {
    matrix(usize::MAX);
}

fn matrix(most: usize) {
    let begun = Instant::now();
    let scenarios = scenarios();
    let mut expected: Vec<Census> = Vec::new();
    let mut points = Vec::new();
    for (scenario, of) in scenarios.iter().enumerate() {
        let played = of.play(0, &[]).unwrap_or_else(|error| panic!("{}: {error}", of.name));
        let changes = played.changes();
        println!("{}: {changes} changing calls", of.name);
        expected.push(played.census);
        for at in 0..changes {
            points.extend(SIDES.map(|(side, lag)| Point { scenario, kills: vec![Kill { at, side, lag }] }));
        }
        // Two in a row, a sample.
        let mut chance = fastrand::Rng::with_seed(scenario as u64);
        for _ in 0..changes / 4 {
            let kill = |chance: &mut fastrand::Rng, most: usize| {
                let (side, lag) = SIDES[chance.usize(..SIDES.len())];
                Kill { at: chance.usize(..most), side, lag }
            };
            let first = kill(&mut chance, changes);
            let second = kill(&mut chance, (changes - first.at).max(1));
            points.push(Point { scenario, kills: vec![first, second] });
        }
    }
    let whole = points.len();
    fastrand::Rng::with_seed(1).shuffle(&mut points);
    points.truncate(most);
    let failures = Mutex::new(Vec::new());
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(2, usize::from) {
            scope.spawn(|| {
                while let Some(point) = points.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let scenario = &scenarios[point.scenario];
                    let ended = scenario
                        .play(7, &point.kills)
                        .and_then(|played| difference(&expected[point.scenario], &played.census).map_or(Ok(()), Err));
                    if let Err(error) = ended {
                        let failure = format!("{} {:?}\n{error}", scenario.name, point.kills);
                        println!("{failure}\n");
                        failures.lock().unwrap().push(failure);
                    }
                }
            });
        }
    });
    let failures = failures.into_inner().unwrap();
    let seconds = begun.elapsed().as_secs_f64();
    println!("kill matrix: {} of {whole} points in {seconds:.0} s, {} failed", points.len(), failures.len());
    assert!(points.len() >= 500, "only {} points", points.len());
    assert!(failures.is_empty(), "{} of {} points:\n{}", failures.len(), points.len(), failures.join("\n\n"));
}
