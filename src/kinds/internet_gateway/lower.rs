//! An internet gateway of the API in the manifest's words.

use aws_sdk_ec2::types;

use super::spec::InternetGatewaySpec;
use crate::aws::ec2::tags_of;
use crate::kinds::{Attributes, Found, Readiness};

pub(super) fn lower(gateway: &types::InternetGateway) -> Found<InternetGatewaySpec> {
    let id = gateway.internet_gateway_id().unwrap_or_default().to_owned();
    // AWS answers `available`, which its own model does not list.
    let state = |attachment: &types::InternetGatewayAttachment| {
        attachment.state().map_or("unknown", types::AttachmentStatus::as_str).to_owned()
    };
    let attachment = gateway.attachments().iter().find(|one| !["detaching", "detached"].contains(&&*state(one)));
    let readiness = match attachment.map(state).as_deref() {
        None => Readiness::Pending("attached to no VPC".to_owned()),
        Some("available" | "attached") => Readiness::Ready,
        Some(state) => Readiness::Pending(format!("attachment is {state}")),
    };
    Found {
        attributes: Attributes::from([("id".to_owned(), id.clone())]),
        id,
        key: None,
        spec: InternetGatewaySpec {
            vpc_id: attachment.and_then(types::InternetGatewayAttachment::vpc_id).map(str::to_owned),
        },
        tags: tags_of(gateway.tags()),
        readiness,
        detail: serde_json::Value::Null,
    }
}

#[cfg(test)]
mod tests {
    use aws_sdk_ec2::types::{InternetGateway, InternetGatewayAttachment};

    use super::*;

    fn attached(state: &str) -> Found<InternetGatewaySpec> {
        let attachment = InternetGatewayAttachment::builder().vpc_id("vpc-1").state(state.into()).build();
        lower(&InternetGateway::builder().internet_gateway_id("igw-1").attachments(attachment).build())
    }

    #[test]
    fn an_available_attachment_is_ready() {
        let found = attached("available");
        assert_eq!(found.readiness, Readiness::Ready);
        assert_eq!(found.spec.vpc_id.as_deref(), Some("vpc-1"));
    }

    #[test]
    fn an_attachment_on_its_way_out_is_none() {
        let found = attached("detaching");
        assert_eq!(found.spec.vpc_id, None);
        assert!(matches!(found.readiness, Readiness::Pending(_)));
    }
}
