//! What a manifest may say of an instance profile.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::kinds::iam::name_of;

/// An instance profile.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct InstanceProfileSpec {
    /// The name in IAM, unique in the account whatever the case. Absent: metadata.name. A change needs a new profile.
    pub instance_profile_name: Option<String>,
    /// Where the profile stands among others: /edge/. Absent: /. A change needs a new profile.
    pub path: Option<String>,
    /// The role, by name or ARN. Without one the profile gives nothing.
    #[schemars(extend("x-ref" = "Role", "x-ref-attribute" = "name"))]
    pub role: Option<String>,
}

impl InstanceProfileSpec {
    /// The name in IAM of the profile that is declared under `name`.
    pub(super) fn name<'a>(&'a self, name: &'a str) -> &'a str {
        self.instance_profile_name.as_deref().unwrap_or(name)
    }

    pub(super) fn normalise(&mut self) {
        self.path.get_or_insert_with(|| "/".to_owned());
        self.role = self.role.take().map(|role| name_of(&role).to_owned());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(role: &str) -> InstanceProfileSpec {
        InstanceProfileSpec { instance_profile_name: None, path: None, role: Some(role.to_owned()) }
    }

    #[test]
    fn a_role_by_arn_is_the_role_by_name() {
        let (mut arn, mut name) = (spec("arn:aws:iam::123456789012:role/edge/Host"), spec("Host"));
        arn.normalise();
        name.normalise();
        assert_eq!(arn, name);
        let mut open = spec("${Role.host.name}");
        open.normalise();
        assert_eq!(open.role.as_deref(), Some("${Role.host.name}"));
    }
}
