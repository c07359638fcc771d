//! ECR-02 and KEY-01 to KEY-04: images and key pairs.

use super::{Check, Declared, Hits, Node, Rule};
use crate::diagnostic::Severity::{Error, Warning};
use crate::kinds::key_pair::defect;
use crate::rules::images::Ecr;
use crate::rules::workload::containers;

pub(super) static RULES: &[Rule] = &[
    Rule {
        id: "ECR-02",
        severity: Error,
        title: "an image of ECR whose account is none, or that is in another Region",
        why: "Accounts have 12 digits; no registry answers to another name, so the task never starts \
              (\"CannotPullContainerError\"). An image of another Region is a warning: each pull crosses Regions, and \
              fails with the other Region.",
        source: "Amazon ECR User Guide, Private registry",
        check: Check::Each("TaskDefinition", registries),
        bad: "
kind: TaskDefinition
metadata: {name: till}
spec:
  containerDefinitions:
    - {name: app, image: '1234567890.dkr.ecr.eu-central-1.amazonaws.com/till:7', memory: 64}
",
        good: "
kind: TaskDefinition
metadata: {name: till}
spec:
  containerDefinitions:
    - {name: app, image: '123456789012.dkr.ecr.eu-central-1.amazonaws.com/till:7', memory: 64}
",
    },
    Rule {
        id: "KEY-01",
        severity: Error,
        title: "a key pair without its public key",
        why: "Without one AWS would make the key and give its private half away once, in an answer that nobody keeps: \
              farpost takes only keys that exist already.",
        source: "Amazon EC2 API, CreateKeyPair and ImportKeyPair",
        check: Check::Schema(&[("KeyPair", &["/publicKeyMaterial"])]),
        bad: "
kind: KeyPair
metadata: {name: operations}
spec: {}
",
        good: "
kind: KeyPair
metadata: {name: operations}
spec:
  publicKeyMaterial: ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIE04ODg4ODg4ODg4ODg4ODg4ODg4ODg4ODg4ODg4ODg4 operations
",
    },
    Rule {
        id: "KEY-02",
        severity: Error,
        title: "a private key in a manifest",
        why: "EC2 takes the public half. Whoever can read the file, or the history of its repository, has the private one \
              now. No report of farpost shows it.",
        source: "Amazon EC2 API, ImportKeyPair.PublicKeyMaterial",
        check: Check::Each("KeyPair", private_key),
        bad: "
kind: KeyPair
metadata: {name: operations}
spec:
  publicKeyMaterial: |
    -----BEGIN OPENSSH PRIVATE KEY-----
    bm90IGEga2V5
    -----END OPENSSH PRIVATE KEY-----
",
        good: "
kind: KeyPair
metadata: {name: operations}
spec:
  publicKeyMaterial: ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIE04ODg4ODg4ODg4ODg4ODg4ODg4ODg4ODg4ODg4ODg4 operations
",
    },
    Rule {
        id: "KEY-03",
        severity: Error,
        title: "a public key that is cut off, or of a type that EC2 does not take",
        why: "EC2 imports one line of OpenSSH, of the types ssh-ed25519 and ssh-rsa: \"InvalidKey.Format\".",
        source: "Amazon EC2 API, ImportKeyPair.PublicKeyMaterial",
        check: Check::Each("KeyPair", public_key),
        bad: "
kind: KeyPair
metadata: {name: operations}
spec:
  publicKeyMaterial: ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIE04ODg4ODg4ODg4
",
        good: "
kind: KeyPair
metadata: {name: operations}
spec:
  publicKeyMaterial: ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIE04ODg4ODg4ODg4ODg4ODg4ODg4ODg4ODg4ODg4ODg4 operations
",
    },
    Rule {
        id: "KEY-04",
        severity: Error,
        title: "a name that a key pair cannot have",
        why: "Names of key pairs are 1 to 255 ASCII characters, without spaces at the ends: \"InvalidParameterValue\".",
        source: "Amazon EC2 API, ImportKeyPair.KeyName",
        check: Check::Each("KeyPair", key_name),
        bad: "
kind: KeyPair
metadata: {name: operations}
spec:
  keyName: 'opérations'
  publicKeyMaterial: ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIE04ODg4ODg4ODg4ODg4ODg4ODg4ODg4ODg4ODg4ODg4 operations
",
        good: "
kind: KeyPair
metadata: {name: operations}
spec:
  keyName: operations of branch 17
  publicKeyMaterial: ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIE04ODg4ODg4ODg4ODg4ODg4ODg4ODg4ODg4ODg4ODg4 operations
",
    },
];

fn registries(definition: Node<'_>, declared: &Declared<'_>, hits: &mut Hits) {
    let region = declared.stack.region.as_str();
    for container in containers(definition) {
        let node = container.get("image");
        let Some(image) = node.text().and_then(Ecr::of) else { continue };
        if image.account.len() != 12 {
            hits.add(node, format!("an account has 12 digits, and {} has {}", image.account, image.account.len()))
                .help("ACCOUNT.dkr.ecr.REGION.amazonaws.com/NAME:TAG");
        } else if !region.is_empty() && image.region != region {
            hits.add_as(Warning, node, format!("the image is in {}, and the stack is in {region}", image.region))
                .help(format!("let ECR replicate the repository to {region}, and take the image from there"));
        }
    }
}

fn private_key(pair: Node<'_>, _: &Declared<'_>, hits: &mut Hits) {
    if is_private(pair) {
        // At the object, not at the field, so that no report quotes it.
        hits.add(pair, "publicKeyMaterial holds a private key").help(
            "take it out of the file and of the history of the repository, make a new key (ssh-keygen), and put the line \
             of its .pub file here",
        );
    }
}

fn is_private(pair: Node<'_>) -> bool {
    let upper = pair.get("publicKeyMaterial").text().unwrap_or_default().to_uppercase();
    upper.contains("PRIVATE KEY") || upper.contains("PRIVATE-LINES")
}

fn public_key(pair: Node<'_>, _: &Declared<'_>, hits: &mut Hits) {
    let node = pair.get("publicKeyMaterial");
    if !is_private(pair)
        && let Some(message) = node.text().and_then(defect)
    {
        hits.add(node, message).help("paste the one line of the .pub file: ssh-ed25519 AAAA…");
    }
}

fn key_name(pair: Node<'_>, _: &Declared<'_>, hits: &mut Hits) {
    let node = pair.get("keyName");
    let Some(name) = node.text() else { return };
    if name.is_empty() || name.len() > 255 || !name.is_ascii() || name.trim() != name {
        hits.add(node, format!("`{name}` cannot be the name of a key pair"))
            .help("1 to 255 ASCII characters, no spaces at the ends");
    }
}
