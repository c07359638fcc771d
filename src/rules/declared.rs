//! Everything that is declared, as rules look at it.

use std::collections::BTreeMap;

use super::node::Node;
use crate::address::Address;
use crate::desired::{Resource, Stack};
use crate::manifest::references::{occurrences, whole};

/// The objects of a stack, with who refers to whom.
pub struct Declared<'a> {
    /// Where everything goes; its fields are empty where no stack could be read.
    pub stack: &'a Stack,
    resources: &'a BTreeMap<Address, Resource>,
    users: BTreeMap<Address, Vec<&'a Address>>,
}

impl<'a> Declared<'a> {
    pub fn new(stack: &'a Stack, resources: &'a BTreeMap<Address, Resource>) -> Self {
        let mut users: BTreeMap<Address, Vec<&Address>> = BTreeMap::new();
        for (address, resource) in resources.iter().filter(|(_, resource)| is_first(resource)) {
            let mut targets: Vec<Address> =
                occurrences(&resource.spec, "").0.iter().map(|one| Address::from(&one.reference)).collect();
            targets.sort();
            targets.dedup();
            for target in targets {
                users.entry(target).or_default().push(address);
            }
        }
        Self { stack, resources, users }
    }

    /// The specs of one kind, each declaration once.
    pub fn of(&self, kind: &str) -> impl Iterator<Item = Node<'a>> + use<'a> {
        let kind = kind.to_owned();
        // Addresses are in the order of their kinds.
        let resources = self.resources.range(Address::new(&kind, "")..).map(|(_, resource)| resource);
        resources.take_while(move |resource| resource.address.kind == kind).filter(|one| is_first(one)).map(Node::root)
    }

    /// Everything that is declared, each declaration once.
    pub fn all(&self) -> impl Iterator<Item = Node<'a>> + use<'a> {
        self.resources.values().filter(|resource| is_first(resource)).map(Node::root)
    }

    /// The spec of the declared object that a node refers to, with nothing else in its text.
    pub fn target(&self, node: Node<'_>) -> Option<Node<'a>> {
        self.get(&Address::from(&whole(node.written()?)?))
    }

    /// The spec at an address.
    pub fn get(&self, address: &Address) -> Option<Node<'a>> {
        self.resources.get(address).map(Node::root)
    }

    /// The specs of a kind that refer to the object of a node, anywhere in them.
    pub fn users(&self, node: Node<'_>, kind: &'static str) -> impl Iterator<Item = Node<'a>> {
        let users = self.users.get(node.address()).map_or(&[][..], Vec::as_slice);
        // They are in the order of their addresses, which is that of their kinds: a cluster may have very many users.
        let first = users.partition_point(|address| address.kind.as_str() < kind);
        users[first..].iter().take_while(move |address| address.kind == kind).filter_map(|address| self.get(address))
    }
}

/// Copies of a declaration would say everything again.
fn is_first(resource: &Resource) -> bool {
    resource.address.name == resource.document.name
}
