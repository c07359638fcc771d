//! AWS out of reach, the wrong AWS, an AWS that is none: one clear sentence, and nothing is changed.

use std::io::{Read, Write};
use std::net::TcpListener;

use crate::support::command::{STACK, Tree};

const VPC: &str = "apiVersion: farpost/v1\nkind: Vpc\nmetadata: {name: edge}\nspec: {cidrBlock: 10.0.0.0/16}\n";

fn tree() -> Tree {
    Tree::new(&[("stack.yaml", STACK), ("vpc.yaml", VPC)])
}

/// A server that gives every request this answer.
fn server(answer: &str) -> String {
    let answer = answer.to_owned();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let mut buffer = [0; 8192];
            let _request = stream.read(&mut buffer);
            stream.write_all(answer.as_bytes()).ok();
        }
    });
    format!("http://{address}")
}

fn with_keys(tree: &Tree, arguments: &[&str]) -> crate::support::command::Ran {
    let mut command = tree.command(arguments);
    command.env("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE").env("AWS_SECRET_ACCESS_KEY", "secret");
    command.output().unwrap().into()
}

#[test]
fn no_credentials() {
    tree().run(&["plan", "manifests"]).ends_with(1).complains(&[
        "no usable AWS credentials",
        "--sandbox",
        "Nothing was changed",
    ]);
}

#[test]
fn nobody_answers() {
    let tree = tree();
    let ran = with_keys(&tree, &["plan", "manifests", "--endpoint-url", "http://127.0.0.1:9"]);
    ran.ends_with(1).complains(&[
        "tag:GetResources: 2 attempts failed so far",
        "Connection refused",
        "tag:GetResources: AWS was not reached",
    ]);
}

#[test]
fn an_endpoint_that_is_not_aws() {
    let page = "HTTP/1.1 404 Not Found\r\nContent-Type: text/html\r\nContent-Length: 15\r\nConnection: close\r\n\r\n<html>oh</html>";
    let tree = tree();
    let url = server(page);
    let ran = with_keys(&tree, &["plan", "manifests", "--endpoint-url", &url]);
    ran.ends_with(1).complains(&["(status 404)", "may not know this operation"]);
}

#[test]
fn expired_credentials() {
    let body =
        r#"{"__type":"ExpiredTokenException","message":"The security token included in the request is expired"}"#;
    let answer = format!(
        "HTTP/1.1 400 Bad Request\r\nContent-Type: application/x-amz-json-1.1\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    let tree = tree();
    let url = server(&answer);
    let ran = with_keys(&tree, &["plan", "manifests", "--endpoint-url", &url]);
    ran.ends_with(1).complains(&["ExpiredToken", "log in again"]);
}

#[test]
fn the_wrong_account_and_region_stop_before_the_first_read() {
    let tree = tree();
    tree.in_sandbox(&["apply", "manifests", "--yes"]).ends_with(0);
    tree.write("stack.yaml", &STACK.replace("123456789012", "999999999999").replace("us-west-2", "eu-west-1"));
    let ran = tree.in_sandbox(&["plan", "manifests", "--region", "us-west-2"]);
    ran.ends_with(3).complains(&["wrong-account", "999999999999", "wrong-region", "eu-west-1"]);
}

#[test]
fn a_sandbox_file_that_holds_none() {
    let tree = tree();
    std::fs::write(tree.sandbox(), "not a sandbox").unwrap();
    tree.in_sandbox(&["plan", "manifests"]).ends_with(1).complains(&["does not hold a sandbox"]);
}

#[test]
fn nobody_to_ask() {
    let tree = tree();
    tree.in_sandbox(&["apply", "manifests"]).ends_with(1).complains(&["nobody to ask", "--yes"]);
    let planned = tree.in_sandbox(&["plan", "manifests", "--detailed-exitcode"]).ends_with(2);
    assert!(planned.stdout.contains("1 to create"), "{}", planned.stdout);
}
