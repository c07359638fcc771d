//! Cases of the log drivers beyond the two examples of each rule.

use crate::diagnostic::{Diagnostic, Edit};
use crate::rules::tests::findings;

/// What is found in a task definition whose one container logs with awslogs and these options.
fn awslogs(more: &str, options: &str) -> Vec<Diagnostic> {
    findings(&format!(
        "kind: TaskDefinition\nmetadata: {{name: till}}\nspec:\n  {more}\n  containerDefinitions:\n    - name: app\n      \
         image: nginx:1.29\n      memory: 64\n      logConfiguration:\n        logDriver: awslogs\n        options: \
         {options}\n---\nkind: LogGroup\nmetadata: {{name: till}}\nspec: {{retentionInDays: 30}}\n"
    ))
}

fn codes(found: &[Diagnostic]) -> Vec<&str> {
    found.iter().map(|one| &*one.code).collect()
}

#[test]
fn what_is_certain_to_be_meant_can_be_written_by_itself() {
    let found = awslogs("networkMode: bridge", "{awslogs-group: '${LogGroup.till}', awslogs-stream-prefix: till}");
    assert_eq!(codes(&found), ["LOG-01"]);
    let fix = found[0].fix.as_ref().unwrap();
    assert_eq!(fix.pointer, "/spec/containerDefinitions/0/logConfiguration/options/awslogs-region");
    assert_eq!(fix.edit, Edit::Set("eu-central-1".into()));
    // Logs may go to another Region on purpose, unless the group is in this one.
    let region = "awslogs-region: us-east-1, awslogs-stream-prefix: till";
    let found = awslogs("networkMode: bridge", &format!("{{awslogs-group: '${{LogGroup.till}}', {region}}}"));
    assert!(found[0].fix.is_some());
    let found = awslogs("networkMode: bridge", &format!("{{awslogs-group: /elsewhere, {region}}}"));
    assert_eq!(codes(&found), ["LOG-11"]);
    assert!(found[0].fix.is_none());
}

#[test]
fn a_group_that_is_made_or_known_later_is_not_missed() {
    let options = |group: &str, more: &str| {
        format!("{{awslogs-group: {group}, awslogs-region: eu-central-1, awslogs-stream-prefix: till{more}}}")
    };
    let found = |group: &str, more: &str| awslogs("networkMode: bridge", &options(group, more));
    assert_eq!(codes(&found("/ecs/till", "")), ["LOG-08"]);
    assert_eq!(codes(&found("till", "")), [""; 0]);
    assert_eq!(codes(&found("/ecs/till", ", awslogs-create-group: 'true'")), [""; 0]);
    assert_eq!(codes(&found("'/ecs/${LogGroup.till.name}'", "")), [""; 0]);
}

#[test]
fn the_role_of_the_host_makes_groups_on_ec2() {
    let text = concat!(
        shop!(),
        "
  imageId: resolve:ssm:/aws/service/ecs/optimized-ami/amazon-linux-2023/recommended/image_id
  instanceType: c5.large
---
kind: TaskDefinition
metadata: {name: till}
spec:
  executionRoleArn: arn:aws:iam::123456789012:role/pull
  containerDefinitions:
    - name: app
      image: nginx:1.29
      memory: 64
      logConfiguration:
        logDriver: awslogs
        options:
          awslogs-group: /ecs/till
          awslogs-region: eu-central-1
          awslogs-stream-prefix: till
          awslogs-create-group: 'true'",
        run_on_ec2!()
    );
    let found = findings(text);
    assert_eq!(codes(&found), ["LOG-09"]);
    assert!(found[0].message.contains("Role/host"), "{}", found[0].message);
    let allowed = text.replace(
        "\n---\nkind: InstanceProfile",
        "\n  inlinePolicies:\n    groups: {Version: '2012-10-17', Statement: {Effect: Allow, Action: 'logs:*', Resource: '*'}}\
         \n---\nkind: InstanceProfile",
    );
    assert_eq!(codes(&findings(&allowed)), [""; 0]);
    // A policy of one's own may allow it.
    let own =
        text.replace("policy/service-role/Amazon", "policy/Own").replace("iam::aws:policy", "iam::123456789012:policy");
    assert!(!codes(&findings(&own)).contains(&"LOG-09"));
}

#[test]
fn on_an_outpost_logs_must_not_hold_anything_up() {
    let text = concat!(
        shop!(),
        "
  imageId: resolve:ssm:/aws/service/ecs/optimized-ami/amazon-linux-2023/recommended/image_id
  instanceType: c5.large
---
kind: Vpc
metadata: {name: shop}
spec: {cidrBlock: 10.17.0.0/16}
---
kind: Subnet
metadata: {name: floor}
spec:
  vpcId: ${Vpc.shop}
  cidrBlock: 10.17.3.0/24
  outpostArn: arn:aws:outposts:eu-central-1:123456789012:outpost/op-0123456789abcdef0
  availabilityZoneId: euc1-az1
---
kind: LogGroup
metadata: {name: till}
spec: {retentionInDays: 30}
---
kind: TaskDefinition
metadata: {name: till}
spec:
  containerDefinitions:
    - name: app
      image: nginx:1.29
      memory: 64
      logConfiguration:
        logDriver: awslogs
        options:
          awslogs-group: ${LogGroup.till}
          awslogs-region: eu-central-1
          awslogs-stream-prefix: till
          mode: blocking",
        run_on_ec2!()
    );
    assert!(!codes(&findings(text)).contains(&"LOG-07"));
    let on_outpost = text.replace("subnet-0123456789abcdef0", "${Subnet.floor}");
    assert!(codes(&findings(&on_outpost)).contains(&"LOG-07"));
}
