//! farpost against moto, which others wrote: apply, plan finds nothing, destroy, nothing is left.
//!
//! What moto gets wrong is left out, by the names of `tests/contract/deviations/moto.txt`: Outposts
//! (`ec2.subnet.outpost`), agents on instances (`ecs.host.registers`) and with them tasks (`ecs.task.run`), and
//! images by parameter (it takes `resolve:ssm:` for a malformed id), services (`ecs.service.fields-kept`, `ecs.service.delete`: what is created loses fields, what is deleted stays).

use std::path::Path;

use crate::support::command::{Ran, Tree};
use crate::support::python::{Moto, run_script};

const NETWORK: &str = r#"
apiVersion: farpost/v1
kind: Stack
metadata: {name: moto}
spec: {account: "123456789012", region: us-west-2, tags: {environment: test}}
---
apiVersion: farpost/v1
kind: Vpc
metadata: {name: edge}
spec: {cidrBlock: 10.0.0.0/16, enableDnsHostnames: true}
---
apiVersion: farpost/v1
kind: InternetGateway
metadata: {name: edge}
spec: {vpcId: "${Vpc.edge}"}
---
apiVersion: farpost/v1
kind: Subnet
metadata: {name: floor}
spec: {vpcId: "${Vpc.edge}", cidrBlock: 10.0.3.0/24, availabilityZone: us-west-2a}
---
apiVersion: farpost/v1
kind: RouteTable
metadata: {name: floor}
spec:
  vpcId: ${Vpc.edge}
  routes: [{destinationCidrBlock: 0.0.0.0/0, gatewayId: "${InternetGateway.edge}"}]
  subnetIds: ["${Subnet.floor}"]
---
apiVersion: farpost/v1
kind: SecurityGroup
metadata: {name: hosts}
spec:
  description: Hosts
  vpcId: ${Vpc.edge}
  ingress:
    - {ipProtocol: tcp, fromPort: 22, toPort: 22, cidrIp: 10.0.3.0/24, description: SSH}
    - {ipProtocol: tcp, fromPort: 80, toPort: 80, cidrIp: 10.0.3.0/24, description: HTTP}
"#;

const HOSTS: &str = r#"
apiVersion: farpost/v1
kind: KeyPair
metadata: {name: hosts}
spec:
  publicKeyMaterial: ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHGz8sWtvrTftqbLC3W57L3WUvK6mckUvtsv3Na8VS85 hosts
---
apiVersion: farpost/v1
kind: Role
metadata: {name: hosts}
spec:
  description: Hosts
  assumeRolePolicyDocument:
    Version: "2012-10-17"
    Statement: [{Effect: Allow, Principal: {Service: ec2.amazonaws.com}, Action: sts:AssumeRole}]
  managedPolicyArns: [arn:aws:iam::aws:policy/service-role/AmazonEC2ContainerServiceforEC2Role]
  inlinePolicies:
    - policyName: logs
      policyDocument:
        Version: "2012-10-17"
        Statement: [{Effect: Allow, Action: logs:PutLogEvents, Resource: "*"}]
---
apiVersion: farpost/v1
kind: InstanceProfile
metadata: {name: hosts}
spec: {role: "${Role.hosts}"}
---
apiVersion: farpost/v1
kind: Instance
metadata: {name: host}
spec:
  imageId: ami-12c6146b
  instanceType: c5.large
  subnetId: ${Subnet.floor}
  securityGroupIds: ["${SecurityGroup.hosts}"]
  iamInstanceProfile: ${InstanceProfile.hosts}
  keyName: ${KeyPair.hosts}
"#;

const CLUSTER: &str = r#"
apiVersion: farpost/v1
kind: Cluster
metadata: {name: edge}
spec: {}
---
apiVersion: farpost/v1
kind: TaskDefinition
metadata: {name: web}
spec:
  networkMode: bridge
  requiresCompatibilities: [EC2]
  containerDefinitions:
    - name: web
      image: public.ecr.aws/docker/library/httpd:2.4
      memory: 64
      environment: [{name: STORE, value: "17"}]
---
apiVersion: farpost/v1
kind: TaskDefinition
metadata: {name: check}
spec:
  containerDefinitions: [{name: check, image: busybox, memory: 16, command: ["true"]}]
"#;

#[test]
fn a_stack_comes_and_goes() {
    let moto = Moto::start();
    let tree = Tree::new(&[("network.yaml", NETWORK), ("hosts.yaml", HOSTS), ("cluster.yaml", CLUSTER)]);
    let farpost = |arguments: &[&str]| -> Ran {
        let endpoint = ["--endpoint-url", moto.endpoint.as_str(), "--region", "us-west-2"];
        let mut command = tree.command(&[arguments, &endpoint].concat());
        command.env("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE").env("AWS_SECRET_ACCESS_KEY", "example");
        command.output().unwrap().into()
    };
    farpost(&["apply", "manifests", "--yes"]).ends_with(0).prints(&["Converged"]);
    farpost(&["plan", "manifests", "--detailed-exitcode"]).ends_with(0).prints(&["No changes"]);
    farpost(&["plan", "manifests", "--deep", "--detailed-exitcode"]).ends_with(0);
    assert!(left(&moto, "moto").lines().count() >= 11, "the check sees less than was made");

    farpost(&["destroy", "manifests", "--yes"]).ends_with(0).prints(&["Converged"]);
    assert_eq!(left(&moto, "moto").trim(), "");
}

/// What boto3 finds with the stack's tag.
fn left(moto: &Moto, stack: &str) -> String {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support/leftovers.py");
    let output = run_script(&script, &[&moto.endpoint, stack], &[]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}
