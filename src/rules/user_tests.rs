//! Rules of the user's own, in lint and in plans.

use jiff::Timestamp;

use super::tests::{findings, read};
use super::user::judge;
use crate::aws::Counts;
use crate::observed::Survey;
use crate::plan::{Goal, Guards, Plan, plan};

const GROUP: &str = "
kind: Vpc
metadata: {name: edge}
spec: {cidrBlock: 10.0.0.0/16}
---
kind: SecurityGroup
metadata: {name: hosts}
spec:
  vpcId: ${Vpc.edge}
  description: hosts
  ingress:
    - {ipProtocol: tcp, fromPort: 8080, toPort: 8080, cidrIp: 10.0.0.0/8}
";

fn rule(spec: &str) -> String {
    format!("{GROUP}---\nkind: Rule\nmetadata: {{name: ours}}\nspec:\n{spec}")
}

fn told(spec: &str) -> Vec<String> {
    let found = findings(&rule(spec)).into_iter();
    found.map(|finding| format!("{} {}: {}", finding.severity, finding.code, finding.message)).collect()
}

#[test]
fn objects_are_asked_one_by_one_with_defaults_filled_in() {
    let no_8080 = "!object.spec.ingress.exists(rule, rule.fromPort <= 8080 && 8080 <= rule.toPort)";
    let spec = format!("  kinds: [SecurityGroup]\n  expression: '{no_8080}'\n  message: port 8080 stays closed\n");
    assert_eq!(told(&spec), ["error ours: SecurityGroup/hosts: port 8080 stays closed"]);
    assert_eq!(told(&spec.replace("8080 <=", "8081 <=")), [""; 0]);
    let warning = "  kinds: [Vpc]\n  severity: warning\n  expression: object.spec.enableDnsSupport == false\n  \
                   messageExpression: object.address + ' in ' + stack.region + ' is used by ' + object.users[0]\n";
    assert_eq!(told(warning), ["warning ours: Vpc/edge: Vpc/edge in eu-central-1 is used by SecurityGroup/hosts"]);
    let all = "  over: stack\n  expression: resources.all(one, one.kind != 'SecurityGroup' || size(one.needs) == 0)\n";
    let text = "resources.all(one, one.kind != 'SecurityGroup' || size(one.needs) == 0)";
    assert_eq!(told(all), [format!("error ours: this must be true: {text}")]);
}

#[test]
fn an_expression_that_fails_fails_the_rule() {
    let absent = told("  kinds: [Vpc]\n  expression: object.spec.nope == 1\n");
    assert_eq!(absent.len(), 1);
    assert!(absent[0].starts_with("error ours: Rule/ours cannot be evaluated for Vpc/edge: "), "{absent:?}");
    let number = told("  over: stack\n  expression: '1 + 1'\n");
    assert!(number[0].contains("neither true nor false"), "{number:?}");
    let broken = findings(&rule("  expression: 'object.spec == ('\n"));
    assert_eq!((&*broken[0].code, broken[0].primary.as_ref().unwrap().start().line), ("rule-expression", 20));
    assert_eq!(told("  expression: 'true'\n  kinds: [Subnett]\n").len(), 1);
    assert!(told("  expression: 'true'\n  timeZone: Nowhere/City\n")[0].contains("Nowhere/City"));
    assert!(told("  expresion: 'true'\n").iter().any(|one| one.contains("unknown field `expresion`")));
}

#[test]
fn they_are_suppressed_by_name() {
    let spec = "  kinds: [Vpc]\n  expression: 'false'\n";
    let ignored = rule(spec).replace("{name: edge}", "{name: edge, annotations: {farpost/ignore: 'ours: a lab'}}");
    assert_eq!(findings(&ignored), []);
}

fn judged(spec: &str, goal: Goal, now: &str) -> Plan {
    let (desired, findings) = read(&rule(spec));
    assert_eq!(findings, []);
    let desired = desired.unwrap();
    let mut plan = plan(&desired, &Survey::default(), goal, Guards::default(), Counts::default());
    judge(&desired, &mut plan, now.parse::<Timestamp>().unwrap());
    plan
}

#[test]
fn plans_are_asked_and_refused() {
    let friday = "  over: changes\n  actions: [create]\n  kinds: [Vpc]\n  timeZone: UTC\n  \
                  expression: now.weekday != 'Friday'\n  message: no new networks on Fridays\n";
    let refused = judged(friday, Goal::Converge, "2026-11-20T10:00:00Z").refusals;
    assert_eq!(refused.len(), 1);
    assert_eq!(refused[0].message, "no new networks on Fridays (Rule/ours)");
    assert_eq!(refused[0].address.as_ref().unwrap().to_string(), "Vpc/edge");
    assert_eq!(judged(friday, Goal::Converge, "2026-11-22T10:00:00Z").refusals, []);
    let plan = "  over: plan\n  severity: warning\n  expression: size(changes) < 2\n  message: one at a time\n";
    let noted = judged(plan, Goal::Converge, "2026-11-22T10:00:00Z");
    assert_eq!(noted.refusals, []);
    assert_eq!(noted.notes.last().unwrap().message, "warning: one at a time (Rule/ours)");
    let failing = judged("  over: plan\n  expression: changes[7].kind == ''\n", Goal::Converge, "2026-11-22T10:00:00Z");
    assert!(failing.refusals[0].message.contains("cannot be evaluated for the plan"), "{:?}", failing.refusals);
}
