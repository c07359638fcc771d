//! Namespaces of Cloud Map: declared by name or ARN, answered as an ARN.
//!
//! Which name an ARN was declared as is kept as a digest in a tag, so that a changed name is noticed and no call of
//! Cloud Map is needed.

use std::collections::BTreeMap;

use crate::digest;
use crate::kinds::HASH_TAG;

/// Writes a live namespace as it is declared, if it was declared so when it was set.
pub(crate) fn as_declared(live: &mut String, wanted: &str, tags: &BTreeMap<String, String>) {
    if is_name(wanted) && !is_name(live) && tags.get(HASH_TAG) == Some(&digest_of(wanted)) {
        wanted.clone_into(live);
    }
}

/// The tag that goes with a declared namespace.
pub(crate) fn tag(wanted: Option<&str>) -> Option<(String, String)> {
    wanted.filter(|name| is_name(name)).map(|name| (HASH_TAG.to_owned(), digest_of(name)))
}

fn is_name(namespace: &str) -> bool {
    !namespace.is_empty() && !namespace.starts_with("arn:")
}

fn digest_of(name: &str) -> String {
    digest::hex(name)[..16].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_stands_for_the_arn_that_it_was_declared_as() {
        let tags: BTreeMap<_, _> = tag(Some("store")).into_iter().collect();
        let arn = "arn:aws:servicediscovery:us-west-2:123456789012:namespace/ns-1";
        let seen = |wanted: &str| {
            let mut live = arn.to_owned();
            as_declared(&mut live, wanted, &tags);
            live
        };
        assert_eq!(seen("store"), "store");
        assert_eq!(seen("depot"), arn);
        assert_eq!(seen(arn), arn);
        assert_eq!(tag(Some(arn)), None);
    }
}
