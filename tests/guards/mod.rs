//! Every guard from end to end: it refuses with 3, says its code and what to do, and not one call changes anything.
//!
//! `docs/guards.md` has the same table for people; a code that is in one and not in the other fails.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::Path;

use crate::support::command::{STACK, Tree};
use crate::support::served::Served;

const APPLY: &[&str] = &["apply", "manifests", "--yes"];

/// What is there before, what happens, and what the command that follows must say.
struct Case {
    what: &'static str,
    before: &'static [(&'static str, &'static str)],
    happens: fn(&Tree, &Served),
    command: &'static [&'static str],
    code: &'static str,
    says: &'static [&'static str],
}

const A: &str = "apiVersion: farpost/v1\nkind: Vpc\nmetadata: {name: a}\nspec: {cidrBlock: 10.0.0.0/16}\n";
const B: &str = "apiVersion: farpost/v1\nkind: Vpc\nmetadata: {name: b}\nspec: {cidrBlock: 10.1.0.0/16}\n";
const PLACE: &str = "apiVersion: farpost/v1\nkind: Subnet\nmetadata: {name: c}\n\
                     spec: {vpcId: \"${Vpc.a}\", cidrBlock: 10.0.1.0/24, availabilityZone: us-west-2a}\n---\n\
                     apiVersion: farpost/v1\nkind: InternetGateway\nmetadata: {name: c}\nspec: {vpcId: \"${Vpc.a}\"}\n";
const GUARDED: &str = "apiVersion: farpost/v1\nkind: Vpc\nmetadata: {name: a}\nspec: {cidrBlock: 10.0.0.0/16}\n\
                       lifecycle: {preventDestroy: true}\n";
const LOGS: &str = "apiVersion: farpost/v1\nkind: LogGroup\nmetadata: {name: l}\n\
                    spec: {logGroupName: /guards/l, deletionProtectionEnabled: true}\n";
const CLUSTER: &str = "apiVersion: farpost/v1\nkind: Cluster\nmetadata: {name: shared}\nspec: {}\n";
const FROM: &str = "apiVersion: farpost/v1\nkind: Vpc\nmetadata: {name: f}\nspecFrom: vpc.json\n";

fn ten() -> String {
    (0..10).map(|number| B.replace("name: b", &format!("name: v{number}")) + "---\n").collect()
}

/// An object as consoles copy it, tags and all.
fn copy_of(tree: &Tree, served: &Served, name: &str) {
    let stack = tree.text("stack.yaml").split("name: ").nth(1).unwrap().split('}').next().unwrap().to_owned();
    served.ec2(&format!(
        "Action=CreateVpc&CidrBlock=10.0.0.0/16&TagSpecification.1.ResourceType=vpc\
         &TagSpecification.1.Tag.1.Key=farpost/stack&TagSpecification.1.Tag.1.Value={stack}\
         &TagSpecification.1.Tag.2.Key=farpost/resource&TagSpecification.1.Tag.2.Value=Vpc/{name}"
    ));
}

const CASES: &[Case] = &[
    Case {
        what: "the credentials of another account",
        before: &[("a.yaml", A)],
        happens: |tree, _| tree.write("stack.yaml", &tree.text("stack.yaml").replace("123456789012", "999999999999")),
        command: APPLY,
        code: "wrong-account",
        says: &["belongs to account 999999999999; the credentials are for 123456789012", "--profile"],
    },
    Case {
        what: "another region asked for",
        before: &[("a.yaml", A)],
        happens: |_, _| {},
        command: &["apply", "manifests", "--yes", "--region", "eu-west-1"],
        code: "wrong-region",
        says: &["belongs to region us-west-2; eu-west-1 was asked for", "leave it out"],
    },
    Case {
        what: "a directory that is there and empty",
        before: &[("a.yaml", A)],
        happens: |tree, _| ["a.yaml", "stack.yaml"].iter().for_each(|name| tree.remove(name)),
        command: APPLY,
        code: "no-manifests",
        says: &["no manifests in `manifests`"],
    },
    Case {
        what: "a directory that is gone",
        before: &[("a.yaml", A)],
        happens: |_, _| {},
        command: &["apply", "manifests", "more", "--yes"],
        code: "no-manifests",
        says: &["cannot read `more`: no such file"],
    },
    Case {
        what: "a pattern that matched nothing, as a shell passes it on",
        before: &[("a.yaml", A)],
        happens: |_, _| {},
        command: &["apply", "manifests/stack.yaml", "manifests/*.yml", "--yes"],
        code: "no-manifests",
        says: &["cannot read `manifests/*.yml`"],
    },
    Case {
        what: "a file of a spec that is gone",
        before: &[("f.yaml", FROM), ("vpc.json", "{\"cidrBlock\": \"10.0.0.0/16\"}")],
        happens: |tree, _| tree.remove("vpc.json"),
        command: APPLY,
        code: "no-manifests",
        says: &["vpc.json", "no such file"],
    },
    Case {
        what: "files that were all cut to nothing",
        before: &[("a.yaml", A)],
        happens: |tree, _| ["a.yaml", "stack.yaml"].iter().for_each(|name| tree.write(name, "")),
        command: APPLY,
        code: "no-manifests",
        says: &["this file is empty"],
    },
    Case {
        what: "one file that was cut to nothing",
        before: &[("a.yaml", A), ("b.yaml", B)],
        happens: |tree, _| tree.write("b.yaml", "\n"),
        command: APPLY,
        code: "blank-manifest",
        says: &["b.yaml is empty", "Vpc/b", "remove the file, or pass --max-deletes 1"],
    },
    Case {
        what: "the only file that is given is empty",
        before: &[("a.yaml", A)],
        happens: |tree, _| tree.write("a.yaml", ""),
        command: &["apply", "manifests/stack.yaml", "manifests/a.yaml", "--yes"],
        code: "empty-manifests",
        says: &["a.yaml is empty: neither manifests nor a saved plan"],
    },
    Case {
        what: "nothing left but the Stack",
        before: &[("a.yaml", A)],
        happens: |tree, _| tree.remove("a.yaml"),
        command: APPLY,
        code: "nothing-declared",
        says: &["nothing but the Stack is declared", "farpost destroy"],
    },
    Case {
        what: "nothing left but the Stack, by the arguments",
        before: &[("a.yaml", A)],
        happens: |_, _| {},
        command: &["apply", "manifests/stack.yaml", "--yes"],
        code: "nothing-declared",
        says: &["all 1 of its objects"],
    },
    Case {
        what: "more deletions than may be in one run",
        before: &[("a.yaml", A), ("ten.yaml", "")],
        happens: |tree, _| tree.remove("ten.yaml"),
        command: APPLY,
        code: "max-deletes",
        says: &["10 of 11 objects", "at most 5", "--max-deletes 10"],
    },
    Case {
        what: "more deletions than the user allows",
        before: &[("a.yaml", A), ("b.yaml", B)],
        happens: |tree, _| tree.remove("b.yaml"),
        command: &["apply", "manifests", "--yes", "--max-deletes", "0"],
        code: "max-deletes",
        says: &["1 of 2 objects", "at most 0"],
    },
    Case {
        what: "replacements count as deletions",
        before: &[("ten.yaml", "")],
        happens: |tree, _| tree.write("ten.yaml", &tree.text("ten.yaml").replace("10.1.", "10.2.")),
        command: APPLY,
        code: "max-deletes",
        says: &["10 of 10 objects would be deleted or replaced"],
    },
    Case {
        what: "a guarded object that is not declared any more",
        before: &[("a.yaml", GUARDED), ("b.yaml", B)],
        happens: |tree, _| tree.remove("a.yaml"),
        command: APPLY,
        code: "prevent-destroy",
        says: &["Vpc/a", "would be deleted"],
    },
    Case {
        what: "a guarded object that would be replaced",
        before: &[("a.yaml", GUARDED)],
        happens: |tree, _| tree.write("a.yaml", &GUARDED.replace("10.0.", "10.2.")),
        command: APPLY,
        code: "prevent-destroy",
        says: &["Vpc/a", "would be replaced"],
    },
    Case {
        what: "logs that are protected",
        before: &[("a.yaml", A), ("l.yaml", LOGS)],
        happens: |tree, _| tree.remove("l.yaml"),
        command: APPLY,
        code: "protected",
        says: &["LogGroup/l"],
    },
    Case {
        what: "an object of that name is nobody's",
        before: &[("a.yaml", A)],
        happens: |tree, served| {
            served.ecs("CreateCluster", &serde_json::json!({"clusterName": "by-hand"}));
            tree.write("cluster.yaml", &CLUSTER.replace("shared", "by-hand"));
        },
        command: APPLY,
        code: "not-ours",
        says: &["Cluster/by-hand", "belongs to no stack of farpost's", "tag it farpost/stack="],
    },
    Case {
        what: "the Stack was renamed, or an object is another stack's",
        before: &[("cluster.yaml", CLUSTER)],
        happens: |tree, _| tree.write("stack.yaml", &tree.text("stack.yaml").replace("name: ", "name: new-")),
        command: APPLY,
        code: "not-ours",
        says: &["belongs to the stack g", "if the Stack was renamed, name it g"],
    },
    Case {
        what: "two objects say that they are the same one",
        before: &[("a.yaml", A)],
        happens: |tree, served| copy_of(tree, served, "a"),
        command: APPLY,
        code: "found-twice",
        says: &["more than one object says that it is Vpc/a", "vpc-", "farpost/resource"],
    },
    Case {
        what: "two objects say so and it is not declared any more",
        before: &[("a.yaml", A), ("b.yaml", B)],
        happens: |tree, served| {
            copy_of(tree, served, "b");
            tree.remove("b.yaml");
        },
        command: APPLY,
        code: "found-twice",
        says: &["more than one object says that it is Vpc/b"],
    },
    Case {
        what: "two objects say so and the stack is destroyed",
        before: &[("a.yaml", A)],
        happens: |tree, served| copy_of(tree, served, "a"),
        command: &["destroy", "--stack", "NAME", "--yes"],
        code: "found-twice",
        says: &["more than one object says that it is Vpc/a"],
    },
    Case {
        what: "a declaration of what AWS knows by no name is renamed",
        before: &[("a.yaml", A), ("c.yaml", PLACE)],
        happens: |tree, _| tree.write("c.yaml", &PLACE.replace("name: c", "name: d").replace("10.0.1.0", "10.0.1.9")),
        command: APPLY,
        code: "not-ours",
        says: &[
            "exists as Subnet/c of this stack",
            "exists as InternetGateway/c of this stack",
            "farpost/resource tag",
        ],
    },
    Case {
        what: "a destroy without the stack's name",
        before: &[("a.yaml", A)],
        happens: |_, _| {},
        command: &["destroy", "manifests", "--yes"],
        code: "name-not-typed",
        says: &["its name was not typed", "farpost destroy manifests --stack g", " --yes"],
    },
    Case {
        what: "a destroy without the stack's name, and nobody to ask",
        before: &[("a.yaml", A)],
        happens: |_, _| {},
        command: &["destroy", "manifests"],
        code: "name-not-typed",
        says: &["farpost destroy manifests --stack g", " --yes"],
    },
    Case {
        what: "a destroy with the name of another stack",
        before: &[("a.yaml", A)],
        happens: |_, _| {},
        command: &["destroy", "manifests", "--stack", "prod", "--yes"],
        code: "another-stack",
        says: &["the manifests are those of the stack g", "and not of prod"],
    },
    Case {
        what: "a destroy of what is guarded",
        before: &[("a.yaml", GUARDED)],
        happens: |_, _| {},
        command: &["destroy", "manifests", "--stack", "NAME", "--yes"],
        code: "prevent-destroy",
        says: &["Vpc/a", "would be deleted"],
    },
    Case {
        what: "a saved plan of something that moved",
        before: &[("a.yaml", A)],
        happens: |tree, served| {
            tree.write("a.yaml", &A.replace("16}", "16, enableDnsHostnames: true}"));
            served.farpost(tree, &["plan", "manifests", "--out", "plan.json"]).ends_with(0);
            let id = served.vpc(tree, "a");
            served.ec2(&format!("Action=ModifyVpcAttribute&VpcId={id}&EnableDnsSupport.Value=false"));
        },
        command: &["apply", "plan.json", "--yes"],
        code: "plan-moved",
        says: &["Vpc/a: enableDnsSupport: true → false", "plan again"],
    },
    Case {
        what: "a saved plan of other manifests",
        before: &[("a.yaml", A)],
        happens: |tree, served| {
            tree.write("b.yaml", B);
            served.farpost(tree, &["plan", "manifests", "--out", "plan.json"]).ends_with(0);
            tree.write("b.yaml", &B.replace("10.1.", "10.2."));
        },
        command: &["apply", "plan.json", "manifests", "--yes"],
        code: "manifests-moved",
        says: &["Vpc/b is declared otherwise"],
    },
    Case {
        what: "a saved plan that was applied",
        before: &[("a.yaml", A)],
        happens: |tree, served| {
            tree.write("b.yaml", B);
            served.farpost(tree, &["plan", "manifests", "--out", "plan.json"]).ends_with(0);
            served.farpost(tree, &["apply", "plan.json", "--yes"]).ends_with(0);
        },
        command: &["apply", "plan.json", "--yes"],
        code: "already-applied",
        says: &["was applied already", "plan again"],
    },
    Case {
        what: "a saved plan of which a part is done",
        before: &[],
        happens: |tree, served| {
            tree.write("a.yaml", A);
            tree.write("b.yaml", B);
            served.farpost(tree, &["plan", "manifests", "--out", "plan.json"]).ends_with(0);
            tree.remove("b.yaml");
            served.farpost(tree, APPLY).ends_with(0);
        },
        command: &["apply", "plan.json", "--yes"],
        code: "partly-applied",
        says: &["1 of the 2 objects", "part of it is done", "Vpc/a: did not exist → exists as vpc-"],
    },
    Case {
        what: "a saved plan that was edited",
        before: &[("a.yaml", A)],
        happens: |tree, served| {
            tree.write("b.yaml", B);
            served.farpost(tree, &["plan", "manifests", "--out", "plan.json"]).ends_with(0);
            tree.write("../plan.json", &tree.text("../plan.json").replace("10.1.0.0", "10.7.0.0"));
        },
        command: &["apply", "plan.json", "--yes"],
        code: "plan-file",
        says: &["plan.json: it was changed after it was written", "plan again"],
    },
    Case {
        what: "manifests where a signature is asked for",
        before: &[("a.yaml", A)],
        happens: |tree, _| {
            tree.write("b.yaml", B);
            tree.write("../key.pub", "ssh-ed25519 AAAA nobody\n");
        },
        command: &["apply", "manifests", "--yes", "--verify", "key.pub"],
        code: "unsigned",
        says: &["--verify is for a saved plan", "--sign KEY"],
    },
];

/// What other tests hold, each with no call or a call counted there.
const ELSEWHERE: &[&str] = &["held", "not-a-lease", "wrong-partition", "wrong-signer", "wrong-signature"];

#[test]
fn every_guard_refuses_and_nothing_is_written() {
    let home = Tree::new(&[]);
    let served = Served::start(&home);
    let mut failed = Vec::new();
    for (number, case) in CASES.iter().enumerate() {
        let name = format!("g{number}");
        let tree = Tree::new(&[("stack.yaml", &STACK.replace("name: test", &format!("name: {name}")))]);
        for (file, text) in case.before {
            let text = if *file == "ten.yaml" { ten() } else { (*text).to_owned() };
            tree.write(file, &text);
        }
        if !case.before.is_empty() {
            served.farpost(&tree, APPLY).ends_with(0);
        }
        (case.happens)(&tree, &served);
        let before = served.writes().len();
        let command: Vec<&str> = case.command.iter().map(|word| if *word == "NAME" { &name } else { *word }).collect();
        let ran = served.farpost(&tree, &command);
        let after = served.writes().split_off(before);
        let words =
            std::iter::once(format!("refused[{}]", case.code)).chain(case.says.iter().map(|word| (*word).to_owned()));
        let missing: Vec<String> = words.filter(|word| !ran.stderr.contains(word.as_str())).collect();
        if ran.code != 3 || !missing.is_empty() || !after.is_empty() {
            failed.push(format!(
                "{}: ended with {}, wrote {after:?}, does not say {missing:?}\n{}{}",
                case.what, ran.code, ran.stdout, ran.stderr
            ));
        }
        // Names in AWS are free again for the next case, where nothing guards them.
        drop(served.farpost(&tree, &["destroy", "--stack", &name, "--yes"]));
    }
    assert!(failed.is_empty(), "{}", failed.join("\n\n"));
}

/// The page and the table have the same codes.
#[test]
fn the_page_of_guards_is_complete() {
    let page = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/guards.md")).unwrap();
    let on_page: BTreeSet<&str> =
        page.lines().filter_map(|line| line.strip_prefix("| `")?.split_once("` |")).map(|(code, _)| code).collect();
    let tested: BTreeSet<&str> = CASES.iter().map(|case| case.code).chain(ELSEWHERE.iter().copied()).collect();
    assert_eq!(on_page, tested);
}

/// The same digits can be an account in China and one in the rest of the world. No emulator has accounts of several
/// partitions, so this one answers the two questions that tell, and notes whatever else is asked.
#[test]
fn another_partition_is_refused() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (asked, questions) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let mut request = String::new();
            let mut buffer = [0; 16384];
            while !request.contains("GetResources") && !request.contains("GetCallerIdentity") {
                let length = stream.read(&mut buffer).unwrap_or(0);
                if length == 0 {
                    break;
                }
                request.push_str(&String::from_utf8_lossy(&buffer[..length]));
            }
            let body = if request.contains("GetResources") {
                r#"{"ResourceTagMappingList":[],"PaginationToken":""}"#
            } else {
                "<GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><GetCallerIdentityResult>\
                 <Arn>arn:aws-cn:iam::123456789012:user/a</Arn><UserId>A</UserId><Account>123456789012</Account>\
                 </GetCallerIdentityResult></GetCallerIdentityResponse>"
            };
            let known = request.contains("GetResources") || request.contains("GetCallerIdentity");
            asked.send(known).unwrap();
            write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len()).ok();
        }
    });
    let tree = Tree::new(&[("stack.yaml", STACK), ("a.yaml", A)]);
    let mut command = tree.command(&["apply", "manifests", "--yes", "--endpoint-url", &url]);
    command.env("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE").env("AWS_SECRET_ACCESS_KEY", "example");
    let ran: crate::support::command::Ran = command.output().unwrap().into();
    ran.ends_with(3).complains(&[
        "refused[wrong-partition]",
        "belongs to partition aws (us-west-2); the credentials are for aws-cn",
    ]);
    let questions: Vec<bool> = questions.try_iter().collect();
    assert_eq!(questions, [true, true], "nothing but who is calling was asked");
}

/// What the guards must not stand in the way of.
#[test]
fn what_is_meant_goes_through() {
    let tree = Tree::new(&[("stack.yaml", STACK), ("a.yaml", A), ("b.yaml", B)]);
    tree.in_sandbox(APPLY).ends_with(0);
    // Comments were left there by somebody: this is a deletion like any other.
    tree.write("b.yaml", "# nothing here for now\n");
    tree.in_sandbox(&["plan", "manifests"]).ends_with(0).prints(&["- Vpc/b"]);
    tree.write("b.yaml", "");
    tree.in_sandbox(&["apply", "manifests", "--yes", "--max-deletes", "1"]).ends_with(0).prints(&["Converged"]);
    // An empty file takes nothing away when there is nothing to take.
    tree.in_sandbox(&["plan", "manifests", "--detailed-exitcode"]).ends_with(0).complains(&["this file is empty"]);
    tree.in_sandbox(&["destroy", "manifests", "--stack", "test", "--yes"]).ends_with(0).prints(&["- Vpc/a"]);
    tree.in_sandbox(&["destroy", "manifests", "--stack", "test", "--yes"]).ends_with(0).prints(&["No changes"]);
}

/// What is retained goes with no deletion, and is not counted as one.
#[test]
fn what_stays_is_not_counted() {
    let retained = ten().replace("---\n", "lifecycle: {onDelete: retain}\n---\n");
    let tree = Tree::new(&[("stack.yaml", STACK), ("a.yaml", A), ("ten.yaml", &retained)]);
    tree.in_sandbox(APPLY).ends_with(0);
    tree.remove("ten.yaml");
    let ran = tree.in_sandbox(&["apply", "manifests", "--yes", "--max-deletes", "0"]).ends_with(0);
    ran.prints(&["stays, because its lifecycle says so"]);
}

/// A region cannot be seen from another one; what all regions share tells that there was one.
#[test]
fn a_stack_that_moved_to_another_region_is_told_what_stays() {
    let role = "apiVersion: farpost/v1\nkind: Role\nmetadata: {name: r}\nspec:\n  assumeRolePolicyDocument:\n    \
                Version: \"2012-10-17\"\n    Statement:\n      - Effect: Allow\n        Principal: {Service: ecs-tasks.amazonaws.com}\n        \
                Action: sts:AssumeRole\n";
    let tree = Tree::new(&[("stack.yaml", STACK), ("role.yaml", role)]);
    tree.in_sandbox(APPLY).ends_with(0);
    // The sandbox has one region, so the rest is what is not there yet.
    tree.write("a.yaml", A);
    tree.in_sandbox(&["plan", "manifests"]).ends_with(0).prints(&["nothing of the stack but IAM's is in us-west-2"]);
}
