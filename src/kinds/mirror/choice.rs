//! Values of AWS's enumerations.

use std::marker::PhantomData;

use aws_sdk_ecs::types as sdk;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use super::{BuildError, Mirror};

/// An enumeration of the SDK.
pub trait Enumeration: for<'a> From<&'a str> + AsRef<str> + 'static {
    /// Its name.
    const NAME: &'static str;
    /// The values that this version knows.
    fn known() -> &'static [&'static str];
}

macro_rules! enumerations {
    ($($name:ident)*) => {$(
        impl Enumeration for sdk::$name {
            const NAME: &'static str = stringify!($name);

            fn known() -> &'static [&'static str] {
                sdk::$name::values()
            }
        }
    )*};
}

enumerations! {
    AccessType ApplicationProtocol AssignPublicIp AvailabilityZoneRebalancing ClusterSettingName Compatibility
    ContainerCondition CpuArchitecture DeploymentControllerType DeploymentLifecycleHookAction
    DeploymentLifecycleHookStage DeploymentLifecycleHookTargetType DeploymentStrategy DeviceCgroupPermission
    EbsResourceType EfsAuthorizationConfigIam EfsTransitEncryption EnvironmentFileType ExecuteCommandLogging
    FirelensConfigurationType GatewayConnectorHealthCheckProtocol IpcMode LaunchType LogDriver NetworkMode OsFamily
    PidMode PlacementConstraintType PlacementStrategyType PropagateTags ProxyConfigurationType ResourceType
    SchedulingStrategy Scope ServiceConnectAccessLoggingFormat ServiceConnectContainerLogLevel
    ServiceConnectIncludeQueryParameters ServiceRevisionCleanup TaskDefinitionPlacementConstraintType TaskFilesystemType
    ThresholdType TransportProtocol UlimitName VersionConsistency
}

/// One of an enumeration's values. The JSON schema lists those that are known; others, which AWS may answer before this
/// program knows them, survive.
#[derive(Serialize, Deserialize)]
#[serde(transparent, bound = "")]
pub struct Choice<E> {
    value: String,
    #[serde(skip)]
    of: PhantomData<fn() -> E>,
}

impl<E> Choice<E> {
    /// The value as AWS spells it.
    pub fn as_str(&self) -> &str {
        &self.value
    }
}

impl<E> From<&str> for Choice<E> {
    fn from(value: &str) -> Self {
        Self { value: value.to_owned(), of: PhantomData }
    }
}

impl<E> Default for Choice<E> {
    fn default() -> Self {
        Self::from("")
    }
}

impl<E> Clone for Choice<E> {
    fn clone(&self) -> Self {
        Self::from(self.as_str())
    }
}

impl<E> std::fmt::Debug for Choice<E> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.value.fmt(f)
    }
}

impl<E> PartialEq for Choice<E> {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

impl<E> PartialEq<&str> for Choice<E> {
    fn eq(&self, other: &&str) -> bool {
        self.value == *other
    }
}

impl<E: Enumeration> JsonSchema for Choice<E> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        E::NAME.into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "enum": E::known()})
    }
}

impl<E: Enumeration> Mirror for Choice<E> {
    type Sdk = E;

    fn to_sdk(&self) -> Result<E, BuildError> {
        Ok(E::from(self.as_str()))
    }

    fn from_sdk(sdk: &E) -> Self {
        Self::from(sdk.as_ref())
    }
}
