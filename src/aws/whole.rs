//! Refuses answers in XML that are not whole. The SDK reads half of one as if what is missing did not exist, and what
//! does not exist would be made again.

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::context::AfterDeserializationInterceptorContextRef;
use aws_smithy_runtime_api::client::interceptors::{Intercept, dyn_dispatch_hint};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::ConfigBag;

use super::count::operation;

/// Services that answer in XML.
const XML: &[&str] = &["ec2:", "iam:", "sts:"];

/// Looks at every answer.
#[derive(Debug, Clone, Copy)]
pub(super) struct Whole;

#[dyn_dispatch_hint]
impl Intercept for Whole {
    fn name(&self) -> &'static str {
        "Whole"
    }

    fn read_after_deserialization(
        &self,
        context: &AfterDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let response = context.response();
        let is_xml = operation(config).is_some_and(|call| XML.iter().any(|service| call.starts_with(service)));
        match response.body().bytes() {
            Some(body) if is_xml && response.status().is_success() && !is_whole(body) => {
                Err("it is not whole, or garbled".into())
            }
            _ => Ok(()),
        }
    }
}

/// Whether there is an element, and every one is closed in its place.
fn is_whole(body: &[u8]) -> bool {
    let Ok(mut rest) = std::str::from_utf8(body) else { return false };
    let (mut open, mut elements) = (Vec::new(), 0);
    while let Some(start) = rest.find('<') {
        rest = &rest[start + 1..];
        let end = match rest {
            comment if comment.starts_with("!--") => "-->",
            data if data.starts_with("![CDATA[") => "]]>",
            _ => ">",
        };
        let Some(place) = rest.find(end) else { return false };
        let tag = &rest[..place];
        rest = &rest[place + end.len()..];
        if tag.starts_with(['?', '!']) {
            continue;
        }
        elements += 1;
        if let Some(name) = tag.strip_prefix('/') {
            if open.pop() != Some(name.trim_end()) {
                return false;
            }
        } else if !tag.ends_with('/') {
            open.push(tag.split_whitespace().next().unwrap_or_default());
        }
    }
    elements > 0 && open.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_cut_or_garbled_is_not_whole() {
        let answer = "<?xml version=\"1.0\"?>\n<R xmlns=\"x\"><!-- < --><a/><set><item>1 &lt; 2</item></set></R>\n";
        assert!(is_whole(answer.as_bytes()));
        for end in 0..answer.len() - 1 {
            assert!(!is_whole(&answer.as_bytes()[..end]), "{}", &answer[..end]);
        }
        for garbled in ["", "no", "<R></S>", "<R><a></R></a>", "<R", "{\"a\": 1}"] {
            assert!(!is_whole(garbled.as_bytes()), "{garbled}");
        }
        assert!(!is_whole(b"<R>\xff</R>"));
    }
}
