//! TD-28 to TD-33: rights on the host, and lists with limits.

use crate::diagnostic::Severity::{Error, Note, Warning};
use crate::rules::parts::is_for_fargate;
use crate::rules::workload::{containers, is_windows, network};
use crate::rules::{Check, Declared, Hits, Node, Rule};

pub(super) static RULES: &[Rule] = &[
    Rule {
        id: "TD-28",
        severity: Warning,
        title: "root in the network of the host",
        why: "With networkMode host a container reaches whatever listens on the host's loopback, the ECS agent's and \
              Docker's ports among it. AWS says not to run containers of this mode as root. Where no user is given it is \
              the image's, which is root unless the image says otherwise: then this is a note.",
        source: "Amazon ECS API, ContainerDefinition.user and RegisterTaskDefinition: networkMode",
        check: Check::Each("TaskDefinition", root),
        bad: "
kind: TaskDefinition
metadata: {name: till}
spec:
  networkMode: host
  containerDefinitions:
    - {name: app, image: 'nginx:1.29', memory: 64, user: root}
",
        good: "
kind: TaskDefinition
metadata: {name: till}
spec:
  networkMode: host
  containerDefinitions:
    - {name: app, image: 'nginx:1.29', memory: 64, user: '101:101'}
",
    },
    Rule {
        id: "TD-29",
        severity: Warning,
        title: "a container that can take over the host",
        why: "privileged, pidMode host, ipcMode host and the capabilities SYS_ADMIN and ALL each let whoever breaks into \
              the container get at the host and at the other tasks on it. What Fargate and Windows refuse anyway is told \
              by their rules.",
        source: "Amazon ECS API, ContainerDefinition.privileged, RegisterTaskDefinition: pidMode: \"there's a \
                 heightened risk of undesired process namespace exposure\"",
        check: Check::Each("TaskDefinition", rights),
        bad: "
kind: TaskDefinition
metadata: {name: till}
spec:
  containerDefinitions:
    - {name: app, image: 'nginx:1.29', memory: 64, privileged: true}
",
        good: "
kind: TaskDefinition
metadata: {name: till}
spec:
  containerDefinitions:
    - {name: app, image: 'nginx:1.29', memory: 64, linuxParameters: {capabilities: {add: [NET_ADMIN]}}}
",
    },
    Rule {
        id: "TD-30",
        severity: Error,
        title: "a credential spec that AWS does not take",
        why: "A container has one credentialSpecs entry: `credentialspec:` or `credentialspecdomainless:`, and the ARN of \
              a file in S3 or of an SSM parameter.",
        source: "Amazon ECS API, ContainerDefinition.credentialSpecs",
        check: Check::Each("TaskDefinition", credentials),
        bad: "
kind: TaskDefinition
metadata: {name: till}
spec:
  executionRoleArn: arn:aws:iam::123456789012:role/ecsTaskExecutionRole
  containerDefinitions:
    - name: app
      image: store/till:7
      memory: 64
      credentialSpecs: ['arn:aws:s3:::store-config/gmsa.json']
",
        good: "
kind: TaskDefinition
metadata: {name: till}
spec:
  executionRoleArn: arn:aws:iam::123456789012:role/ecsTaskExecutionRole
  containerDefinitions:
    - name: app
      image: store/till:7
      memory: 64
      credentialSpecs: ['credentialspecdomainless:arn:aws:s3:::store-config/gmsa.json']
",
    },
    Rule {
        id: "TD-31",
        severity: Error,
        title: "a placement constraint that a task definition cannot have",
        why: "A task definition has up to ten constraints, together with those of the service or the run, and all of \
              them are memberOf: distinctInstance is a matter of a service. The sum is the placement rules'.",
        source: "Amazon ECS API, RegisterTaskDefinition: placementConstraints",
        check: Check::Schema(&[("TaskDefinition", &["/placementConstraints", "/placementConstraints/*/type"])]),
        bad: "
kind: TaskDefinition
metadata: {name: till}
spec:
  placementConstraints: [{type: distinctInstance}]
  containerDefinitions:
    - {name: app, image: 'nginx:1.29', memory: 64}
",
        good: "
kind: TaskDefinition
metadata: {name: till}
spec:
  placementConstraints: [{type: memberOf, expression: 'attribute:ecs.os-type == linux'}]
  containerDefinitions:
    - {name: app, image: 'nginx:1.29', memory: 64}
",
    },
    Rule {
        id: "TD-32",
        severity: Error,
        title: "FireLens without its router, or with two",
        why: "A container with the log driver awsfirelens sends its log to the one container of the task that has a \
              firelensConfiguration. RegisterTaskDefinition refuses the driver without the router, and a second router. \
              Its types the schema says.",
        source: "Amazon ECS Developer Guide, Custom log routing; Amazon ECS API, FirelensConfiguration",
        check: Check::Each("TaskDefinition", router),
        bad: "
kind: TaskDefinition
metadata: {name: till}
spec:
  containerDefinitions:
    - {name: app, image: 'nginx:1.29', memory: 64, logConfiguration: {logDriver: awsfirelens}}
",
        good: "
kind: TaskDefinition
metadata: {name: till}
spec:
  containerDefinitions:
    - {name: app, image: 'nginx:1.29', memory: 64, logConfiguration: {logDriver: awsfirelens}}
    - name: router
      image: public.ecr.aws/aws-observability/aws-for-fluent-bit:3.0.0
      memory: 64
      user: '0'
      firelensConfiguration: {type: fluentbit}
",
    },
    Rule {
        id: "TD-33",
        severity: Error,
        title: "Elastic Inference accelerators, which are no more",
        why: "AWS has ended Elastic Inference. The member is still in the API's model, and RegisterTaskDefinition answers \
              \"Unsupported field 'inferenceAccelerators'\".",
        source: "Amazon ECS API, RegisterTaskDefinition: inferenceAccelerators; measured by others on a real account",
        check: Check::Each("TaskDefinition", accelerators),
        bad: "
kind: TaskDefinition
metadata: {name: till}
spec:
  inferenceAccelerators: [{deviceName: device_1, deviceType: eia2.medium}]
  containerDefinitions:
    - {name: app, image: 'nginx:1.29', memory: 64}
",
        good: "
kind: TaskDefinition
metadata: {name: till}
spec:
  containerDefinitions:
    - {name: app, image: 'nginx:1.29', memory: 64}
",
    },
];

fn root(definition: Node<'_>, _: &Declared<'_>, hits: &mut Hits) {
    if network(definition) != Some("host") {
        return;
    }
    for container in containers(definition) {
        let (user, name) = (container.get("user"), container.get("name").written().unwrap_or_default());
        if !user.is_given() {
            let message = format!("container `{name}` is in the network of the host as the user of its image");
            hits.add_as(Note, container, message).help("add user, unless the image says one that is not root");
        } else if user.text().is_some_and(|user| ["root", "0"].contains(&user.split(':').next().unwrap_or_default())) {
            hits.add(user, format!("container `{name}` is root in the network of the host"));
        }
    }
}

fn rights(definition: Node<'_>, declared: &Declared<'_>, hits: &mut Hits) {
    if is_windows(definition) || is_for_fargate(definition, declared) {
        return;
    }
    for (member, what) in [("pidMode", "processes"), ("ipcMode", "shared memory")] {
        let mode = definition.get(member);
        if mode.is("host") {
            hits.add(mode, format!("the containers see the {what} of the host and of other tasks"));
        }
    }
    for container in containers(definition) {
        let name = container.get("name").written().unwrap_or_default();
        let privileged = container.get("privileged");
        if privileged.is_true() {
            hits.add(privileged, format!("container `{name}` has root's rights on the host"))
                .help("add single capabilities or devices under linuxParameters in its place");
            continue;
        }
        for capability in container.at("linuxParameters.capabilities.add").items() {
            if capability.is_any(&["ALL", "SYS_ADMIN"]) {
                let which = capability.written().unwrap_or_default();
                hits.add(capability, format!("the capability {which} is as much as root on the host"));
            }
        }
    }
}

fn credentials(definition: Node<'_>, _: &Declared<'_>, hits: &mut Hits) {
    for list in containers(definition).map(|container| container.get("credentialSpecs")) {
        if list.items().len() > 1 {
            hits.add(list, format!("{} credential specs; a container has one", list.items().len()));
        }
        for spec in list.items() {
            let Some(text) = spec.text() else { continue };
            let arn = text.strip_prefix("credentialspec:").or_else(|| text.strip_prefix("credentialspecdomainless:"));
            if !arn.is_some_and(|arn| arn.starts_with("arn:")) {
                hits.add(spec, format!("`{text}` is no credential spec"))
                    .help("credentialspec:ARN, or credentialspecdomainless:ARN");
            }
        }
    }
}

fn router(definition: Node<'_>, _: &Declared<'_>, hits: &mut Hits) {
    let routers: Vec<Node<'_>> =
        containers(definition).map(|one| one.get("firelensConfiguration")).filter(|one| one.is_given()).collect();
    for second in routers.iter().skip(1) {
        hits.add(*second, "a second FireLens router").beside(routers[0], "the first");
    }
    for driver in containers(definition).map(|one| one.at("logConfiguration.logDriver")) {
        if driver.is("awsfirelens") && routers.is_empty() {
            hits.add(driver, "no container of the task has a firelensConfiguration")
                .help("add a container with firelensConfiguration: {type: fluentbit}");
        }
    }
}

fn accelerators(definition: Node<'_>, _: &Declared<'_>, hits: &mut Hits) {
    let list = definition.get("inferenceAccelerators");
    if list.says_something() {
        hits.add(list, "AWS takes no inferenceAccelerators any more")
            .fix_by_removing(definition, "inferenceAccelerators");
    }
    for kind in containers(definition)
        .flat_map(|container| container.get("resourceRequirements").items())
        .map(|one| one.get("type"))
    {
        if kind.is("InferenceAccelerator") && !list.says_something() {
            hits.add(kind, "AWS has no inference accelerators any more");
        }
    }
}
