//! Namespaces of Cloud Map: declared by name or ARN, or left to the cluster's default, and answered as an ARN.
//!
//! AWS tells which namespace a declaration led to when it is applied. A digest of both is kept in a tag, so that
//! another name and another namespace are noticed alike, and no call of Cloud Map is needed.

use std::collections::BTreeMap;

use crate::digest;
use crate::kinds::HASH_TAG;

/// Writes a live namespace as it is declared, if it is the one that the declaration led to.
pub(crate) fn as_declared(live: &mut Option<String>, wanted: Option<&str>, tags: &BTreeMap<String, String>) {
    let is_it = live.as_deref().is_some_and(|live| tags.get(HASH_TAG) == Some(&digest_of(wanted, live)));
    if is_it {
        *live = wanted.map(str::to_owned);
    }
}

/// The tag that says which namespace a declaration led to; none where AWS answers what was declared.
pub(crate) fn tag(wanted: Option<&str>, live: Option<&str>) -> Option<(String, String)> {
    let live = live.filter(|live| !live.is_empty() && wanted != Some(live))?;
    Some((HASH_TAG.to_owned(), digest_of(wanted, live)))
}

fn digest_of(wanted: Option<&str>, live: &str) -> String {
    digest::hex(&format!("{} {live}", wanted.unwrap_or_default()))[..16].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ARN: &str = "arn:aws:servicediscovery:us-west-2:123456789012:namespace/ns-1";

    fn seen(wanted: Option<&str>, live: &str, tags: &BTreeMap<String, String>) -> Option<String> {
        let mut live = Some(live.to_owned());
        as_declared(&mut live, wanted, tags);
        live
    }

    #[test]
    fn a_name_stands_for_the_one_arn_that_it_led_to() {
        let tags: BTreeMap<_, _> = tag(Some("store"), Some(ARN)).into_iter().collect();
        assert_eq!(seen(Some("store"), ARN, &tags).as_deref(), Some("store"));
        assert_eq!(seen(Some("depot"), ARN, &tags).as_deref(), Some(ARN));
        assert_eq!(seen(Some("store"), &format!("{ARN}0"), &tags), Some(format!("{ARN}0")));
        assert_eq!(seen(Some("store"), ARN, &BTreeMap::new()).as_deref(), Some(ARN));
    }

    #[test]
    fn no_name_stands_for_the_one_that_was_the_default() {
        let tags: BTreeMap<_, _> = tag(None, Some(ARN)).into_iter().collect();
        assert_eq!(seen(None, ARN, &tags), None);
        assert_eq!(seen(None, &format!("{ARN}0"), &tags), Some(format!("{ARN}0")));
    }

    #[test]
    fn what_is_answered_as_declared_needs_no_tag() {
        assert_eq!(tag(Some(ARN), Some(ARN)), None);
        assert_eq!(tag(None, None), None);
        assert!(tag(Some("store"), Some(ARN)).is_some());
    }
}
