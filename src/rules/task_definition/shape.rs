//! TD-01 to TD-07: the containers of a definition and the definition as a whole.

use crate::diagnostic::Severity::Error;
use crate::rules::workload::{containers, is_essential};
use crate::rules::{Check, Declared, Hits, Node, Rule};

/// The most that RegisterTaskDefinition takes, in bytes.
const LARGEST: usize = 64 * 1024;

pub(super) static RULES: &[Rule] = &[
    Rule {
        id: "TD-01",
        severity: Error,
        title: "no container, or more than ten",
        why: "RegisterTaskDefinition refuses it: a task definition has 1 to 10 containers. The quota cannot be raised.",
        source: "Amazon ECS Developer Guide, Amazon ECS service quotas: containers per task definition",
        check: Check::Schema(&[("TaskDefinition", &["/containerDefinitions"])]),
        bad: "
kind: TaskDefinition
metadata: {name: till}
spec:
  containerDefinitions: []
",
        good: "
kind: TaskDefinition
metadata: {name: till}
spec:
  containerDefinitions:
    - {name: app, image: 'nginx:1.29', memory: 64}
",
    },
    Rule {
        id: "TD-02",
        severity: Error,
        title: "two containers of one name",
        why: "RegisterTaskDefinition refuses it: \"Container names must be unique within a task definition\".",
        source: "Amazon ECS API, ContainerDefinition.name",
        check: Check::Each("TaskDefinition", unique_names),
        bad: "
kind: TaskDefinition
metadata: {name: till}
spec:
  containerDefinitions:
    - {name: app, image: 'nginx:1.29', memory: 64}
    - {name: app, image: 'busybox:1.37', memory: 64}
",
        good: "
kind: TaskDefinition
metadata: {name: till}
spec:
  containerDefinitions:
    - {name: app, image: 'nginx:1.29', memory: 64}
    - {name: logs, image: 'busybox:1.37', memory: 64}
",
    },
    Rule {
        id: "TD-03",
        severity: Error,
        title: "a container without a name or an image",
        why: "RegisterTaskDefinition refuses it: \"Container.image should not be null or empty\".",
        source: "Amazon ECS API, ContainerDefinition.image and .name",
        check: Check::Schema(&[("TaskDefinition", &["/containerDefinitions/*/name", "/containerDefinitions/*/image"])]),
        bad: "
kind: TaskDefinition
metadata: {name: till}
spec:
  containerDefinitions:
    - {name: app, memory: 64}
",
        good: "
kind: TaskDefinition
metadata: {name: till}
spec:
  containerDefinitions:
    - {name: app, image: 'nginx:1.29', memory: 64}
",
    },
    Rule {
        id: "TD-04",
        severity: Error,
        title: "not the name of an image",
        why: "An image is `repository:tag`, at most 255 letters, digits and the signs - _ : . / #, or \
              `repository@sha256:` and 64 hexadecimal digits, where the limit counts up to the @. Docker's own name for \
              an image has no other form, so anything else is never pulled.",
        source: "Amazon ECS API, ContainerDefinition.image",
        check: Check::Each("TaskDefinition", images),
        bad: "
kind: TaskDefinition
metadata: {name: till}
spec:
  containerDefinitions:
    - {name: app, image: 'nginx@sha256:1f2e3d', memory: 64}
",
        good: "
kind: TaskDefinition
metadata: {name: till}
spec:
  containerDefinitions:
    - name: app
      image: nginx@sha256:1f2e3d4c5b6a79881f2e3d4c5b6a79881f2e3d4c5b6a79881f2e3d4c5b6a7988
      memory: 64
",
    },
    Rule {
        id: "TD-05",
        severity: Error,
        title: "no container is essential",
        why: "RegisterTaskDefinition refuses it: \"Task definition doesn't have any essential container\". A task ends \
              with its essential containers, so it needs one.",
        source: "Amazon ECS API, ContainerDefinition.essential; cfn-lint E3042",
        check: Check::Each("TaskDefinition", essential),
        bad: "
kind: TaskDefinition
metadata: {name: till}
spec:
  containerDefinitions:
    - {name: app, image: 'nginx:1.29', memory: 64, essential: false}
",
        good: "
kind: TaskDefinition
metadata: {name: till}
spec:
  containerDefinitions:
    - {name: app, image: 'nginx:1.29', memory: 64}
",
    },
    Rule {
        id: "TD-06",
        severity: Error,
        title: "a definition of more than 64 KiB",
        why: "RegisterTaskDefinition takes 64 KiB. Long scripts and files belong into the image, or into a volume.",
        source: "Amazon ECS Developer Guide, Amazon ECS service quotas: task definition size",
        check: Check::Each("TaskDefinition", size),
        bad: "
kind: TaskDefinition
metadata: {name: till}
spec:
  containerDefinitions:
    - &first
      name: app
      image: nginx:1.29
      memory: 64
      dockerLabels:
        a: &terms >-
          A label is a poor place for a text like this one, which says at length what nobody reads there: that the
          image may be used in the stores of the company and nowhere else, that it comes without any warranty, and
          that questions go to the desk on the third floor, which is open from nine to five on working days.
        b: *terms
        c: *terms
        d: *terms
        e: *terms
        f: *terms
        g: *terms
        h: *terms
        i: *terms
        j: *terms
        k: *terms
        l: *terms
        m: *terms
        n: *terms
        o: *terms
        p: *terms
        q: *terms
        r: *terms
        s: *terms
        t: *terms
        u: *terms
        v: *terms
        w: *terms
        x: *terms
    - {<<: *first, name: app-1}
    - {<<: *first, name: app-2}
    - {<<: *first, name: app-3}
    - {<<: *first, name: app-4}
    - {<<: *first, name: app-5}
    - {<<: *first, name: app-6}
    - {<<: *first, name: app-7}
    - {<<: *first, name: app-8}
    - {<<: *first, name: app-9}
",
        good: "
kind: TaskDefinition
metadata: {name: till}
spec:
  containerDefinitions:
    - name: app
      image: nginx:1.29
      memory: 64
      dockerLabels: {terms: 'https://store.example/terms'}
",
    },
    Rule {
        id: "TD-07",
        severity: Error,
        title: "no such network mode",
        why: "A task definition has networkMode none, bridge, awsvpc or host. Docker's mode `default`, which Windows \
              containers have, is written by leaving networkMode out.",
        source: "Amazon ECS API, NetworkMode",
        check: Check::Schema(&[("TaskDefinition", &["/networkMode"])]),
        bad: "
kind: TaskDefinition
metadata: {name: till}
spec:
  networkMode: overlay
  containerDefinitions:
    - {name: app, image: 'nginx:1.29', memory: 64}
",
        good: "
kind: TaskDefinition
metadata: {name: till}
spec:
  networkMode: bridge
  containerDefinitions:
    - {name: app, image: 'nginx:1.29', memory: 64}
",
    },
];

fn unique_names(definition: Node<'_>, _: &Declared<'_>, hits: &mut Hits) {
    let mut seen: Vec<Node<'_>> = Vec::new();
    for name in containers(definition).map(|container| container.get("name")) {
        let Some(text) = name.text() else { continue };
        match seen.iter().find(|first| first.is(text)) {
            Some(first) => {
                hits.add(name, format!("a second container `{text}`")).beside(*first, "the first");
            }
            None => seen.push(name),
        }
    }
}

fn images(definition: Node<'_>, _: &Declared<'_>, hits: &mut Hits) {
    for image in containers(definition).map(|container| container.get("image")) {
        if let Some(wrong) = image.text().and_then(wrong_image) {
            hits.add(image, wrong).help("repository:tag, or repository@sha256: and 64 hexadecimal digits");
        }
    }
}

/// What is wrong with the name of an image.
pub(super) fn wrong_image(image: &str) -> Option<String> {
    let (name, digest) = image.split_once('@').map_or((image, None), |(name, digest)| (name, Some(digest)));
    let is_allowed = |letter: char| letter.is_ascii_alphanumeric() || "-_:./#".contains(letter);
    if let Some(letter) = name.chars().find(|letter| !is_allowed(*letter)) {
        return Some(format!("`{image}` is not the name of an image: it has {letter:?} in it"));
    }
    if name.is_empty() {
        return Some("an image without a name".to_owned());
    }
    if name.len() > 255 {
        return Some(format!("the name of the image has {} characters, and AWS takes 255", name.len()));
    }
    let digits = match digest {
        None => return None,
        Some(digest) => digest.strip_prefix("sha256:"),
    };
    match digits {
        Some(digits) if digits.len() == 64 && digits.bytes().all(|digit| digit.is_ascii_hexdigit()) => None,
        Some(digits) => Some(format!("the digest of the image is not 64 hexadecimal digits: it has {}", digits.len())),
        None => Some(format!("`{image}`: the digest of an image begins with sha256:")),
    }
}

fn essential(definition: Node<'_>, _: &Declared<'_>, hits: &mut Hits) {
    let list = definition.get("containerDefinitions");
    if list.says_something() && !containers(definition).any(is_essential) {
        hits.add(list, "no container is essential")
            .help("leave `essential` out of the container whose end ends the task");
    }
}

fn size(definition: Node<'_>, _: &Declared<'_>, hits: &mut Hits) {
    let bytes = definition.value().map_or(0, |value| value.to_string().len());
    if bytes > LARGEST {
        hits.add(
            definition.get("containerDefinitions"),
            format!("the definition has {bytes} bytes as JSON; AWS takes {LARGEST}"),
        )
        .help("put long scripts and files into the image, or into a volume");
    }
}
