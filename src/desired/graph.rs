//! Who needs whom, and whether it goes in a circle.

use std::collections::BTreeMap;

use petgraph::algo::tarjan_scc;
use petgraph::graph::{DiGraph, NodeIndex};
use serde_json::Value;

use super::Resource;
use crate::address::Address;
use crate::diagnostic::Diagnostic;
use crate::manifest::references::occurrences;

/// Adds the needs of run time and returns the addresses in an order in which everything comes after what it needs.
pub(super) fn order(resources: &mut BTreeMap<Address, Resource>, findings: &mut Vec<Diagnostic>) -> Vec<Address> {
    let specs: BTreeMap<Address, Value> =
        resources.iter().map(|(address, resource)| (address.clone(), resource.spec.clone())).collect();
    for (address, resource) in resources.iter_mut() {
        let needs = resource.kind.runtime_needs(&resource.spec, &specs);
        resource.needs.extend(needs.into_iter().filter(|needed| needed != address && specs.contains_key(needed)));
    }
    let mut graph: DiGraph<&Address, ()> = DiGraph::new();
    let nodes: BTreeMap<&Address, NodeIndex> =
        resources.keys().map(|address| (address, graph.add_node(address))).collect();
    for (address, resource) in resources.iter() {
        for needed in resource.needs.iter().filter_map(|needed| nodes.get(needed)) {
            graph.add_edge(nodes[address], *needed, ());
        }
    }
    // Components come out with what is needed first.
    let components = tarjan_scc(&graph);
    let mut order = Vec::with_capacity(graph.node_count());
    for component in components {
        let is_circle = component.len() > 1 || graph.contains_edge(component[0], component[0]);
        if is_circle {
            let members: Vec<Address> = component.iter().map(|node| graph[*node].clone()).collect();
            findings.push(circle(resources, &members));
        }
        order.extend(component.into_iter().map(|node| graph[node].clone()));
    }
    order
}

/// Names a whole circle among addresses that all lie on circles.
fn circle(resources: &BTreeMap<Address, Resource>, members: &[Address]) -> Diagnostic {
    let next = |address: &Address| {
        resources.get(address).and_then(|resource| resource.needs.iter().find(|needed| members.contains(needed)))
    };
    let mut path = vec![members.iter().min().unwrap_or(&members[0]).clone()];
    while let Some(needed) = path.last().and_then(next) {
        if let Some(start) = path.iter().position(|seen| seen == needed) {
            path.push(needed.clone());
            path.drain(..start);
            break;
        }
        path.push(needed.clone());
    }
    let shown: Vec<String> = path.iter().map(ToString::to_string).collect();
    let mut finding = Diagnostic::error("REF-04", format!("these need each other in a circle: {}", shown.join(" → ")));
    let mut labels = path.windows(2).filter_map(|pair| {
        let document = &resources.get(&pair[0])?.document;
        let occurrences = occurrences(&document.spec, "/spec").0;
        let to_next = occurrences.into_iter().find(|one| Address::from(&one.reference) == pair[1]);
        let label = match to_next {
            Some(one) => document.source.within(&one.pointer, one.range),
            None => document.source.label("/metadata/name"),
        };
        Some(label.saying(format!("{} needs {}", pair[0], pair[1])))
    });
    finding.primary = labels.next();
    finding.related.extend(labels);
    finding.help("take one of the references out")
}
