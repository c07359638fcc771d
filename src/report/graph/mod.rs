//! The graph of what is declared: Mermaid, DOT and SVG.

mod svg;

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::address::Address;
use crate::desired::Desired;

/// What is drawn: objects, and who needs whom.
struct Picture<'a> {
    nodes: Vec<&'a Address>,
    edges: Vec<(usize, usize)>,
}

impl<'a> Picture<'a> {
    fn of(desired: &'a Desired) -> Self {
        let mut nodes: Vec<&Address> = desired.in_order().map(|resource| &resource.address).collect();
        nodes.sort();
        let index: BTreeMap<&Address, usize> =
            nodes.iter().enumerate().map(|(index, address)| (*address, index)).collect();
        let mut edges: Vec<(usize, usize)> = desired
            .in_order()
            .flat_map(|resource| resource.needs.iter().map(move |needed| (&resource.address, needed)))
            .filter_map(|(user, needed)| Some((*index.get(user)?, *index.get(needed)?)))
            .collect();
        edges.sort_unstable();
        Self { nodes, edges }
    }
}

/// For Markdown that renders Mermaid. Arrows point at what is needed.
pub fn mermaid(desired: &Desired) -> String {
    let Picture { nodes, edges } = Picture::of(desired);
    let mut out = "flowchart LR\n".to_owned();
    for (index, address) in nodes.iter().enumerate() {
        writeln!(out, "  n{index}[\"{}<br/><b>{}</b>\"]", address.kind, address.name).ok();
    }
    for (user, needed) in edges {
        writeln!(out, "  n{user} --> n{needed}").ok();
    }
    out
}

/// For Graphviz.
pub fn dot(desired: &Desired) -> String {
    let Picture { nodes, edges } = Picture::of(desired);
    let mut out = "digraph farpost {\n  rankdir=LR;\n  node [shape=box];\n".to_owned();
    for (index, address) in nodes.iter().enumerate() {
        writeln!(out, "  n{index} [label=\"{}\\n{}\"];", address.kind, address.name).ok();
    }
    for (user, needed) in edges {
        writeln!(out, "  n{user} -> n{needed};").ok();
    }
    out.push_str("}\n");
    out
}

/// A picture that any browser shows.
///
/// # Errors
/// The layout library found no layout.
pub fn svg(desired: &Desired) -> Result<String, String> {
    let Picture { nodes, edges } = Picture::of(desired);
    let labels: Vec<(String, String)> =
        nodes.iter().map(|address| (address.kind.clone(), address.name.clone())).collect();
    svg::draw(&labels, &edges)
}
