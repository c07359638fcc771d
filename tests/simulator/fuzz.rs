//! The targets of cargo-fuzz for a bounded time on stable: their corpus, and a few thousand mutations of it by a seed.

#[path = "../../fuzz/targets/common.rs"]
#[expect(unreachable_pub, reason = "it is the root of another package, too")]
mod targets;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use aws_smithy_runtime_api::client::http::SharedHttpClient;
use farpost::kinds::KINDS;
use farpost::sandbox::client::SandboxClient;

use super::account::Account;
use super::tap::{Fate, Tap};

/// How many mutations of each target's corpus are tried.
const MUTATIONS: &[(&str, usize)] = &[
    ("manifests", 1500),
    ("references", 4000),
    ("policy_documents", 1000),
    ("plan_files", 1500),
    ("aws_answers", 1500),
];
/// Longer than any input of this size may take, on a machine that has other things to do.
const LONG: Duration = Duration::from_secs(10);

fn folder(target: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target)
}

fn corpus(target: &str) -> Vec<Vec<u8>> {
    let mut paths: Vec<PathBuf> = std::fs::read_dir(folder(target)).unwrap().map(|one| one.unwrap().path()).collect();
    paths.sort();
    paths.iter().map(|path| std::fs::read(path).unwrap()).collect()
}

/// With UPDATE in the environment, what the sandbox answers to each kind becomes the corpus of answers.
#[test]
fn answers_of_every_kind_are_in_the_corpus() {
    let answers = Account::new().live(async {
        let mut answers = Vec::new();
        for kind in KINDS.iter().map(|kind| kind.about().kind) {
            let below = SharedHttpClient::new(SandboxClient::new(targets::sandbox()));
            let tap = Tap::new(below, Fate::Lives, 0..0);
            let aws = targets::connect(SharedHttpClient::new(tap.clone())).await;
            targets::read(&aws, kind).await.unwrap();
            let calls = tap.calls().into_iter();
            answers.extend(calls.map(|called| (kind, called.operation, called.answer)));
        }
        answers
    });
    let folder = folder("aws_answers");
    for (kind, operation, answer) in answers {
        let path = folder.join(format!("{kind}-{}", operation.replace(':', "-")));
        if std::env::var_os("UPDATE").is_some() {
            std::fs::write(&path, format!("{kind} {operation}\n{answer}")).unwrap();
        }
        assert!(path.exists(), "{} is not there; run with UPDATE=1", path.display());
    }
}

#[test]
fn any_input_is_survived() {
    let seed = std::env::var("FARPOST_FUZZ_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(1);
    let mut failures = Vec::new();
    for (name, target) in targets::TARGETS {
        let begun = Instant::now();
        let (corpus, mut chance) = (corpus(name), fastrand::Rng::with_seed(seed));
        assert!(!corpus.is_empty(), "{name} has no corpus");
        let number = MUTATIONS.iter().find(|(of, _)| of == name).map_or(0, |(_, number)| *number);
        let mutations = (0..number).map(|_| mutated(&corpus, &mut chance, *name == "aws_answers"));
        let mut tried = 0;
        for input in corpus.iter().cloned().chain(mutations) {
            tried += 1;
            let started = Instant::now();
            let survived = catch_unwind(AssertUnwindSafe(|| target(&input)));
            let took = started.elapsed();
            if survived.is_err() || took > LONG {
                let text = String::from_utf8_lossy(&input);
                failures.push(format!("{name}: {took:?}, panic: {}\n{text}", survived.is_err()));
            }
        }
        println!("fuzz: {name}: {tried} inputs in {:.1} s", begun.elapsed().as_secs_f64());
    }
    let shown = failures.iter().take(5).cloned().collect::<Vec<_>>().join("\n----\n");
    assert!(failures.is_empty(), "{} inputs (FARPOST_FUZZ_SEED={seed}):\n{shown}", failures.len());
}

/// Words that mean something to one parser or another.
const WORDS: &[&str] = &[
    "${",
    "}",
    "${Vpc.v.id}",
    "$${",
    "null",
    "~",
    "true",
    "-1",
    "1e999",
    "9223372036854775808",
    "\"",
    "'",
    "{",
    "[",
    "]",
    ": ",
    "- ",
    "\n",
    "\n---\n",
    "&a ",
    "*a",
    "<<: ",
    "!!str ",
    "|2-\n",
    "#",
    "%",
    "\\u0000",
    "\\ud800",
    "\u{feff}",
    "é",
    "\u{202e}",
    "0x10",
    "</",
    "/>",
    "<!--",
    "&lt;",
    "&#0;",
    "<item>",
    "*",
    "arn:aws:iam::",
    "10.0.0.0/33",
    "::/0",
    "../..",
];

/// One input of the corpus, changed in a few places. The first line of some says what they are and stays.
fn mutated(corpus: &[Vec<u8>], chance: &mut fastrand::Rng, keeps_first_line: bool) -> Vec<u8> {
    let chosen = &corpus[chance.usize(..corpus.len())];
    let start =
        if keeps_first_line { chosen.iter().position(|byte| *byte == b'\n').map_or(0, |end| end + 1) } else { 0 };
    let (head, mut body) = (chosen[..start].to_vec(), chosen[start..].to_vec());
    for _ in 0..chance.usize(1..=4) {
        let at = chance.usize(..=body.len());
        let end = (at + chance.usize(..=24)).min(body.len());
        match chance.u8(..9) {
            0 if at < body.len() => body[at] ^= 1 << chance.u8(..8),
            1 if at < body.len() => body[at] = chance.u8(..),
            2 => drop(body.drain(at..end)),
            3 => {
                let again = body[at..end].repeat(chance.usize(1..=8));
                body.splice(at..at, again);
            }
            4 => drop(body.splice(at..at, WORDS[chance.usize(..WORDS.len())].bytes())),
            5 => drop(body.splice(at..end, WORDS[chance.usize(..WORDS.len())].bytes())),
            6 => body.truncate(at),
            7 => {
                let other = &corpus[chance.usize(..corpus.len())];
                let from = chance.usize(..=other.len());
                let to = (from + chance.usize(..=200)).min(other.len());
                body.splice(at..at, other[from..to].iter().copied());
            }
            _ => {
                // A line as a whole goes somewhere else.
                let lines: Vec<&[u8]> = chosen[start..].split_inclusive(|byte| *byte == b'\n').collect();
                let line = lines.get(chance.usize(..lines.len().max(1))).copied().unwrap_or_default();
                body.splice(at..at, line.iter().copied());
            }
        }
    }
    [head, body].concat()
}
