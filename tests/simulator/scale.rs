//! What is done to a stack takes calls in proportion to its size: no object is made, changed or deleted by asking about
//! all the others.

use farpost::desired::Desired;
use farpost::plan::Goal;

use super::account::Account;
use super::process::{Ending, Start, run};
use super::stacks::Stack;

/// What the others refer to.
const FIRST: &str = r#"apiVersion: farpost/v1
kind: Stack
metadata: {name: many}
spec: {account: "123456789012", region: us-west-2}
---
apiVersion: farpost/v1
kind: Vpc
metadata: {name: net}
spec: {cidrBlock: 10.0.0.0/16}
---
apiVersion: farpost/v1
kind: InternetGateway
metadata: {name: out}
spec: {vpcId: "${Vpc.net}"}
---
apiVersion: farpost/v1
kind: Role
metadata: {name: host}
spec:
  assumeRolePolicyDocument:
    Version: "2012-10-17"
    Statement:
      - {Effect: Allow, Principal: {Service: [ec2.amazonaws.com, ssm.amazonaws.com]}, Action: "sts:AssumeRole"}
  managedPolicyArns:
    - arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore
    - arn:aws:iam::aws:policy/service-role/AmazonEC2ContainerServiceforEC2Role
---
apiVersion: farpost/v1
kind: Cluster
metadata: {name: edge}
spec: {}
---
apiVersion: farpost/v1
kind: TaskDefinition
metadata: {name: till}
spec: {requiresCompatibilities: [EC2], containerDefinitions: [{name: c, image: nginx, memory: 64}]}
"#;

/// Kinds of which a stack has many, and a spec of each: `#` is a number, `@` is changed.
const SPECS: &[(&str, &str)] = &[
    ("Subnet", r##"vpcId: "${Vpc.net}", cidrBlock: 10.0.#.0/24, availabilityZone: us-west-2a, tags: {a: "@"}"##),
    ("SecurityGroup", r##"vpcId: "${Vpc.net}", description: d, tags: {a: "@"}"##),
    (
        "RouteTable",
        r##"vpcId: "${Vpc.net}", routes: [{destinationCidrBlock: 10.1@.0.0/16, gatewayId: "${InternetGateway.out}"}]"##,
    ),
    (
        "KeyPair",
        "publicKeyMaterial: ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHGz8sWtvrTftqbLC3W57L3WUvK6mckUvtsv3Na8VS85 k, \
         tags: {a: \"@\"}",
    ),
    ("LogGroup", "logGroupName: /many/#, tags: {a: \"@\"}"),
    (
        "Role",
        "description: \"@\", assumeRolePolicyDocument: {Version: \"2012-10-17\", Statement: [{Effect: Allow, Principal: \
         {Service: ec2.amazonaws.com}, Action: \"sts:AssumeRole\"}]}",
    ),
    ("InstanceProfile", r##"role: "${Role.host}", tags: {a: "@"}"##),
    ("Cluster", "tags: {a: \"@\"}"),
    ("Activation", r##"iamRole: "${Role.host.name}", code: {parameter: /many/#}, description: "@""##),
    (
        "TaskDefinition",
        r##"requiresCompatibilities: [EC2], containerDefinitions: [{name: c, image: "nginx:1.@", memory: 64}]"##,
    ),
    (
        "Service",
        r##"cluster: "${Cluster.edge}", taskDefinition: "${TaskDefinition.till}", desiredCount: 0, launchType: EC2,
            enableECSManagedTags: true, tags: {a: "@"}"##,
    ),
];

fn many(kind: &str, spec: &str, count: usize, version: u8) -> Desired {
    let mut text = FIRST.to_owned();
    for number in 0..count {
        let spec = spec.replace('#', &number.to_string()).replace('@', &version.to_string());
        text +=
            &format!("---\napiVersion: farpost/v1\nkind: {kind}\nmetadata: {{name: n{number}}}\nspec: {{{spec}}}\n");
    }
    Stack::text(text).desired()
}

#[test]
fn calls_grow_with_the_stack_and_not_with_its_square() {
    let mut wrong = Vec::new();
    for (kind, spec) in SPECS {
        let calls = [8, 16, 32].map(|count| {
            let account = Account::new();
            [(1, Goal::Converge), (2, Goal::Converge), (2, Goal::Destroy)].map(|(version, goal)| {
                fastrand::seed(0);
                let ran = run(&account, Start::new(&many(kind, spec, count, version), goal));
                assert!(matches!(ran.ending, Ending::Converged), "{kind}: {:#?}", ran.ending);
                ran.calls.len()
            })
        });
        for (index, what) in ["create", "update", "delete"].into_iter().enumerate() {
            let [few, more, most] = calls.map(|of| of[index]);
            println!("{kind}: {what} 8, 16, 32: {few}, {more}, {most} calls");
            // Twice as many objects more take twice as many calls more; what is asked for in batches takes fewer.
            if most - more > (more - few) * 5 / 2 + 8 {
                wrong.push(format!("{kind}: {what} {few}, {more}, {most}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
