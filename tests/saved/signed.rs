//! Signatures of saved plans: by whom, of what, for what.

use std::fs;

use super::{APPLY, SAVE, ssh_keygen, tree};
use crate::support::command::Tree;

/// A tree with a signed plan, the key `mine` that signed it, and the key `other` that did not.
fn signed() -> Tree {
    let tree = tree();
    fs::create_dir_all(tree.path("")).unwrap();
    for name in ["mine", "other"] {
        ssh_keygen(&tree, &["-q", "-t", "ed25519", "-N", "", "-C", name, "-f", name]);
    }
    let ran = tree.in_sandbox(&[SAVE, &["--sign", "mine"]].concat()).ends_with(0);
    ran.complains(&["saved to plan.json, signed"]);
    tree
}

fn verified(by: &str) -> Vec<&str> {
    [APPLY, &["--verify", by]].concat()
}

#[test]
fn a_plan_that_is_signed_by_the_key_is_applied() {
    let tree = signed();
    tree.in_sandbox(&verified("mine.pub")).ends_with(0).complains(&["signed by the key of mine.pub"]);
}

#[test]
fn a_list_of_signers_says_who() {
    let tree = signed();
    let keys = ["other", "mine"].map(|name| (name, tree.text(&format!("../{name}.pub"))));
    let lines: String = keys.iter().map(|(name, key)| format!("{name}@example.com {key}")).collect();
    tree.write("../signers", &format!("# who may\n{lines}"));
    let only_other = lines.lines().next().unwrap();
    tree.write("../fewer", only_other);
    let ran = tree.in_sandbox(&verified("fewer")).ends_with(3);
    ran.complains(&["wrong-signer", "plan.json.sig is not by a key in fewer"]);
    // A key that may sign something else only.
    tree.write("../git", &lines.replace("mine@example.com", "mine@example.com namespaces=\"git\""));
    tree.in_sandbox(&verified("git")).ends_with(3);
    tree.in_sandbox(&verified("signers")).ends_with(0).complains(&["signed by mine@example.com"]);
}

#[test]
fn what_is_not_signed_so_is_refused() {
    let tree = signed();
    let (plan, signature) = (tree.text("../plan.json"), tree.text("../plan.json.sig"));
    tree.in_sandbox(&verified("other.pub")).ends_with(3).complains(&["wrong-signer", "other.pub"]);

    // Another plan, whole in itself, beside the signature of the first.
    tree.in_sandbox(&["plan", "manifests", "--out", "second.json"]).ends_with(0);
    tree.write("../plan.json", &tree.text("../second.json"));
    tree.in_sandbox(&verified("mine.pub")).ends_with(3).complains(&["wrong-signature", "plan again"]);
    tree.write("../plan.json", &plan);

    // The same bytes signed for another purpose.
    fs::remove_file(tree.path("../plan.json.sig")).unwrap();
    ssh_keygen(&tree, &["-q", "-Y", "sign", "-n", "git", "-f", "mine", "plan.json"]);
    tree.in_sandbox(&verified("mine.pub")).ends_with(3).complains(&["wrong-signature"]);

    tree.write("../plan.json.sig", "-----BEGIN SSH SIGNATURE-----\nAAAA\n-----END SSH SIGNATURE-----\n");
    tree.in_sandbox(&verified("mine.pub")).ends_with(3);
    fs::remove_file(tree.path("../plan.json.sig")).unwrap();
    tree.in_sandbox(&verified("mine.pub")).ends_with(3).complains(&[
        "unsigned",
        "there is no plan.json.sig",
        "--sign KEY",
    ]);

    // Saved anew without a signature: the old one is not left beside it.
    tree.write("../plan.json.sig", &signature);
    tree.in_sandbox(SAVE).ends_with(0);
    assert!(!tree.path("../plan.json.sig").exists());
}

#[test]
fn keys_that_are_none_are_told_apart() {
    let tree = signed();
    let ran = tree.in_sandbox(&verified("mine")).ends_with(1);
    ran.complains(&["is a private key", "mine.pub"]);
    tree.in_sandbox(&verified("nowhere")).ends_with(1).complains(&["cannot read nowhere", "KEY.pub"]);
    tree.write("../notes", "hello\n");
    tree.in_sandbox(&verified("notes")).ends_with(3);
    let save = |key: &str| tree.in_sandbox(&[SAVE, &["--sign", key]].concat()).ends_with(1);
    save("nowhere").complains(&["there is no key in nowhere", "ssh-keygen -t ed25519"]);
    let before = tree.text("../plan.json");
    save("notes").complains(&["ssh-keygen does not sign with notes", "was not saved"]);
    assert_eq!(tree.text("../plan.json"), before);
}

#[test]
fn without_ssh_keygen_nothing_is_signed_and_nothing_taken_for_signed() {
    let tree = signed();
    let sandbox = format!("--sandbox={}", tree.sandbox().display());
    for arguments in [verified("mine.pub"), [SAVE, &["--sign", "mine"]].concat()] {
        let mut command = tree.command(&[arguments.as_slice(), &[sandbox.as_str()]].concat());
        let ran: crate::support::command::Ran = command.env("PATH", "/nonexistent").output().unwrap().into();
        ran.ends_with(1).complains(&["there is no ssh-keygen", "OpenSSH 8.2"]);
    }
    tree.in_sandbox(&verified("mine.pub")).ends_with(0);
}
