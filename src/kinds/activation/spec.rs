//! What a manifest may say of an activation.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A hybrid activation of Systems Manager.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("required" = ["iamRole", "code"]))]
pub struct ActivationSpec {
    /// The role that the hosts get, by name and not by ARN. It must let ssm.amazonaws.com assume it; hosts of ECS need
    /// the policies AmazonSSMManagedInstanceCore and AmazonEC2ContainerServiceforEC2Role on it. A change needs a new
    /// activation; hosts that have registered keep the role they got.
    #[schemars(extend("x-ref" = "Role", "x-ref-attribute" = "name"))]
    pub iam_role: String,
    /// How many hosts can register with it. Absent: 1. A change needs a new activation.
    #[schemars(range(min = 1, max = 1000))]
    pub registration_limit: Option<i32>,
    /// How many days it can be used from its creation. Absent: 1. Hosts that have registered are not concerned. A change
    /// needs a new activation.
    #[schemars(range(min = 1, max = 30))]
    pub valid_for_days: Option<i32>,
    /// When a fresh activation is made in place of this one. Absent: once it has expired or all its registrations are
    /// used, and an ExternalInstance that is to register with it is not there; until then such an activation is no
    /// difference.
    pub rotate_before: Option<RotateBefore>,
    /// The name that hosts get in Systems Manager; all that register with it get the same. Absent: none. A change needs
    /// a new activation.
    #[schemars(length(max = 256))]
    pub default_instance_name: Option<String>,
    /// What people read. Absent: none. A change needs a new activation.
    #[schemars(length(max = 256))]
    pub description: Option<String>,
    /// Where the code is kept, in exactly one place. AWS tells it once, and it is written there and nowhere else, with the
    /// id of its activation beside it. When it is lost, a new activation is made. A change needs a new activation.
    pub code: Option<CodeStore>,
    /// Why a fresh one is to be made; of a live one.
    #[schemars(skip)]
    pub due: Option<String>,
    /// Others of ours that nobody can use, because their code was never stored; of a live one.
    #[schemars(skip)]
    pub strays: Option<Vec<String>>,
}

/// When a fresh activation is made.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RotateBefore {
    /// When fewer days are left. Absent: when it has expired.
    #[schemars(range(min = 1, max = 29))]
    pub days: Option<i32>,
    /// When fewer registrations are left. Absent: when none is left.
    #[schemars(range(min = 1, max = 1000))]
    pub registrations: Option<i32>,
}

/// Where the code is kept.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("minProperties" = 1, "maxProperties" = 1))]
pub struct CodeStore {
    /// The name of a parameter of Systems Manager, which becomes a SecureString: /ecs-anywhere/stores/code.
    pub parameter: Option<String>,
    /// The name of a secret of Secrets Manager. It is deleted without a time for recovery.
    pub secret: Option<String>,
    /// A file that only its owner can read (0600), from where farpost runs: an object of JSON with activationId and
    /// activationCode. It is on one machine; from any other the code looks lost.
    pub file: Option<String>,
}

/// A place where the code is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place<'a> {
    Parameter(&'a str),
    Secret(&'a str),
    File(&'a str),
}

impl CodeStore {
    pub(super) fn place(&self) -> Option<Place<'_>> {
        let Self { parameter, secret, file } = self;
        match (parameter, secret, file) {
            (Some(name), None, None) => Some(Place::Parameter(name)),
            (None, Some(name), None) => Some(Place::Secret(name)),
            (None, None, Some(path)) => Some(Place::File(path)),
            _ => None,
        }
    }

    /// As a tag has it: `parameter:/ecs-anywhere/stores/code`.
    pub(super) fn as_tag(&self) -> String {
        match self.place() {
            Some(Place::Parameter(name)) => format!("parameter:{name}"),
            Some(Place::Secret(name)) => format!("secret:{name}"),
            Some(Place::File(path)) => format!("file:{path}"),
            None => String::new(),
        }
    }

    pub(super) fn from_tag(text: &str) -> Option<Self> {
        let (what, name) = text.split_once(':')?;
        let name = Some(name.to_owned());
        match what {
            "parameter" => Some(Self { parameter: name, ..Self::default() }),
            "secret" => Some(Self { secret: name, ..Self::default() }),
            "file" => Some(Self { file: name, ..Self::default() }),
            _ => None,
        }
    }
}

impl std::fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Parameter(name) => write!(f, "the parameter {name}"),
            Self::Secret(name) => write!(f, "the secret {name}"),
            Self::File(path) => write!(f, "the file {path}"),
        }
    }
}

impl ActivationSpec {
    pub(super) fn normalise(&mut self) {
        // A reference may give the ARN; Systems Manager goes by the name.
        if let Some((_, name)) = self.iam_role.rsplit_once('/').filter(|_| self.iam_role.starts_with("arn:")) {
            self.iam_role = name.to_owned();
        }
        self.registration_limit.get_or_insert(1);
        self.valid_for_days.get_or_insert(1);
        for text in [&mut self.default_instance_name, &mut self.description] {
            if text.as_ref().is_some_and(String::is_empty) {
                *text = None;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_place_is_read_back_from_its_tag() {
        for store in [json!({"parameter": "/a/b"}), json!({"secret": "a"}), json!({"file": "a:b/c"})] {
            let store: CodeStore = serde_json::from_value(store).unwrap();
            assert_eq!(CodeStore::from_tag(&store.as_tag()), Some(store));
        }
        assert_eq!(CodeStore::from_tag("elsewhere"), None);
    }
}
