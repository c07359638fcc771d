//! What a manifest may say of an instance.

use std::borrow::Cow;
use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::user_data;

/// An EC2 instance that runs tasks of ECS.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct InstanceSpec {
    /// The image: ami-…, or resolve:ssm: and the name of a parameter, as
    /// resolve:ssm:/aws/service/ecs/optimized-ami/amazon-linux-2023/recommended/image_id. A newer image behind the
    /// parameter replaces nothing by itself; another parameter does. A change needs a new instance.
    pub image_id: String,
    /// The size: c5.large. An Outpost has only the types that were ordered. A change needs a new instance, because the
    /// ECS agent does not come back with another type.
    pub instance_type: String,
    /// The subnet, which also decides whether the instance is on an Outpost. A change needs a new instance.
    #[schemars(extend("x-ref" = "Subnet", "x-ref-attribute" = "id"))]
    pub subnet_id: String,
    /// The instance profile, by name or ARN; the agent registers with its role. Absent: none. By a reference or an ARN it
    /// is that profile on its path, by a name one on any path.
    #[schemars(extend("x-ref" = "InstanceProfile", "x-ref-attribute" = "arn"))]
    pub iam_instance_profile: Option<String>,
    /// The security groups. Absent: the VPC's default group, or whatever is there.
    #[schemars(extend("items" = {"type": "string", "x-ref": "SecurityGroup", "x-ref-attribute": "id"}))]
    pub security_group_ids: Option<Vec<String>>,
    /// The key pair for SSH. Absent: none. A change needs a new instance.
    #[schemars(extend("x-ref" = "KeyPair", "x-ref-attribute" = "name"))]
    pub key_name: Option<String>,
    /// Settings of the ECS agent, written to /etc/ecs/ecs.config: ECS_CLUSTER and others. Objects and lists are
    /// written as one line of JSON. A change needs a new instance.
    pub ecs_config: Option<BTreeMap<String, AgentValue>>,
    /// A shell script that runs once, after the agent's settings are written. A change needs a new instance.
    pub user_data: Option<String>,
    /// How many instances of this kind there are. Absent: 1. Further ones are named NAME.1, NAME.2 and so on.
    #[schemars(range(min = 1, max = 100))]
    pub count: Option<u8>,
    /// Whether the instance runs. Absent: true. When it is stopped its tasks are drained first.
    pub running: Option<bool>,
    /// Whether it gets a public IPv4 address. Absent: as the subnet says. A change needs a new instance.
    pub associate_public_ip_address: Option<bool>,
    /// The private IPv4 address. Absent: AWS chooses. A change needs a new instance.
    pub private_ip_address: Option<String>,
    /// How the instance gets at its metadata. Absent members are left as they are, which is what the image and the
    /// account say at first.
    pub metadata_options: Option<MetadataOptions>,
    /// Volumes, by device. Absent ones are as the image has them. A change needs a new instance, also one that somebody
    /// made to the volume by hand; `lifecycle.ignoreChanges` leaves those.
    pub block_device_mappings: Option<Vec<BlockDevice>>,
    /// Whether it has throughput of its own to EBS. Absent: left as it is, which is what the type has at first. A change
    /// stops and starts it.
    pub ebs_optimized: Option<bool>,
    /// Whether CloudWatch gets metrics each minute instead of each five. Absent: false.
    pub monitoring: Option<bool>,
    /// Whether the API refuses to terminate it. Absent: false. Deleting the declaration overrides it. A drift from the
    /// default shows with --deep.
    pub disable_api_termination: Option<bool>,
    /// Whether the API refuses to stop it. Absent: false. A change that needs a stop, and `running: false`, override
    /// it. A drift from the default shows with --deep.
    pub disable_api_stop: Option<bool>,
    /// What a shutdown from inside does. Absent: stop. A drift from the default shows with --deep.
    pub instance_initiated_shutdown_behavior: Option<ShutdownBehavior>,
    /// How a burstable type uses credits. Absent: left as it is, which is what the account says at first.
    pub credit_specification: Option<CreditSpecification>,
    /// Where among the hardware it runs. A change needs a new instance.
    pub placement: Option<Placement>,
    /// Whether traffic must be from or to the instance itself. Absent: true; false for a router.
    pub source_dest_check: Option<bool>,
}

/// A setting of the agent: text, a number, true or false, or an object or a list that is written as JSON.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AgentValue(pub Value);

impl JsonSchema for AgentValue {
    fn schema_name() -> Cow<'static, str> {
        "AgentValue".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "Text, a number, true or false, or an object or a list that is written as JSON.",
            "type": ["string", "number", "boolean", "object", "array"]
        })
    }
}

impl From<&str> for AgentValue {
    fn from(text: &str) -> Self {
        let mut value = Self(Value::String(text.to_owned()));
        value.normalise();
        value
    }
}

impl AgentValue {
    /// Text is text, but for JSON, which is what it says.
    pub(in crate::kinds) fn normalise(&mut self) {
        match &mut self.0 {
            Value::Bool(_) | Value::Number(_) => self.0 = Value::String(self.0.to_string()),
            Value::String(text) if text.starts_with(['{', '[']) => {
                if let Ok(parsed) = serde_json::from_str(text) {
                    self.0 = parsed;
                    self.0.sort_all_objects();
                }
            }
            Value::Object(_) | Value::Array(_) => self.0.sort_all_objects(),
            Value::Null | Value::String(_) => {}
        }
    }

    /// As it stands in the file.
    pub(super) fn line(&self) -> String {
        self.0.as_str().map_or_else(|| self.0.to_string(), str::to_owned)
    }
}

/// How the instance gets at its metadata.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct MetadataOptions {
    /// Whether a session token is needed.
    pub http_tokens: Option<HttpTokens>,
    /// Whether there is metadata at all.
    pub http_endpoint: Option<Toggle>,
    /// How many hops an answer may go, 1 to 64; a task in a bridge network needs 2.
    pub http_put_response_hop_limit: Option<i32>,
    /// Whether there is an IPv6 address for metadata.
    pub http_protocol_ipv6: Option<Toggle>,
    /// Whether the instance's tags are among the metadata.
    pub instance_metadata_tags: Option<Toggle>,
}

/// Whether a session token is needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum HttpTokens {
    /// IMDSv1 and IMDSv2.
    Optional,
    /// IMDSv2 only.
    Required,
}

/// On or off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Toggle {
    Enabled,
    Disabled,
}

/// A volume.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct BlockDevice {
    /// The device: /dev/xvda is the root of most images.
    pub device_name: String,
    /// The volume.
    pub ebs: Option<Ebs>,
}

/// An EBS volume.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Ebs {
    /// The size in GiB.
    pub volume_size: Option<i32>,
    /// gp2, gp3, io1, io2, st1, sc1 or standard. First-generation Outposts have gp2 only.
    pub volume_type: Option<String>,
    /// Operations a second, of gp3, io1 and io2.
    pub iops: Option<i32>,
    /// MiB a second, of gp3.
    pub throughput: Option<i32>,
    /// Whether it is encrypted; volumes on an Outpost must be.
    pub encrypted: Option<bool>,
    /// The key, by ARN. Absent: the account's default key.
    pub kms_key_id: Option<String>,
    /// What it is filled with.
    pub snapshot_id: Option<String>,
    /// Whether it goes with the instance.
    pub delete_on_termination: Option<bool>,
}

/// What a shutdown from inside does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ShutdownBehavior {
    Stop,
    Terminate,
}

/// How a burstable type uses credits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CreditSpecification {
    /// Whether it may use more than it has, which is paid for.
    pub cpu_credits: CpuCredits,
}

/// Whether a burstable type may use more credits than it has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum CpuCredits {
    Standard,
    Unlimited,
}

/// Where among the hardware an instance runs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Placement {
    /// The placement group. On an Outpost, groups spread instances over hosts or racks. Absent: none.
    pub group_name: Option<String>,
    /// Whether hardware is shared. Absent: default.
    pub tenancy: Option<Tenancy>,
    /// The zone by name; it must be the subnet's.
    pub availability_zone: Option<String>,
    /// The dedicated host: h-….
    pub host_id: Option<String>,
}

/// Whether hardware is shared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Tenancy {
    Default,
    Dedicated,
    Host,
}

impl InstanceSpec {
    pub(super) fn normalise(&mut self) {
        // How many there are is not a property of one.
        self.count = None;
        if let Some(groups) = &mut self.security_group_ids {
            groups.sort();
            groups.dedup();
        }
        self.ecs_config = self.ecs_config.take().filter(|config| !config.is_empty());
        self.ecs_config.iter_mut().flat_map(BTreeMap::values_mut).for_each(AgentValue::normalise);
        if let Some(text) = &self.user_data {
            let (config, script) = user_data::parse(text);
            if self.ecs_config.is_none() {
                self.ecs_config = config;
                self.user_data = script;
            } else {
                self.user_data = Some(text.trim_end_matches(['\n', '\r']).to_owned()).filter(|text| !text.is_empty());
            }
        }
        self.running.get_or_insert(true);
        self.monitoring.get_or_insert(false);
        self.source_dest_check.get_or_insert(true);
        self.disable_api_termination.get_or_insert(false);
        self.disable_api_stop.get_or_insert(false);
        self.instance_initiated_shutdown_behavior.get_or_insert(ShutdownBehavior::Stop);
        let placement = self.placement.get_or_insert_default();
        placement.tenancy.get_or_insert(Tenancy::Default);
        placement.group_name = placement.group_name.take().filter(|name| !name.is_empty());
    }

    /// The user data of a normalised spec.
    pub(super) fn script(&self) -> Option<String> {
        user_data::generate(self.ecs_config.as_ref(), self.user_data.as_deref())
    }

    /// The cluster that its agent registers in.
    pub(super) fn cluster(&self) -> Option<&str> {
        self.ecs_config.as_ref()?.get("ECS_CLUSTER")?.0.as_str()
    }

    /// Whether the image is given by the name of a parameter.
    pub(super) fn image_parameter(&self) -> Option<&str> {
        Some(self.image_id.as_str()).filter(|image| image.starts_with("resolve:"))
    }

    /// The digest of what a normalised spec says and `DescribeInstances` does not.
    pub(super) fn digest(&self) -> String {
        crate::digest::of_value(&json!({
            "imageId": self.image_id,
            "ecsConfig": self.ecs_config,
            "userData": self.user_data,
            "associatePublicIpAddress": self.associate_public_ip_address,
            "blockDeviceMappings": self.block_device_mappings,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(crate) fn spec(more: Value) -> InstanceSpec {
        let mut spec = json!({"imageId": "ami-0123456789abcdef0", "instanceType": "c5.large", "subnetId": "subnet-1"});
        spec.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        serde_json::from_value(spec).unwrap()
    }

    fn normal(more: Value) -> InstanceSpec {
        let mut spec = spec(more);
        spec.normalise();
        spec
    }

    #[test]
    fn ways_to_write_one_instance() {
        let one = normal(json!({
            "securityGroupIds": ["sg-b", "sg-a", "sg-b"],
            "ecsConfig": {"ECS_CONTAINER_INSTANCE_TAGS": "{\"b\": \"1\", \"a\": \"2\"}", "ECS_RESERVED_MEMORY": 64},
            "userData": "echo\n",
            "count": 3
        }));
        let other = normal(json!({
            "securityGroupIds": ["sg-a", "sg-b"],
            "ecsConfig": {"ECS_RESERVED_MEMORY": "64", "ECS_CONTAINER_INSTANCE_TAGS": {"a": "2", "b": "1"}},
            "userData": "echo",
            "placement": {"tenancy": "default", "groupName": ""},
            "monitoring": false
        }));
        assert_eq!(one, other);
        assert_eq!(one.digest(), other.digest());
        assert_eq!(one.count, None);
    }

    #[test]
    fn normalising_twice_changes_nothing() {
        let once = normal(json!({"ecsConfig": {"ECS_CLUSTER": "edge", "X": "[1, 2]"}, "userData": "a\n\n"}));
        let mut twice = once.clone();
        twice.normalise();
        assert_eq!(once, twice);
    }

    #[test]
    fn the_digest_covers_what_is_not_told() {
        let plain = normal(json!({}));
        assert_eq!(plain.digest(), normal(json!({"monitoring": true, "privateIpAddress": "10.0.0.5"})).digest());
        for more in [
            json!({"imageId": "ami-2"}),
            json!({"ecsConfig": {"ECS_CLUSTER": "edge"}}),
            json!({"userData": "echo"}),
            json!({"associatePublicIpAddress": true}),
            json!({"blockDeviceMappings": [{"deviceName": "/dev/xvdb", "ebs": {"volumeSize": 10}}]}),
        ] {
            assert_ne!(plain.digest(), normal(more.clone()).digest(), "{more}");
        }
    }

    #[test]
    fn references_stand_where_they_may() {
        use crate::kinds::AnyKind as _;
        let schema = super::super::Instance.schema();
        assert_eq!(schema["properties"]["securityGroupIds"]["items"]["x-ref"], "SecurityGroup");
        assert_eq!(schema["properties"]["subnetId"]["x-ref"], "Subnet");
    }
}
