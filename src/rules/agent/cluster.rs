//! AGT-02, AGT-05 and AGT-15: whether the agent is there, may register, and where.

use super::{Check, Declared, Hits, Node, Rule};
use crate::diagnostic::Severity::{Error, Warning};
use crate::kinds::is_open;
use crate::rules::hosts::{lines_with_cluster, setting};

pub(super) static RULES: &[Rule] = &[
    Rule {
        id: "AGT-02",
        severity: Error,
        title: "an agent that registers in another cluster than is meant",
        why: "The agent takes ECS_CLUSTER as it stands in /etc/ecs/ecs.config: with quotation marks and in another case it \
              is another cluster, and of two lines one is lost. It registers there, or nowhere, and the cluster that was \
              meant stays empty.",
        source: "Amazon ECS Developer Guide, Amazon ECS container agent configuration",
        check: Check::All(where_to),
        bad: "
kind: Cluster
metadata: {name: MyCluster}
spec: {}
---
kind: Instance
metadata: {name: host}
spec:
  imageId: ami-0123456789abcdef0
  instanceType: c5.large
  subnetId: subnet-0123456789abcdef0
  iamInstanceProfile: ecsInstanceRole
  ecsConfig: {ECS_CLUSTER: mycluster}
",
        good: "
kind: Cluster
metadata: {name: MyCluster}
spec: {}
---
kind: Instance
metadata: {name: host}
spec:
  imageId: ami-0123456789abcdef0
  instanceType: c5.large
  subnetId: subnet-0123456789abcdef0
  iamInstanceProfile: ecsInstanceRole
  ecsConfig: {ECS_CLUSTER: '${Cluster.MyCluster}'}
",
    },
    Rule {
        id: "AGT-05",
        severity: Warning,
        title: "an image of AWS's without the ECS agent, and no script that installs it",
        why: "Nothing registers the instance: it runs, costs money and never joins its cluster. AWS's other images, as \
              plain Amazon Linux, have no agent.",
        source: "Amazon ECS Developer Guide, Installing the Amazon ECS container agent",
        check: Check::Each("Instance", agent_is_there),
        bad: "
kind: Instance
metadata: {name: host}
spec:
  imageId: resolve:ssm:/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64
  instanceType: c5.large
  subnetId: subnet-0123456789abcdef0
  iamInstanceProfile: ecsInstanceRole
  ecsConfig: {ECS_CLUSTER: stores}
",
        good: "
kind: Instance
metadata: {name: host}
spec:
  imageId: resolve:ssm:/aws/service/ecs/optimized-ami/amazon-linux-2023/recommended/image_id
  instanceType: c5.large
  subnetId: subnet-0123456789abcdef0
  iamInstanceProfile: ecsInstanceRole
  ecsConfig: {ECS_CLUSTER: stores}
",
    },
    Rule {
        id: "AGT-15",
        severity: Warning,
        title: "a container instance without an instance profile",
        why: "The agent registers, pulls images and writes logs with the credentials of the profile's role. Without one it \
              has none, and never registers.",
        source: "Amazon ECS Developer Guide, Amazon ECS container instance IAM role",
        check: Check::Each("Instance", profile),
        bad: "
kind: Instance
metadata: {name: host}
spec:
  imageId: ami-0123456789abcdef0
  instanceType: c5.large
  subnetId: subnet-0123456789abcdef0
  ecsConfig: {ECS_CLUSTER: stores}
",
        good: "
kind: Instance
metadata: {name: host}
spec:
  imageId: ami-0123456789abcdef0
  instanceType: c5.large
  subnetId: subnet-0123456789abcdef0
  iamInstanceProfile: ecsInstanceRole
  ecsConfig: {ECS_CLUSTER: stores}
",
    },
];

fn where_to(declared: &Declared<'_>, hits: &mut Hits) {
    let names: Vec<(String, Node<'_>)> = declared
        .of("Cluster")
        .map(|cluster| {
            let given = cluster.get("clusterName").written().map(str::to_owned);
            (given.unwrap_or_else(|| cluster.address().name.clone()), cluster)
        })
        .collect();
    for host in declared.of("Instance") {
        let node = setting(host, "ECS_CLUSTER");
        let script = host.get("userData");
        let text = script.written().unwrap_or_default();
        let lines = lines_with_cluster(text).count();
        if node.is_given() && lines > 0 {
            hits.add(script, "ECS_CLUSTER is set by ecsConfig and by userData")
                .help("keep it in ecsConfig")
                .beside(node, "by ecsConfig");
        } else if lines > 1 && !branches(text) {
            hits.add(script, format!("the script writes ECS_CLUSTER {lines} times"))
                .help("keep one line, or use ecsConfig: {ECS_CLUSTER: ${Cluster.NAME.name}}");
        }
        let Some(name) = node.text() else { continue };
        let bare = name.trim().trim_matches(['"', '\'']);
        if bare != name || name.is_empty() {
            hits.add(node, "the name of a cluster has no quotation marks and no spaces around it");
            if !bare.is_empty() {
                hits.fix(host.get("ecsConfig"), "ECS_CLUSTER", bare);
            }
            continue;
        }
        let twin = names.iter().find(|(other, _)| other.eq_ignore_ascii_case(name));
        if let Some((other, cluster)) = twin.filter(|(other, _)| other != name && !is_open(other))
            && !names.iter().any(|(other, _)| other == name)
        {
            hits.add(
                node,
                format!("no cluster `{name}` is declared, but `{other}` is; AWS tells upper and lower case apart"),
            )
            .help(format!("write ${{{}}}", reference(*cluster)))
            .fix(host.get("ecsConfig"), "ECS_CLUSTER", format!("${{{}}}", reference(*cluster)))
            .beside(*cluster, "the cluster");
        }
    }
}

fn reference(cluster: Node<'_>) -> String {
    format!("Cluster.{}.name", cluster.address().name)
}

/// Whether a script does one thing or another, so that of several lines one may be meant.
fn branches(script: &str) -> bool {
    ["if ", "case ", "&&", "||"].into_iter().any(|word| script.contains(word))
}

/// Marks of scripts that install the agent.
const INSTALLERS: &[&str] = &["ecs-init", "ecs-agent", "amazon-ecs", "Initialize-ECSAgent", "ecs.service"];

fn agent_is_there(host: Node<'_>, _: &Declared<'_>, hits: &mut Hits) {
    let (image, script) = (host.get("imageId"), host.get("userData"));
    let Some(parameter) = image.text().and_then(|text| text.strip_prefix("resolve:ssm:")) else { return };
    let is_without =
        parameter.starts_with("/aws/service/ami-") && !parameter.to_ascii_lowercase().contains("ecs_optimized");
    let installs =
        script.written().is_some_and(|text| is_open(text) || INSTALLERS.iter().any(|one| text.contains(one)));
    if is_without && !installs {
        hits.add(image, format!("{parameter} is an image without the ECS agent, and no script installs it"))
            .help("resolve:ssm:/aws/service/ecs/optimized-ami/amazon-linux-2023/recommended/image_id has it");
    }
}

fn profile(host: Node<'_>, _: &Declared<'_>, hits: &mut Hits) {
    let in_script = lines_with_cluster(host.get("userData").written().unwrap_or_default()).next().is_some();
    if !host.get("iamInstanceProfile").is_given() && (in_script || setting(host, "ECS_CLUSTER").is_given()) {
        hits.add(host, "without an instance profile the agent has no credentials to register with")
            .help("add iamInstanceProfile: ${InstanceProfile.NAME}");
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::rules::tests::findings;

    fn codes(more: Value) -> Vec<String> {
        let mut spec = json!({"imageId": "ami-0123456789abcdef0", "instanceType": "c5.large",
            "subnetId": "subnet-0123456789abcdef0", "iamInstanceProfile": "ecsInstanceRole"});
        spec.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let found = findings(&format!("kind: Instance\nmetadata: {{name: host}}\nspec: {spec}\n"));
        found.iter().map(|one| one.code.to_string()).collect()
    }

    #[test]
    fn an_agent_has_one_cluster() {
        let config = json!({"ECS_CLUSTER": "stores"});
        assert_eq!(codes(json!({"ecsConfig": {"ECS_CLUSTER": "\"stores\""}})), ["AGT-02"]);
        let twice =
            "#!/bin/bash\necho ECS_CLUSTER=a >> /etc/ecs/ecs.config\necho ECS_CLUSTER=b >> /etc/ecs/ecs.config\n";
        assert_eq!(codes(json!({"userData": twice})), ["AGT-02"]);
        let branch =
            "#!/bin/bash\nif true; then echo ECS_CLUSTER=a; else echo ECS_CLUSTER=b; fi >> /etc/ecs/ecs.config";
        assert_eq!(codes(json!({"userData": branch.replace("; else", "\nelse")})), [""; 0]);
        let both = json!({"ecsConfig": config, "userData": "echo ECS_CLUSTER=other >> /etc/ecs/ecs.config"});
        assert_eq!(codes(both), ["AGT-02"]);
        assert_eq!(codes(json!({"ecsConfig": config, "userData": "# ECS_CLUSTER=other"})), [""; 0]);
    }

    #[test]
    fn what_installs_an_agent_has_one() {
        let plain = "resolve:ssm:/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64";
        let with = |image: &str, script: &str| {
            codes(json!({"imageId": image, "ecsConfig": {"ECS_CLUSTER": "stores"}, "userData": script}))
        };
        assert_eq!(with(plain, "dnf install -y ecs-init"), [""; 0]);
        assert_eq!(with(plain, "echo"), ["AGT-05"]);
        let windows =
            "resolve:ssm:/aws/service/ami-windows-latest/Windows_Server-2022-English-Full-ECS_Optimized/image_id";
        assert_eq!(with(windows, "echo"), [""; 0]);
        assert_eq!(with("resolve:ssm:/our/image", "echo"), [""; 0]);
    }
}
