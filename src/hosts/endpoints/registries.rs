//! Registries: which one an image is from, and what else pulling from it asks for.

use std::sync::LazyLock;

use serde::Deserialize;

#[derive(Default, Deserialize)]
struct Table {
    registries: Vec<Registry>,
}

#[derive(Deserialize)]
struct Registry {
    registry: String,
    names: Vec<String>,
}

static TABLE: LazyLock<Table> =
    // A test reads the file.
    LazyLock::new(|| serde_json::from_str(include_str!("registries.json")).unwrap_or_default());

/// The registry of an image, with its port where one is written.
pub(super) fn of(image: &str) -> String {
    match image.split_once('/') {
        Some((first, _)) if first.contains(['.', ':']) || first == "localhost" => match first {
            "index.docker.io" | "registry-1.docker.io" => "docker.io".to_owned(),
            other => other.to_owned(),
        },
        _ => "docker.io".to_owned(),
    }
}

/// Account and region of a private registry of ECR.
pub(super) fn ecr(registry: &str) -> Option<(String, String)> {
    let parts: Vec<&str> = registry.split('.').collect();
    match parts[..] {
        [account, "dkr", "ecr" | "ecr-fips", region, "amazonaws", ..] => Some((account.to_owned(), region.to_owned())),
        _ => None,
    }
}

pub(super) fn is_known(registry: &str) -> bool {
    TABLE.registries.iter().any(|known| known.registry == registry)
}

/// Names and ports that pulling asks for.
pub(super) fn names(registry: &str) -> Vec<(String, u16)> {
    if let Some(known) = TABLE.registries.iter().find(|known| known.registry == registry) {
        return known.names.iter().map(|name| (name.clone(), 443)).collect();
    }
    let (name, port) = registry.split_once(':').unwrap_or((registry, ""));
    vec![(name.to_owned(), port.parse().unwrap_or(443))]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_tell_their_registry() {
        for (image, registry) in [
            ("nginx", "docker.io"),
            ("library/nginx:1", "docker.io"),
            ("index.docker.io/library/nginx", "docker.io"),
            ("public.ecr.aws/docker/library/httpd:2", "public.ecr.aws"),
            ("localhost/a", "localhost"),
            ("registry:5000/a", "registry:5000"),
        ] {
            assert_eq!(of(image), registry, "{image}");
        }
        let found = ecr("1.dkr.ecr.cn-north-1.amazonaws.com.cn");
        assert_eq!(found, Some(("1".to_owned(), "cn-north-1".to_owned())));
        assert_eq!(ecr("public.ecr.aws"), None);
        assert!(is_known("docker.io") && !is_known("registry:5000"));
        assert_eq!(names("registry:5000"), [("registry".to_owned(), 5000)]);
    }
}
