//! The names that hosts of a stack must reach: what an egress firewall has to let through.

mod format;
mod registries;

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use super::{CodePlace, Declarations, Declared, Family, HOST_KIND, Host};

/// What a stack's hosts must reach.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Endpoints {
    pub stack: String,
    /// The stack's own, and those that its tasks use.
    pub regions: BTreeSet<String>,
    pub endpoints: Vec<Endpoint>,
    /// What could not be told from the manifests.
    pub notes: Vec<String>,
}

/// A name, or many by a wildcard, that hosts must reach.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Endpoint {
    pub phase: Phase,
    pub need: Need,
    /// `ecs-a-*.eu-north-1.amazonaws.com`; a star stands for any letters but a dot, at the beginning for any names.
    pub name: String,
    pub port: u16,
    pub purpose: String,
}

/// When it is needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Phase {
    /// As long as the host belongs to a cluster.
    Always,
    /// When tasks start or run.
    Tasks,
    /// While the vendor's installer runs, and for updates.
    Installation,
}

/// Whether anything works without it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Need {
    Required,
    /// Only some things fail without it; the purpose says which.
    Optional,
}

impl Need {
    pub fn name(self) -> &'static str {
        match self {
            Self::Required => "required",
            Self::Optional => "optional",
        }
    }
}

impl Endpoint {
    fn new(phase: Phase, need: Need, name: impl Into<String>, purpose: impl Into<String>) -> Self {
        Self { phase, need, name: name.into(), port: 443, purpose: purpose.into() }
    }

    pub fn is_wildcard(&self) -> bool {
        self.name.contains('*')
    }

    /// Whether this is `*.` and the end of another name.
    fn covers(&self, other: &Self) -> bool {
        let rest = self.name.strip_prefix("*.").filter(|rest| !rest.contains('*'));
        rest.is_some_and(|rest| {
            let before = other.name.strip_suffix(rest);
            self.name != other.name && before.is_some_and(|before| before.is_empty() || before.ends_with('.'))
        })
    }

    /// A name to try; none where the wildcard stands for names that cannot be guessed.
    pub fn sample(&self) -> Option<String> {
        if self.port != 443 {
            return None;
        }
        match self.name.strip_prefix("ecs-") {
            Some(_) => Some(self.name.replace('*', "1")),
            None => Some(self.name.clone()).filter(|_| !self.is_wildcard()),
        }
    }
}

/// What names of AWS end with in a region.
pub fn suffix(region: &str) -> &'static str {
    const SUFFIXES: [(&str, &str); 6] = [
        ("cn-", "amazonaws.com.cn"),
        ("us-iso-", "c2s.ic.gov"),
        ("us-isob-", "sc2s.sgov.gov"),
        ("us-isof-", "csp.hci.ic.gov"),
        ("eu-isoe-", "cloud.adc-e.uk"),
        ("eusc-", "amazonaws.eu"),
    ];
    SUFFIXES.iter().find(|(start, _)| region.starts_with(start)).map_or("amazonaws.com", |(_, suffix)| suffix)
}

/// What every host of a region needs.
pub fn of_region(region: &str, suffix: &str) -> Vec<Endpoint> {
    use Need::{Optional, Required};
    use Phase::{Always, Installation};
    let at = |name: &str| format!("{name}.{region}.{suffix}");
    let bucket = |name: &str| format!("{name}-{region}.s3.{region}.{suffix}");
    vec![
        Endpoint::new(Always, Required, at("ecs"), "ECS: registers the host and asks where to go next"),
        Endpoint::new(Always, Required, at("ecs-a-*"), "ECS: tells the agent which tasks to run"),
        Endpoint::new(Always, Required, at("ecs-t-*"), "ECS: takes metrics and health of tasks and containers"),
        Endpoint::new(Always, Required, at("ssm"), "Systems Manager: registers the host and renews its credentials"),
        Endpoint::new(Always, Required, at("ec2messages"), "Systems Manager: messages for the SSM agent"),
        Endpoint::new(Always, Required, at("ssmmessages"), "Systems Manager: Session Manager and ECS Exec"),
        Endpoint::new(
            Installation,
            Required,
            "amazon-ecs-agent.s3.amazonaws.com",
            "the vendor's installer and its signature",
        ),
        Endpoint::new(
            Installation,
            Required,
            at("s3"),
            format!("packages of both agents (buckets amazon-ecs-agent-{region} and amazon-ssm-{region})"),
        ),
        Endpoint::new(Installation, Optional, bucket("amazon-ecs-agent"), "packages of the ECS agent"),
        Endpoint::new(Installation, Optional, bucket("amazon-ssm"), "packages and updates of the SSM agent"),
        Endpoint::new(
            Installation,
            Optional,
            bucket("aws-fleet-manager-artifacts"),
            "what Fleet Manager runs on the host",
        ),
        Endpoint::new(
            Installation,
            Required,
            "raw.githubusercontent.com",
            "the keys that the packages are signed with",
        ),
        Endpoint::new(Installation, Optional, at("s3-r-w"), "where names of S3 lead to, for firewalls that follow DNS"),
        Endpoint::new(
            Installation,
            Optional,
            "s3-w.us-east-1.amazonaws.com",
            "where names of S3 lead to, for firewalls that follow DNS",
        ),
    ]
}

/// What the hosts of a stack need.
pub fn of_stack(stack: &Declarations) -> Endpoints {
    let mut found = Found { region: stack.place.region.clone(), ..Found::default() };
    found.regions.insert(found.region.clone());
    for endpoint in of_region(&found.region, suffix(&found.region)) {
        found.add(endpoint);
    }
    for (address, _) in stack.of_kind(HOST_KIND) {
        match Host::read(stack, address) {
            Ok(host) => found.host(&host),
            Err(trouble) => found.notes.extend([format!("{address}: {trouble}")]),
        }
    }
    let definitions = stack.external_definitions();
    for definition in definitions.values() {
        found.definition(definition);
    }
    for (address, runner) in stack.external_runners() {
        if stack.definition_of(runner).is_none() {
            let message =
                format!("{address} runs a task definition that is not declared here: its registries are not listed");
            found.notes.insert(message);
        }
        if runner.spec["enableExecuteCommand"] == true {
            found.exec(stack, runner);
        }
    }
    let Found { regions, endpoints, notes, .. } = found;
    let mut endpoints: Vec<Endpoint> = endpoints.into_values().collect();
    endpoints.sort();
    Endpoints { stack: stack.place.stack.clone(), regions, endpoints, notes: notes.into_iter().collect() }
}

/// What was found so far, by name and port.
#[derive(Default)]
struct Found {
    region: String,
    regions: BTreeSet<String>,
    endpoints: BTreeMap<(String, u16), Endpoint>,
    notes: BTreeSet<String>,
}

impl Found {
    /// A name that is needed for two things is listed once: as early, as necessarily and for as much as either.
    fn add(&mut self, endpoint: Endpoint) {
        use std::collections::btree_map::Entry;
        match self.endpoints.entry((endpoint.name.clone(), endpoint.port)) {
            Entry::Vacant(entry) => {
                entry.insert(endpoint);
            }
            Entry::Occupied(mut entry) => {
                let known = entry.get_mut();
                known.phase = known.phase.min(endpoint.phase);
                known.need = known.need.min(endpoint.need);
                if !known.purpose.split("; ").any(|purpose| purpose == endpoint.purpose) {
                    known.purpose = format!("{}; {}", known.purpose, endpoint.purpose);
                }
            }
        }
    }

    /// An API of AWS that tasks use.
    fn service(&mut self, service: &str, region: &str, need: Need, purpose: &str) {
        self.regions.insert(region.to_owned());
        let name = format!("{service}.{region}.{}", suffix(region));
        self.add(Endpoint::new(Phase::Tasks, need, name, purpose));
    }

    fn host(&mut self, host: &Host) {
        let phase = Phase::Installation;
        if let Some(code) = &host.code
            && code.place == CodePlace::Secret
        {
            let name = format!("secretsmanager.{}.{}", host.region, suffix(&host.region));
            let purpose = "the activation code, when the host itself reads it";
            self.add(Endpoint::new(phase, Need::Optional, name, purpose));
        }
        let Some(system) = host.system else {
            let address = &host.address;
            self.notes.insert(format!(
                "{address} does not say its operatingSystem: the hosts that its packages come from are not listed"
            ));
            return;
        };
        for name in &system.repositories {
            let is_docker = name == "download.docker.com";
            if is_docker && !matches!(host.docker_install_source.as_str(), "all" | "docker") {
                continue;
            }
            let what = if is_docker { "Docker for" } else { "packages of" };
            let endpoint = Endpoint::new(phase, Need::Required, name, format!("{what} {}", system.name));
            // Repositories of Debian and Ubuntu are signed, and asked for without TLS.
            if system.family == Family::Deb && !is_docker {
                self.add(Endpoint { port: 80, ..endpoint.clone() });
            } else {
                self.add(endpoint);
            }
        }
    }

    fn definition(&mut self, declared: &Declared) {
        let spec = &declared.spec;
        for container in spec["containerDefinitions"].as_array().into_iter().flatten() {
            if let Some(image) = container["image"].as_str() {
                self.image(image);
            }
            for secret in items(&container["secrets"]).chain(items(&container["logConfiguration"]["secretOptions"])) {
                self.secret(secret["valueFrom"].as_str().unwrap_or_default(), "secrets of containers");
            }
            if let Some(secret) = container["repositoryCredentials"]["credentialsParameter"].as_str() {
                self.secret(secret, "passwords of registries");
            }
            for file in items(&container["environmentFiles"]) {
                self.bucket(file["value"].as_str().unwrap_or_default(), "environment files");
            }
            for credential in items(&container["credentialSpecs"]).filter_map(Value::as_str) {
                let arn = credential.split_once(':').map_or("", |(_, arn)| arn);
                match arn.split(':').nth(2) {
                    Some("s3") => self.bucket(arn, "credential specs"),
                    _ => self.secret(arn, "credential specs"),
                }
            }
            self.logs(&container["logConfiguration"]);
        }
        if spec["taskRoleArn"].is_string() {
            let region = self.region.clone();
            self.service(
                "sts",
                &region,
                Need::Optional,
                "tasks with a role that ask who they are or take another role",
            );
            self.notes.insert(
                "What tasks themselves call with their roles cannot be told from the manifests; add its endpoints"
                    .to_owned(),
            );
        }
    }

    fn logs(&mut self, configuration: &Value) {
        let options = &configuration["options"];
        let region = |name: &str| options[name].as_str().unwrap_or(&self.region).to_owned();
        match configuration["logDriver"].as_str() {
            Some("awslogs") => {
                let region = region("awslogs-region");
                self.service("logs", &region, Need::Required, "logs of containers (awslogs)");
            }
            Some("awsfirelens") => {
                let region = region("region");
                let service = match options["Name"].as_str().or(options["name"].as_str()).unwrap_or_default() {
                    "cloudwatch" | "cloudwatch_logs" => "logs",
                    "firehose" | "kinesis_firehose" => "firehose",
                    "kinesis" | "kinesis_streams" => "kinesis",
                    "s3" => "s3",
                    other => {
                        let other = if other.is_empty() { "nothing named" } else { other };
                        self.notes.insert(format!("FireLens sends to {other}; add where that is"));
                        return;
                    }
                };
                self.service(service, &region, Need::Required, "logs of containers (FireLens)");
            }
            Some(driver @ ("splunk" | "gelf" | "syslog" | "fluentd")) => {
                self.notes.insert(format!("containers log to {driver}; add where that is"));
            }
            _ => {}
        }
    }

    fn secret(&mut self, from: &str, purpose: &str) {
        let parts: Vec<&str> = from.split(':').collect();
        let (service, region) = match parts[..] {
            ["arn", _, "secretsmanager", region, ..] => ("secretsmanager", region.to_owned()),
            ["arn", _, _, region, ..] => ("ssm", region.to_owned()),
            _ => ("ssm", self.region.clone()),
        };
        self.service(service, &region, Need::Required, purpose);
    }

    fn bucket(&mut self, arn: &str, purpose: &str) {
        let name = arn.split(":::").nth(1).unwrap_or_default();
        let Some(bucket) = name.split('/').next().filter(|bucket| !bucket.is_empty()) else { return };
        let region = self.region.clone();
        self.service("s3", &region, Need::Required, purpose);
        self.service(&format!("{bucket}.s3"), &region, Need::Required, purpose);
    }

    fn image(&mut self, image: &str) {
        let registry = registries::of(image);
        if let Some((account, region)) = registries::ecr(&registry) {
            let purpose = "images from ECR";
            self.service("api.ecr", &region, Need::Required, purpose);
            self.service(&format!("{account}.dkr.ecr"), &region, Need::Required, purpose);
            let layers = format!("prod-{region}-starport-layer-bucket.s3");
            self.service(&layers, &region, Need::Required, "layers of images from ECR");
            return;
        }
        let purpose = format!("images from {registry}");
        for (name, port) in registries::names(&registry) {
            let endpoint = Endpoint::new(Phase::Tasks, Need::Required, name, purpose.clone());
            self.add(Endpoint { port, ..endpoint });
        }
        if !registries::is_known(&registry) {
            self.notes.insert(format!("{registry} may keep its layers elsewhere; watch what a pull asks for"));
        }
    }

    /// ECS Exec goes through ssmmessages, which is there already; what it encrypts and records does not.
    fn exec(&mut self, stack: &Declarations, runner: &Declared) {
        let cluster = runner.spec["cluster"].as_str().unwrap_or("default");
        let declared = stack.target(&runner.written["cluster"]).or_else(|| {
            stack.of_kind("Cluster").find(|(address, declared)| {
                declared.spec["clusterName"].as_str().unwrap_or(&address.name)
                    == super::declarations::last_part(cluster)
            })
        });
        let region = self.region.clone();
        let Some((_, cluster)) = declared else { return };
        let exec = &cluster.spec["configuration"]["executeCommandConfiguration"];
        if exec["kmsKeyId"].is_string() {
            self.service("kms", &region, Need::Required, "ECS Exec with a key of yours");
        }
        if exec["logConfiguration"]["cloudWatchLogGroupName"].is_string() {
            self.service("logs", &region, Need::Required, "recordings of ECS Exec");
        }
        if let Some(bucket) = exec["logConfiguration"]["s3BucketName"].as_str() {
            self.service(&format!("{bucket}.s3"), &region, Need::Required, "recordings of ECS Exec");
        }
    }
}

fn items(list: &Value) -> impl Iterator<Item = &Value> {
    list.as_array().into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hosts::trial::{ACTIVATION, stack};

    fn names(endpoints: &Endpoints) -> Vec<&str> {
        endpoints.endpoints.iter().map(|endpoint| endpoint.name.as_str()).collect()
    }

    fn shop(task: &str, service: &str) -> Endpoints {
        of_stack(&stack(&[
            (
                "ExternalInstance/till-1",
                r#"{"cluster": "stores", "activation": "${Activation.stores.id}",
                                            "operatingSystem": "ubuntu-22.04"}"#,
            ),
            ("Activation/stores", ACTIVATION),
            ("Cluster/stores", r#"{"configuration": {"executeCommandConfiguration": {"kmsKeyId": "alias/exec"}}}"#),
            ("TaskDefinition/web", task),
            ("Service/web", service),
        ]))
    }

    const SERVICE: &str =
        r#"{"launchType": "EXTERNAL", "cluster": "stores", "taskDefinition": "${TaskDefinition.web}"}"#;

    #[test]
    fn the_list_of_the_sources_is_there() {
        let all = shop("{}", SERVICE);
        let names = names(&all);
        for name in [
            "ecs-a-*.eu-north-1.amazonaws.com",
            "ecs-t-*.eu-north-1.amazonaws.com",
            "ecs.eu-north-1.amazonaws.com",
            "ssm.eu-north-1.amazonaws.com",
            "ec2messages.eu-north-1.amazonaws.com",
            "ssmmessages.eu-north-1.amazonaws.com",
            "s3.eu-north-1.amazonaws.com",
            "amazon-ecs-agent.s3.amazonaws.com",
            "amazon-ssm-eu-north-1.s3.eu-north-1.amazonaws.com",
            "aws-fleet-manager-artifacts-eu-north-1.s3.eu-north-1.amazonaws.com",
            "s3-r-w.eu-north-1.amazonaws.com",
            "s3-w.us-east-1.amazonaws.com",
            "raw.githubusercontent.com",
            "archive.ubuntu.com",
            "security.ubuntu.com",
            "download.docker.com",
        ] {
            assert!(names.contains(&name), "{name} is not in {names:#?}");
        }
        // Nothing runs that needs them.
        assert!(!names.iter().any(|name| name.starts_with("logs.") || name.contains("ecr")), "{names:#?}");
    }

    #[test]
    fn what_tasks_use_is_there() {
        let all = shop(
            r#"{"executionRoleArn": "e", "taskRoleArn": "t", "containerDefinitions": [
                {"image": "210987654321.dkr.ecr.us-west-2.amazonaws.com/till:1",
                 "secrets": [{"name": "A", "valueFrom": "arn:aws:secretsmanager:eu-west-1:1:secret:a-AbCdEf"},
                             {"name": "B", "valueFrom": "/plain/parameter"}],
                 "environmentFiles": [{"type": "s3", "value": "arn:aws:s3:::settings/a.env"}],
                 "logConfiguration": {"logDriver": "awslogs", "options": {"awslogs-region": "us-east-1"}}},
                {"image": "nginx", "logConfiguration": {"logDriver": "splunk"}},
                {"image": "registry.example:5000/a/b@sha256:00"}]}"#,
            r#"{"launchType": "EXTERNAL", "cluster": "stores", "taskDefinition": "${TaskDefinition.web}",
                "enableExecuteCommand": true}"#,
        );
        let names = names(&all);
        for name in [
            "api.ecr.us-west-2.amazonaws.com",
            "210987654321.dkr.ecr.us-west-2.amazonaws.com",
            "prod-us-west-2-starport-layer-bucket.s3.us-west-2.amazonaws.com",
            "secretsmanager.eu-west-1.amazonaws.com",
            "settings.s3.eu-north-1.amazonaws.com",
            "logs.us-east-1.amazonaws.com",
            "registry-1.docker.io",
            "auth.docker.io",
            "registry.example",
            "sts.eu-north-1.amazonaws.com",
            "kms.eu-north-1.amazonaws.com",
        ] {
            assert!(names.contains(&name), "{name} is not in {names:#?}");
        }
        let regions: Vec<&str> = all.regions.iter().map(String::as_str).collect();
        assert_eq!(regions, ["eu-north-1", "eu-west-1", "us-east-1", "us-west-2"]);
        let ssm = all.endpoints.iter().find(|endpoint| endpoint.name == "ssm.eu-north-1.amazonaws.com").unwrap();
        assert!(ssm.phase == Phase::Always && ssm.purpose.ends_with("; secrets of containers"), "{ssm:?}");
        let own = all.endpoints.iter().find(|endpoint| endpoint.name == "registry.example").unwrap();
        assert_eq!(own.port, 5000);
        assert!(all.notes.iter().any(|note| note.contains("splunk")), "{:?}", all.notes);
    }

    #[test]
    fn china_has_its_own_ending() {
        let mut declared = stack(&[]);
        declared.place.region = "cn-north-1".to_owned();
        let all = of_stack(&declared);
        let names = names(&all);
        assert!(names.contains(&"ecs-a-*.cn-north-1.amazonaws.com.cn"), "{names:#?}");
        assert!(!names.contains(&"ecs.cn-north-1.amazonaws.com"));
        assert_eq!(suffix("us-gov-west-1"), "amazonaws.com");
    }

    #[test]
    fn other_launch_types_are_not_looked_at() {
        let all = shop(
            r#"{"containerDefinitions": [{"image": "ghcr.io/a/b"}]}"#,
            r#"{"launchType": "EC2", "taskDefinition": "${TaskDefinition.web}"}"#,
        );
        assert!(!names(&all).contains(&"ghcr.io"));
        let all = shop(r#"{"containerDefinitions": [{"image": "ghcr.io/a/b"}]}"#, SERVICE);
        assert!(names(&all).contains(&"ghcr.io") && names(&all).contains(&"pkg-containers.githubusercontent.com"));
    }
}
