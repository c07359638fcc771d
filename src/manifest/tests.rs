//! Whole manifests, good and bad, as a command meets them.
use std::fs;
use std::path::Path;

use super::*;
use serde_json::json;

const KINDS: [&str; 5] = ["Stack", "Vpc", "Subnet", "Cluster", "TaskDefinition"];

fn load_files(files: &[(&str, &str)], beside: &[(&str, &str)]) -> (Vec<Document>, Vec<Diagnostic>) {
    let texts = files
        .iter()
        .map(|(path, text)| ManifestText {
            path: format!("infra/{path}").into(),
            root: "infra".into(),
            text: (*text).to_owned(),
        })
        .collect();
    let lookup = Lookup(|wanted: &Path| {
        let found = beside.iter().find(|(path, _)| Path::new("infra").join(path) == wanted)?;
        Some(found.1.as_bytes().to_vec())
    });
    load_text(texts, &lookup, &KINDS)
}

/// `line:column code message | help` of each finding
fn findings(text: &str) -> Vec<String> {
    lines(&load_files(&[("m.yaml", text)], &[]).1)
}

fn lines(findings: &[Diagnostic]) -> Vec<String> {
    findings
        .iter()
        .map(|finding| {
            let start = finding.primary.as_ref().unwrap().start();
            let mut line = format!("{}:{} {} {}", start.line, start.column, finding.code, finding.message);
            if let Some(help) = &finding.help {
                line += &format!(" | {help}");
            }
            line
        })
        .collect()
}

const VPC: &str = "apiVersion: farpost/v1\nkind: Vpc\nmetadata: {name: edge}\nspec: {}\n";

#[test]
fn a_stream_of_documents_is_read() {
    let text = "apiVersion: farpost/v1\nkind: Stack\nmetadata: {name: store-17}\nspec:\n  account: \"012\"\n  region: ~\n  tags: {a: ~, b: [~, {c: null}]}\n---\n\
                apiVersion: farpost/v1\nkind: Subnet\nmetadata:\n  name: floor\nspec:\n  vpcId: ${Vpc.edge}\nlifecycle: {preventDestroy: true, onDelete: retain, ignoreChanges: [a.b], replace: createFirst, timeouts: {create: 1h30m, delete: 90s}}\n";
    let (documents, found) = load_files(&[("m.yaml", text)], &[]);
    assert_eq!(found, []);
    assert_eq!(documents[0].spec, json!({"account": "012", "tags": {"b": [null, {}]}}), "null members are absent");
    assert_eq!(documents[0].lifecycle, Lifecycle::default());
    let floor = &documents[1];
    assert_eq!((floor.kind.as_str(), floor.name.as_str(), floor.intact), ("Subnet", "floor", true));
    assert_eq!(
        floor.lifecycle,
        Lifecycle {
            prevent_destroy: true,
            on_delete: OnDelete::Retain,
            ignore_changes: vec!["a.b".to_owned()],
            sensitive: Vec::new(),
            replace: Some(ReplaceOrder::CreateFirst),
            timeouts: Timeouts { create: Some(5400), update: None, delete: Some(90) },
        }
    );
    let place = floor.source.label("/spec/vpcId");
    assert_eq!((place.file.path(), place.start().line, place.start().column), ("infra/m.yaml", 14, 10));
}

#[test]
fn bom_crlf_comments_and_empty_files() {
    let crlf = format!("\u{feff}{}", VPC.replace('\n', "\r\n"));
    let (documents, found) = load_files(&[("m.yaml", &crlf)], &[]);
    assert_eq!((documents.len(), found), (1, vec![]));
    assert_eq!(documents[0].source.label("/apiVersion").start().column, 13);
    let empty = ["1:1 empty-manifest nothing is declared in this file"];
    assert_eq!(findings(""), ["1:1 blank-manifest this file is empty"]);
    assert_eq!(findings("# only\n# comments\n"), empty);
    assert_eq!(findings("---\n---\n"), empty);
}

#[test]
fn envelope_mistakes() {
    let table: [(&str, &[&str]); 18] = [
        ("- a\n", &["1:3 not-a-manifest a manifest is a map, found a list | start with `apiVersion: farpost/v1`"]),
        (
            "services: {web: {}}\n",
            &[
                "1:1 not-a-manifest not a farpost manifest | a manifest has `apiVersion: farpost/v1`, `kind` and `metadata`; keep other files elsewhere",
            ],
        ),
        (
            "apiVersion: farpost/v2\nkind: Vpc\nmetadata: {name: a}\nspec: {}\n",
            &["1:13 unknown-value unknown apiVersion `farpost/v2` | write `farpost/v1`"],
        ),
        (
            "kind: Vpc\nmetadata: {name: a}\nspec: {}\n",
            &["1:1 missing-field missing field `apiVersion` | add `apiVersion: farpost/v1`"],
        ),
        (
            "apiVersion: farpost/v1\nkind: Subnett\nmetadata: {name: a}\nspec: {}\n",
            &["2:7 unknown-kind unknown kind `Subnett` | did you mean `Subnet`?"],
        ),
        (
            "apiVersion: farpost/v1\nkind: Pod\nmetadata: {name: a}\nspec: {}\n",
            &[
                "2:7 unknown-kind unknown kind `Pod` | kinds are `Stack`, `Vpc`, `Subnet`, `Cluster` or `TaskDefinition`",
            ],
        ),
        (
            "apiVersion: farpost/v1\nkind: Vpc\nmetadata: {}\nspec: {}\n",
            &["3:1 missing-field missing field `metadata.name` | add `metadata: {name: …}`"],
        ),
        (
            "apiVersion: farpost/v1\nkind: Vpc\nspec: {}\n",
            &["1:1 missing-field missing field `metadata.name` | add `metadata: {name: …}`"],
        ),
        (
            "apiVersion: farpost/v1\nkind: Vpc\nmetadata: {name: 17}\nspec: {}\n",
            &["3:18 wrong-type `name` must be a string, found a number | quote it: \"17\""],
        ),
        (
            "apiVersion: farpost/v1\nkind: Vpc\nmetadata: {name: a.b}\nspec: {}\n",
            &[
                "3:18 bad-name `a.b` cannot be a name | 1 to 128 letters, digits, `_` and `-`, beginning with a letter or digit",
            ],
        ),
        (
            "apiVersion: farpost/v1\nkind: Vpc\nmetadata: {name: a, labels: {}}\nspec: {}\n",
            &[
                "3:21 unknown-field unknown field `labels` | `metadata` holds `name` and `annotations`; tags go under `spec`",
            ],
        ),
        (
            "apiVersion: farpost/v1\nkind: Vpc\nmetadata: {name: a}\nspecs: {}\ncidrBlock: x\n",
            &[
                "2:7 missing-field missing field `spec` | write `spec: {}` to take every default",
                "4:1 unknown-field unknown field `specs` | did you mean `spec`?",
                "5:1 unknown-field unknown field `cidrBlock` | the resource's own fields go under `spec`",
            ],
        ),
        (
            "apiVersion: farpost/v1\nkind: Vpc\nmetadata: {name: a}\nspec:\n",
            &["4:1 missing-field missing field `spec` | write `spec: {}` to take every default"],
        ),
        (
            "apiVersion: farpost/v1\nkind: Vpc\nmetadata: {name: a}\nspec: [1]\n",
            &["4:1 wrong-type `spec` must be a map, found a list | write fields below `spec:`, indented"],
        ),
        (
            "apiVersion: farpost/v1\nkind: Vpc\nmetadata: {name: a}\nspec: {}\nspecFrom: x.json\n",
            &["5:1 spec-twice `spec` and `specFrom` are both given | keep one of them"],
        ),
        (
            "apiVersion: farpost/v1\nkind: Vpc\nmetadata: {name: a}\nspec: {}\nlifecycle: {preventDestry: true, onDelete: keep, ignoreChanges: a}\n",
            &[
                "5:13 unknown-field unknown field `preventDestry` | did you mean `preventDestroy`?",
                "5:44 unknown-value `keep` is not one of `delete` or `retain`",
                "5:65 wrong-type expected list, found string `a` | make it a list: put `- ` in front of each item",
            ],
        ),
        (
            "apiVersion: farpost/v1\nkind: Vpc\nmetadata: {name: a}\nspec: {}\nlifecycle:\n  timeouts:\n    create: 45\n    update: 1d\n    deleet: 5m\n",
            &[
                "7:13 bad-duration `45` has no unit | write hours, minutes and seconds as `45m`, `1h30m` or `90s`",
                "8:13 bad-duration `1d` is not a duration | write hours, minutes and seconds as `45m`, `1h30m` or `90s`",
                "9:5 unknown-field unknown field `deleet` | did you mean `delete`?",
            ],
        ),
        (
            "apiVersion: farpost/v1\nkind: Vpc\nmetadata: {name: a}\nspec: {}\nlifecycle: {timeouts: 0s}\n",
            &["5:23 bad-duration `0s` is no time at all | write hours, minutes and seconds as `45m`, `1h30m` or `90s`"],
        ),
    ];
    for (text, expected) in table {
        assert_eq!(findings(text), expected, "{text}");
    }
}

#[test]
fn a_document_without_a_spec_still_counts_as_declared() {
    let (documents, _) = load_files(&[("m.yaml", &VPC.replace("spec: {}", "spec: 1"))], &[]);
    assert!(!documents[0].intact);
    let schema = SpecSchema::new(json!({"required": ["x"]})).unwrap();
    assert_eq!(check_spec(&documents[0], &schema), []);
    let (documents, _) = load_files(&[("m.yaml", &format!("{VPC}lifecycle: {{preventDestroy: 1}}\n"))], &[]);
    assert!(documents[0].lifecycle.prevent_destroy, "unreadable protects");
}

#[test]
fn a_broken_document_hides_neither_the_next_nor_another_file() {
    let first = format!("{VPC}---\nkind: [\n---\n{}", VPC.replace("edge", "two"));
    let (documents, found) = load_files(&[("a.yaml", &first), ("b.yaml", "a: b: c\n")], &[]);
    let names: Vec<_> = documents.iter().map(|document| document.name.as_str()).collect();
    assert_eq!(names, ["edge", "two"]);
    let places: Vec<_> = found
        .iter()
        .map(|f| f.primary.as_ref().map(|label| (label.file.path(), label.start().line)).unwrap())
        .collect();
    assert_eq!(places, [("infra/a.yaml", 6), ("infra/b.yaml", 1)]);
}

#[test]
fn a_resource_declared_twice_names_both_places() {
    let (_, found) = load_files(&[("a.yaml", VPC), ("b.yaml", VPC)], &[]);
    assert_eq!(
        lines(&found),
        ["3:18 duplicate-resource `Vpc/edge` is declared twice | rename or remove one of the two"]
    );
    assert_eq!(found[0].primary.as_ref().unwrap().file.path(), "infra/b.yaml");
    assert_eq!(found[0].related[0].file.path(), "infra/a.yaml");
}

#[test]
fn spec_from_reads_json_and_keeps_its_places() {
    let manifest = "apiVersion: farpost/v1\nkind: TaskDefinition\nmetadata: {name: t}\nspecFrom: ../tasks/t.json\n";
    let task = "{\n\t\"$schema\": \"x\",\n\t\"family\": \"web\",\n\t\"cpu\": null,\n\t\"memry\": \"1\"\n}\n";
    let (documents, found) = load_files(&[("a/m.yaml", manifest)], &[("tasks/t.json", task)]);
    assert_eq!(found, []);
    assert_eq!(documents[0].spec, json!({"family": "web", "memry": "1"}));
    let schema = SpecSchema::new(json!({
        "additionalProperties": false, "properties": {"family": {}, "memory": {}}
    }))
    .unwrap();
    let found = check_spec(&documents[0], &schema);
    assert_eq!(lines(&found), ["5:2 unknown-field unknown field `memry` | did you mean `memory`?"]);
    assert_eq!(found[0].primary.as_ref().unwrap().file.path(), "infra/tasks/t.json");
}

#[test]
fn spec_from_mistakes() {
    let check = |path: &str, beside: &[(&str, &str)]| {
        let manifest = format!("apiVersion: farpost/v1\nkind: Vpc\nmetadata: {{name: a}}\nspecFrom: {path}\n");
        let (documents, found) = load_files(&[("m.yaml", &manifest)], beside);
        assert!(!documents[0].intact);
        lines(&found)
    };
    let relative = "give a path relative to this manifest, inside the directory given to the command";
    assert_eq!(
        check("../x.json", &[]),
        [format!("4:11 bad-path `specFrom` `../x.json` leads out of the directory that was given | {relative}")]
    );
    assert_eq!(
        check("/etc/x.json", &[]),
        [format!("4:11 bad-path `specFrom` `/etc/x.json` is an absolute path | {relative}")]
    );
    assert_eq!(
        check("a\\x.json", &[]),
        ["4:11 bad-path `specFrom` `a\\x.json` has backslashes | write `/` between directories"]
    );
    assert_eq!(
        check("x.json", &[]),
        ["4:11 unreadable cannot read `infra/x.json`: no such file | the path is relative to this manifest"]
    );
    assert_eq!(
        check("x.json", &[("x.json", "\0")]),
        ["4:11 binary-file `infra/x.json` is a binary file | manifests are text; leave this file out"]
    );
    assert_eq!(check("x.json", &[("x.json", "{\"a\": [1}")])[0].split(' ').next(), Some("1:7"));
    assert_eq!(check("x.json", &[("x.json", "[1]")]), ["1:1 wrong-type a spec must be a map"]);
    assert_eq!(
        check("x.json", &[("x.json", "")]),
        ["4:11 wrong-type the file is empty | it must hold the spec, a map"]
    );
}

#[test]
fn bad_references_point_into_the_string() {
    let text = "apiVersion: farpost/v1\nkind: Subnet\nmetadata: {name: a}\nspec:\n  vpcId: ${Vcp.edge}\n  b: 'x ${A.} y'\n  c: >-\n    one\n    two ${Vpc.a\n  d: ${HOME}\n  e: ${Subnet.b.arn}\n  f: $${HOME}\n";
    let (documents, found) = load_files(&[("m.yaml", text)], &[]);
    assert_eq!(found, []);
    let (occurrences, mut found) = references::references(&documents[0], &KINDS);
    assert_eq!(occurrences.len(), 1);
    assert_eq!(occurrences[0].pointer, "/spec/e");
    diagnostic::sort(&mut found);
    let literal = "write `$${` for a literal `${`";
    assert_eq!(
        lines(&found),
        [
            "5:10 unknown-kind reference to unknown kind `Vcp` | did you mean `${Vpc.edge}`?".to_owned(),
            format!(
                "6:9 bad-reference not a reference to a resource | references are `${{Kind.name}}` or `${{Kind.name.attribute}}`; {literal}"
            ),
            format!("9:9 bad-reference reference without a closing `}}` | close it, or {literal}"),
        ]
    );
    assert_eq!(found[0].suggestion.as_deref(), Some("${Vpc.edge}"));
}

#[test]
fn a_directory_on_disk_is_loaded() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path().join("infra");
    fs::create_dir_all(root.join("sub")).unwrap();
    fs::write(root.join("a.yaml"), VPC).unwrap();
    let task = "apiVersion: farpost/v1\nkind: TaskDefinition\nmetadata: {name: t}\nspecFrom: ../t.json\n";
    fs::write(root.join("sub/t.yml"), task).unwrap();
    fs::write(root.join("t.json"), "{\"family\": \"web\"}").unwrap();
    let (documents, found) = load(std::slice::from_ref(&root), &KINDS);
    assert_eq!(found, []);
    assert_eq!(documents.len(), 2);
    assert_eq!(documents[1].spec, json!({"family": "web"}));
    // Given only the file, its directory is the tree.
    let (_, found) = load(&[root.join("sub/t.yml")], &KINDS);
    assert_eq!(found[0].code, "bad-path");
}

#[test]
fn a_thousand_manifests_load_and_check_quickly() {
    let texts: Vec<ManifestText> = (0..1_000)
        .map(|index| ManifestText {
            path: format!("m{index}.yaml").into(),
            root: "".into(),
            text: format!(
                "apiVersion: farpost/v1\nkind: Subnet\nmetadata: {{name: s{index}}}\nspec:\n  vpcId: ${{Vpc.edge}}\n  \
                 cidrBlock: 10.0.{}.0/24\n  tags:\n    store: \"{index}\"\n    owner: platform\n  ports:\n    - 80\n    - 443\n  oops: {index}\n",
                index % 256
            ),
        })
        .collect();
    let schema = SpecSchema::new(json!({
        "type": "object", "additionalProperties": false,
        "properties": {"vpcId": {"type": "string"}, "cidrBlock": {"type": "string"}, "tags": {"type": "object"},
                       "ports": {"type": "array", "items": {"type": "integer"}}}
    }))
    .unwrap();
    let start = std::time::Instant::now();
    let (documents, found) = load_text(texts, &FileSystem, &KINDS);
    let mut wrong = 0;
    for document in &documents {
        wrong += check_spec(document, &schema).len();
        assert_eq!(references::references(document, &KINDS).0.len(), 1);
    }
    let elapsed = start.elapsed();
    assert_eq!((documents.len(), found.len(), wrong), (1_000, 0, 1_000));
    // Measured at 0.4 s in a debug build; the slack is for a busy machine.
    assert!(elapsed < std::time::Duration::from_secs(5), "{elapsed:?}");
}

#[test]
fn many_fields_do_not_make_it_quadratic() {
    let fields: String = (0..20_000).map(|index| format!("  f{index}: {index}\n")).collect();
    let text = format!("apiVersion: farpost/v1\nkind: Vpc\nmetadata: {{name: a}}\nspec:\n{fields}");
    let start = std::time::Instant::now();
    let (documents, found) = load_files(&[("m.yaml", &text)], &[]);
    assert_eq!((documents.len(), found.len()), (1, 0));
    assert_eq!(documents[0].source.label("/spec/f19999").start().line, 20_004);
    assert!(start.elapsed() < std::time::Duration::from_secs(10), "{:?}", start.elapsed());
}

proptest::proptest! {
    #[test]
    fn no_text_makes_it_panic(pieces in proptest::collection::vec(
        proptest::sample::select(vec![
            "apiVersion: farpost/v1\n", "kind: Vpc\n", "metadata: {name: a}\n", "spec:\n", "spec: {}\n", "  ", "- ", "a: ",
            "é", "\u{1b}", "\t", "\r\n", "\n", "---\n", "...\n", "%YAML 1.2\n", "[", "]", "{", "}", "&x ", "*x", "<<: ", "|\n",
            ">-\n", "'", "\"", "\\u00e9", "${", "${Vpc.a}", "$$", "~", "!t ", "? ", ": ", "#", "1e9999", "99999999999999999999",
        ]), 0..24))
    {
        let (documents, mut found) = load_files(&[("m.yaml", &pieces.concat())], &[]);
        for document in &documents {
            found.extend(references::references(document, &KINDS).1);
        }
        for finding in &found {
            let label = finding.primary.as_ref().unwrap();
            proptest::prop_assert!(label.file.text().get(label.span.clone()).is_some());
        }
        let report = diagnostic::text::render(&found, false);
        proptest::prop_assert!(!report.contains(|c: char| c.is_control() && c != '\n'));
        diagnostic::machine::github(&found);
    }
}
