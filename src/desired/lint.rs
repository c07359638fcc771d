//! What the kinds find wrong with specs, each by itself and beside the others.

use std::collections::BTreeMap;

use serde_json::Value;

use super::Resource;
use crate::address::Address;
use crate::diagnostic::{Diagnostic, Severity};
use crate::kinds::Finding;

pub(super) fn lint(resources: &BTreeMap<Address, Resource>, findings: &mut Vec<Diagnostic>) {
    let specs: BTreeMap<Address, Value> =
        resources.iter().map(|(address, resource)| (address.clone(), resource.spec.clone())).collect();
    // Copies would say the same again.
    for resource in resources.values().filter(|resource| resource.address.name == resource.document.name) {
        match resource.kind.lint(&resource.spec) {
            Ok(found) => {
                let among = resource.kind.lint_among(&resource.address, &resource.spec, &specs);
                let all = found.0.into_iter().chain(among.0);
                findings.extend(all.map(|finding| diagnostic(resource, finding, resources)));
            }
            // The schema let it through and the type does not: the schema is at fault, and the message still helps.
            Err(message) => findings.push(
                Diagnostic::error("spec", format!("{}: {message}", resource.address))
                    .at(resource.document.source.label("/spec")),
            ),
        }
    }
}

fn diagnostic(resource: &Resource, finding: Finding, resources: &BTreeMap<Address, Resource>) -> Diagnostic {
    let severity = if finding.is_error { Severity::Error } else { Severity::Warning };
    let mut diagnostic = Diagnostic::new(severity, finding.code, format!("{}: {}", resource.address, finding.message))
        .at(resource.document.source.label(&format!("/spec{}", finding.pointer)));
    diagnostic.help = finding.help;
    let related = finding.related.and_then(|related| {
        let source = &resources.get(&related.address)?.document.source;
        Some(source.label(&format!("/spec{}", related.pointer)).saying(related.text))
    });
    diagnostic.related.extend(related);
    diagnostic
}
