//! The kinds of resources that farpost manages: one folder each, one line in [`KINDS`].
//!
//! A kind is `spec.rs` (what a manifest may say), `lower.rs` (what AWS answered, in the same words) and `calls.rs`
//! (the calls). Live state has the type of the manifest, so comparing, showing and adopting are written once.
//! `docs/adding-a-kind.md` walks through one.

pub mod activation;
pub mod blockers;
pub mod cluster;
mod erased;
pub mod external_instance;
#[cfg(test)]
mod host_tests;
mod iam;
pub mod instance;
pub mod instance_profile;
mod interfaces;
pub mod internet_gateway;
pub mod key_pair;
pub mod log_group;
mod mirror;
#[cfg(test)]
mod network_tests;
mod placement;
pub mod policy;
#[cfg(test)]
mod replace_tests;
pub mod role;
pub mod route_table;
pub mod security_group;
pub mod service;
mod stopped;
pub mod subnet;
pub mod successor;
mod tags;
pub mod task;
pub mod task_definition;
#[cfg(test)]
mod trial;
pub mod vpc;

use std::collections::BTreeMap;
use std::future::Future;

use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use self::blockers::{Blocker, Fate};
pub use self::erased::AnyKind;
use self::erased::without_nulls;
pub use self::successor::{Others, REPLACES_TAG, Together};
pub use self::tags::Tags;
use crate::address::Address;
use crate::aws::{Aws, Fault};
use crate::observed::{Shared, Survey, WantedByKind};
use crate::plan::FieldChange;

/// Every kind, in the order in which a person would meet them.
pub static KINDS: &[&dyn AnyKind] = &[
    &vpc::Vpc,
    &internet_gateway::InternetGateway,
    &subnet::Subnet,
    &route_table::RouteTable,
    &security_group::SecurityGroup,
    &key_pair::KeyPair,
    &role::Role,
    &instance_profile::InstanceProfile,
    &log_group::LogGroup,
    &cluster::Cluster,
    &activation::Activation,
    &instance::Instance,
    &external_instance::ExternalInstance,
    &task_definition::TaskDefinition,
    &service::Service,
    &task::Task,
];

/// The kind of this name.
pub fn by_name(name: &str) -> Option<&'static dyn AnyKind> {
    KINDS.iter().find(|kind| kind.about().kind == name).copied()
}

/// The tag that says which stack an object belongs to.
pub const STACK_TAG: &str = "farpost/stack";
/// The tag that says which declared object it is: `Subnet/floor`.
pub const RESOURCE_TAG: &str = "farpost/resource";
/// The tag that carries the digest of what AWS does not tell again, or not cheaply.
pub const HASH_TAG: &str = "farpost/spec-hash";

/// A kind of resource.
pub trait Kind: Send + Sync + 'static {
    /// What a manifest says under `spec`, and what live state is lowered into.
    type Spec: Serialize + DeserializeOwned + JsonSchema + Clone + Send + Sync + 'static;

    const ABOUT: About;

    /// Turns what people paste (answers of the CLI, skeletons) into a spec; the names of members that were dropped.
    fn accept(_spec: &mut Value) -> Vec<String> {
        Vec::new()
    }

    /// Fills in what AWS documents for absent fields and brings equal meanings into one form. Applied to both sides
    /// of every comparison. Text with `${` in it is a reference that is not resolved yet and stays.
    fn normalise(_spec: &mut Self::Spec, _place: &Place) {}

    /// The attributes that are certain before the object exists: names that we choose and ARNs made of them.
    fn foretell(_name: &str, _spec: &Self::Spec, _place: &Place) -> Attributes {
        Attributes::new()
    }

    /// What makes the object unique in AWS beside our tag: a name, or a name within a parent. None when only the
    /// tag does.
    fn key(_name: &str, _spec: &Self::Spec, _place: &Place) -> Option<String> {
        None
    }

    /// How many objects one declaration makes.
    fn copies(_spec: &Self::Spec) -> usize {
        1
    }

    /// What must be there for this object to do its work, though no field refers to it: created before it, deleted
    /// after it. `others` are the specs of one side, declared or live; a live one has the object's `id` in it too.
    fn runtime_needs(_spec: &Self::Spec, _others: &BTreeMap<Address, Value>) -> Vec<Address> {
        Vec::new()
    }

    /// Corrects what [`About::replace`] says of differences where it depends on the values: some go one way only.
    fn judge(_fields: &mut [FieldChange], _live: &Self::Spec) {}

    /// Whether `new` can be made while what it replaces is there; names are looked at by the engine.
    fn together(_old: &Found<Self::Spec>, _new: &Self::Spec, _others: &Others<'_>) -> Together {
        Together::Yes
    }

    /// What an update of these fields brings with it and the fields do not show.
    fn remarks(_fields: &[FieldChange], _live: &Self::Spec) -> Vec<String> {
        Vec::new()
    }

    /// Everything of this kind that carries our stack's tag, and whatever has a key that the scope wants.
    fn read(aws: &Aws, scope: &Scope<'_>) -> impl Future<Output = Result<Vec<Found<Self::Spec>>, Fault>> + Send;

    /// Creates the object with its tags and returns the id by which it can be read.
    fn create(aws: &Aws, target: &Target<Self::Spec>) -> impl Future<Output = Result<String, Fault>> + Send;

    /// Changes what can be changed in place. Called again with a fresh `live` while it answers
    /// [`Progress::Waiting`].
    fn update(
        aws: &Aws,
        target: &Target<Self::Spec>,
        live: &Found<Self::Spec>,
        changed: &Changed,
    ) -> impl Future<Output = Result<Progress, Fault>> + Send;

    /// Takes the next step towards the object being gone. Called again with a fresh `live` while it answers
    /// [`Progress::Waiting`] or something still uses the object.
    fn delete(aws: &Aws, live: &Found<Self::Spec>) -> impl Future<Output = Result<Progress, Fault>> + Send;

    /// Who keeps the object from being deleted; asked when AWS has refused because it is in use.
    fn blockers(_aws: &Aws, _live: &Found<Self::Spec>) -> impl Future<Output = Result<Vec<Blocker>, Fault>> + Send {
        async { Ok(Vec::new()) }
    }

    /// Sets and removes tags.
    fn retag(
        aws: &Aws,
        live: &Found<Self::Spec>,
        set: &BTreeMap<String, String>,
        remove: &[String],
    ) -> impl Future<Output = Result<(), Fault>> + Send;
}

/// For [`About::read_after`]: all kinds but itself, also those that come later.
pub const EVERY_OTHER: &[&str] = &["*"];

/// The facts of a kind that are data.
#[derive(Debug, Clone, Copy)]
pub struct About {
    /// `Subnet`.
    pub kind: &'static str,
    /// One sentence.
    pub summary: &'static str,
    /// How ids of AWS begin, when references take an id: `subnet-`.
    pub id_prefix: Option<&'static str>,
    /// What `${Kind.name.attribute}` can be, with a word on each.
    pub attributes: &'static [(&'static str, &'static str)],
    /// Paths whose change needs a new object; everything else changes in place. A path covers what is below it.
    pub replace: &'static [&'static str],
    /// Paths that no two objects have alike, where the object has no name that AWS would tell it by.
    pub exclusive: &'static [&'static str],
    /// Values that such a path can be changed to in place after all.
    pub in_place: &'static [(&'static str, &'static str)],
    /// Paths that AWS never learns, because farpost alone goes by them: never compared.
    pub local: &'static [&'static str],
    /// Attributes that an update in place changes (`TaskDefinition`: a new revision has a new ARN).
    pub moving: &'static [&'static str],
    /// Paths that AWS or somebody else fills in when the manifest says nothing: compared only when declared.
    pub unmanaged: &'static [&'static str],
    /// The member of a spec that says whether the object, which holds what is lost with it, is protected. While it is
    /// true in AWS a plan that deletes or replaces the object is refused; one that replaces it is also refused unless the
    /// manifest says false.
    pub protected_by: Option<&'static str>,
    /// Paths whose live value an object begins with that replaces another, where the manifest says nothing or leaves it
    /// to others.
    pub inherited: &'static [&'static str],
    /// Whether AWS refuses to delete it while something refers to it, so that what refers to it goes first.
    pub held_by_users: bool,
    /// Kinds whose deletion takes this kind's references to them back, so that it can stay while they are replaced.
    pub lets_go_of: &'static [&'static str],
    /// Kinds whose deletion takes this kind's references to them away, though they read the same afterwards: what stays
    /// is changed back when one of them is made anew.
    pub loses: &'static [&'static str],
    /// What to write instead of a reference of an object to itself, where there is something.
    pub instead_of_itself: Option<&'static str>,
    /// Whether AWS forgets the tags of an object before its declaration goes, so that they are never compared.
    pub forgets_tags: bool,
    /// What an interrupted deletion leaves is found by a close look alone, so that its beginning is put on record.
    pub leaves_unseen: bool,
    /// Whether AWS takes tags with the object's creation alone, so that other tags are a matter of `update`.
    pub fixed_tags: bool,
    /// The type by which the tagging service knows its objects: `ec2:subnet`. A survey leaves a kind out when nothing
    /// of it is declared and nothing of this type carries the stack's tag.
    pub tagged_as: Option<&'static str>,
    /// Further types that it asks the tagging service about.
    pub also_tagged: &'static [&'static str],
    /// Kinds that must be read before this one; [`EVERY_OTHER`] for one kind at most.
    pub read_after: &'static [&'static str],
    /// The operations that it calls, which are also the IAM actions that it needs, but for `permissions`.
    pub calls: &'static [&'static str],
    /// Further IAM actions.
    pub permissions: &'static [&'static str],
    /// Minutes until a wait for it gives up.
    pub patience_minutes: u64,
}

impl About {
    /// What most kinds have.
    pub const DEFAULT: Self = Self {
        kind: "",
        summary: "",
        id_prefix: None,
        attributes: &[],
        replace: &[],
        exclusive: &[],
        in_place: &[],
        local: &[],
        moving: &[],
        unmanaged: &[],
        protected_by: None,
        inherited: &[],
        held_by_users: false,
        lets_go_of: &[],
        loses: &[],
        instead_of_itself: None,
        forgets_tags: false,
        leaves_unseen: false,
        fixed_tags: false,
        tagged_as: None,
        also_tagged: &[],
        read_after: &[],
        calls: &[],
        permissions: &[],
        patience_minutes: 10,
    };

    /// Whether `other` must be read before this kind.
    pub fn is_read_after(&self, other: &str) -> bool {
        self.read_after.contains(&other) || (self.read_after == EVERY_OTHER && other != self.kind)
    }

    /// The inherited paths that a spec leaves open, or to others.
    pub fn inherited_by(&self, spec: &Value, ignored: &[String]) -> Vec<String> {
        let ignored: Vec<&str> = ignored.iter().map(String::as_str).collect();
        let is_open = |path: &&str| spec.get(*path).is_none_or(Value::is_null) || covers(&ignored, path);
        self.inherited.iter().copied().filter(is_open).map(str::to_owned).collect()
    }

    /// Whether a change at `path` to `after` needs a new object.
    pub fn replaces(&self, path: &str, after: Option<&Value>) -> bool {
        let can = |(one, value): &(&str, &str)| *one == path && after.is_some_and(|after| after == value);
        covers(self.replace, path) && !self.in_place.iter().any(can)
    }
}

/// Whether one of `paths` is `path` or above it. `a.b` covers `a.b`, `a.b.c` and `a.b[x]`.
pub fn covers(paths: &[&str], path: &str) -> bool {
    paths
        .iter()
        .any(|above| path.strip_prefix(above).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '['])))
}

/// The attributes of an object, by name.
pub type Attributes = BTreeMap<String, String>;

/// Where a stack lives; enough to make ARNs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Place {
    pub account: String,
    pub region: String,
    pub stack: String,
}

impl Place {
    pub fn partition(&self) -> &'static str {
        crate::aws::partition(&self.region)
    }

    /// `arn:aws:service:region:account:resource`; IAM has no region.
    pub fn arn(&self, service: &str, resource: &str) -> String {
        let region = if service == "iam" { "" } else { &self.region };
        format!("arn:{}:{service}:{region}:{}:{resource}", self.partition(), self.account)
    }
}

/// The objects of one kind among all of a stack.
pub fn of_kind<'a>(
    others: &'a BTreeMap<Address, Value>,
    kind: &str,
) -> impl Iterator<Item = (&'a Address, &'a Value)> + use<'a> {
    let kind = kind.to_owned();
    // Addresses are in the order of their kinds.
    others.range(Address::new(&kind, "")..).take_while(move |(address, _)| address.kind == kind)
}

/// An object that exists in AWS.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Found<S = Value> {
    /// What its calls take: an id, a name or an ARN.
    pub id: String,
    /// As [`Kind::key`].
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub key: Option<String>,
    pub spec: S,
    pub attributes: Attributes,
    pub tags: BTreeMap<String, String>,
    pub readiness: Readiness,
    /// What its calls need beside the spec: ids of associations and the like. Its `says` is for `farpost status`,
    /// its `started` for `--wait started`.
    #[serde(skip_serializing_if = "Value::is_null", default)]
    pub detail: Value,
}

impl<S> Found<S> {
    /// The declared object that its tags name, when it belongs to `stack`.
    pub fn owner(&self, stack: &str) -> Owner {
        owner(&self.tags, stack)
    }

    /// The same object with its spec made into something else.
    pub(crate) fn map<T>(self, change: impl FnOnce(S) -> T) -> Found<T> {
        let Self { id, key, spec, attributes, tags, readiness, detail } = self;
        Found { id, key, spec: change(spec), attributes, tags, readiness, detail }
    }
}

/// The declared object that tags name, when it belongs to `stack`.
pub(crate) fn owner(tags: &BTreeMap<String, String>, stack: &str) -> Owner {
    match (tags.get(STACK_TAG), tags.get(RESOURCE_TAG).and_then(|text| text.parse().ok())) {
        (Some(owner), Some(address)) if owner == stack => Owner::Us(address),
        (Some(owner), _) if owner != stack => Owner::Stack(owner.clone()),
        _ => Owner::Nobody,
    }
}

/// Whom an object belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Owner {
    Us(Address),
    /// Another stack of farpost's.
    Stack(String),
    /// No stack.
    Nobody,
}

/// Whether an object does what it is for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Readiness {
    Ready,
    /// It will be, or may be; the text says what is missing.
    Pending(String),
    /// It will not be without a change; the text says why.
    Failed(String),
    /// It may be, and nobody can tell now: taken as it is, and not waited for. The text says why.
    Unknown(String),
    /// It will be once something is there that no call brings: not waited for now. The text says what.
    Deferred(String),
}

/// What is read and why.
#[derive(Debug)]
pub struct Scope<'a> {
    pub place: &'a Place,
    /// The declared objects of the kind.
    pub wanted: &'a [Wanted],
    pub purpose: Purpose<'a>,
    /// All declared objects, of every kind; none while one object is looked at.
    pub declared: &'a WantedByKind,
    /// What was read before in this survey; see [`About::read_after`].
    pub known: &'a Survey,
    /// Answers that several kinds read from.
    pub shared: &'a Shared,
}

impl Scope<'_> {
    /// Whether an object that carries these tags of ours is of interest: who looks for one has no use for the rest of the
    /// stack, of which every object may take a call.
    pub fn seeks(&self, tags: &BTreeMap<String, String>) -> bool {
        let is_it = |wanted: &Wanted| tags.get(RESOURCE_TAG).is_some_and(|tag| *tag == wanted.address.to_string());
        self.purpose != Purpose::Find || self.wanted.iter().any(is_it)
    }

    /// The declared objects whose key nothing in `found` has: to be looked for by name, in case an object of that
    /// name is somebody else's.
    pub fn unseen<S>(&self, found: &[Found<S>]) -> Vec<&Wanted> {
        let is_seen = |key: &String| found.iter().any(|one| one.key.as_ref() == Some(key));
        self.wanted.iter().filter(|wanted| wanted.key.as_ref().is_some_and(|key| !is_seen(key))).collect()
    }
}

/// Why something is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose<'a> {
    /// To compare: as few calls as possible; digests in tags may stand for what they cover.
    Survey,
    /// To compare, with nothing left out.
    Deep,
    /// To find the one wanted object after a create without a clear answer: as [`Purpose::Survey`], with what others
    /// know taken from AWS itself, and without what is not declared.
    Find,
    /// To wait for the one object of this id, with its readiness in full.
    Settle(&'a str),
}

/// A declared object, as far as it is known while reading.
#[derive(Debug, Clone)]
pub struct Wanted {
    pub address: Address,
    pub key: Option<String>,
    /// Normalised; references are resolved where the answer is certain.
    pub spec: Value,
}

/// A declared object whose references are resolved.
#[derive(Debug, Clone)]
pub struct Target<S = Value> {
    pub address: Address,
    /// As declared.
    pub spec: S,
    /// With defaults filled in; in an update, with the live values of what is left to others.
    pub full: S,
    /// Paths that `lifecycle.ignoreChanges` leaves to others.
    pub ignored: Vec<String>,
    /// All of them: the stack's, the object's and the ones that say whose it is.
    pub tags: BTreeMap<String, String>,
    pub place: Place,
}

/// The members of a spec that differ, by path.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changed(pub Vec<String>);

impl Changed {
    /// Whether `path` or something below it differs.
    pub fn has(&self, path: &str) -> bool {
        self.0.iter().any(|changed| covers(&[path], changed))
    }

    /// The live spec with what differs as it is wanted: what nobody declared, and what is left to others, stays.
    pub fn over<S: Serialize + DeserializeOwned>(&self, live: &S, wanted: &S) -> Result<S, serde_json::Error> {
        let (live, wanted) = (serde_json::to_value(live)?, serde_json::to_value(wanted)?);
        serde_json::from_value(self.merged("", Some(&live), Some(&wanted)).unwrap_or_default())
    }

    fn merged(&self, path: &str, live: Option<&Value>, wanted: Option<&Value>) -> Option<Value> {
        if !path.is_empty() && !self.has(path) {
            return live.cloned();
        }
        let (Some(Value::Object(old)), Some(Value::Object(new))) = (live, wanted) else { return wanted.cloned() };
        let names: std::collections::BTreeSet<&String> = old.keys().chain(new.keys()).collect();
        let members = names.into_iter().filter_map(|name| {
            let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
            Some((name.clone(), self.merged(&path, old.get(name), new.get(name))?))
        });
        Some(Value::Object(members.collect()))
    }
}

/// Whether a step is done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Progress {
    Done,
    /// Not yet; the text says what for.
    Waiting(String),
}

/// Whether the text holds a reference that is not resolved yet.
pub fn is_open(text: &str) -> bool {
    crate::manifest::references::contains(text)
}
