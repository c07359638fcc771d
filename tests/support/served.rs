//! A `farpost sandbox` process that tells what it was asked, so that a test can prove that nothing was written.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Stdio};

use super::command::{Ran, Tree};

/// How the names of operations begin that change nothing.
const READS: &[&str] = &["Describe", "Get", "List", "BatchGet", "Head"];

pub(crate) struct Served {
    process: Child,
    pub(crate) url: String,
    record: PathBuf,
}

impl Served {
    pub(crate) fn start(tree: &Tree) -> Self {
        let record = tree.path("../requests.jsonl");
        let mut command = tree.command(&["sandbox", "--port", "0", "--record", record.to_str().unwrap()]);
        let mut process = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        Self { process, url: line.trim().to_owned(), record }
    }

    #[must_use = "assert what it ended with"]
    pub(crate) fn farpost(&self, tree: &Tree, arguments: &[&str]) -> Ran {
        let mut command = tree.command(&[arguments, &["--endpoint-url", &self.url]].concat());
        command.env("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE").env("AWS_SECRET_ACCESS_KEY", "example");
        // Where `destroy --stack` has no manifests to read it from.
        command.env("AWS_REGION", "us-west-2");
        command.output().unwrap().into()
    }

    /// The operations that were asked for so far and that change something.
    pub(crate) fn writes(&self) -> Vec<String> {
        let text = std::fs::read_to_string(&self.record).unwrap_or_default();
        let operations = text.lines().map(|line| {
            let call: serde_json::Value = serde_json::from_str(line).unwrap();
            call["operation"].as_str().unwrap().to_owned()
        });
        operations.filter(|name| !READS.iter().any(|read| name.starts_with(read))).collect()
    }

    /// Somebody else's call to EC2, as the form that its query protocol takes.
    pub(crate) fn ec2(&self, form: &str) -> String {
        self.call("ec2", "", &format!("Version=2016-11-15&{form}"))
    }

    /// Somebody else's call to ECS.
    pub(crate) fn ecs(&self, operation: &str, body: &serde_json::Value) -> String {
        let target = format!("X-Amz-Target: AmazonEC2ContainerServiceV20141113.{operation}\r\n");
        self.call("ecs", &target, &body.to_string())
    }

    fn call(&self, service: &str, header: &str, body: &str) -> String {
        let host = self.url.strip_prefix("http://").unwrap();
        let mut stream = TcpStream::connect(host).unwrap();
        write!(
            stream,
            "POST / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nContent-Length: {}\r\n{header}Authorization: \
             AWS4-HMAC-SHA256 Credential=AKID/20261122/us-west-2/{service}/aws4_request\r\n\r\n{body}",
            body.len()
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200"), "{body}: {answer}");
        answer
    }

    /// The id of the one VPC that the stack's object of this name is.
    pub(crate) fn vpc(&self, tree: &Tree, name: &str) -> String {
        let status = self.farpost(tree, &["status", "manifests", "-o", "json"]).json();
        let objects = status["objects"].as_array().unwrap();
        let object = objects.iter().find(|one| one["address"] == format!("Vpc/{name}")).unwrap();
        object["id"].as_str().unwrap().to_owned()
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}
