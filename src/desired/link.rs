//! Resolves references between documents: that each has a target of the right kind, and that a literal which names
//! something declared is a reference too.

use std::collections::{BTreeMap, BTreeSet};

use super::{Desired, Resource, positions_of};
use crate::address::Address;
use crate::diagnostic::Diagnostic;
use crate::kinds::{About, by_name, is_open};
use crate::manifest::references::{occurrences, references, whole};
use crate::manifest::suggest::closest;

/// What can be referred to, by address: the kind's facts and, for literals, the names in AWS that are certain.
struct Targets {
    names: BTreeMap<(String, String), Address>,
    addresses: BTreeSet<Address>,
}

/// Checks every reference, writes it in full and notes whom it makes each object need.
/// What is `declared` and is no resource was found to be wrong by itself.
pub(super) fn link(
    resources: &mut BTreeMap<Address, Resource>,
    declared: &BTreeSet<Address>,
    findings: &mut Vec<Diagnostic>,
) {
    let mut targets = Targets::of(resources);
    targets.addresses.extend(declared.iter().cloned());
    for resource in resources.values_mut() {
        let is_copy = resource.address.name != resource.document.name;
        let mut found = Vec::new();
        typed_positions(resource, &targets, &mut found);
        free_references(resource, &targets, &mut found);
        if !is_copy {
            findings.extend(found);
        }
    }
}

impl Targets {
    fn of(resources: &BTreeMap<Address, Resource>) -> Self {
        let place = super::stack::nowhere();
        let mut names = BTreeMap::new();
        for (address, resource) in resources {
            names.insert((address.kind.clone(), address.name.clone()), address.clone());
            let normal = resource.kind.normalise(&resource.spec, &place).unwrap_or_default();
            for (attribute, value) in resource.kind.foretell(&address.name, &normal, &place) {
                if attribute == "name" && !is_open(&value) {
                    names.insert((address.kind.clone(), value), address.clone());
                }
            }
        }
        Self { names, addresses: resources.keys().cloned().collect() }
    }

    fn named(&self, kind: &str, name: &str) -> Option<&Address> {
        self.names.get(&(kind.to_owned(), name.to_owned()))
    }

    /// The names of a kind, for suggestions.
    fn names_of(&self, kind: &str) -> Vec<&str> {
        self.names.keys().filter(|(of, _)| of == kind).map(|(_, name)| name.as_str()).collect()
    }
}

/// The fields that are made to take references.
fn typed_positions(resource: &mut Resource, targets: &Targets, findings: &mut Vec<Diagnostic>) {
    let document = std::sync::Arc::clone(&resource.document);
    let address = resource.address.clone();
    for position in positions_of(resource.kind) {
        let Some(about) = by_name(&position.kind).map(|kind| kind.about()) else { continue };
        position.visit(&mut resource.spec, |pointer, text| {
            let label = || document.source.label(&format!("/spec{pointer}"));
            if let Some(reference) = whole(text) {
                if reference.kind == position.kind {
                    let attribute = reference.attribute.clone().unwrap_or_else(|| position.attribute.clone());
                    *text = format!("${{{}.{}.{attribute}}}", reference.kind, reference.name);
                } else {
                    let message =
                        format!("{address}: this takes a {}, and {reference} is a {}", position.kind, reference.kind);
                    findings.push(Diagnostic::error("REF-07", message).at(label()));
                }
                return;
            }
            if is_open(text) {
                return;
            }
            if let Some(target) = targets.named(&position.kind, text) {
                *text = format!("${{{}.{}.{}}}", target.kind, target.name, position.attribute);
            } else if let Some(finding) = unresolvable(text, about, targets) {
                findings.push(finding.at(label()));
            }
        });
    }
}

/// A literal that cannot be what the field takes.
fn unresolvable(text: &str, about: &About, targets: &Targets) -> Option<Diagnostic> {
    let kind = about.kind;
    let names = targets.names_of(kind);
    let near = closest(text, names.iter().copied());
    if let Some(prefix) = about.id_prefix {
        if text.starts_with(prefix) {
            return None;
        }
        let message = format!("`{text}` is neither a declared {kind} nor an id of one ({prefix}…)");
        let help =
            near.map_or_else(|| format!("write ${{{kind}.NAME}}"), |near| format!("did you mean ${{{kind}.{near}}}?"));
        return Some(Diagnostic::error("REF-03", message).help(help));
    }
    // Names are compared exactly by AWS; one that differs in case alone is a slip.
    let twin = names.iter().find(|name| name.eq_ignore_ascii_case(text))?;
    let message = format!("no {kind} `{text}` is declared, but `{twin}` is; AWS tells upper and lower case apart");
    Some(Diagnostic::error("REF-02", message).help(format!("write {twin}")))
}

/// References anywhere in a text.
fn free_references(resource: &mut Resource, targets: &Targets, findings: &mut Vec<Diagnostic>) {
    let kinds: Vec<&str> = crate::kinds::KINDS.iter().map(|kind| kind.about().kind).collect();
    // As written, for what is malformed; the spec itself has been written in full where a field takes references.
    findings.extend(references(&resource.document, &kinds).1);
    let mut in_full: BTreeMap<String, String> = BTreeMap::new();
    let in_tags = occurrences(&resource.document.spec["tags"], "/spec/tags").0;
    for occurrence in occurrences(&resource.spec, "/spec").0.into_iter().chain(in_tags) {
        let reference = occurrence.reference;
        let Some(kind) = by_name(&reference.kind) else { continue };
        let target = Address::from(&reference);
        let finding = |code, message: String| {
            let label = resource.document.source.within(&occurrence.pointer, occurrence.range.clone());
            Diagnostic::error(code, format!("{}: {message}", resource.address)).at(label)
        };
        if !targets.addresses.contains(&target) {
            let names = targets.names_of(&reference.kind);
            let is_slip = names.iter().any(|name| name.eq_ignore_ascii_case(&reference.name));
            let code = if is_slip { "REF-02" } else { "REF-03" };
            let mut wrong = finding(code, format!("{target} is not declared"));
            let near = closest(&reference.name, names);
            wrong.help = near.map(|near| format!("did you mean ${{{}.{near}}}?", reference.kind));
            findings.push(wrong);
            continue;
        }
        let attributes: Vec<&str> = kind.about().attributes.iter().map(|(name, _)| *name).collect();
        match &reference.attribute {
            Some(attribute) if !attributes.contains(&attribute.as_str()) => {
                let message = format!("a {} has no attribute `{attribute}`", reference.kind);
                findings.push(finding("REF-08", message).help(format!("it has {}", attributes.join(", "))));
            }
            Some(_) => {}
            None => {
                let attribute = attributes.first().unwrap_or(&"id");
                let full = format!("${{{}.{}.{attribute}}}", reference.kind, reference.name);
                in_full.insert(reference.to_string(), full);
            }
        }
        if target == resource.address {
            let mut wrong = finding("REF-04", format!("{reference} refers to itself"));
            wrong.help = kind.about().instead_of_itself.map(str::to_owned);
            findings.push(wrong);
        } else {
            resource.needs.insert(target);
        }
    }
    for (short, full) in in_full {
        write_in_full(&mut resource.spec, &short, &full);
        resource.tags.values_mut().for_each(|value| *value = value.replace(&short, &full));
    }
}

fn write_in_full(value: &mut serde_json::Value, short: &str, full: &str) {
    match value {
        serde_json::Value::String(text) if text.contains(short) => *text = text.replace(short, full),
        serde_json::Value::Array(items) => items.iter_mut().for_each(|item| write_in_full(item, short, full)),
        serde_json::Value::Object(members) => {
            members.values_mut().for_each(|member| write_in_full(member, short, full));
        }
        _ => {}
    }
}

/// Two declarations of one object in AWS.
pub(super) fn keys(desired: &Desired, findings: &mut Vec<Diagnostic>) {
    let place = desired.place();
    let mut seen: BTreeMap<(String, String), (Address, Option<String>)> = BTreeMap::new();
    for (kind, wanted) in desired.wanted() {
        for one in wanted {
            let names = by_name(&kind).map(|kind| kind.foretell(&one.address.name, &one.spec, &place));
            let name = names.and_then(|mut names| names.remove("name"));
            let Some(key) = one.key.or_else(|| key_in_vpc(&one.spec, name.as_deref())) else { continue };
            let second = (one.address.clone(), name.clone());
            let Some((first, other)) = seen.insert((kind.clone(), key.clone()), second) else { continue };
            let label = |address: &Address, text: &str| {
                desired.get(address).map(|resource| resource.document.source.label("/metadata/name").saying(text))
            };
            let of_both = format!("{first} and {} are one object in AWS", one.address);
            let mut finding = match (name, other) {
                (Some(name), Some(other)) if name != other => {
                    Diagnostic::error("REF-06", format!("{of_both}, which takes `{other}` and `{name}` for one name"))
                        .help("give one of them another name")
                }
                _ => Diagnostic::error("REF-05", format!("{of_both}: {kind} {key}"))
                    .help("remove one, or give it a name of its own"),
            };
            finding.primary = label(&one.address, "");
            finding.related.extend(label(&first, "the first is here"));
            findings.push(finding);
        }
    }
}

/// The key of a security group whose VPC is declared too, and has no id yet: names are the VPC's, whatever their case.
fn key_in_vpc(spec: &serde_json::Value, name: Option<&str>) -> Option<String> {
    let vpc = spec["vpcId"].as_str().filter(|vpc| is_open(vpc))?;
    let name = name.filter(|name| !is_open(name))?;
    Some(format!("{vpc}/{}", name.to_lowercase()))
}
