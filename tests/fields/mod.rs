//! Every field of every kind: changed in the manifest, and changed behind farpost's back.
//!
//! A table says what must happen (`vpc.yaml` and so on). The plan must say the same and name the field, applying must
//! leave nothing to do, and what boto3 then changes must show in the plan and be mended. A field that no table names
//! fails the test.

mod definitions;
mod meanings;
mod table;
mod trial;

use farpost::kinds::{AnyKind, KINDS, by_name};

use self::table::{Case, Failure, Gap, Stage, Table, complaints, read};
use self::trial::Trial;

/// Runs the table of a kind to its end and tells everything that is wrong.
fn prove(name: &str) {
    let kind: &'static dyn AnyKind = by_name(name).unwrap();
    let table = read(name);
    let mut wrong = complaints(kind, &table);
    let mut trial = Trial::new(kind, &table);
    for case in &table.cases {
        let result = trial.run(case);
        match (&case.known_gap, result) {
            (None, Err(failure)) => wrong.push(format!("{}: {failure}", case.title())),
            (Some(gap), Ok(())) => {
                wrong.push(format!("{}: works, so its known gap can go ({})", case.title(), gap.why));
            }
            (Some(gap), Err(failure)) if !gap.is(&failure) => {
                wrong.push(format!("{}: fails, but not as its known gap says: {failure}", case.title()));
            }
            (Some(_), Err(_)) => {}
            (None, Ok(())) => continue,
        }
        // What a failure leaves behind must not fail the next case.
        trial = Trial::new(kind, &table);
    }
    assert!(wrong.is_empty(), "{name}: {} of {} cases\n{}", wrong.len(), table.cases.len(), wrong.join("\n\n"));
}

macro_rules! kinds {
    ($($test:ident $kind:literal)*) => {
        $(#[test]
        fn $test() {
            prove($kind);
        })*

        #[test]
        fn every_kind_has_a_table() {
            let kinds: Vec<&str> = KINDS.iter().map(|kind| kind.about().kind).collect();
            assert_eq!(kinds, [$($kind),*]);
        }
    };
}

#[test]
fn a_gap_is_one_failure_and_no_other() {
    let gap = Gap { step: Stage::Mend, says: "left to do".to_owned(), why: "a test".to_owned() };
    let failure = |step, message: &str| Failure { step, message: message.to_owned() };
    assert!(gap.is(&failure(Stage::Mend, "does not converge: left to do: update")));
    assert!(!gap.is(&failure(Stage::Apply, "does not converge: left to do: update")));
    assert!(!gap.is(&failure(Stage::Mend, "applying failed")));
}

kinds! {
    vpc "Vpc"
    internet_gateway "InternetGateway"
    subnet "Subnet"
    route_table "RouteTable"
    security_group "SecurityGroup"
    key_pair "KeyPair"
    role "Role"
    instance_profile "InstanceProfile"
    log_group "LogGroup"
    cluster "Cluster"
    activation "Activation"
    instance "Instance"
    external_instance "ExternalInstance"
    task_definition "TaskDefinition"
    service "Service"
    task "Task"
}
