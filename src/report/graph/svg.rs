//! Boxes and arrows as SVG; dugong, a port of dagre, says where they go.

use std::fmt::Write as _;

use dugong::graphlib::{Graph, GraphOptions};
use dugong::{EdgeLabel, GraphLabel, NodeLabel, RankDir, layout};

/// Width of a letter of the 12 px font, roughly; boxes are as wide as their longer line.
const LETTER: f64 = 7.2;
const HEIGHT: f64 = 40.0;
const PADDING: f64 = 24.0;
const MARGIN: f64 = 16.0;

/// Draws nodes, each with two lines of text, and edges between them by index.
pub(super) fn draw(labels: &[(String, String)], edges: &[(usize, usize)]) -> Result<String, String> {
    let mut graph: Graph<NodeLabel, EdgeLabel, GraphLabel> =
        Graph::new(GraphOptions { directed: true, multigraph: false, compound: false });
    graph.set_graph(GraphLabel {
        rankdir: RankDir::LR,
        nodesep: 18.0,
        ranksep: 60.0,
        edgesep: 10.0,
        marginx: MARGIN,
        marginy: MARGIN,
        ..GraphLabel::default()
    });
    for (index, (kind, name)) in labels.iter().enumerate() {
        let letters = kind.chars().count().max(name.chars().count());
        let width = f64::from(u32::try_from(letters).unwrap_or(u32::MAX)) * LETTER + PADDING;
        graph.set_node(index.to_string(), NodeLabel { width, height: HEIGHT, ..NodeLabel::default() });
    }
    for (user, needed) in edges {
        let label = EdgeLabel { weight: 1.0, ..EdgeLabel::default() };
        graph.set_edge_with_label(user.to_string(), needed.to_string(), label);
    }
    layout(&mut graph).map_err(|error| error.to_string())?;
    let (width, height) = (graph.graph().width.max(MARGIN * 2.0), graph.graph().height.max(MARGIN * 2.0));
    let mut out = format!(
        r##"<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0}" height="{height:.0}" viewBox="0 0 {width:.0} {height:.0}" font-family="ui-monospace, monospace" font-size="12">
<defs><marker id="tip" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" markerHeight="7" orient="auto"><path d="M0 0L8 4L0 8z" fill="#667"/></marker></defs>
<rect width="100%" height="100%" fill="#fff"/>
"##
    );
    for (user, needed) in edges {
        if let Some(edge) = graph.edge(&user.to_string(), &needed.to_string(), None) {
            let points: Vec<String> =
                edge.points.iter().map(|point| format!("{:.1},{:.1}", point.x, point.y)).collect();
            writeln!(
                out,
                r##"<polyline points="{}" fill="none" stroke="#667" marker-end="url(#tip)"/>"##,
                points.join(" ")
            )
            .ok();
        }
    }
    for (index, (kind, name)) in labels.iter().enumerate() {
        let Some(node) = graph.node(&index.to_string()) else { continue };
        let (x, y) = (node.x.unwrap_or_default(), node.y.unwrap_or_default());
        let (left, top) = (x - node.width / 2.0, y - HEIGHT / 2.0);
        writeln!(
            out,
            r##"<g><rect x="{left:.1}" y="{top:.1}" width="{:.1}" height="{HEIGHT}" rx="5" fill="#eef3fb" stroke="#456"/><text x="{x:.1}" y="{:.1}" text-anchor="middle" fill="#567">{}</text><text x="{x:.1}" y="{:.1}" text-anchor="middle" font-weight="bold" fill="#123">{}</text></g>"##,
            node.width,
            y - 4.0,
            escape(kind),
            y + 12.0,
            escape(name),
        )
        .ok();
    }
    out.push_str("</svg>\n");
    Ok(out)
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_node_and_edge_is_drawn() {
        let labels = ["a", "b<c"].map(|name| ("Vpc".to_owned(), name.to_owned()));
        let svg = draw(&labels, &[(0, 1)]).unwrap();
        assert_eq!(svg.matches("<polyline").count(), 1);
        assert!(svg.contains("b&lt;c"));
    }

    #[test]
    fn nothing_is_a_picture_too() {
        assert!(draw(&[], &[]).unwrap().ends_with("</svg>\n"));
    }
}
