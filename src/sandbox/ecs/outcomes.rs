//! What a container does, as the sandbox runs none: by convention its image and its command tell.
//!
//! * An image tagged `does-not-exist` cannot be pulled (`nginx:does-not-exist`).
//! * An image tagged `exit-N` exits with N two seconds after its start (`busybox:exit-1`).
//! * The commands `true`, `false` and `sleep N` do as they do in a shell, also in scripts of `sh -c` made of these,
//!   `echo` and `exit N`. They take two seconds at least.
//! * Anything else runs until it is stopped.
//!
//! On a machine outside of AWS a container with the log driver `awslogs` needs an execution role to start.

use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(super) enum Outcome {
    CannotPull,
    /// Its logs are for CloudWatch Logs, and nothing on its host has credentials for that.
    CannotLog,
    Runs,
    /// After so many seconds, with this code.
    Exits {
        after: f64,
        code: i64,
    },
}

/// Seconds that even the quickest container takes.
const LEAST: f64 = 2.0;

/// What a container of an image with a command (entry point and arguments) does.
pub(super) fn outcome(image: &str, command: &[String]) -> Outcome {
    let name = image.rsplit('/').next().unwrap_or(image);
    let tag = name.split_once(':').map_or("", |(_, tag)| tag);
    if tag == "does-not-exist" {
        return Outcome::CannotPull;
    }
    if let Some(code) = tag.strip_prefix("exit-").and_then(|code| code.parse().ok()) {
        return Outcome::Exits { after: LEAST, code };
    }
    let words: Vec<&str> = command.iter().map(String::as_str).collect();
    let script = match words.as_slice() {
        [shell, flags, script, ..] if shell.ends_with("sh") && flags.starts_with('-') && flags.ends_with('c') => {
            (*script).to_owned()
        }
        words => words.join(" "),
    };
    run(&script)
}

/// Follows a script as far as it is understood; beyond that, it runs.
fn run(script: &str) -> Outcome {
    let mut after: f64 = 0.0;
    let mut code = None;
    for line in script.split([';', '\n']).map(str::trim).filter(|line| !line.is_empty()) {
        for step in line.split("&&").map(str::trim) {
            let words: Vec<&str> = step.split_whitespace().collect();
            code = match words.as_slice() {
                ["true" | "/bin/true"] | ["echo", ..] => Some(0),
                ["false" | "/bin/false"] => Some(1),
                ["exit", number] => {
                    let code = number.parse().unwrap_or(2);
                    return Outcome::Exits { after: after.max(LEAST), code };
                }
                ["sleep", length] => match length.trim_end_matches('s').parse::<f64>() {
                    Ok(seconds) if seconds.is_finite() => {
                        after += seconds.clamp(0.0, 1e8);
                        Some(0)
                    }
                    _ => return Outcome::Runs,
                },
                _ => return Outcome::Runs,
            };
            if code != Some(0) {
                break;
            }
        }
    }
    match code {
        Some(code) => Outcome::Exits { after: after.max(LEAST), code },
        None => Outcome::Runs,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_convention() {
        let of = |image: &str, command: &[&str]| {
            outcome(image, &command.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>())
        };
        let exits = |after, code| Outcome::Exits { after, code };
        assert_eq!(of("host:5000/nginx:does-not-exist", &[]), Outcome::CannotPull);
        assert_eq!(of("busybox:exit-3", &["sleep", "9"]), exits(2.0, 3));
        assert_eq!(of("nginx", &[]), Outcome::Runs);
        assert_eq!(of("busybox", &["false"]), exits(2.0, 1));
        assert_eq!(of("busybox", &["sleep", "30"]), exits(30.0, 0));
        assert_eq!(of("busybox", &["sleep", "infinity"]), Outcome::Runs);
        assert_eq!(of("busybox", &["sh", "-c", "echo hi && sleep 5; exit 7"]), exits(5.0, 7));
        assert_eq!(of("busybox", &["/bin/sh", "-ec", "serve"]), Outcome::Runs);
    }
}
