//! Documents → a checked graph: references, defaults, lint rules. No I/O.
//!
//! What comes out cannot be wrong in a way that a manifest can be wrong: every reference has its target, nothing is
//! declared twice, there is no circle. So planning cannot fail.

pub mod compare;
mod graph;
mod link;
mod positions;
mod stack;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{LazyLock, OnceLock};

use jiff::Timestamp;
use serde_json::Value;

pub use self::positions::Position;
pub use self::stack::{LeasePlace, STACK_KIND, Stack, stack_schema};
use crate::address::Address;
use crate::diagnostic::{Diagnostic, Severity};
use crate::kinds::{AnyKind, KINDS, Place, Tags, Wanted, by_name};
use crate::manifest::{Declaration, Document, Lifecycle, OnDelete, SpecSchema, check_spec, substitute};
use crate::observed::WantedByKind;
use crate::plan::sensitive_pointers;
use crate::rules;
use crate::rules::user::{RULE_KIND, UserRule, rule_schema};

/// Everything that a tree of manifests declares, checked.
#[derive(Debug)]
pub struct Desired {
    pub stack: Stack,
    resources: BTreeMap<Address, Resource>,
    /// What everything needs comes before it.
    order: Vec<Address>,
    /// Lifecycles of what is to be destroyed, as far as manifests of it are at hand.
    leaving: BTreeMap<Address, Lifecycle>,
    /// Rules of the user's own.
    pub rules: Vec<UserRule>,
    /// Manifest files without a letter in them: with one of those, what is not declared is not deleted.
    pub blank: Vec<String>,
    /// The documents that declare no object: the Stack, and rules.
    others: Vec<Declaration>,
}

/// A declared object.
#[derive(Clone)]
pub struct Resource {
    pub address: Address,
    pub kind: &'static dyn AnyKind,
    /// As declared, less tags; references are written in full: `${Vpc.edge.id}`.
    pub spec: Value,
    pub tags: BTreeMap<String, String>,
    pub lifecycle: Lifecycle,
    /// What it refers to, and what it needs at run time.
    pub needs: BTreeSet<Address>,
    /// Read-only members that a pasted spec had.
    pub dropped: Vec<String>,
    pub document: std::sync::Arc<Document>,
}

impl std::fmt::Debug for Resource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Resource").field("address", &self.address).field("spec", &self.spec).finish_non_exhaustive()
    }
}

impl Resource {
    /// What the object's own tag says about deleting it, so that it holds when the manifest is gone.
    pub fn on_delete(&self) -> Option<&'static str> {
        match (self.lifecycle.prevent_destroy, self.lifecycle.on_delete) {
            (true, _) => Some("prevent"),
            (false, OnDelete::Retain) => Some("retain"),
            (false, OnDelete::Delete) => None,
        }
    }
}

impl Desired {
    /// Nothing but a stack in its place, for destroying without manifests.
    pub fn nothing(stack: Stack) -> Self {
        Self {
            stack,
            resources: BTreeMap::new(),
            order: Vec::new(),
            leaving: BTreeMap::new(),
            rules: Vec::new(),
            blank: Vec::new(),
            others: Vec::new(),
        }
    }

    /// Nothing in place of what is declared, as for the destruction of that.
    #[must_use]
    pub fn destroyed(self) -> Self {
        let leaving = self.resources.into_values().map(|resource| (resource.address, resource.lifecycle)).collect();
        Self { leaving, rules: self.rules, ..Self::nothing(self.stack) }
    }

    /// The lifecycle of an object, if there is a manifest of it.
    pub fn lifecycle(&self, address: &Address) -> Option<&Lifecycle> {
        self.resources.get(address).map(|resource| &resource.lifecycle).or_else(|| self.leaving.get(address))
    }

    /// Every document that was read, as data, by kind and name. [`check`] makes the same of them again.
    pub fn declarations(&self) -> Vec<Declaration> {
        let originals = self.resources.values().filter(|one| one.address.name == one.document.name);
        let mut all: Vec<Declaration> = originals.map(|one| Declaration::from(&*one.document)).collect();
        all.extend(self.others.iter().cloned());
        all.sort_by(|a, b| (&a.kind, &a.name).cmp(&(&b.kind, &b.name)));
        all
    }

    pub fn place(&self) -> Place {
        self.stack.place()
    }

    /// The declared objects by address.
    pub(crate) fn resources(&self) -> &BTreeMap<Address, Resource> {
        &self.resources
    }

    pub fn get(&self, address: &Address) -> Option<&Resource> {
        self.resources.get(address)
    }

    pub fn len(&self) -> usize {
        self.resources.len()
    }

    pub fn is_empty(&self) -> bool {
        self.resources.is_empty()
    }

    /// The declared objects, each after what it needs.
    pub fn in_order(&self) -> impl Iterator<Item = &Resource> {
        self.order.iter().filter_map(|address| self.resources.get(address))
    }

    /// What reading should look for, with the references resolved whose answer is certain before anything exists.
    pub fn wanted(&self) -> WantedByKind {
        let place = self.place();
        let mut foretold = BTreeMap::new();
        let mut wanted = WantedByKind::new();
        for resource in self.in_order() {
            let (name, kind) = (&resource.address.name, resource.kind);
            let spec = resolve(&resource.spec, &foretold);
            let spec = kind.normalise(&spec, &place).unwrap_or(spec);
            foretold.insert(resource.address.clone(), kind.foretell(name, &spec, &place));
            let key = kind.key(name, &spec, &place);
            wanted.entry(resource.address.kind.clone()).or_default().push(Wanted {
                address: resource.address.clone(),
                key,
                spec,
            });
        }
        wanted
    }
}

fn resolve(spec: &Value, known: &BTreeMap<Address, crate::kinds::Attributes>) -> Value {
    substitute(spec, &|reference| {
        let attribute = reference.attribute.as_deref()?;
        known.get(&Address::from(reference))?.get(attribute).cloned().map(Value::String)
    })
}

/// A kind of documents that declare no object.
pub struct DocumentKind {
    pub name: &'static str,
    /// What it is for, a sentence or two.
    pub summary: &'static str,
    /// The JSON Schema of its spec.
    pub schema: fn() -> Value,
}

/// The kinds of documents that declare no object.
pub static DOCUMENT_KINDS: &[DocumentKind] = &[
    DocumentKind {
        name: STACK_KIND,
        summary: "Where everything goes. Each tree of manifests has exactly one.",
        schema: stack_schema,
    },
    DocumentKind {
        name: RULE_KIND,
        summary: "A rule of your own, which lint and plan ask. `docs/lint.md` has examples.",
        schema: rule_schema,
    },
];

/// Every kind that a document may have.
pub fn kind_names() -> Vec<&'static str> {
    DOCUMENT_KINDS.iter().map(|kind| kind.name).chain(KINDS.iter().map(|kind| kind.about().kind)).collect()
}

/// Checks documents and makes a graph of them; none when something is wrong. Warnings come along either way.
pub fn check(documents: Vec<Document>) -> (Option<Desired>, Vec<Diagnostic>) {
    let mut findings = Vec::new();
    let stack = stack::find(&documents, &mut findings);
    let rules = rules::user::read(&documents, &mut findings);
    let mut resources = BTreeMap::new();
    // Also what is wrong in itself is declared: a reference to it is right.
    let declared: BTreeSet<Address> =
        documents.iter().map(|document| Address::new(&document.kind, &document.name)).collect();
    let mut others = Vec::new();
    for document in documents {
        match by_name(&document.kind) {
            Some(kind) => read(kind, document, &mut resources, &mut findings),
            // Stacks and rules are no kinds of objects.
            None => others.push(Declaration::from(&document)),
        }
    }
    link::link(&mut resources, &declared, &mut findings);
    // The schema let it through and the type does not: the schema is at fault, and the message still helps.
    findings.extend(resources.values().filter_map(|resource| {
        let message = resource.kind.fits(&resource.spec).err()?;
        let label = resource.document.source.label("/spec");
        Some(Diagnostic::error("spec", format!("{}: {message}", resource.address)).at(label))
    }));
    resources.values().for_each(hide_secrets);
    let order = graph::order(&mut resources, &mut findings);
    let nothing = Desired::nothing(stack.unwrap_or_default());
    let desired = Desired { resources, order, rules, others, ..nothing };
    findings.extend(rules::check(&desired, Timestamp::now()));
    link::keys(&desired, &mut findings);
    let is_wrong = findings.iter().any(|finding| finding.severity == Severity::Error);
    (Some(desired).filter(|_| !is_wrong), findings)
}

/// No finding shows the line of a sensitive value as it is written.
fn hide_secrets(resource: &Resource) {
    for pointer in sensitive_pointers(&resource.spec, &resource.lifecycle.sensitive) {
        if let Some(value) = resource.document.source.value(&format!("/spec{pointer}")) {
            value.file.hide(value.span);
        }
    }
}

/// Checks one document against its schema and adds what it declares.
fn read(
    kind: &'static dyn AnyKind,
    mut document: Document,
    resources: &mut BTreeMap<Address, Resource>,
    findings: &mut Vec<Diagnostic>,
) {
    let dropped = kind.accept(&mut document.spec);
    let wrong = schema_of(kind).map(|schema| check_spec(&document, schema)).unwrap_or_default();
    let is_wrong = wrong.iter().any(|finding| finding.severity == Severity::Error);
    findings.extend(wrong);
    if is_wrong || !document.intact {
        return;
    }
    let mut spec = document.spec.clone();
    let tags = spec.as_object_mut().and_then(|members| members.shift_remove("tags"));
    let tags: Tags = tags.and_then(|tags| serde_json::from_value(tags).ok()).unwrap_or_default();
    let copies = kind.copies(&spec);
    let document = std::sync::Arc::new(document);
    for copy in 0..copies {
        let name = if copy == 0 { document.name.clone() } else { format!("{}.{copy}", document.name) };
        let address = Address::new(&document.kind, name);
        resources.insert(
            address.clone(),
            Resource {
                address,
                kind,
                spec: spec.clone(),
                tags: tags.0.clone().into_iter().collect(),
                lifecycle: document.lifecycle.clone(),
                needs: BTreeSet::new(),
                dropped: dropped.clone(),
                document: std::sync::Arc::clone(&document),
            },
        );
    }
}

/// Schemas are generated and compiled once a process. A test compiles the schema of every kind.
fn schema_of(kind: &'static dyn AnyKind) -> Option<&'static SpecSchema> {
    static SCHEMAS: LazyLock<BTreeMap<&'static str, OnceLock<Option<SpecSchema>>>> =
        LazyLock::new(|| KINDS.iter().map(|kind| (kind.about().kind, OnceLock::new())).collect());
    SCHEMAS.get(kind.about().kind)?.get_or_init(|| SpecSchema::new(kind.schema()).ok()).as_ref()
}

/// Where references may stand in specs of a kind.
pub fn positions_of(kind: &'static dyn AnyKind) -> &'static [Position] {
    static POSITIONS: LazyLock<BTreeMap<&'static str, Vec<Position>>> =
        LazyLock::new(|| KINDS.iter().map(|kind| (kind.about().kind, positions::positions(&kind.schema()))).collect());
    POSITIONS.get(kind.about().kind).map_or(&[], Vec::as_slice)
}
