//! Values in the environment that look like secrets. The value itself is never shown.

use super::spec::TaskDefinitionSpec;
use crate::kinds::{Findings, is_open};

/// Words that names of secrets end with.
const NAMES: &[&str] = &[
    "PASSWORD",
    "PASSWD",
    "PASSPHRASE",
    "SECRET",
    "SECRET_KEY",
    "SECRET_ACCESS_KEY",
    "TOKEN",
    "API_KEY",
    "APIKEY",
    "PRIVATE_KEY",
    "ACCESS_KEY",
    "CREDENTIALS",
];

/// How values begin that are secrets whatever they are called.
const BEGINNINGS: &[&str] = &[
    "AKIA",
    "ASIA",
    "-----BEGIN ",
    "ghp_",
    "gho_",
    "github_pat_",
    "glpat-",
    "xoxb-",
    "xoxp-",
    "sk_live_",
    "sk-ant-",
    "AIza",
    "eyJhbGciOi",
];

pub(super) fn lint(spec: &TaskDefinitionSpec, findings: &mut Findings) {
    for (index, container) in spec.container_definitions.iter().enumerate() {
        for (place, pair) in container.environment.iter().flatten().enumerate() {
            let value = pair.value.as_deref().unwrap_or_default();
            if is_secret(&pair.name, value) {
                let message =
                    format!("the value of {} looks like a secret; anyone who may read ECS sees it", pair.name);
                let pointer = format!("/containerDefinitions/{index}/environment/{place}/value");
                findings.warning(pointer, "secret-in-environment", message);
                findings.help("put it into Secrets Manager or the parameter store and name it under `secrets`");
            }
        }
    }
}

fn is_secret(name: &str, value: &str) -> bool {
    // A path, a name or a switch is no secret, and what is elsewhere is not here.
    let is_elsewhere =
        is_open(value) || value.starts_with('/') || value.starts_with("arn:") || value.starts_with("file:");
    if value.is_empty() || is_elsewhere {
        return false;
    }
    if BEGINNINGS.iter().any(|beginning| value.starts_with(beginning)) || has_password(value) {
        return true;
    }
    let name = name.to_ascii_uppercase();
    let is_plain = ["true", "false", "yes", "no", "none"].contains(&value.to_ascii_lowercase().as_str())
        || value.bytes().all(|byte| byte.is_ascii_digit());
    !is_plain && NAMES.iter().any(|word| name == *word || name.ends_with(&format!("_{word}")))
}

/// `postgres://user:password@host`, but not `postgres://user@host`.
fn has_password(value: &str) -> bool {
    let Some((_, rest)) = value.split_once("://") else { return false };
    let authority = rest.split(['/', '?']).next().unwrap_or_default();
    authority
        .rsplit_once('@')
        .and_then(|(user, _)| user.split_once(':'))
        .is_some_and(|(_, password)| !password.is_empty() && !password.starts_with('$'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_looks_like_a_secret() {
        for (name, value) in [
            ("DB_PASSWORD", "hunter2"),
            ("API_KEY", "abc"),
            ("X", "AKIAIOSFODNN7EXAMPLE"),
            ("DATABASE_URL", "postgres://till:hunter2@db/till"),
        ] {
            assert!(is_secret(name, value), "{name}");
        }
        for (name, value) in [
            ("DB_PASSWORD", ""),
            ("DB_PASSWORD", "/run/secrets/db"),
            ("DB_PASSWORD", "${Stack.password}"),
            ("TOKEN_TTL", "900"),
            ("USE_TOKEN", "true"),
            ("DATABASE_URL", "postgres://till@db/till"),
            ("MONKEY", "banana"),
        ] {
            assert!(!is_secret(name, value), "{name}");
        }
    }

    #[test]
    fn the_value_is_not_shown() {
        let text = r#"{"containerDefinitions": [{"name": "a", "image": "i:1",
            "environment": [{"name": "DB_PASSWORD", "value": "hunter2"}]}]}"#;
        let mut findings = Findings::default();
        lint(&serde_json::from_str(text).unwrap(), &mut findings);
        assert_eq!(findings.0.len(), 1);
        assert!(!format!("{findings:?}").contains("hunter2"));
    }
}
