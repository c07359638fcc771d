//! Attributes that only a call each tells. Asking for all of them would cost every look at an instance three calls, so
//! an ordinary look asks for those that are declared to be something else than the default, and for those that once
//! were: an instance remembers them in a tag. So a line that is taken out is noticed. A close look asks for all.

use std::collections::{BTreeMap, BTreeSet};

use super::spec::{InstanceSpec, ShutdownBehavior};
use crate::aws::{Aws, Fault};
use crate::kinds::Found;

/// The tag that names the attributes which may not be what AWS makes them by itself.
pub(super) const ATTRIBUTES_TAG: &str = "farpost/attributes";

/// The names of attributes.
pub(super) type Names = BTreeSet<&'static str>;

/// All of them.
const ATTRIBUTES: [&str; 3] = ["disableApiTermination", "disableApiStop", "instanceInitiatedShutdownBehavior"];

pub(super) fn all() -> Names {
    ATTRIBUTES.into_iter().collect()
}

/// What a spec wants otherwise than AWS has it by itself.
pub(super) fn apart_from_default(spec: &InstanceSpec) -> Names {
    let is_apart = [
        spec.disable_api_termination == Some(true),
        spec.disable_api_stop == Some(true),
        spec.instance_initiated_shutdown_behavior == Some(ShutdownBehavior::Terminate),
    ];
    ATTRIBUTES.into_iter().zip(is_apart).filter(|(_, is_apart)| *is_apart).map(|(name, _)| name).collect()
}

/// What the tag of an instance names.
pub(super) fn named(tags: &BTreeMap<String, String>) -> Names {
    let text = tags.get(ATTRIBUTES_TAG).map(String::as_str).unwrap_or_default();
    all().into_iter().filter(|name| text.split(' ').any(|word| word == *name)).collect()
}

/// The tag for these names; none for none.
pub(super) fn tag(names: &Names) -> Option<(String, String)> {
    let text = names.iter().copied().collect::<Vec<_>>().join(" ");
    (!text.is_empty()).then(|| (ATTRIBUTES_TAG.to_owned(), text))
}

/// Makes the tag name exactly these. It is widened before an attribute is changed and narrowed afterwards, so that an
/// interruption in between leaves it naming too many, never too few.
pub(super) async fn remember(aws: &Aws, live: &mut Found<InstanceSpec>, names: &Names) -> Result<(), Fault> {
    if named(&live.tags) == *names {
        return Ok(());
    }
    let set: BTreeMap<String, String> = tag(names).into_iter().collect();
    let gone = if set.is_empty() { vec![ATTRIBUTES_TAG.to_owned()] } else { Vec::new() };
    crate::aws::ec2::retag(aws, &live.id, &set, &gone).await?;
    live.tags.remove(ATTRIBUTES_TAG);
    live.tags.extend(set);
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_tag_names_what_differs_from_the_default() {
        let spec = |more: serde_json::Value| -> InstanceSpec {
            let mut spec = json!({"imageId": "ami-1", "instanceType": "c5.large", "subnetId": "subnet-1"});
            spec.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            serde_json::from_value(spec).unwrap()
        };
        let names = apart_from_default(&spec(json!({
            "disableApiTermination": true, "disableApiStop": false, "instanceInitiatedShutdownBehavior": "terminate"
        })));
        let tags: BTreeMap<String, String> = tag(&names).into_iter().collect();
        assert_eq!(tags[ATTRIBUTES_TAG], "disableApiTermination instanceInitiatedShutdownBehavior");
        assert_eq!(named(&tags), names);
        assert_eq!(tag(&apart_from_default(&spec(json!({"disableApiStop": false})))), None);
        assert_eq!(
            named(&BTreeMap::from([(ATTRIBUTES_TAG.to_owned(), "of another version".to_owned())])),
            Names::new()
        );
    }
}
