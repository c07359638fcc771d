//! What exists before anyone calls: account, region, zones, Outposts, images, parameters.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

/// The surroundings that a sandbox starts with; `farpost sandbox --world FILE` reads one from YAML.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct World {
    /// The account that every call belongs to.
    pub account: String,
    /// The one region that answers.
    pub region: String,
    /// How long AWS's own work takes here, as a fraction of what it takes there: 1 is real time, 0 is at once.
    pub pace: f64,
    pub availability_zones: Vec<Zone>,
    pub outposts: Vec<Outpost>,
    /// Machine images by id.
    pub images: Vec<Image>,
    /// Public Systems Manager parameters by name.
    pub parameters: BTreeMap<String, String>,
}

/// An Availability Zone.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Zone {
    pub name: String,
    pub id: String,
}

/// An Outpost: a rack in somebody's building, homed in one zone.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Outpost {
    pub arn: String,
    /// The zone it is homed in, by id.
    pub availability_zone_id: String,
    /// How many instances of each type fit.
    pub slots: BTreeMap<String, u32>,
}

/// An Amazon machine image.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Image {
    pub id: String,
    pub name: String,
    /// `x86_64` or `arm64`.
    pub architecture: String,
    /// The version of the ECS agent on it; none when it is not an ECS image, which then never registers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ecs_agent: Option<String>,
}

impl Default for World {
    /// The account and region of AWS's own examples.
    fn default() -> Self {
        Self::at("123456789012", "us-west-2")
    }
}

impl World {
    /// An account in a region with one Outpost, room for a handful of instances, and the ECS-optimized images.
    pub fn at(account: &str, region: &str) -> Self {
        let image = |id: &str, name: &str, architecture: &str, ecs_agent: Option<&str>| Image {
            id: id.into(),
            name: name.into(),
            architecture: architecture.into(),
            ecs_agent: ecs_agent.map(str::to_owned),
        };
        let short = short_region(region);
        let zone =
            |letter: &str, number: u32| Zone { name: format!("{region}{letter}"), id: format!("{short}-az{number}") };
        let agent = Some("1.102.0");
        let images = vec![
            image("ami-0a1ec5f00d2023001", "al2023-ami-ecs-hvm-2023.0.20261101-kernel-6.1-x86_64", "x86_64", agent),
            image("ami-0a1ec5f00d2023002", "al2023-ami-ecs-hvm-2023.0.20261101-kernel-6.1-arm64", "arm64", agent),
            image("ami-0a1ec5f00d0002001", "amzn2-ami-ecs-hvm-2.0.20261101-x86_64-ebs", "x86_64", agent),
            image("ami-0b0a7f00d0000001a", "al2023-ami-2023.9.20261101.0-kernel-6.1-x86_64", "x86_64", None),
        ];
        // Each family has the id of its image, and the same with more about it as an object.
        let families = [
            ("amazon-linux-2023", "Amazon Linux 2023", &images[0]),
            ("amazon-linux-2023/arm64", "Amazon Linux 2023", &images[1]),
            ("amazon-linux-2", "Amazon Linux 2", &images[2]),
        ];
        let mut parameters = BTreeMap::from([(
            "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64".into(),
            images[3].id.clone(),
        )]);
        for (family, system, image) in families {
            let name = format!("/aws/service/ecs/optimized-ami/{family}/recommended");
            let whole = serde_json::json!({
                "schema_version": 1, "image_name": image.name, "image_id": image.id, "os": system,
                "image_version": image.name.split('-').find(|part| part.contains(".202")).unwrap_or_default(),
                "ecs_runtime_version": "Docker version 25.0.13", "ecs_agent_version": image.ecs_agent,
            });
            parameters.insert(format!("{name}/image_id"), image.id.clone());
            parameters.insert(name, whole.to_string());
        }
        let partition = crate::aws::partition(region);
        Self {
            account: account.into(),
            region: region.into(),
            pace: 0.02,
            // The letters of an account map to ids in an order of the account's own.
            availability_zones: vec![zone("a", 2), zone("b", 1), zone("c", 3), zone("d", 4)],
            outposts: vec![Outpost {
                arn: format!("arn:{partition}:outposts:{region}:{account}:outpost/op-0123456789abcdef0"),
                availability_zone_id: format!("{short}-az1"),
                slots: BTreeMap::from([("c5.large".into(), 4), ("m5.xlarge".into(), 2)]),
            }],
            images,
            parameters,
        }
    }

    /// Reads a world from YAML; what it leaves out is as in the default world.
    ///
    /// # Errors
    /// The file cannot be read, or does not describe a world; the message says where.
    pub fn read(path: &Path) -> Result<Self, String> {
        let text = std::fs::read_to_string(path).map_err(|error| format!("cannot read {}: {error}", path.display()))?;
        serde_saphyr::from_str(&text).map_err(|error| format!("{}: {error}", path.display()))
    }
}

/// `us-west-2` is `usw2` in the ids of zones.
fn short_region(region: &str) -> String {
    let mut parts = region.split('-');
    let mut short = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        short.push_str(match part {
            "northeast" => "ne",
            "northwest" => "nw",
            "southeast" => "se",
            "southwest" => "sw",
            part if part.bytes().all(|byte| byte.is_ascii_digit()) => part,
            part => part.get(..1).unwrap_or_default(),
        });
    }
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zone_ids_begin_with_the_short_region() {
        assert_eq!(short_region("us-west-2"), "usw2");
        assert_eq!(short_region("ap-southeast-2"), "apse2");
        assert_eq!(short_region("us-gov-west-1"), "usgw1");
    }
}
