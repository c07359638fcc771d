//! Random stacks: what they declare, how that changes, and how it is written.

use std::collections::BTreeMap;

use fastrand::Rng;

use super::model::{self, Declared, Thing};

/// What there can be: the kind, what it must refer to, what it may refer to, and its fields with how many values each
/// can have.
struct Shape {
    kind: &'static str,
    /// The most of them.
    most: usize,
    must: &'static [&'static str],
    may: &'static [&'static str],
    fields: &'static [(&'static str, u32)],
}

const SHAPES: &[Shape] = &[
    Shape { kind: "Vpc", most: 2, must: &[], may: &[], fields: &[("net", 3), ("names", 2)] },
    Shape { kind: "Subnet", most: 2, must: &["Vpc"], may: &[], fields: &[("part", 4)] },
    Shape { kind: "InternetGateway", most: 1, must: &["Vpc"], may: &[], fields: &[] },
    Shape { kind: "RouteTable", most: 1, must: &["Vpc"], may: &["InternetGateway", "Subnet"], fields: &[] },
    Shape { kind: "SecurityGroup", most: 2, must: &["Vpc"], may: &[], fields: &[("port", 5)] },
    Shape { kind: "KeyPair", most: 1, must: &[], may: &[], fields: &[] },
    Shape { kind: "Role", most: 2, must: &[], may: &[], fields: &[("managed", 2), ("inline", 3)] },
    Shape { kind: "InstanceProfile", most: 1, must: &["Role"], may: &[], fields: &[] },
    Shape { kind: "LogGroup", most: 2, must: &[], may: &[], fields: &[("days", 4)] },
    Shape { kind: "Cluster", most: 2, must: &[], may: &[], fields: &[("insights", 2)] },
    Shape { kind: "Activation", most: 1, must: &["Role"], may: &[], fields: &[("limit", 3)] },
    Shape {
        kind: "Instance",
        most: 1,
        must: &["Vpc", "InternetGateway", "Subnet", "SecurityGroup", "RouteTable", "InstanceProfile", "Cluster"],
        may: &[],
        fields: &[],
    },
    Shape { kind: "TaskDefinition", most: 2, must: &[], may: &["LogGroup"], fields: &[("image", 4)] },
    Shape {
        kind: "Service",
        most: 1,
        must: &["Cluster", "TaskDefinition", "Instance"],
        may: &[],
        fields: &[("count", 3)],
    },
];

/// A stack of about so many objects.
pub(crate) fn stack(chance: &mut Rng, size: usize) -> Declared {
    let mut declared = Declared { things: Vec::new(), site: chance.u32(..3) };
    for _ in 0..size {
        add(&mut declared, chance);
    }
    declared
}

/// The same after somebody has worked on it.
pub(crate) fn edited(mut declared: Declared, chance: &mut Rng) -> Declared {
    for _ in 0..chance.usize(1..=3) {
        match chance.u8(..8) {
            0 => declared.site = chance.u32(..3),
            1 | 2 => add(&mut declared, chance),
            3 | 4 => remove(&mut declared, chance),
            _ => change(&mut declared, chance),
        }
    }
    // Somebody who has nothing left to declare destroys the stack instead.
    if declared.things.is_empty() {
        add(&mut declared, chance);
    }
    declared
}

/// Adds an object, with what it must refer to.
fn add(declared: &mut Declared, chance: &mut Rng) {
    let shape = &SHAPES[chance.usize(..SHAPES.len())];
    add_one(declared, shape, chance);
}

fn add_one(declared: &mut Declared, shape: &Shape, chance: &mut Rng) -> Option<Thing> {
    let others: Vec<&Thing> = declared.things.iter().filter(|thing| thing.kind == shape.kind).collect();
    if others.len() >= shape.most {
        return others.get(chance.usize(..others.len())).map(|thing| (*thing).clone());
    }
    let number = (0..).find(|number| others.iter().all(|thing| thing.name != name(shape.kind, *number)))?;
    let mut refers = BTreeMap::new();
    for kind in shape.must {
        let of_kind = SHAPES.iter().find(|shape| shape.kind == *kind)?;
        let there: Vec<&Thing> = declared.things.iter().filter(|thing| thing.kind == *kind).collect();
        let target = match there.len() {
            0 => add_one(declared, of_kind, chance)?,
            count => there[chance.usize(..count)].clone(),
        };
        refers.insert(*kind, target.name);
    }
    for kind in shape.may {
        let there: Vec<&Thing> = declared.things.iter().filter(|thing| thing.kind == *kind).collect();
        if !there.is_empty() && chance.bool() {
            refers.insert(*kind, there[chance.usize(..there.len())].name.clone());
        }
    }
    let values = shape.fields.iter().map(|(field, values)| (*field, chance.u32(..*values))).collect();
    let mut thing = Thing { kind: shape.kind, name: name(shape.kind, number), values, refers };
    settle(declared, &mut thing)?;
    declared.things.push(thing.clone());
    Some(thing)
}

/// What AWS or a rule of the book wants of several objects together.
fn settle(declared: &mut Declared, thing: &mut Thing) -> Option<()> {
    let others = |kind: &str| declared.things.iter().filter(|other| other.kind == kind).cloned().collect::<Vec<_>>();
    match thing.kind {
        // Nets differ, and so do the parts of a net.
        "Vpc" => {
            let taken: Vec<u32> = others("Vpc").iter().map(|vpc| vpc.value("net")).collect();
            thing.values.insert("net", (0..4).find(|net| !taken.contains(net))?);
        }
        "Subnet" => {
            let taken: Vec<u32> = others("Subnet").iter().map(|subnet| subnet.value("part")).collect();
            thing.values.insert("part", (0..9).find(|part| !taken.contains(part))?);
        }
        // What it routes to and for is in its VPC.
        "RouteTable" => {
            let vpc = thing.refers.get("Vpc").cloned();
            for kind in ["InternetGateway", "Subnet"] {
                let of = thing.refers.get(kind).cloned();
                let target = others(kind).into_iter().find(|other| Some(&other.name) == of.as_ref());
                if target.is_some_and(|target| target.refers.get("Vpc") != vpc.as_ref()) {
                    thing.refers.remove(kind);
                }
            }
        }
        // A host is in one network with a way out, and in a role's profile.
        "Instance" => {
            let subnet = others("Subnet").into_iter().find(|one| Some(&one.name) == thing.refers.get("Subnet"))?;
            let vpc = subnet.refers.get("Vpc")?.clone();
            let group = others("SecurityGroup").into_iter().find(|one| one.refers.get("Vpc") == Some(&vpc));
            let gateway = others("InternetGateway").into_iter().find(|one| one.refers.get("Vpc") == Some(&vpc));
            let (Some(group), Some(gateway)) = (group, gateway) else { return None };
            let table = declared.things.iter_mut().find(|one| one.kind == "RouteTable")?;
            table.refers.insert("Vpc", vpc);
            table.refers.insert("InternetGateway", gateway.name);
            table.refers.insert("Subnet", subnet.name);
            thing.refers.insert("SecurityGroup", group.name);
        }
        "Service" => {
            let host = others("Instance").into_iter().find(|one| Some(&one.name) == thing.refers.get("Instance"))?;
            thing.refers.insert("Cluster", host.refers.get("Cluster")?.clone());
        }
        _ => {}
    }
    Some(())
}

fn name(kind: &str, number: usize) -> String {
    format!("{}{number}", kind.to_ascii_lowercase())
}

/// Removes an object, and all that refers to it.
fn remove(declared: &mut Declared, chance: &mut Rng) {
    if declared.things.is_empty() {
        return;
    }
    let mut gone = vec![declared.things[chance.usize(..declared.things.len())].clone()];
    while let Some(one) = gone.pop() {
        let (users, kept): (Vec<Thing>, Vec<Thing>) =
            declared.things.drain(..).filter(|thing| *thing != one).partition(|thing| thing.refers_to(&one));
        declared.things = kept;
        gone.extend(users);
    }
}

/// Gives a field another value.
fn change(declared: &mut Declared, chance: &mut Rng) {
    let count = declared.things.len();
    let Some(index) = (count > 0).then(|| chance.usize(..count)) else { return };
    let fields =
        SHAPES.iter().find(|shape| shape.kind == declared.things[index].kind).map_or(&[][..], |one| one.fields);
    if fields.is_empty() {
        return;
    }
    let (field, values) = fields[chance.usize(..fields.len())];
    let value = match field {
        // Another net or part is one that nothing else has.
        "net" => 10 + index as u32,
        "part" => declared.things[index].value("part") + 10,
        _ => chance.u32(..values),
    };
    declared.things[index].values.insert(field, value % 200);
}

/// The manifests.
pub(crate) fn manifests(declared: &Declared) -> String {
    let mut text = format!(
        "apiVersion: farpost/v1\nkind: Stack\nmetadata: {{name: chaos}}\n\
         spec: {{account: \"123456789012\", region: us-west-2, tags: {{site: \"{}\"}}}}\n",
        declared.site
    );
    for thing in &declared.things {
        let spec = spec(declared, thing);
        let Thing { kind, name, .. } = thing;
        text.push_str(&format!(
            "---\napiVersion: farpost/v1\nkind: {kind}\nmetadata: {{name: {name}}}\nspec: {spec}\n"
        ));
    }
    text
}

/// Flow style, so that a spec is a line.
fn spec(declared: &Declared, thing: &Thing) -> String {
    let value = |name: &str| thing.value(name);
    let of = |kind: &str| format!("\"${{{kind}.{}}}\"", thing.refers.get(kind).map_or("", String::as_str));
    match thing.kind {
        "Vpc" => {
            format!("{{cidrBlock: 10.{}.0.0/16, enableDnsHostnames: {}}}", value("net"), value("names") == 1)
        }
        "Subnet" => format!(
            "{{vpcId: {}, cidrBlock: 10.{}.{}.0/24, availabilityZoneId: usw2-az1, outpostArn: \
             \"arn:aws:outposts:us-west-2:123456789012:outpost/op-0123456789abcdef0\"}}",
            of("Vpc"),
            model::net(declared, thing),
            value("part")
        ),
        "InternetGateway" => format!("{{vpcId: {}}}", of("Vpc")),
        "RouteTable" => {
            let mut spec = format!("{{vpcId: {}", of("Vpc"));
            if thing.refers.contains_key("InternetGateway") {
                let gateway = of("InternetGateway");
                spec.push_str(&format!(", routes: [{{destinationCidrBlock: 0.0.0.0/0, gatewayId: {gateway}}}]"));
            }
            if thing.refers.contains_key("Subnet") {
                spec.push_str(&format!(", subnetIds: [{}]", of("Subnet")));
            }
            spec + "}"
        }
        "SecurityGroup" => {
            let rule = |port: u32| {
                format!("{{ipProtocol: tcp, fromPort: {port}, toPort: {port}, cidrIp: 10.0.0.0/8, description: p}}")
            };
            let port = 8000 + value("port");
            format!("{{vpcId: {}, description: d, ingress: [{}, {}]}}", of("Vpc"), rule(port), rule(port + 1))
        }
        "KeyPair" => "{publicKeyMaterial: ssh-ed25519 \
                      AAAAC3NzaC1lZDI1NTE5AAAAIHGz8sWtvrTftqbLC3W57L3WUvK6mckUvtsv3Na8VS85 k}"
            .to_owned(),
        "Role" => {
            let trust = "{Version: \"2012-10-17\", Statement: [{Effect: Allow, Action: sts:AssumeRole, Principal: \
                         {Service: [ec2.amazonaws.com, ssm.amazonaws.com]}}]}";
            let mut spec = format!("{{assumeRolePolicyDocument: {trust}");
            let more = if value("managed") == 1 { ", \"arn:aws:iam::aws:policy/ReadOnlyAccess\"" } else { "" };
            spec.push_str(&format!(
                ", managedPolicyArns: [\"arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore\", \
                 \"arn:aws:iam::aws:policy/service-role/AmazonEC2ContainerServiceforEC2Role\"{more}]"
            ));
            if value("inline") > 0 {
                let action = model::action(value("inline"));
                let statement = format!("{{Effect: Allow, Action: \"{action}\", Resource: \"*\"}}");
                let document = format!("{{Version: \"2012-10-17\", Statement: [{statement}]}}");
                spec.push_str(&format!(", inlinePolicies: [{{policyName: p, policyDocument: {document}}}]"));
            }
            spec + "}"
        }
        "InstanceProfile" => format!("{{role: {}}}", of("Role")),
        "LogGroup" => format!(
            "{{logGroupName: /chaos/{}, retentionInDays: {}, deletionProtectionEnabled: false}}",
            thing.name,
            model::retention(value("days"))
        ),
        "Cluster" => {
            format!("{{settings: [{{name: containerInsights, value: {}}}]}}", model::insights(value("insights")))
        }
        "Activation" => format!(
            "{{iamRole: \"${{Role.{}.name}}\", registrationLimit: {}, validForDays: 30, code: {{parameter: /chaos/code}}}}",
            thing.refers.get("Role").map_or("", String::as_str),
            value("limit") + 1
        ),
        "Instance" => format!(
            "{{imageId: ami-0a1ec5f00d2023001, instanceType: c5.large, subnetId: {}, securityGroupIds: [{}], \
             iamInstanceProfile: {}, associatePublicIpAddress: true, metadataOptions: {{httpTokens: required}}, \
             ecsConfig: {{ECS_CLUSTER: {}}}}}",
            of("Subnet"),
            of("SecurityGroup"),
            of("InstanceProfile"),
            of("Cluster")
        ),
        "TaskDefinition" => {
            let log = thing.refers.get("LogGroup").map(|group| {
                format!(
                    ", logConfiguration: {{logDriver: awslogs, options: {{awslogs-group: \"${{LogGroup.{group}}}\", \
                     awslogs-region: us-west-2, awslogs-stream-prefix: p}}}}"
                )
            });
            format!(
                "{{requiresCompatibilities: [EC2], containerDefinitions: [{{name: a, image: \"{}\", memory: 64, cpu: 10{}}}]}}",
                model::image(value("image")),
                log.unwrap_or_default()
            )
        }
        "Service" => format!(
            "{{cluster: {}, taskDefinition: {}, desiredCount: {}, launchType: EC2, deploymentConfiguration: \
             {{minimumHealthyPercent: 0, maximumPercent: 100}}}}",
            of("Cluster"),
            of("TaskDefinition"),
            value("count")
        ),
        other => format!("no such kind: {other}"),
    }
}
