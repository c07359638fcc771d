//! What should exist, worked out from what was declared, and what does exist, read from the sandbox's own records.
//! Nothing here knows of farpost's planner, nor of its types.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::simulator::inventory::{Item, items, members};

/// A declared object.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Thing {
    pub(crate) kind: &'static str,
    pub(crate) name: String,
    /// Fields that may change, by what they are called here.
    pub(crate) values: BTreeMap<&'static str, u32>,
    /// What it refers to: kinds' names are unique, so one of a kind is enough.
    pub(crate) refers: BTreeMap<&'static str, String>,
}

impl Thing {
    pub(crate) fn address(&self) -> String {
        format!("{}/{}", self.kind, self.name)
    }

    pub(crate) fn value(&self, name: &str) -> u32 {
        self.values.get(name).copied().unwrap_or_default()
    }

    pub(crate) fn refers_to(&self, other: &Thing) -> bool {
        self.refers.get(other.kind) == Some(&other.name)
    }
}

/// A stack: its objects, and the tag that all of them carry.
#[derive(Debug, Clone, Default)]
pub(crate) struct Declared {
    pub(crate) things: Vec<Thing>,
    pub(crate) site: u32,
}

/// One line for each object that should exist.
pub(crate) fn expected(declared: &Declared) -> Vec<String> {
    let mut lines = Vec::new();
    for thing in &declared.things {
        let of = |kind: &str| format!("{kind}/{}", thing.refers.get(kind).map_or("", String::as_str));
        let value = |name: &str| thing.value(name);
        let rest = match thing.kind {
            "Vpc" => format!("10.{}.0.0/16 names={}", value("net"), value("names") == 1),
            "Subnet" => format!("10.{}.{}.0/24 {}", net(declared, thing), value("part"), of("Vpc")),
            "InternetGateway" => of("Vpc"),
            "RouteTable" => {
                let route =
                    if thing.refers.contains_key("InternetGateway") { of("InternetGateway") } else { "-".into() };
                let subnet = if thing.refers.contains_key("Subnet") { of("Subnet") } else { "-".into() };
                format!("{} {route} {subnet}", of("Vpc"))
            }
            "SecurityGroup" => format!("{} {} {}", of("Vpc"), 8000 + value("port"), 8001 + value("port")),
            "Role" => format!("managed={} {}", 2 + value("managed"), action(value("inline"))),
            "InstanceProfile" => of("Role"),
            "LogGroup" => retention(value("days")).to_string(),
            "Cluster" => insights(value("insights")).to_owned(),
            "TaskDefinition" => image(value("image")),
            "Instance" => of("Subnet"),
            "Service" => format!("{} {} {}", of("Cluster"), of("TaskDefinition"), value("count")),
            "Activation" => format!("{} {}", of("Role"), value("limit") + 1),
            _ => String::new(),
        };
        lines.push(format!("{} site={} {rest}", thing.address(), declared.site));
    }
    lines.sort();
    lines
}

/// The net of the VPC that something is in.
pub(crate) fn net(declared: &Declared, thing: &Thing) -> u32 {
    let vpc = declared.things.iter().find(|vpc| vpc.kind == "Vpc" && thing.refers_to(vpc));
    vpc.map_or(0, |vpc| vpc.value("net"))
}

pub(crate) fn action(inline: u32) -> String {
    match inline {
        0 => "-".to_owned(),
        inline => format!("logs:Put{inline}"),
    }
}

pub(crate) fn retention(days: u32) -> u32 {
    [1, 7, 30, 90][days as usize % 4]
}

pub(crate) fn insights(value: u32) -> &'static str {
    if value == 1 { "enabled" } else { "disabled" }
}

pub(crate) fn image(version: u32) -> String {
    format!("public.ecr.aws/nginx/nginx:1.{version}")
}

/// One line for each object that exists and says that it belongs to the stack.
pub(crate) fn found(content: &Value, stack: &str) -> Vec<String> {
    let items = items(content);
    let owners: BTreeMap<&str, &str> =
        items.iter().filter_map(|item| Some((item.id.as_str(), item.owner.as_deref()?))).collect();
    let of = |id: &Value| owners.get(id.as_str().unwrap_or("-")).copied().unwrap_or("-").to_owned();
    let ours: Vec<&Item> = items.iter().filter(|item| tag(item, "farpost/stack").as_deref() == Some(stack)).collect();
    let (mut lines, superseded) = twice(&ours);
    for item in ours.into_iter().filter(|item| !superseded.contains(&(item.owner.clone(), item.id.clone()))) {
        let Some(owner) = &item.owner else { continue };
        let one = &item.content;
        let rest = match item.collection.as_str() {
            "ec2/vpcs" => format!("{} names={}", text(&one["blocks"][0]["cidr"]), one["dns_hostnames"]),
            "ec2/subnets" => format!("{} {}", text(&one["cidr"]), of(&one["vpc_id"])),
            "ec2/internet_gateways" => of(&one["vpc_id"]),
            "ec2/route_tables" => {
                let routes: Vec<String> = members(&one["routes"]).map(|(_, route)| of(&route["target"][1])).collect();
                let subnets = one["associations"].as_array().into_iter().flatten();
                let subnets: Vec<String> = subnets.map(|one| of(&one["subnet_id"])).collect();
                let list = |list: Vec<String>| if list.is_empty() { "-".to_owned() } else { list.join(",") };
                format!("{} {} {}", of(&one["vpc_id"]), list(routes), list(subnets))
            }
            "ec2/security_groups" => {
                let mut ports: Vec<i64> = items
                    .iter()
                    .filter(|rule| rule.collection == "ec2/rules" && rule.content["group_id"] == item.id.as_str())
                    .filter(|rule| rule.content["egress"] == false)
                    .filter_map(|rule| rule.content["ports"][0].as_i64())
                    .collect();
                ports.sort_unstable();
                let ports: Vec<String> = ports.iter().map(ToString::to_string).collect();
                format!("{} {}", of(&one["vpc_id"]), ports.join(" "))
            }
            "iam/roles" => {
                let attached = one["attached"].as_array().map_or(0, Vec::len);
                let mut inline: Vec<String> = members(&one["inline"]).map(|(_, text)| said(text)).collect();
                if inline.is_empty() {
                    inline.push("-".to_owned());
                }
                format!("managed={attached} {}", inline.join(","))
            }
            "iam/profiles" => one["role"].as_str().map_or("-".to_owned(), |role| format!("Role/{role}")),
            "logs/groups" => one["retention"].to_string(),
            "ecs/clusters" => text(&one["settings"][0]["value"]),
            "ecs/families/revisions" => text(&one["value"]["containerDefinitions"][0]["image"]),
            // Somebody else has ended it; what farpost ends, it waits for.
            "ec2/instances" if one["phase"] == "ShuttingDown" => continue,
            "ec2/instances" => of(&one["subnet_id"]),
            "ecs/clusters/services" => {
                let cluster = text(&one["cluster_arn"]);
                let family = text(&one["spec"]["taskDefinition"]);
                let family =
                    family.rsplit('/').next().and_then(|name| name.split(':').next()).unwrap_or("-").to_owned();
                let cluster = cluster.rsplit('/').next().unwrap_or("-").to_owned();
                format!("Cluster/{cluster} TaskDefinition/{family} {}", one["desired"])
            }
            "ssm/activations" => format!("Role/{} {}", text(&one["role"]), one["limit"]),
            // What belongs to an activation; it carries no other tags.
            "ssm/parameters" => continue,
            _ => String::new(),
        };
        let site = tag(item, "site").unwrap_or_default();
        lines.push(format!("{owner} site={site} {rest}"));
    }
    lines.sort();
    lines
}

/// A line for each revision that says the same as the active one before it, and owner and id of those that are kept for
/// rollbacks alone.
fn twice(items: &[&Item]) -> (Vec<String>, BTreeSet<(Option<String>, String)>) {
    let number = |item: &Item| item.content["value"]["revision"].as_u64();
    let image = |item: &Item| text(&item.content["value"]["containerDefinitions"][0]["image"]);
    let mut revisions: Vec<&Item> =
        items.iter().copied().filter(|item| item.collection.ends_with("/revisions")).collect();
    revisions.sort_by_key(|item| (item.owner.clone(), number(item)));
    let pairs = revisions.windows(2).filter(|pair| pair[0].owner == pair[1].owner);
    let lines = pairs.clone().filter(|pair| image(pair[0]) == image(pair[1]));
    let lines = lines.map(|pair| format!("{} twice", pair[0].owner.as_deref().unwrap_or("-"))).collect();
    (lines, pairs.map(|pair| (pair[0].owner.clone(), pair[0].id.clone())).collect())
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or("-").to_owned()
}

/// The action of the one statement of a policy.
fn said(document: &Value) -> String {
    let document: Value = serde_json::from_str(document.as_str().unwrap_or_default()).unwrap_or_default();
    text(&document["Statement"][0]["Action"])
}

pub(crate) fn tag(item: &Item, name: &str) -> Option<String> {
    let tags = if item.content["tags"].is_null() { &item.content["value"]["tags"] } else { &item.content["tags"] };
    let listed = tags.as_array().and_then(|tags| tags.iter().find(|tag| tag[0] == name));
    Some(tags[name].as_str().or_else(|| listed?[1].as_str())?.to_owned())
}
