//! A catalogue of instance types, and where they are offered.

use serde_json::{Value, json};

use super::Entry;
use super::input::{bad_value, word};
use super::listing::{Filter, Listing, PAGES, filtered, ids_or_pages, page};
use crate::sandbox::state::State;
use crate::sandbox::wire::{AwsError, Call};

pub(super) const OPERATIONS: &[Entry] = &[
    ("DescribeInstanceTypes", "InstanceType FILTERS PAGES", describe),
    ("DescribeInstanceTypeOfferings", "LocationType FILTERS PAGES", describe_offerings),
];

/// A type of instance.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct InstanceType {
    pub(super) name: String,
    pub(super) vcpus: u32,
    /// MiB.
    pub(super) memory: u32,
    pub(super) architecture: &'static str,
    pub(super) burstable: bool,
    manufacturer: &'static str,
    threads_per_core: u32,
    /// Network interfaces, and IPv4 addresses of each.
    interfaces: (u32, u32),
}

/// Family, architecture, manufacturer, GiB a vCPU, sizes with their vCPUs.
type Family = (&'static str, &'static str, &'static str, u32, &'static [(&'static str, u32)]);

const FIFTH: &[(&str, u32)] = &[
    ("large", 2),
    ("xlarge", 4),
    ("2xlarge", 8),
    ("4xlarge", 16),
    ("8xlarge", 32),
    ("12xlarge", 48),
    ("16xlarge", 64),
    ("24xlarge", 96),
];
const FIFTH_COMPUTE: &[(&str, u32)] = &[
    ("large", 2),
    ("xlarge", 4),
    ("2xlarge", 8),
    ("4xlarge", 16),
    ("9xlarge", 36),
    ("12xlarge", 48),
    ("18xlarge", 72),
    ("24xlarge", 96),
];
const SIXTH: &[(&str, u32)] = &[
    ("large", 2),
    ("xlarge", 4),
    ("2xlarge", 8),
    ("4xlarge", 16),
    ("8xlarge", 32),
    ("12xlarge", 48),
    ("16xlarge", 64),
    ("24xlarge", 96),
    ("32xlarge", 128),
];
const GRAVITON: &[(&str, u32)] = &[
    ("medium", 1),
    ("large", 2),
    ("xlarge", 4),
    ("2xlarge", 8),
    ("4xlarge", 16),
    ("8xlarge", 32),
    ("12xlarge", 48),
    ("16xlarge", 64),
];

const FAMILIES: &[Family] = &[
    ("c5", "x86_64", "Intel", 2, FIFTH_COMPUTE),
    ("m5", "x86_64", "Intel", 4, FIFTH),
    ("r5", "x86_64", "Intel", 8, FIFTH),
    ("c6i", "x86_64", "Intel", 2, SIXTH),
    ("m6i", "x86_64", "Intel", 4, SIXTH),
    ("r6i", "x86_64", "Intel", 8, SIXTH),
    ("c6g", "arm64", "AWS", 2, GRAVITON),
    ("m6g", "arm64", "AWS", 4, GRAVITON),
    ("r6g", "arm64", "AWS", 8, GRAVITON),
];

/// Size, vCPUs, MiB, interfaces, addresses of each.
const T3: &[(&str, u32, u32, (u32, u32))] = &[
    ("nano", 2, 512, (2, 2)),
    ("micro", 2, 1024, (2, 2)),
    ("small", 2, 2048, (3, 4)),
    ("medium", 2, 4096, (3, 6)),
    ("large", 2, 8192, (3, 12)),
    ("xlarge", 4, 16384, (4, 15)),
    ("2xlarge", 8, 32768, (4, 15)),
];

fn catalogue() -> Vec<InstanceType> {
    let burstable = T3.iter().map(|&(size, vcpus, memory, interfaces)| InstanceType {
        name: format!("t3.{size}"),
        vcpus,
        memory,
        architecture: "x86_64",
        burstable: true,
        manufacturer: "Intel",
        threads_per_core: 2,
        interfaces,
    });
    let others = FAMILIES.iter().flat_map(|&(family, architecture, manufacturer, gib, sizes)| {
        sizes.iter().map(move |&(size, vcpus)| InstanceType {
            name: format!("{family}.{size}"),
            vcpus,
            memory: vcpus * gib * 1024,
            architecture,
            burstable: false,
            manufacturer,
            threads_per_core: if architecture == "arm64" { 1 } else { 2 },
            interfaces: match vcpus {
                0..=1 => (2, 4),
                2..=3 => (3, 10),
                4..=8 => (4, 15),
                9..=48 => (8, 30),
                _ => (15, 50),
            },
        })
    });
    burstable.chain(others).collect()
}

/// The type of a name, when the sandbox has it.
pub(super) fn find(name: &str) -> Option<InstanceType> {
    catalogue().into_iter().find(|known| known.name == name)
}

/// The type that a request names.
pub(super) fn named(name: &str) -> Result<InstanceType, AwsError> {
    find(name).ok_or_else(|| bad_value(format!("The following supplied instance types do not exist: [{name}]")))
}

impl InstanceType {
    fn wire(&self) -> Value {
        let (interfaces, addresses) = self.interfaces;
        json!({
            "instanceType": self.name,
            "currentGeneration": true,
            "freeTierEligible": self.name == "t3.micro",
            "supportedUsageClasses": ["on-demand", "spot"],
            "supportedRootDeviceTypes": ["ebs"],
            "supportedVirtualizationTypes": ["hvm"],
            "bareMetal": false,
            "hypervisor": "nitro",
            "processorInfo": {"supportedArchitectures": [self.architecture], "manufacturer": self.manufacturer},
            "vCpuInfo": {
                "defaultVCpus": self.vcpus,
                "defaultCores": self.vcpus / self.threads_per_core,
                "defaultThreadsPerCore": self.threads_per_core,
            },
            "memoryInfo": {"sizeInMiB": self.memory},
            "instanceStorageSupported": false,
            "ebsInfo": {"ebsOptimizedSupport": "default", "encryptionSupport": "supported", "nvmeSupport": "required"},
            "networkInfo": {
                "maximumNetworkInterfaces": interfaces,
                "maximumNetworkCards": 1,
                "defaultNetworkCardIndex": 0,
                "ipv4AddressesPerInterface": addresses,
                "ipv6AddressesPerInterface": addresses,
                "ipv6Supported": true,
                "enaSupport": "required",
            },
            "placementGroupInfo": {"supportedStrategies": if self.burstable { json!(["partition", "spread"]) } else { json!(["cluster", "partition", "spread"]) }},
            "burstablePerformanceSupported": self.burstable,
            "dedicatedHostsSupported": true,
            "autoRecoverySupported": true,
        })
    }
}

const FILTERS: &[Filter] = &[
    ("auto-recovery-supported", "autoRecoverySupported"),
    ("bare-metal", "bareMetal"),
    ("burstable-performance-supported", "burstablePerformanceSupported"),
    ("current-generation", "currentGeneration"),
    ("dedicated-hosts-supported", "dedicatedHostsSupported"),
    ("ebs-info.ebs-optimized-support", "ebsInfo.ebsOptimizedSupport"),
    ("ebs-info.encryption-support", "ebsInfo.encryptionSupport"),
    ("free-tier-eligible", "freeTierEligible"),
    ("hypervisor", "hypervisor"),
    ("instance-storage-supported", "instanceStorageSupported"),
    ("instance-type", "instanceType"),
    ("memory-info.size-in-mib", "memoryInfo.sizeInMiB"),
    ("network-info.ena-support", "networkInfo.enaSupport"),
    ("network-info.ipv4-addresses-per-interface", "networkInfo.ipv4AddressesPerInterface"),
    ("network-info.maximum-network-interfaces", "networkInfo.maximumNetworkInterfaces"),
    ("processor-info.supported-architecture", "processorInfo.supportedArchitectures"),
    ("supported-root-device-type", "supportedRootDeviceTypes"),
    ("supported-usage-class", "supportedUsageClasses"),
    ("supported-virtualization-type", "supportedVirtualizationTypes"),
    ("vcpu-info.default-cores", "vCpuInfo.defaultCores"),
    ("vcpu-info.default-threads-per-core", "vCpuInfo.defaultThreadsPerCore"),
    ("vcpu-info.default-vcpus", "vCpuInfo.defaultVCpus"),
];

fn describe(_: &mut State, call: &Call) -> Result<Value, AwsError> {
    ids_or_pages(call, "InstanceType")?;
    let names = call.texts("InstanceType");
    let missing: Vec<&str> = names.iter().copied().filter(|name| find(name).is_none()).collect();
    if !missing.is_empty() {
        let message = format!("The following supplied instance types do not exist: [{}]", missing.join(", "));
        return Err(AwsError::invalid("InvalidInstanceType", message));
    }
    let rows = catalogue()
        .iter()
        .filter(|kind| names.is_empty() || names.contains(&kind.name.as_str()))
        .map(|kind| (kind.name.clone(), kind.wire()))
        .collect();
    page(call, "instanceTypeSet", &(5..=100), filtered(call, FILTERS, rows)?)
}

/// The region and its zones offer every type of the catalogue, an Outpost what it has slots for.
fn describe_offerings(state: &mut State, call: &Call) -> Result<Value, AwsError> {
    let kinds = ["region", "availability-zone", "availability-zone-id", "outpost"];
    let kind = word(&call.input, "LocationType", &kinds)?.unwrap_or_else(|| "region".to_owned());
    let world = &state.world;
    let all: Vec<String> = catalogue().into_iter().map(|kind| kind.name).collect();
    let places: Vec<(&str, Vec<String>)> = match kind.as_str() {
        "outpost" => world
            .outposts
            .iter()
            .map(|outpost| (outpost.arn.as_str(), outpost.slots.keys().cloned().collect()))
            .collect(),
        "availability-zone" => world.availability_zones.iter().map(|zone| (zone.name.as_str(), all.clone())).collect(),
        "availability-zone-id" => world.availability_zones.iter().map(|zone| (zone.id.as_str(), all.clone())).collect(),
        _ => vec![(world.region.as_str(), all)],
    };
    let rows = places
        .into_iter()
        .flat_map(|(place, names)| names.into_iter().map(move |name| (place, name)))
        .map(|(place, name)| {
            let row = json!({"instanceType": name, "locationType": kind, "location": place});
            (format!("{name} {place}"), row)
        })
        .collect();
    let filters = &[("instance-type", "instanceType"), ("location", "location")];
    Listing { set: "instanceTypeOfferingSet", ids: None, filters, pages: PAGES }.answer(call, rows)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::ec2::testing::{Account, OUTPOST};

    #[test]
    fn types_are_as_aws_sells_them() {
        let size = |name: &str| find(name).map(|kind| (kind.vcpus, kind.memory, kind.architecture));
        assert_eq!(size("c5.9xlarge"), Some((36, 73_728, "x86_64")));
        assert_eq!(size("m6g.medium"), Some((1, 4_096, "arm64")));
        assert_eq!(size("t3.small"), Some((2, 2_048, "x86_64")));
        assert_eq!(size("c5.8xlarge"), None);
        let mut account = Account::new();
        let error = account.error("DescribeInstanceTypes", json!({"InstanceType": ["t9.huge"]}));
        assert_eq!(error.code, "InvalidInstanceType");
    }

    #[test]
    fn an_outpost_offers_its_slots() {
        let mut account = Account::new();
        let filter = json!([{"Name": "location", "Value": [OUTPOST]}]);
        let input = json!({"LocationType": "outpost", "Filter": filter});
        let seen = account.ok("DescribeInstanceTypeOfferings", input)["instanceTypeOfferingSet"].clone();
        let names: Vec<&str> =
            seen.as_array().unwrap().iter().map(|row| row["instanceType"].as_str().unwrap()).collect();
        assert_eq!(names, ["c5.large", "m5.xlarge"]);
        let filter = json!([{"Name": "instance-type", "Value": ["c5.large"]}]);
        let input = json!({"LocationType": "availability-zone", "Filter": filter});
        let seen = account.ok("DescribeInstanceTypeOfferings", input);
        assert_eq!(seen["instanceTypeOfferingSet"].as_array().unwrap().len(), 4);
    }
}
