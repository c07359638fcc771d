//! Spec types that have the shape of an AWS structure, written once as a table of members.
//!
//! `mirror!` turns the table into a serde struct with a JSON schema and into both conversions.
//! A member is `Option<T>`, or `T` where AWS requires it.

#[cfg(test)]
pub(crate) mod arbitrary;
mod choice;

use std::collections::HashMap;

pub(super) use aws_smithy_types::error::operation::BuildError;
use aws_smithy_types::{Document, Number};
pub(super) use choice::Choice;
use indexmap::IndexMap;
use schemars::Schema;
use serde::Serialize;
use serde_json::Value;

/// A value that has an equal in the AWS SDK.
pub(super) trait Mirror: Sized {
    /// The SDK's type of the same thing.
    type Sdk;
    /// What is sent to AWS.
    fn to_sdk(&self) -> Result<Self::Sdk, BuildError>;
    /// What AWS has answered.
    fn from_sdk(sdk: &Self::Sdk) -> Self;
    /// Removes, at any depth, lists and structures that say nothing.
    fn tidy(&mut self) {}
    /// Whether leaving the value out means the same.
    fn says_nothing(&self) -> bool {
        false
    }
    /// Members of the SDK's structures that the spec lacks, at any depth.
    #[cfg(test)]
    fn gaps(_found: &mut Vec<String>) {}
}

/// A member of a structure: `Option<T>`, or `T` when it is required.
pub(super) trait Member: Sized {
    /// The SDK's type without its `Option`.
    type Sdk;
    /// What is sent, if anything.
    fn put(&self) -> Result<Option<Self::Sdk>, BuildError>;
    /// What was answered, if anything.
    fn take(sdk: Option<&Self::Sdk>) -> Self;
    /// See [`Mirror::tidy`].
    fn tidy_member(&mut self);
    /// Whether the member is left out of the JSON.
    fn is_absent(&self) -> bool;
    /// See [`Mirror::gaps`].
    #[cfg(test)]
    fn gaps_of_member(found: &mut Vec<String>);
}

impl<T: Mirror + Default> Member for T {
    type Sdk = T::Sdk;

    fn put(&self) -> Result<Option<T::Sdk>, BuildError> {
        self.to_sdk().map(Some)
    }

    fn take(sdk: Option<&T::Sdk>) -> Self {
        sdk.map(T::from_sdk).unwrap_or_default()
    }

    fn tidy_member(&mut self) {
        self.tidy();
    }

    fn is_absent(&self) -> bool {
        false
    }

    #[cfg(test)]
    fn gaps_of_member(found: &mut Vec<String>) {
        T::gaps(found);
    }
}

impl<T: Mirror> Member for Option<T> {
    type Sdk = T::Sdk;

    fn put(&self) -> Result<Option<T::Sdk>, BuildError> {
        self.as_ref().map(T::to_sdk).transpose()
    }

    fn take(sdk: Option<&T::Sdk>) -> Self {
        sdk.map(T::from_sdk)
    }

    fn tidy_member(&mut self) {
        if let Some(value) = self {
            value.tidy();
            if value.says_nothing() {
                *self = None;
            }
        }
    }

    fn is_absent(&self) -> bool {
        self.is_none()
    }

    #[cfg(test)]
    fn gaps_of_member(found: &mut Vec<String>) {
        T::gaps(found);
    }
}

/// A field of an SDK structure, which is an `Option` or not.
pub(super) trait Slot<S> {
    /// Sets the field; a field that is not an `Option` keeps what it has when there is no value.
    fn fill(&mut self, value: Option<S>);
}

impl<S> Slot<S> for Option<S> {
    fn fill(&mut self, value: Option<S>) {
        *self = value;
    }
}

impl<S> Slot<S> for S {
    fn fill(&mut self, value: Option<S>) {
        if let Some(value) = value {
            *self = value;
        }
    }
}

/// Declares structs from tables of members.
///
/// - `struct Name: sdk::Name { .. }` for a structure whose SDK builder cannot fail,
/// - `struct Name: sdk::Name = expression => { .. }` for one with required members: the expression builds it with
///   blanks, which are filled afterwards,
/// - `union Name: sdk::Name { member = Variant: Option<T>, }` for what the SDK has as an enum, one member at a time,
/// - `struct Name { .. }` for a spec itself, which converts by hand (its members are arguments of several calls).
#[macro_export]
macro_rules! mirror {
    () => {};
    ($(#[$about:meta])* struct $name:ident { $($members:tt)* } $($rest:tt)*) => {
        $crate::mirror! { @struct [$(#[$about])*] $name { $($members)* } }
        $crate::mirror! { @tidy $name { $($members)* } }
        $crate::mirror! { $($rest)* }
    };
    ($(#[$about:meta])* struct $name:ident: $sdk:ty { $($members:tt)* } $($rest:tt)*) => {
        $crate::mirror! { @struct [$(#[$about])*] $name { $($members)* } }
        $crate::mirror! { @convert $name [$sdk] [<$sdk>::builder().build()] { $($members)* } }
        $crate::mirror! { $($rest)* }
    };
    ($(#[$about:meta])* struct $name:ident: $sdk:ty = $blank:expr => { $($members:tt)* } $($rest:tt)*) => {
        $crate::mirror! { @struct [$(#[$about])*] $name { $($members)* } }
        $crate::mirror! { @convert $name [$sdk] [$blank] { $($members)* } }
        $crate::mirror! { $($rest)* }
    };
    ($(#[$about:meta])* union $name:ident: $module:ident::$sdk:ident {
        $($(#[$doc:meta])* $member:ident = $variant:ident: $type:ty,)*
    } $($rest:tt)*) => {
        $crate::mirror! { @struct [$(#[$about])*] $name { $($(#[$doc])* $member: $type,)* } }
        impl $crate::kinds::mirror::Mirror for $name {
            type Sdk = $module::$sdk;

            fn to_sdk(&self) -> Result<Self::Sdk, $crate::kinds::mirror::BuildError> {
                $(if let Some(value) = $crate::kinds::mirror::Member::put(&self.$member)? {
                    return Ok($module::$sdk::$variant(value));
                })*
                Err($crate::kinds::mirror::BuildError::missing_field(stringify!($name), "one of its members is needed"))
            }

            fn from_sdk(sdk: &Self::Sdk) -> Self {
                let mut own = Self::default();
                match sdk {
                    $($module::$sdk::$variant(value) => own.$member = $crate::kinds::mirror::Member::take(Some(value)),)*
                    _ => {}
                }
                own
            }

            $crate::mirror! { @nothing $($member)* }

            #[cfg(test)]
            fn gaps(found: &mut Vec<String>) {
                $crate::mirror! { @gaps found $name [$module::$sdk] $($type)* }
            }
        }
        $crate::mirror! { $($rest)* }
    };
    (@struct [$($about:tt)*] $name:ident { $($(#[$doc:meta])* $member:ident: $type:ty,)* }) => {
        $($about)*
        #[derive(Debug, Clone, PartialEq, Default, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
        #[serde(rename_all = "camelCase", deny_unknown_fields)]
        pub struct $name {
            $(
                $(#[$doc])*
                #[serde(skip_serializing_if = "crate::kinds::mirror::Member::is_absent")]
                pub $member: $type,
            )*
        }
    };
    (@tidy $name:ident { $($(#[$doc:meta])* $member:ident: $type:ty,)* }) => {
        impl $name {
            /// Removes, at any depth, lists and structures that say nothing.
            pub fn tidy(&mut self) {
                $($crate::kinds::mirror::Member::tidy_member(&mut self.$member);)*
            }

            /// Members that the SDK's structures have at any depth and the spec lacks.
            #[cfg(test)]
            pub(crate) fn gaps() -> Vec<String> {
                let mut found = Vec::new();
                $(<$type as $crate::kinds::mirror::Member>::gaps_of_member(&mut found);)*
                found
            }
        }
    };
    (@convert $name:ident [$sdk:ty] [$blank:expr] { $($(#[$doc:meta])* $member:ident: $type:ty,)* }) => {
        #[allow(deprecated, reason = "what AWS advises against is still in use")]
        impl $crate::kinds::mirror::Mirror for $name {
            type Sdk = $sdk;

            fn to_sdk(&self) -> Result<$sdk, $crate::kinds::mirror::BuildError> {
                use $crate::kinds::mirror::{Member, Slot};
                let mut sdk = $blank;
                $(Slot::fill(&mut sdk.$member, Member::put(&self.$member)?);)*
                Ok(sdk)
            }

            fn from_sdk(sdk: &$sdk) -> Self {
                Self { $($member: $crate::kinds::mirror::Member::take(Option::from(&sdk.$member)),)* }
            }

            $crate::mirror! { @nothing $($member)* }

            #[cfg(test)]
            fn gaps(found: &mut Vec<String>) {
                $crate::mirror! { @gaps found $name [$sdk] $($type)* }
            }
        }
    };
    (@nothing $($member:ident)*) => {
        fn tidy(&mut self) {
            $($crate::kinds::mirror::Member::tidy_member(&mut self.$member);)*
        }

        fn says_nothing(&self) -> bool {
            $($crate::kinds::mirror::Member::is_absent(&self.$member))&&*
        }
    };
    (@gaps $found:ident $name:ident [$sdk:ty] $($type:ty)*) => {
        let own = $crate::kinds::mirror::members_of::<$name>();
        $found.extend(
            <$sdk>::SCHEMA
                .members()
                .iter()
                .filter_map(|member| member.member_name())
                .filter(|member| !own.iter().any(|name| name == member))
                .map(|member| format!("{}.{member}", stringify!($name))),
        );
        $(<$type as $crate::kinds::mirror::Member>::gaps_of_member($found);)*
    };
}

/// The members of a structure as its JSON schema names them.
#[cfg(test)]
pub(crate) fn members_of<T: schemars::JsonSchema>() -> Vec<String> {
    let schema = schemars::schema_for!(T);
    schema
        .get("properties")
        .and_then(Value::as_object)
        .map(|properties| properties.keys().cloned().collect())
        .unwrap_or_default()
}

macro_rules! plain {
    ($($type:ty),*) => {$(
        impl Mirror for $type {
            type Sdk = $type;

            fn to_sdk(&self) -> Result<$type, BuildError> {
                Ok(self.clone())
            }

            fn from_sdk(sdk: &$type) -> Self {
                sdk.clone()
            }
        }
    )*};
}

plain!(String, i32, f64, bool);

impl<T: Mirror> Mirror for Vec<T> {
    type Sdk = Vec<T::Sdk>;

    fn to_sdk(&self) -> Result<Self::Sdk, BuildError> {
        self.iter().map(T::to_sdk).collect()
    }

    fn from_sdk(sdk: &Self::Sdk) -> Self {
        sdk.iter().map(T::from_sdk).collect()
    }

    fn tidy(&mut self) {
        self.iter_mut().for_each(T::tidy);
    }

    fn says_nothing(&self) -> bool {
        self.is_empty()
    }

    #[cfg(test)]
    fn gaps(found: &mut Vec<String>) {
        T::gaps(found);
    }
}

/// The SDK's maps have no order, so the keys are sorted.
impl Mirror for IndexMap<String, String> {
    type Sdk = HashMap<String, String>;

    fn to_sdk(&self) -> Result<Self::Sdk, BuildError> {
        Ok(self.iter().map(|(key, value)| (key.clone(), value.clone())).collect())
    }

    fn from_sdk(sdk: &Self::Sdk) -> Self {
        let mut map: Self = sdk.iter().map(|(key, value)| (key.clone(), value.clone())).collect();
        map.sort_keys();
        map
    }

    fn tidy(&mut self) {
        self.sort_keys();
    }

    fn says_nothing(&self) -> bool {
        self.is_empty()
    }
}

/// Free-form JSON.
impl Mirror for Value {
    type Sdk = Document;

    fn to_sdk(&self) -> Result<Document, BuildError> {
        Ok(document(self))
    }

    fn from_sdk(sdk: &Document) -> Self {
        json(sdk)
    }
}

fn document(value: &Value) -> Document {
    match value {
        Value::Null => Document::Null,
        Value::Bool(value) => Document::Bool(*value),
        Value::String(text) => Document::String(text.clone()),
        Value::Array(items) => Document::Array(items.iter().map(document).collect()),
        Value::Object(members) => {
            Document::Object(members.iter().map(|(name, value)| (name.clone(), document(value))).collect())
        }
        Value::Number(number) => Document::Number(match (number.as_u64(), number.as_i64()) {
            (Some(positive), _) => Number::PosInt(positive),
            (None, Some(negative)) => Number::NegInt(negative),
            (None, None) => Number::Float(number.as_f64().unwrap_or_default()),
        }),
    }
}

fn json(document: &Document) -> Value {
    match document {
        Document::Null => Value::Null,
        Document::Bool(value) => Value::from(*value),
        Document::String(text) => Value::from(text.as_str()),
        Document::Array(items) => items.iter().map(json).collect(),
        Document::Object(members) => {
            let mut members: Vec<_> = members.iter().collect();
            members.sort_by_key(|(name, _)| name.as_str());
            members.into_iter().map(|(name, value)| (name.clone(), json(value))).collect()
        }
        Document::Number(Number::PosInt(number)) => Value::from(*number),
        Document::Number(Number::NegInt(number)) => Value::from(*number),
        Document::Number(Number::Float(number)) => Value::from(*number),
    }
}

/// A schema transform that marks the items of a list as references to another kind.
pub(super) fn items_refer(kind: &'static str, attribute: &'static str) -> impl FnMut(&mut Schema) {
    move |schema| {
        if let Some(items) = schema.get_mut("items").and_then(Value::as_object_mut) {
            items.insert("x-ref".into(), kind.into());
            items.insert("x-ref-attribute".into(), attribute.into());
        }
    }
}

/// Sorts a list whose order has no meaning by the JSON of its items, which is unique for different items.
pub(crate) fn sort_set<T: Serialize>(list: &mut Option<Vec<T>>) {
    if let Some(items) = list {
        items.sort_by_cached_key(|item| serde_json::to_string(item).unwrap_or_default());
    }
}

/// Removes a value that equals the default of AWS.
pub(crate) fn drop_default<T, D>(value: &mut Option<T>, default: D)
where
    T: PartialEq<D>,
{
    if value.as_ref().is_some_and(|value| *value == default) {
        *value = None;
    }
}

#[cfg(test)]
#[expect(unreachable_pub, reason = "the macro's structs are public")]
mod tests {
    use aws_sdk_ecs::types as sdk;
    use serde_json::json;

    use super::*;
    use crate::kinds::service::spec_deployment::DeploymentController;
    use crate::kinds::task_definition::spec_container::{ContainerDefinition, SharingStrategy};

    mirror! {
        /// What another program knew of ports.
        struct OldPort: sdk::PortMapping {
            /// Port.
            container_port: Option<i32>,
            /// Protocol.
            protocol: Option<Choice<sdk::TransportProtocol>>,
        }
    }

    #[test]
    fn a_member_that_the_api_has_and_a_spec_lacks_is_named() {
        let mut found = Vec::new();
        Vec::<OldPort>::gaps(&mut found);
        let names = ["hostPort", "name", "appProtocol", "containerPortRange"].map(|name| format!("OldPort.{name}"));
        assert_eq!(found, names);
    }

    #[test]
    fn a_value_that_only_a_newer_aws_knows_survives() {
        let answer = sdk::DeploymentController::builder().r#type("TELEPATHY".into()).build().unwrap();
        let spec = DeploymentController::from_sdk(&answer);
        assert_eq!(spec.r#type, "TELEPATHY");
        assert_eq!(spec.to_sdk().unwrap(), answer);
    }

    #[test]
    fn the_schema_lists_the_known_values() {
        let schema = schemars::schema_for!(Choice<sdk::NetworkMode>);
        let validator = jsonschema::validator_for(schema.as_value()).unwrap();
        assert!(validator.is_valid(&json!("awsvpc")));
        assert!(!validator.is_valid(&json!("aws-vpc")));
    }

    #[test]
    fn a_union_without_a_member_is_an_error_and_not_an_empty_request() {
        let error = SharingStrategy::default().to_sdk().unwrap_err();
        assert!(error.to_string().contains("SharingStrategy"), "{error}");
    }

    #[test]
    fn an_empty_list_is_sent_where_it_is_written_and_tidied_away_for_comparison() {
        let mut container = ContainerDefinition { command: Some(Vec::new()), ..Default::default() };
        assert_eq!(container.to_sdk().unwrap().command, Some(Vec::new()));
        container.tidy();
        assert_eq!(container.command, None);
        assert_eq!(serde_json::to_value(&container).unwrap(), json!({"name": "", "image": ""}));
    }

    #[test]
    fn an_unknown_member_is_an_error() {
        let error = serde_json::from_value::<ContainerDefinition>(json!({"name": "a", "image": "b", "imgae": "c"}));
        assert!(error.unwrap_err().to_string().contains("imgae"));
    }
}
