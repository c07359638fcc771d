//! REF: what refers to what. All but REF-01 are found while references are followed (`desired::link`,
//! `desired::graph`).

use super::{Check, Declared, Hits, Rule};
use crate::diagnostic::Severity::{Error, Warning};
use crate::rules::hosts::{lines_with_cluster, setting};

pub(super) static RULES: &[Rule] = &[
    Rule {
        id: "REF-01",
        severity: Warning,
        title: "no cluster is named",
        why: "ECS, and the agent, then take the cluster that is called default, which is hardly ever the one that is meant: \
              what should be together never meets.",
        source: "Amazon ECS API, CreateService.cluster; aws/amazon-ecs-agent, README, ECS_CLUSTER",
        check: Check::All(named_cluster),
        bad: "
kind: Instance
metadata: {name: host}
spec:
  imageId: ami-0123456789abcdef0
  instanceType: c5.large
  subnetId: subnet-0123456789abcdef0
  iamInstanceProfile: ecsInstanceRole
  ecsConfig: {ECS_RESERVED_MEMORY: 64}
",
        good: "
kind: Instance
metadata: {name: host}
spec:
  imageId: ami-0123456789abcdef0
  instanceType: c5.large
  subnetId: subnet-0123456789abcdef0
  iamInstanceProfile: ecsInstanceRole
  ecsConfig: {ECS_CLUSTER: stores, ECS_RESERVED_MEMORY: 64}
",
    },
    Rule {
        id: "REF-02",
        severity: Error,
        title: "a name that differs from a declared one by case alone",
        why: "ECS tells upper and lower case apart: mycluster is not MyCluster, and is not found \
              (\"ClusterNotFoundException\").",
        source: "Amazon ECS API, CreateCluster.clusterName",
        check: Check::Link,
        bad: "
kind: Cluster
metadata: {name: MyCluster}
spec: {}
---
kind: TaskDefinition
metadata: {name: till}
spec:
  containerDefinitions:
    - {name: app, image: 'nginx:1.29', memory: 64}
---
kind: Service
metadata: {name: till}
spec: {cluster: mycluster, taskDefinition: '${TaskDefinition.till}', launchType: EC2, desiredCount: 1}
",
        good: "
kind: Cluster
metadata: {name: MyCluster}
spec: {}
---
kind: TaskDefinition
metadata: {name: till}
spec:
  containerDefinitions:
    - {name: app, image: 'nginx:1.29', memory: 64}
---
kind: Service
metadata: {name: till}
spec: {cluster: '${Cluster.MyCluster}', taskDefinition: '${TaskDefinition.till}', launchType: EC2, desiredCount: 1}
",
    },
    Rule {
        id: "REF-03",
        severity: Error,
        title: "a reference to what is not declared",
        why: "Nothing is planned that cannot be found. What exists outside of the stack is named by its id, name or ARN \
              instead of a reference.",
        source: "farpost, references between manifests",
        check: Check::Link,
        bad: "
kind: Vpc
metadata: {name: branch}
spec: {cidrBlock: 10.17.0.0/16}
---
kind: Subnet
metadata: {name: floor}
spec: {vpcId: '${Vpc.brnach}', cidrBlock: 10.17.1.0/24}
",
        good: "
kind: Vpc
metadata: {name: branch}
spec: {cidrBlock: 10.17.0.0/16}
---
kind: Subnet
metadata: {name: floor}
spec: {vpcId: '${Vpc.branch}', cidrBlock: 10.17.1.0/24}
",
    },
    Rule {
        id: "REF-04",
        severity: Error,
        title: "objects that need each other in a circle",
        why: "None of them can be made first. That holds for two security groups whose rules name each other too, although \
              AWS would take them: farpost makes a group together with its rules. There one of the rules can name \
              addresses, or both groups be one.",
        source: "farpost, the order of changes",
        check: Check::Link,
        bad: "
kind: SecurityGroup
metadata: {name: app}
spec:
  vpcId: vpc-0123456789abcdef0
  ingress:
    - {ipProtocol: tcp, fromPort: 8080, sourceSecurityGroupId: '${SecurityGroup.door}'}
---
kind: SecurityGroup
metadata: {name: door}
spec:
  vpcId: vpc-0123456789abcdef0
  ingress:
    - {ipProtocol: tcp, fromPort: 8081, sourceSecurityGroupId: '${SecurityGroup.app}'}
",
        good: "
kind: SecurityGroup
metadata: {name: app}
spec:
  vpcId: vpc-0123456789abcdef0
  ingress:
    - {ipProtocol: tcp, fromPort: 8080, sourceSecurityGroupId: '${SecurityGroup.door}'}
---
kind: SecurityGroup
metadata: {name: door}
spec:
  vpcId: vpc-0123456789abcdef0
  ingress:
    - {ipProtocol: tcp, fromPort: 8081, cidrIp: 10.17.1.0/24}
",
    },
    Rule {
        id: "REF-05",
        severity: Error,
        title: "two declarations of one object",
        why: "Both have the name by which AWS knows the object: each run would undo with one what it did with the other.",
        source: "farpost, identity of objects",
        check: Check::Link,
        bad: "
kind: Cluster
metadata: {name: stores}
spec: {}
---
kind: Cluster
metadata: {name: depots}
spec: {clusterName: stores}
",
        good: "
kind: Cluster
metadata: {name: stores}
spec: {}
---
kind: Cluster
metadata: {name: depots}
spec: {clusterName: depots}
",
    },
    Rule {
        id: "REF-06",
        severity: Error,
        title: "two names that differ by case alone, where AWS does not tell case apart",
        why: "Names of roles and instance profiles are unique in the account, names of security groups in the VPC, whatever \
              their case: \"EntityAlreadyExists\", \"InvalidGroup.Duplicate\".",
        source: "IAM API, CreateRole.RoleName; Amazon EC2 API, CreateSecurityGroup.GroupName",
        check: Check::Link,
        bad: "
kind: SecurityGroup
metadata: {name: hosts}
spec: {vpcId: vpc-0123456789abcdef0}
---
kind: SecurityGroup
metadata: {name: more}
spec: {vpcId: vpc-0123456789abcdef0, groupName: Hosts}
",
        good: "
kind: SecurityGroup
metadata: {name: hosts}
spec: {vpcId: vpc-0123456789abcdef0}
---
kind: SecurityGroup
metadata: {name: more}
spec: {vpcId: vpc-0123456789abcdef0, groupName: more-hosts}
",
    },
    Rule {
        id: "REF-07",
        severity: Error,
        title: "a reference to another kind than the field takes",
        why: "A field takes the id, name or ARN of one kind; that of another means nothing there.",
        source: "farpost, references between manifests",
        check: Check::Link,
        bad: "
kind: Cluster
metadata: {name: stores}
spec: {}
---
kind: Subnet
metadata: {name: floor}
spec: {vpcId: '${Cluster.stores}', cidrBlock: 10.17.1.0/24}
",
        good: "
kind: Vpc
metadata: {name: stores}
spec: {cidrBlock: 10.17.0.0/16}
---
kind: Subnet
metadata: {name: floor}
spec: {vpcId: '${Vpc.stores}', cidrBlock: 10.17.1.0/24}
",
    },
    Rule {
        id: "REF-08",
        severity: Error,
        title: "a reference to an attribute that the kind does not have",
        why: "Each kind has certain attributes, which its page lists; nothing could be put in this one's place.",
        source: "farpost, references between manifests",
        check: Check::Link,
        bad: "
kind: Vpc
metadata: {name: branch}
spec: {cidrBlock: 10.17.0.0/16}
---
kind: Subnet
metadata: {name: floor}
spec: {vpcId: '${Vpc.branch.arn}', cidrBlock: 10.17.1.0/24}
",
        good: "
kind: Vpc
metadata: {name: branch}
spec: {cidrBlock: 10.17.0.0/16}
---
kind: Subnet
metadata: {name: floor}
spec: {vpcId: '${Vpc.branch.id}', cidrBlock: 10.17.1.0/24}
",
    },
];

fn named_cluster(declared: &Declared<'_>, hits: &mut Hits) {
    for runner in ["Service", "Task"].into_iter().flat_map(|kind| declared.of(kind)) {
        if !runner.get("cluster").is_given() {
            hits.add(runner, "without cluster it goes to the cluster `default`").help("add cluster: ${Cluster.NAME}");
        }
    }
    for host in declared.of("Instance") {
        let script = host.get("userData").written().unwrap_or_default();
        let is_open = crate::kinds::is_open(script);
        // Bottlerocket and Windows are told in words of their own.
        let in_script = lines_with_cluster(script).next().is_some()
            || ["[settings", "<powershell>", "<script>"].iter().any(|start| script.trim_start().starts_with(start));
        if !setting(host, "ECS_CLUSTER").is_given() && !in_script && !is_open {
            hits.add(host, "without ECS_CLUSTER the agent registers in the cluster `default`")
                .help("add ecsConfig: {ECS_CLUSTER: ${Cluster.NAME.name}}");
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::rules::tests::findings;

    fn codes(example: &str) -> Vec<String> {
        findings(example).iter().map(|one| one.code.to_string()).collect()
    }

    #[test]
    fn the_case_of_a_reference_counts() {
        let example = "kind: Vpc
metadata: {name: branch}
spec: {cidrBlock: 10.17.0.0/16}
---
kind: Subnet
metadata: {name: floor}
spec: {vpcId: '${Vpc.Branch}', cidrBlock: 10.17.1.0/24}
";
        assert_eq!(codes(example), ["REF-02"]);
    }

    #[test]
    fn one_name_in_a_declared_vpc_is_one_group() {
        let group = |name: &str, given: &str| {
            format!(
                "kind: SecurityGroup\nmetadata: {{name: {name}}}\nspec: {{vpcId: '${{Vpc.branch}}', groupName: {given}}}\n"
            )
        };
        let vpc = "kind: Vpc\nmetadata: {name: branch}\nspec: {cidrBlock: 10.17.0.0/16}\n";
        let two =
            |first: &str, second: &str| codes(&format!("{vpc}---\n{}---\n{}", group("a", first), group("b", second)));
        assert_eq!(two("hosts", "hosts"), ["REF-05"]);
        assert_eq!(two("hosts", "Hosts"), ["REF-06"]);
        assert_eq!(two("hosts", "doors"), [""; 0]);
    }
}
