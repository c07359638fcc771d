//! An apply that worked and cannot prove it.

use super::served::Served;

/// What is asked for once in a survey, and by who looks for a role or a profile before it is made.
const OPERATION: &str = "GetAccountAuthorizationDetails";
const APPLY: &[&str] = &["apply", "manifests", "--yes"];

#[test]
fn what_was_done_is_told_where_planning_again_fails() {
    let served = Served::start("outposts");
    served.farpost(APPLY).ends_with(0).prints(&["Converged"]);
    // The last of them comes after everything was done.
    let last = served.count(OPERATION);
    assert!(last > 1);
    let faults = format!("rules: [{{fault: denied, operations: ['iam:{OPERATION}'], fromCall: {last}}}]");

    let text = ["14 steps done", "Planning again failed", "Run the same command again"];
    let ran = Served::among(&faults, "outposts").farpost(APPLY).ends_with(1).prints(&text);
    let ran = ran.complains(&["iam:GetAccountAuthorizationDetails: AccessDenied"]);
    assert!(!ran.stderr.contains("Nothing was changed"), "{}", ran.stderr);

    let served = Served::among(&faults, "outposts");
    let told = served.farpost(&[APPLY, &["-o", "json"]].concat()).ends_with(1).json();
    assert_eq!(told["converged"], false);
    assert_eq!(told["outcome"]["done"].as_array().unwrap().len(), 14);
    assert_eq!(told["errors"][0]["code"], "AccessDenied", "{}", told["errors"]);
}
