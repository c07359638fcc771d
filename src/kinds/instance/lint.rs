//! What is wrong with an instance that its schema cannot say.

use std::net::Ipv4Addr;

use serde_json::Value;

use super::spec::{AgentValue, BlockDevice, InstanceSpec};
use crate::kinds::iam::{lint_name, name_of};
use crate::kinds::{Findings, is_open};
use crate::manifest::suggest::closest;

/// Bytes of user data, before base64.
const USER_DATA_SIZE: usize = 16_384;
/// Security groups of a network interface, once the quota is raised as far as it goes.
const GROUPS: usize = 16;
/// Quotation marks and dashes that word processors make, and what a shell or a JSON parser wants instead.
const TYPOGRAPHIC: &[(char, char)] =
    &[('“', '"'), ('”', '"'), ('„', '"'), ('‘', '\''), ('’', '\''), ('–', '-'), ('—', '-')];

pub(super) fn lint(spec: &InstanceSpec, findings: &mut Findings) {
    let image = &spec.image_id;
    let is_id = image.strip_prefix("ami-").is_some_and(|id| id.len() >= 8 && id.bytes().all(|b| b.is_ascii_hexdigit()));
    if !is_open(image) && !is_id && !image.starts_with("resolve:ssm:") {
        findings.error("/imageId", "image", format!("`{image}` is not an image"));
        findings.help("an id, ami-…, or resolve:ssm: and the name of a parameter that holds one");
    }
    if !is_open(&spec.instance_type) && !is_instance_type(&spec.instance_type) {
        findings.error("/instanceType", "instance-type", format!("`{}` is not an instance type", spec.instance_type));
        findings.help("family and size, as c5.large");
    }
    if let Some(profile) = &spec.iam_instance_profile {
        lint_name(name_of(profile), 128, "/iamInstanceProfile", findings);
    }
    lint_network(spec, findings);
    lint_agent(spec, findings);
    lint_script(spec, findings);
    for (index, device) in spec.block_device_mappings.iter().flatten().enumerate() {
        lint_volume(device, &format!("/blockDeviceMappings/{index}/ebs"), findings);
    }
    let is_burstable = spec.instance_type.starts_with('t') || is_open(&spec.instance_type);
    if spec.credit_specification.is_some() && !is_burstable {
        findings.error("/creditSpecification", "credits", format!("{} is not a burstable type", spec.instance_type));
    }
    let hops = spec.metadata_options.as_ref().and_then(|options| options.http_put_response_hop_limit);
    if hops.is_some_and(|hops| !(1..=64).contains(&hops)) {
        findings.error("/metadataOptions/httpPutResponseHopLimit", "hop-limit", "answers go 1 to 64 hops");
    }
}

fn is_instance_type(text: &str) -> bool {
    let Some((family, size)) = text.split_once('.') else { return false };
    let is_word = |word: &str| {
        !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
    };
    let sized = ["nano", "micro", "small", "medium", "large"].contains(&size)
        || size.starts_with("metal")
        || size.strip_suffix("xlarge").is_some_and(|times| times.bytes().all(|b| b.is_ascii_digit()));
    is_word(family) && is_word(size) && sized && family.starts_with(|letter: char| letter.is_ascii_lowercase())
}

fn lint_network(spec: &InstanceSpec, findings: &mut Findings) {
    if let Some(address) = spec.private_ip_address.as_deref().filter(|address| !is_open(address)) {
        if address.parse::<Ipv4Addr>().is_err() {
            findings.error("/privateIpAddress", "address", format!("`{address}` is not an IPv4 address"));
        }
        if spec.count.is_some_and(|count| count > 1) {
            findings.error("/privateIpAddress", "address", "several instances cannot have one address");
        }
    }
    if spec.security_group_ids.as_ref().is_some_and(|groups| groups.len() > GROUPS) {
        findings.error("/securityGroupIds", "groups", format!("a network interface has at most {GROUPS} groups"));
    }
}

fn lint_agent(spec: &InstanceSpec, findings: &mut Findings) {
    let config = spec.ecs_config.iter().flatten();
    for (name, value) in config {
        let at = format!("/ecsConfig/{name}");
        lint_setting(name, value, &at, findings);
    }
    let script = spec.user_data.as_deref().unwrap_or_default();
    let mut active = script.lines().filter(|line| !line.trim_start().starts_with('#'));
    let in_script = active.any(|line| line.contains("ECS_CLUSTER="));
    let in_config = spec.ecs_config.as_ref().is_some_and(|config| config.contains_key("ECS_CLUSTER"));
    if in_script && in_config {
        findings.error("/userData", "agent-cluster", "ECS_CLUSTER is set by ecsConfig and by userData");
        findings.help("keep it in ecsConfig");
    }
    if !in_script && !in_config && !is_open(script) {
        findings.warning("", "agent-cluster", "without ECS_CLUSTER the agent registers in the cluster `default`");
        findings.help("add ecsConfig: {ECS_CLUSTER: ${Cluster.NAME.name}}");
    }
    if spec.iam_instance_profile.is_none() && (in_config || in_script) {
        findings.warning(
            "",
            "agent-profile",
            "without an instance profile the agent has no credentials to register with",
        );
        findings.help("add iamInstanceProfile: ${InstanceProfile.NAME}");
    }
}

fn lint_setting(name: &str, value: &AgentValue, at: &str, findings: &mut Findings) {
    let is_name = name.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_');
    if name.is_empty() || !is_name {
        findings.error(at, "agent-setting", format!("`{name}` is not the name of a setting: capitals, digits and _"));
        return;
    }
    if !SETTINGS.contains(&name) {
        findings.warning(at, "agent-setting", format!("the ECS agent knows no setting {name}"));
        if let Some(near) = closest(name, SETTINGS.iter().copied()) {
            findings.help(format!("did you mean {near}?"));
        }
    }
    let mut value = value.clone();
    value.normalise();
    let line = value.line();
    if line.contains(['\n', '\r']) {
        findings.error(at, "agent-value", "a setting is one line");
    }
    if let Some((wrong, right)) = TYPOGRAPHIC.iter().find(|(wrong, _)| line.contains(*wrong) && value.0.is_string()) {
        findings.error(at, "typographic", format!("`{wrong}` is a typographic character; the agent wants {right}"));
        findings.help(format!("replace it by {right}, or write the value as YAML"));
        return;
    }
    if is_open(&line) {
        return;
    }
    let one_of = |choices: &[&str]| !choices.contains(&line.as_str());
    match name {
        "ECS_CLUSTER" if line.starts_with(['"', '\'']) || line.trim() != line || line.is_empty() => {
            findings.error(at, "agent-cluster", "the name of a cluster has no quotation marks and no spaces around it");
        }
        "ECS_IMAGE_PULL_BEHAVIOR" if one_of(&["default", "always", "once", "prefer-cached"]) => {
            findings.error(at, "agent-value", format!("`{line}` is not a way to pull images"));
            findings.help("default, always, once or prefer-cached");
        }
        "ECS_CONTAINER_INSTANCE_PROPAGATE_TAGS_FROM" if one_of(&["none", "ec2_instance"]) => {
            findings.error(at, "agent-value", format!("`{line}` is not where tags can come from"));
            findings.help("none or ec2_instance");
        }
        "ECS_CONTAINER_INSTANCE_TAGS" => lint_tags(&value.0, at, findings),
        "ECS_INSTANCE_ATTRIBUTES" if !is_map_of_text(&value.0) => {
            findings.error(at, "agent-value", "attributes are an object of texts");
        }
        "ECS_AVAILABLE_LOGGING_DRIVERS" | "ECS_RESERVED_PORTS" | "ECS_RESERVED_PORTS_UDP" if !value.0.is_array() => {
            findings.error(at, "agent-value", format!("{name} is a list"));
        }
        _ => {}
    }
}

fn is_map_of_text(value: &Value) -> bool {
    value.as_object().is_some_and(|members| members.values().all(Value::is_string))
}

fn lint_tags(value: &Value, at: &str, findings: &mut Findings) {
    if !is_map_of_text(value) {
        findings.error(at, "agent-value", "tags are an object of texts");
        findings.help("as {environment: Outpost}; numbers need quotation marks");
        return;
    }
    let tags = value.as_object().into_iter().flatten();
    if value.as_object().is_some_and(|tags| tags.len() > 50) {
        findings.error(at, "agent-value", "a container instance has at most 50 tags");
    }
    for (key, value) in tags {
        let value = value.as_str().unwrap_or_default();
        if key.is_empty() || key.chars().count() > 128 || value.chars().count() > 256 {
            findings.error(at, "agent-value", format!("tag `{key}`: keys have 1 to 128 characters, values up to 256"));
        }
        if key.to_ascii_lowercase().starts_with("aws:") {
            findings.error(at, "agent-value", format!("tag `{key}`: keys that begin with aws: are AWS's own"));
        }
    }
}

fn lint_script(spec: &InstanceSpec, findings: &mut Findings) {
    let at = "/userData";
    let script = spec.user_data.as_deref().unwrap_or_default();
    let mut normal = spec.clone();
    normal.normalise();
    let size = normal.script().map_or(0, |text| text.len());
    if size > USER_DATA_SIZE {
        let message = format!("the user data have {size} bytes with the agent's settings; EC2 takes {USER_DATA_SIZE}");
        findings.error(at, "user-data-size", message);
    }
    if script.is_empty() {
        return;
    }
    if script.contains('\r') {
        findings.warning(at, "user-data", "the script has line ends of Windows, which shells stumble over");
    }
    for line in script.lines().filter(|line| !line.trim_start().starts_with('#')) {
        if let Some((wrong, right)) = TYPOGRAPHIC[..5].iter().find(|(wrong, _)| line.contains(*wrong)) {
            findings.warning(at, "typographic", format!("`{wrong}` is a typographic character; shells want {right}"));
            break;
        }
    }
    let first = script.lines().next().unwrap_or_default();
    let is_shell = !first.starts_with("#!") || first.trim_end().ends_with("sh");
    let is_other = ["#cloud-config", "MIME-Version:", "Content-Type:", "#include", "<powershell>", "<script>"]
        .iter()
        .any(|start| script.starts_with(start));
    if spec.ecs_config.as_ref().is_some_and(|config| !config.is_empty()) {
        if !is_shell || is_other {
            findings.error(at, "user-data", "beside ecsConfig, userData is a shell script");
            findings.help("write /etc/ecs/ecs.config in the user data, and leave out ecsConfig");
        }
    } else if !first.starts_with("#!") && !is_other && !is_open(first) {
        findings.warning(at, "user-data", "cloud-init ignores user data that does not say what it is");
        findings.help("begin with #!/bin/bash");
    }
}

fn lint_volume(device: &BlockDevice, at: &str, findings: &mut Findings) {
    let Some(ebs) = &device.ebs else { return };
    let kind = ebs.volume_type.as_deref().unwrap_or_default();
    if is_open(kind) {
        return;
    }
    let Some((_, least, most)) = VOLUMES.iter().find(|(name, _, _)| *name == kind) else {
        if !kind.is_empty() {
            findings.error(format!("{at}/volumeType"), "volume", format!("`{kind}` is not a volume type"));
            findings.help(VOLUMES.iter().map(|(name, _, _)| *name).collect::<Vec<_>>().join(", "));
        }
        return;
    };
    if ebs.volume_size.is_some_and(|size| !(*least..=*most).contains(&size)) {
        findings.error(format!("{at}/volumeSize"), "volume", format!("{kind} volumes have {least} to {most} GiB"));
    }
    let has_iops = ["gp3", "io1", "io2"].contains(&kind);
    if ebs.iops.is_some() && !has_iops {
        findings.error(format!("{at}/iops"), "volume", format!("iops cannot be chosen for {kind}"));
    }
    if ebs.iops.is_none() && kind.starts_with("io") {
        findings.error(at, "volume", format!("{kind} needs iops"));
    }
    if ebs.throughput.is_some() && kind != "gp3" {
        findings.error(format!("{at}/throughput"), "volume", format!("throughput cannot be chosen for {kind}"));
    }
}

/// Volume types with their sizes in GiB.
const VOLUMES: &[(&str, i32, i32)] = &[
    ("gp2", 1, 16_384),
    ("gp3", 1, 65_536),
    ("io1", 4, 16_384),
    ("io2", 4, 65_536),
    ("st1", 125, 16_384),
    ("sc1", 125, 16_384),
    ("standard", 1, 1024),
];

/// The settings that the ECS agent and ecs-init read.
const SETTINGS: &[&str] = &[
    "AWS_ACCESS_KEY_ID",
    "AWS_DEFAULT_REGION",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "CREDENTIALS_FETCHER_HOST",
    "CREDENTIALS_FETCHER_SECRET_NAME_FOR_DOMAINLESS_GMSA",
    "DOCKER_HOST",
    "ECS_AGENT_APPARMOR_PROFILE",
    "ECS_AGENT_HEALTHCHECK_HOST",
    "ECS_AGENT_LABELS",
    "ECS_AGENT_PID_NAMESPACE_HOST",
    "ECS_ALLOW_OFFHOST_INTROSPECTION_ACCESS",
    "ECS_ALTERNATE_CREDENTIAL_PROFILE",
    "ECS_APPARMOR_CAPABLE",
    "ECS_AVAILABLE_LOGGING_DRIVERS",
    "ECS_AWSVPC_ADDITIONAL_LOCAL_ROUTES",
    "ECS_AWSVPC_BLOCK_IMDS",
    "ECS_BACKEND_HOST",
    "ECS_CGROUP_CPU_PERIOD",
    "ECS_CGROUP_PATH",
    "ECS_CHECKPOINT",
    "ECS_CLUSTER",
    "ECS_CNI_PLUGINS_PATH",
    "ECS_CONTAINER_CREATE_TIMEOUT",
    "ECS_CONTAINER_INSTANCE_PROPAGATE_TAGS_FROM",
    "ECS_CONTAINER_INSTANCE_TAGS",
    "ECS_CONTAINER_START_TIMEOUT",
    "ECS_CONTAINER_STOP_TIMEOUT",
    "ECS_DATADIR",
    "ECS_DISABLE_DOCKER_HEALTH_CHECK",
    "ECS_DISABLE_IMAGE_CLEANUP",
    "ECS_DISABLE_METRICS",
    "ECS_DISABLE_PRIVILEGED",
    "ECS_DYNAMIC_HOST_PORT_RANGE",
    "ECS_EBSTA_SUPPORTED",
    "ECS_ENABLE_AWSLOGS_EXECUTIONROLE_OVERRIDE",
    "ECS_ENABLE_CONTAINER_METADATA",
    "ECS_ENABLE_CPU_UNBOUNDED_WINDOWS_WORKAROUND",
    "ECS_ENABLE_GPU_SUPPORT",
    "ECS_ENABLE_HIGH_DENSITY_ENI",
    "ECS_ENABLE_MEMORY_UNBOUNDED_WINDOWS_WORKAROUND",
    "ECS_ENABLE_RUNTIME_STATS",
    "ECS_ENABLE_SPOT_INSTANCE_DRAINING",
    "ECS_ENABLE_TASK_CPU_MEM_LIMIT",
    "ECS_ENABLE_TASK_ENI",
    "ECS_ENABLE_TASK_IAM_ROLE",
    "ECS_ENABLE_TASK_IAM_ROLE_NETWORK_HOST",
    "ECS_ENABLE_UNTRACKED_IMAGE_CLEANUP",
    "ECS_ENGINE_AUTH_DATA",
    "ECS_ENGINE_AUTH_TYPE",
    "ECS_ENGINE_TASK_CLEANUP_WAIT_DURATION",
    "ECS_ENGINE_TASK_CLEANUP_WAIT_DURATION_JITTER",
    "ECS_EXCLUDE_IPV6_PORTBINDING",
    "ECS_EXCLUDE_UNTRACKED_IMAGE",
    "ECS_EXTERNAL",
    "ECS_FSX_WINDOWS_FILE_SERVER_SUPPORTED",
    "ECS_GMSA_SUPPORTED",
    "ECS_HOST_DATA_DIR",
    "ECS_IMAGE_CLEANUP_INTERVAL",
    "ECS_IMAGE_MINIMUM_CLEANUP_AGE",
    "ECS_IMAGE_PULL_BEHAVIOR",
    "ECS_IMAGE_PULL_INACTIVITY_TIMEOUT",
    "ECS_IMAGE_PULL_TIMEOUT",
    "ECS_INSTANCE_ATTRIBUTES",
    "ECS_LOGFILE",
    "ECS_LOGLEVEL",
    "ECS_LOGLEVEL_ON_INSTANCE",
    "ECS_LOG_DRIVER",
    "ECS_LOG_MAX_FILE_SIZE_MB",
    "ECS_LOG_MAX_ROLL_COUNT",
    "ECS_LOG_OPTS",
    "ECS_LOG_OUTPUT_FORMAT",
    "ECS_LOG_ROLLOVER_TYPE",
    "ECS_MANIFEST_PULL_TIMEOUT",
    "ECS_NUM_IMAGES_DELETE_PER_CYCLE",
    "ECS_NVIDIA_RUNTIME",
    "ECS_OFFHOST_INTROSPECTION_INTERFACE_NAME",
    "ECS_POLLING_METRICS_WAIT_DURATION",
    "ECS_POLL_METRICS",
    "ECS_PULL_DEPENDENT_CONTAINERS_UPFRONT",
    "ECS_RESERVED_MEMORY",
    "ECS_RESERVED_PORTS",
    "ECS_RESERVED_PORTS_UDP",
    "ECS_SELINUX_CAPABLE",
    "ECS_SHARED_VOLUME_MATCH_FULL_CONFIG",
    "ECS_SKIP_LOCALHOST_TRAFFIC_FILTER",
    "ECS_TASK_METADATA_RPS_LIMIT",
    "ECS_TASK_PIDS_LIMIT",
    "ECS_UPDATES_ENABLED",
    "ECS_UPDATE_DOWNLOAD_DIR",
    "ECS_WARM_POOLS_CHECK",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NON_ECS_IMAGE_MINIMUM_CLEANUP_AGE",
    "NO_PROXY",
];

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// The findings of a sound instance with something else in it.
    fn codes(more: Value) -> Vec<(String, &'static str)> {
        let mut spec = json!({
            "imageId": "resolve:ssm:/aws/service/ecs/optimized-ami/amazon-linux-2023/recommended/image_id",
            "instanceType": "c5.large",
            "subnetId": "${Subnet.floor.id}",
            "iamInstanceProfile": "${InstanceProfile.host.name}",
            "ecsConfig": {"ECS_CLUSTER": "${Cluster.edge.name}"}
        });
        spec.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let mut findings = Findings::default();
        lint(&serde_json::from_value(spec).unwrap(), &mut findings);
        findings.0.into_iter().map(|finding| (finding.pointer, finding.code)).collect()
    }

    fn found(pointer: &str, code: &'static str) -> Vec<(String, &'static str)> {
        vec![(pointer.to_owned(), code)]
    }

    fn agent(name: &str, value: Value) -> Vec<(String, &'static str)> {
        codes(json!({"ecsConfig": {"ECS_CLUSTER": "edge", name: value}}))
    }

    #[test]
    fn shapes() {
        assert!(codes(json!({})).is_empty());
        assert_eq!(codes(json!({"imageId": "ecs-image"})), found("/imageId", "image"));
        for wrong in ["large", "c5.big", "C5.large", "c5.large "] {
            assert_eq!(codes(json!({"instanceType": wrong})), found("/instanceType", "instance-type"), "{wrong}");
        }
        for right in ["m5.metal", "c6id.12xlarge", "r5.metal-48xl", "t3.nano", "u-6tb1.112xlarge"] {
            assert!(codes(json!({"instanceType": right})).is_empty(), "{right}");
        }
        assert_eq!(codes(json!({"privateIpAddress": "10.0.0.300"})), found("/privateIpAddress", "address"));
        let twice = codes(json!({"privateIpAddress": "10.0.0.30", "count": 2}));
        assert_eq!(twice, found("/privateIpAddress", "address"));
        let credits = codes(json!({"creditSpecification": {"cpuCredits": "standard"}}));
        assert_eq!(credits, found("/creditSpecification", "credits"));
    }

    #[test]
    fn settings_of_the_agent() {
        let at = |name: &str| format!("/ecsConfig/{name}");
        let one = |name: &str, code| vec![(at(name), code)];
        assert!(agent("ECS_IMAGE_PULL_BEHAVIOR", json!("prefer-cached")).is_empty());
        assert_eq!(
            agent("ECS_IMAGE_PULL_BEHAVIOR", json!("prefer_cached")),
            one("ECS_IMAGE_PULL_BEHAVIOR", "agent-value")
        );
        assert_eq!(agent("ECS_IMAGE_PULL_BEHAVIOUR", json!("once")), one("ECS_IMAGE_PULL_BEHAVIOUR", "agent-setting"));
        let tags = "ECS_CONTAINER_INSTANCE_TAGS";
        assert!(agent(tags, json!({"environment": "Outpost"})).is_empty());
        assert!(agent(tags, json!("{\"environment\": \"Outpost\"}")).is_empty());
        assert_eq!(agent(tags, json!("{“environment”: “Outpost”}")), one(tags, "typographic"));
        for wrong in [json!("environment=Outpost"), json!({"rack": 7}), json!({"aws:rack": "7"}), json!("{\"a\":")] {
            assert_eq!(agent(tags, wrong.clone()), one(tags, "agent-value"), "{wrong}");
        }
        assert_eq!(agent("ECS_RESERVED_MEMORY", json!("1\n2")), one("ECS_RESERVED_MEMORY", "agent-value"));
        assert_eq!(codes(json!({"ecsConfig": {"ECS_CLUSTER": "\"edge\""}})), one("ECS_CLUSTER", "agent-cluster"));
    }

    #[test]
    fn an_agent_needs_a_cluster_and_a_profile() {
        assert_eq!(codes(json!({"ecsConfig": {"ECS_RESERVED_MEMORY": 64}})), found("", "agent-cluster"));
        assert_eq!(codes(json!({"iamInstanceProfile": null})), found("", "agent-profile"));
        let twice = codes(json!({"userData": "echo ECS_CLUSTER=other >> /etc/ecs/ecs.config"}));
        assert_eq!(twice, found("/userData", "agent-cluster"));
        assert!(codes(json!({"userData": "# ECS_CLUSTER=other"})).is_empty());
    }

    #[test]
    fn scripts() {
        assert!(codes(json!({"userData": "#!/bin/sh\necho 'it”s' # fine in a comment: ”\n"})).len() == 1);
        assert_eq!(codes(json!({"userData": "#cloud-config\n"})), found("/userData", "user-data"));
        assert_eq!(codes(json!({"userData": "#!/usr/bin/python3\n"})), found("/userData", "user-data"));
        assert_eq!(codes(json!({"userData": "x".repeat(17_000)})), found("/userData", "user-data-size"));
        let alone = codes(json!({"ecsConfig": null, "userData": "echo ECS_CLUSTER=edge >> /etc/ecs/ecs.config"}));
        assert_eq!(alone, found("/userData", "user-data"));
    }

    #[test]
    fn volumes() {
        let volume = |ebs: Value| codes(json!({"blockDeviceMappings": [{"deviceName": "/dev/xvdb", "ebs": ebs}]}));
        let at = |member: &str| found(&format!("/blockDeviceMappings/0/ebs{member}"), "volume");
        assert!(volume(json!({"volumeType": "gp2", "volumeSize": 30, "encrypted": true})).is_empty());
        assert_eq!(volume(json!({"volumeType": "gp4"})), at("/volumeType"));
        assert_eq!(volume(json!({"volumeType": "st1", "volumeSize": 30})), at("/volumeSize"));
        assert_eq!(volume(json!({"volumeType": "io2"})), at(""));
        assert_eq!(volume(json!({"volumeType": "gp2", "throughput": 125})), at("/throughput"));
    }

    #[test]
    fn settings_are_sorted_so_that_none_is_there_twice() {
        let mut names: Vec<&str> = SETTINGS.to_vec();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), SETTINGS.len());
    }
}
