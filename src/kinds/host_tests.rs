//! Roles, instance profiles and instances in the whole engine, against the sandbox.

use super::trial::{Answer, Trial, declared, example};
use crate::apply::Event;
use crate::kinds::{Purpose, by_name};
use crate::observed::survey;
use crate::plan::{Action, Plan, Reason};

/// The example of an instance. While there is no kind Cluster, the cluster is made by hand.
fn hosts() -> String {
    let text = example("instance");
    if by_name("Cluster").is_some() {
        return text;
    }
    let without: Vec<&str> = text.split("---\n").filter(|document| !document.contains("kind: Cluster\n")).collect();
    without.join("---\n").replace("${Cluster.branch-17.name}", "branch-17")
}

async fn trial() -> Trial {
    let trial = Trial::new().await;
    if by_name("Cluster").is_none() {
        trial.aws.ecs().create_cluster().cluster_name("branch-17").send().await.unwrap();
    }
    trial
}

fn fields(plan: &Plan) -> Vec<&str> {
    plan.changes.iter().flat_map(|change| &change.fields).map(|field| field.path.as_str()).collect()
}

fn waits(trial: &Trial) -> Vec<&str> {
    let waits = trial.events.iter().filter_map(|event| match event {
        Event::Waiting { why, .. } => Some(why.as_str()),
        _ => None,
    });
    waits.collect()
}

#[tokio::test]
async fn roles_converge_and_can_be_destroyed() {
    for name in ["role", "instance-profile"] {
        let text = example(name);
        let mut trial = Trial::new().await;
        trial.converge(&text).await;
        trial.destroy(&text).await;
    }
}

#[tokio::test]
async fn a_plan_without_changes_reads_roles_by_one_call_and_one_each() {
    let text = example("role");
    let mut trial = Trial::new().await;
    trial.converge(&text).await;
    let before = trial.aws.counts();
    assert!(trial.plan(&text).await.is_empty());
    let more = |call: &str| {
        let count = |counts: &crate::aws::Counts| counts.get(call).copied().unwrap_or_default();
        count(&trial.aws.counts()) - count(&before)
    };
    assert_eq!(more("iam:GetAccountAuthorizationDetails"), 1);
    assert_eq!(more("iam:GetRole"), 2);
    assert_eq!(more("iam:GetRolePolicy") + more("iam:ListRolePolicies"), 0);
}

#[tokio::test]
async fn policies_follow_the_manifest() {
    let text = example("role");
    let mut trial = Trial::new().await;
    trial.converge(&text).await;
    let iam = trial.aws.iam();
    let stray = "arn:aws:iam::aws:policy/ReadOnlyAccess";
    iam.attach_role_policy().role_name("branch-17-execution").policy_arn(stray).send().await.unwrap();
    let open = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#;
    let put = iam.put_role_policy().role_name("branch-17-host").policy_name("open").policy_document(open);
    put.send().await.unwrap();
    assert_eq!(fields(&trial.plan(&text).await), ["managedPolicyArns[]", "inlinePolicies[open]"]);
    trial.converge(&text).await;
    let changed = text
        .replace("secretsmanager:GetSecretValue", "secretsmanager:DescribeSecret")
        .replace("description: Container instances of branch 17", "maxSessionDuration: 7200")
        .replace("Service: ec2.amazonaws.com", "Service: [ec2.amazonaws.com, ssm.amazonaws.com]");
    let plan = trial.plan(&changed).await;
    assert_eq!((plan.count(Action::Update), plan.pending().count()), (2, 2));
    trial.converge(&changed).await;
    trial.destroy(&changed).await;
}

#[tokio::test]
async fn another_spelling_of_a_policy_is_no_change() {
    let text = example("role");
    let mut trial = Trial::new().await;
    trial.converge(&text).await;
    let other = text.replace("Action: sts:AssumeRole", "Action: [STS:assumerole]").replace(
        "            - ssm:GetParameters\n            - secretsmanager:GetSecretValue\n",
        "            - secretsmanager:GetSecretValue\n            - ssm:GetParameters\n",
    );
    assert_ne!(text, other);
    assert!(trial.plan(&other).await.is_empty());
}

#[tokio::test]
async fn a_profile_swaps_its_role() {
    let text = example("instance-profile");
    let second = text.replace("kind: InstanceProfile", "kind: Nothing");
    let second = second.split("---\n").nth(1).unwrap().replace("branch-17-host", "branch-17-other");
    let mut trial = Trial::new().await;
    trial.converge(&text).await;
    let swapped = format!("{}---\n{second}", text.replace("${Role.branch-17-host}", "${Role.branch-17-other}"));
    assert_eq!(fields_of(&trial.plan(&swapped).await, "InstanceProfile"), ["role"]);
    trial.converge(&swapped).await;
    trial.destroy(&swapped).await;
}

fn fields_of<'a>(plan: &'a Plan, kind: &str) -> Vec<&'a str> {
    let changes = plan.changes.iter().filter(|change| change.address.kind == kind);
    changes.flat_map(|change| &change.fields).map(|field| field.path.as_str()).collect()
}

#[tokio::test]
async fn hosts_register_and_can_be_destroyed() {
    let text = hosts();
    let mut trial = Trial::at_pace(0.02).await;
    trial.converge(&text).await;
    let listed = trial.aws.ecs().list_container_instances().cluster("branch-17").send().await.unwrap();
    assert_eq!(listed.container_instance_arns().len(), 2);
    trial.destroy(&text).await;
    let listed = trial.aws.ecs().list_container_instances().cluster("branch-17").send().await;
    assert!(listed.map_or(true, |listed| listed.container_instance_arns().is_empty()));
}

#[tokio::test]
async fn a_plan_without_changes_describes_instances_once() {
    let text = hosts();
    let mut trial = trial().await;
    trial.converge(&text).await;
    let before = trial.aws.counts();
    assert!(trial.plan(&text).await.is_empty());
    let after = trial.aws.counts();
    let more: Vec<(&str, u64)> = after
        .iter()
        .map(|(call, count)| (call.as_str(), count - before.get(call).copied().unwrap_or_default()))
        .filter(|(call, count)| *count > 0 && (call.contains("Instance") || call.contains("Volume")))
        .collect();
    assert_eq!(more, [("ec2:DescribeInstances", 1), ("ec2:DescribeVolumes", 1), ("iam:GetInstanceProfile", 1)]);
    // Nothing is left out when all is asked for, and it comes to the same.
    let desired = declared(&text);
    let deep = survey(&trial.aws, &desired.place(), &desired.wanted(), Purpose::Deep).await.unwrap();
    let plan = crate::plan::plan(
        &desired,
        &deep,
        crate::plan::Goal::Converge,
        crate::plan::Guards::default(),
        trial.aws.counts(),
    );
    assert!(plan.is_empty(), "{:#?}", plan.pending().collect::<Vec<_>>());
}

#[tokio::test]
async fn a_host_whose_volumes_are_not_listed_yet_is_not_replaced() {
    let text = hosts();
    let mut trial = trial().await;
    trial.converge(&text).await;
    trial.meddle(|action| {
        let body = "<DescribeVolumesResponse><requestId>r</requestId><volumeSet/></DescribeVolumesResponse>";
        (action == "DescribeVolumes").then(|| Answer { status: 200, body: body.to_owned() })
    });
    let plan = trial.plan(&text).await;
    assert!(plan.is_empty(), "{:#?}", plan.pending().collect::<Vec<_>>());
    // Another launch is another host.
    assert_eq!(trial.plan(&text.replace("prefer-cached", "once")).await.count(Action::Replace), 2);
    trial.stop_meddling();
}

#[tokio::test]
async fn volumes_are_not_read_while_a_host_is_waited_for() {
    let text = hosts();
    let mut trial = trial().await;
    let plan = trial.plan(&text).await;
    assert!(trial.carry_out(plan).await.is_complete());
    assert_eq!(count(&trial, "ec2:DescribeVolumes"), 0);
    assert!(trial.plan(&text).await.is_empty());
    assert_eq!(count(&trial, "ec2:DescribeVolumes"), 1);
}

/// A table that is the VPC's main one serves hosts without naming their subnet.
#[tokio::test]
async fn a_main_table_goes_after_its_hosts() {
    let text = hosts().replace("  subnetIds:\n    - ${Subnet.floor}\n", "  main: true\n");
    let mut trial = trial().await;
    trial.converge(&text).await;
    let nothing = crate::desired::Desired::nothing(declared(&text).stack);
    let plan = close_look(&trial, &nothing, crate::plan::Goal::Destroy).await;
    let of = |kind: &str| -> Vec<usize> {
        let steps = plan.steps.iter().enumerate().filter(|(_, step)| step.address.kind == kind);
        steps.map(|(index, _)| index).collect()
    };
    let table = &plan.steps[of("RouteTable")[0]];
    assert!(of("Instance").iter().all(|host| table.after.contains(host)), "{:#?}", plan.steps);
    trial.destroy(&text).await;
}

#[tokio::test]
async fn what_can_change_in_place_does() {
    let text = hosts();
    let mut trial = trial().await;
    trial.converge(&text).await;
    let changed = text.replace("httpPutResponseHopLimit: 2", "httpPutResponseHopLimit: 3").replace(
        "  count: 2\n",
        "  count: 2\n  monitoring: true\n  disableApiTermination: true\n  sourceDestCheck: false\n  \
         instanceInitiatedShutdownBehavior: terminate\n",
    );
    let plan = trial.plan(&changed).await;
    assert_eq!((plan.count(Action::Update), plan.pending().count()), (2, 2));
    trial.converge(&changed).await;
    // Protection does not keep what the manifest lets go.
    trial.destroy(&changed).await;
}

fn count(trial: &Trial, call: &str) -> u64 {
    trial.aws.counts().get(call).copied().unwrap_or_default()
}

#[tokio::test]
async fn attributes_that_are_taken_out_are_reset_and_are_not_asked_for_any_more() {
    const CALL: &str = "ec2:DescribeInstanceAttribute";
    let text = hosts();
    let mut trial = trial().await;
    let with = text.replace(
        "  count: 2\n",
        "  count: 2\n  disableApiTermination: true\n  disableApiStop: true\n  \
         instanceInitiatedShutdownBehavior: terminate\n",
    );
    trial.converge(&with).await;
    let before = count(&trial, CALL);
    assert!(trial.plan(&with).await.is_empty());
    assert_eq!(count(&trial, CALL) - before, 6, "three for each host");
    let plan = trial.plan(&text).await;
    assert_eq!(fields(&plan)[..3], ["disableApiTermination", "disableApiStop", "instanceInitiatedShutdownBehavior"]);
    assert_eq!(plan.count(Action::Update), 2);
    trial.converge(&text).await;
    let before = count(&trial, CALL);
    assert!(trial.plan(&text).await.is_empty());
    assert_eq!(count(&trial, CALL), before);
    // Declared later, they are changed in place and remembered.
    trial.converge(&with).await;
    assert_eq!(trial.plan(&text).await.count(Action::Update), 2);
}

#[tokio::test]
async fn volumes_and_credits_of_all_hosts_are_read_by_one_call_each() {
    let text = hosts().replace("instanceType: c5.large", "instanceType: t3.medium");
    let text = text.replace("  count: 2\n", "  count: 2\n  creditSpecification: {cpuCredits: standard}\n");
    let outpost = "  outpostArn: arn:aws:outposts:us-west-2:123456789012:outpost/op-0123456789abcdef0\n";
    let text = text.replace(outpost, "");
    let mut trial = trial().await;
    trial.converge(&text).await;
    let calls = ["ec2:DescribeVolumes", "ec2:DescribeInstanceCreditSpecifications", "ec2:DescribeInstanceAttribute"];
    let before = calls.map(|call| count(&trial, call));
    assert!(trial.plan(&text).await.is_empty());
    let more: Vec<u64> = calls.iter().zip(before).map(|(call, before)| count(&trial, call) - before).collect();
    assert_eq!(more, [1, 1, 0]);
}

#[tokio::test]
async fn stop_protection_is_against_others() {
    let text = hosts().replace("  count: 2\n", "  count: 1\n  disableApiStop: true\n");
    let mut trial = trial().await;
    trial.converge(&text).await;
    trial.converge(&text.replace("  count: 1\n", "  count: 1\n  ebsOptimized: true\n")).await;
    let stopped = text.replace("  count: 1\n", "  count: 1\n  running: false\n");
    trial.converge(&stopped).await;
    // Converged means that it is protected again.
    trial.destroy(&stopped).await;
}

/// `count`: the further hosts are objects of their own, which come, go and come back.
#[tokio::test]
async fn count_goes_up_and_down_and_what_is_lost_comes_back() {
    let of = |count: usize| hosts().replace("  count: 2\n", &format!("  count: {count}\n"));
    let mut trial = trial().await;
    trial.converge(&of(1)).await;
    let names = |plan: &Plan, action: Action| -> Vec<String> {
        plan.pending().filter(|one| one.action == action).map(|one| one.address.to_string()).collect()
    };
    let more = trial.plan(&of(3)).await;
    assert_eq!(names(&more, Action::Create), ["Instance/host.1", "Instance/host.2"]);
    assert_eq!(more.pending().count(), 2);
    trial.converge(&of(3)).await;
    let desired = declared(&of(3));
    let hosts = trial.survey(&desired).await.of("Instance").to_vec();
    let middle = hosts.iter().find(|host| host.tags["farpost/resource"].ends_with(".1")).unwrap();
    trial.aws.ec2().terminate_instances().instance_ids(&middle.id).send().await.unwrap();
    let mend = trial.plan(&of(3)).await;
    assert_eq!(names(&mend, Action::Create), ["Instance/host.1"]);
    assert_eq!(mend.pending().count(), 1);
    trial.converge(&of(3)).await;
    let fewer = trial.plan(&of(2)).await;
    assert_eq!(names(&fewer, Action::Delete), ["Instance/host.2"]);
    assert_eq!(fewer.pending().count(), 1);
    trial.converge(&of(2)).await;
    trial.destroy(&of(2)).await;
}

#[tokio::test]
async fn hosts_stop_and_start_again() {
    let text = hosts();
    let mut trial = trial().await;
    trial.converge(&text).await;
    let stopped = text.replace("  count: 2\n", "  count: 2\n  running: false\n");
    trial.converge(&stopped).await;
    assert!(waits(&trial).contains(&"draining"));
    let plan = trial.plan(&text).await;
    assert_eq!(fields(&plan), ["running", "running"]);
    trial.converge(&text).await;
    let optimised = text.replace("  count: 2\n", "  count: 2\n  ebsOptimized: true\n");
    trial.converge(&optimised).await;
    trial.destroy(&optimised).await;
}

#[tokio::test]
async fn a_setting_of_the_agent_makes_a_new_host_and_shows_by_key() {
    let text = hosts();
    let mut trial = trial().await;
    trial.converge(&text).await;
    let changed = text.replace("prefer-cached", "once");
    let plan = trial.plan(&changed).await;
    assert_eq!(plan.count(Action::Replace), 2);
    let path = "ecsConfig.ECS_IMAGE_PULL_BEHAVIOR";
    assert_eq!(fields(&plan), [path, path]);
    let replaced = plan.changes.iter().filter(|change| change.reason == Reason::CannotUpdate(vec![path.to_owned()]));
    assert_eq!(replaced.count(), 2);
    trial.converge(&changed).await;
    // One host less.
    let one = changed.replace("count: 2", "count: 1");
    assert_eq!(trial.plan(&one).await.count(Action::Delete), 1);
    trial.converge(&one).await;
    trial.destroy(&one).await;
}

#[tokio::test]
async fn a_host_that_was_terminated_is_made_again() {
    let text = hosts();
    let mut trial = trial().await;
    trial.converge(&text).await;
    let gone = trial.survey(&declared(&text)).await.of("Instance")[0].id.clone();
    trial.aws.ec2().terminate_instances().instance_ids(&gone).send().await.unwrap();
    assert_eq!(trial.plan(&text).await.count(Action::Create), 1);
    trial.converge(&text).await;
    assert!(trial.survey(&declared(&text)).await.of("Instance").iter().all(|host| host.id != gone));
}

#[tokio::test]
async fn a_host_gets_another_profile_while_it_runs() {
    let text = hosts();
    let mut trial = trial().await;
    let second = "---\napiVersion: farpost/v1\nkind: InstanceProfile\nmetadata: {name: branch-17-other}\n\
                  spec: {role: '${Role.branch-17-host}'}\n";
    trial.converge(&format!("{text}{second}")).await;
    let changed = format!(
        "{}{second}",
        text.replace("${InstanceProfile.branch-17-host}", "arn:aws:iam::123456789012:instance-profile/branch-17-other")
    );
    let plan = trial.plan(&changed).await;
    assert_eq!(fields(&plan), ["iamInstanceProfile", "iamInstanceProfile"]);
    trial.converge(&changed).await;
    trial.destroy(&changed).await;
}

#[tokio::test]
async fn a_profile_that_is_still_being_let_go_is_waited_for() {
    use std::sync::atomic::{AtomicU32, Ordering};
    const DESCRIBE: &str = "DescribeIamInstanceProfileAssociations";
    let text = hosts().replace("count: 2", "count: 1");
    let mut trial = trial().await;
    trial.converge(&text).await;
    // Somebody takes it away.
    let ec2 = trial.aws.ec2().clone();
    let held = ec2.describe_iam_instance_profile_associations().send().await.unwrap();
    let held = held.iam_instance_profile_associations()[0].association_id().unwrap();
    ec2.disassociate_iam_instance_profile().association_id(held).send().await.unwrap();
    let (looks, tries) = (AtomicU32::new(0), AtomicU32::new(0));
    trial.meddle(move |action| match action {
        DESCRIBE if looks.fetch_add(1, Ordering::SeqCst) == 0 => {
            let item = "<item><associationId>iip-assoc-1</associationId><state>disassociating</state></item>";
            let set = format!("<iamInstanceProfileAssociationSet>{item}</iamInstanceProfileAssociationSet>");
            let body = format!("<{DESCRIBE}Response><requestId>r</requestId>{set}</{DESCRIBE}Response>");
            Some(Answer { status: 200, body })
        }
        "AssociateIamInstanceProfile" if tries.fetch_add(1, Ordering::SeqCst) == 0 => {
            Some(Answer::refusal("IncorrectState", "There is an existing association for instance i-1"))
        }
        "DisassociateIamInstanceProfile" => Some(Answer::refusal("NoSuchAssociation", "it goes already")),
        _ => None,
    });
    trial.converge(&text).await;
    let letting_go = waits(&trial).into_iter().filter(|why| *why == "letting its profile go");
    assert_eq!(letting_go.count(), 2);
}

#[tokio::test]
async fn no_other_profile_is_asked_for_after_a_create_that_met_one() {
    let text = example("instance-profile");
    let mut trial = Trial::new().await;
    let iam = trial.aws.iam().clone();
    for name in ["one", "two", "three"] {
        iam.create_instance_profile().instance_profile_name(name).send().await.unwrap();
    }
    let plan = trial.plan(&text).await;
    // It comes between the plan and the run.
    iam.create_instance_profile().instance_profile_name("branch-17-host").send().await.unwrap();
    let before = count(&trial, "iam:GetInstanceProfile");
    assert!(!trial.carry_out(plan).await.is_complete());
    assert_eq!(count(&trial, "iam:GetInstanceProfile") - before, 1);
    assert_eq!(count(&trial, "iam:ListInstanceProfiles"), 0);
}

#[tokio::test]
async fn a_host_goes_when_its_tasks_have_ended() {
    let text = hosts().replace("count: 2", "count: 1");
    let mut trial = trial().await;
    trial.converge(&text).await;
    let aws = std::sync::Arc::clone(&trial.aws);
    let container = aws_sdk_ecs::types::ContainerDefinition::builder().name("job").image("busybox").memory(64).build();
    let register = aws.ecs().register_task_definition().family("job").container_definitions(container);
    register.send().await.unwrap();
    let run = aws.ecs().run_task().cluster("branch-17").task_definition("job");
    let task = run.send().await.unwrap().tasks()[0].task_arn().unwrap().to_owned();
    let id = task.rsplit('/').next().unwrap().to_owned();
    let stop = async {
        tokio::time::sleep(std::time::Duration::from_millis(300)).await;
        aws.ecs().stop_task().cluster("branch-17").task(&task).send().await.unwrap();
    };
    tokio::join!(trial.destroy(&text), stop);
    assert!(
        waits(&trial).iter().any(|why| why.starts_with("draining: 1 task left: of no service") && why.contains(&id))
    );
}

/// A plan with nothing left out.
async fn close_look(trial: &Trial, desired: &crate::desired::Desired, goal: crate::plan::Goal) -> Plan {
    let survey = survey(&trial.aws, &desired.place(), &desired.wanted(), Purpose::Deep).await.unwrap();
    crate::plan::plan(desired, &survey, goal, crate::plan::Guards::default(), trial.aws.counts())
}

#[tokio::test]
async fn a_role_on_another_path_comes_back_into_its_profile() {
    let text = example("instance-profile");
    let mut trial = Trial::new().await;
    trial.converge(&text).await;
    let moved = text.replacen("spec:\n  assumeRole", "spec:\n  path: /edge/\n  assumeRole", 1);
    let plan = trial.plan(&moved).await;
    let of = |kind: &str| plan.changes.iter().find(|change| change.address.kind == kind).unwrap();
    assert_eq!(of("Role").action, Action::Replace);
    let profile = of("InstanceProfile");
    assert_eq!((profile.action, &profile.reason), (Action::Update, &Reason::Follows(of("Role").address.clone())));
    trial.converge(&moved).await;
    trial.destroy(&moved).await;
}

#[tokio::test]
async fn a_profile_of_ours_with_a_foreign_role_is_found_by_a_close_look() {
    use crate::plan::Goal;
    let text = example("instance-profile");
    let role = text.split("---\napiVersion: farpost/v1\nkind: InstanceProfile").next().unwrap().to_owned();
    let mut trial = Trial::new().await;
    for goal in [Goal::Converge, Goal::Destroy] {
        trial.converge(&text).await;
        let iam = trial.aws.iam().clone();
        let trust = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}]}"#;
        let name = if goal == Goal::Converge { "foreign" } else { "foreigner" };
        iam.create_role().role_name(name).assume_role_policy_document(trust).send().await.unwrap();
        let profile = "branch-17-host";
        let remove = iam.remove_role_from_instance_profile().instance_profile_name(profile).role_name(profile);
        remove.send().await.unwrap();
        iam.add_role_to_instance_profile().instance_profile_name(profile).role_name(name).send().await.unwrap();
        // Neither is a profile of somebody else's taken for ours.
        iam.create_instance_profile().instance_profile_name(format!("of-{name}")).send().await.unwrap();
        let desired = match goal {
            Goal::Converge => declared(&role),
            Goal::Destroy => crate::desired::Desired::nothing(declared(&role).stack),
        };
        let plan = close_look(&trial, &desired, goal).await;
        let gone: Vec<String> = plan
            .pending()
            .filter(|change| change.action == Action::Delete && change.address.kind == "InstanceProfile")
            .map(|change| change.address.to_string())
            .collect();
        assert_eq!(gone, ["InstanceProfile/branch-17-host"]);
        let outcome = trial.carry_out(plan).await;
        assert!(outcome.is_complete(), "{outcome:#?}");
        let left = iam.get_instance_profile().instance_profile_name(profile).send().await;
        assert!(left.is_err());
        iam.get_role().role_name(name).send().await.unwrap();
    }
}

#[tokio::test]
async fn a_group_that_is_made_anew_names_the_hosts_that_go_with_it() {
    let text = hosts();
    let mut trial = trial().await;
    trial.converge(&text).await;
    let changed = text.replace("description: Container instances\n", "description: Hosts of branch 17\n");
    let plan = trial.plan(&changed).await;
    let held = plan.pending().filter(|change| matches!(&change.reason, Reason::Holds(gone) if gone.name == "hosts"));
    let held: Vec<String> = held.map(|change| change.address.to_string()).collect();
    assert_eq!(held, ["Instance/host", "Instance/host.1"]);
    trial.converge(&changed).await;
    trial.destroy(&changed).await;
}

#[tokio::test]
async fn a_profile_that_is_made_anew_on_another_path_is_given_to_the_hosts() {
    let text = hosts();
    let mut trial = trial().await;
    trial.converge(&text).await;
    let moved = text.replace("  role: ${Role.branch-17-host}\n", "  path: /edge/\n  role: ${Role.branch-17-host}\n");
    let plan = trial.plan(&moved).await;
    let fields_of = fields_of(&plan, "Instance");
    assert_eq!(fields_of, ["iamInstanceProfile", "iamInstanceProfile"]);
    trial.converge(&moved).await;
    let profile = "arn:aws:iam::123456789012:instance-profile/edge/branch-17-host";
    let hosts = trial.survey(&declared(&moved)).await.of("Instance").to_vec();
    assert!(hosts.iter().all(|host| host.spec["iamInstanceProfile"] == profile), "{hosts:#?}");
    // A host that is stopped cannot swap it in one call.
    let stopped = moved.replace("  count: 2\n", "  count: 1\n  running: false\n");
    trial.converge(&stopped).await;
    let back = stopped.replace("  path: /edge/\n", "");
    trial.converge(&back).await;
    trial.converge(&moved).await;
    // By name it is the same one.
    assert!(
        trial
            .plan(&moved.replace("${InstanceProfile.branch-17-host}", "${InstanceProfile.branch-17-host.name}"))
            .await
            .is_empty()
    );
    trial.destroy(&moved).await;
}

/// ECS attaches interfaces for tasks, and then EC2 changes groups by the interface alone.
#[tokio::test]
async fn groups_change_beside_the_interfaces_of_tasks() {
    let text = hosts().replace("count: 2", "count: 1");
    let mut trial = trial().await;
    trial.converge(&text).await;
    let aws = std::sync::Arc::clone(&trial.aws);
    let container = aws_sdk_ecs::types::ContainerDefinition::builder().name("job").image("busybox").memory(64).build();
    let register = aws.ecs().register_task_definition().family("job").container_definitions(container);
    register.network_mode(aws_sdk_ecs::types::NetworkMode::Awsvpc).send().await.unwrap();
    let subnets = aws.ec2().describe_subnets().send().await.unwrap();
    let network = aws_sdk_ecs::types::AwsVpcConfiguration::builder().subnets(subnets.subnets()[0].subnet_id().unwrap());
    let network = network.build().unwrap();
    let network = aws_sdk_ecs::types::NetworkConfiguration::builder().awsvpc_configuration(network).build();
    let run = aws.ecs().run_task().cluster("branch-17").task_definition("job").network_configuration(network);
    assert_eq!(run.send().await.unwrap().tasks().len(), 1);
    let interfaces = aws.ec2().describe_network_interfaces().send().await.unwrap();
    assert_eq!(interfaces.network_interfaces().len(), 2);
    let group = "---\napiVersion: farpost/v1\nkind: SecurityGroup\nmetadata: {name: more}\n\
                 spec: {vpcId: \"${Vpc.branch}\", description: More}\n";
    let changed =
        text.replace("    - ${SecurityGroup.hosts}\n", "    - ${SecurityGroup.hosts}\n    - ${SecurityGroup.more}\n");
    assert_ne!(changed, text);
    trial.converge(&format!("{changed}{group}")).await;
    assert_eq!(count(&trial, "ec2:ModifyNetworkInterfaceAttribute"), 1);
}

/// A role that is full has no room for what is new beside what is old.
#[tokio::test]
async fn a_full_role_exchanges_its_policies() {
    let text = |last: &str, document: &str| {
        let own = (0..9).map(|number| format!("arn:aws:iam::123456789012:policy/own{number}"));
        let arns: Vec<String> = own.chain([format!("arn:aws:iam::aws:policy/{last}")]).collect();
        format!(
            "apiVersion: farpost/v1\nkind: Stack\nmetadata: {{name: full}}\nspec: {{account: \"123456789012\", region: \
             us-west-2}}\n---\napiVersion: farpost/v1\nkind: Role\nmetadata: {{name: full}}\nspec: \
             {{assumeRolePolicyDocument: {{Version: \"2012-10-17\", Statement: [{{Effect: Allow, Action: sts:AssumeRole, \
             Principal: {{Service: ec2.amazonaws.com}}}}]}}, managedPolicyArns: [{}], inlinePolicies: {{{document}: {{Version: \
             \"2012-10-17\", Statement: [{{Effect: Allow, Action: s3:GetObject, Resource: \"arn:aws:s3:::{}/*\"}}]}}}}}}\n",
            arns.join(", "),
            "b".repeat(6000),
        )
    };
    let mut trial = Trial::new().await;
    for number in 0..9 {
        let document =
            r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:GetObject","Resource":"*"}]}"#;
        let call = trial.aws.iam().create_policy().policy_name(format!("own{number}")).policy_document(document);
        call.send().await.unwrap();
    }
    trial.converge(&text("ReadOnlyAccess", "one")).await;
    trial.converge(&text("PowerUserAccess", "two")).await;
    trial.destroy(&text("PowerUserAccess", "two")).await;
}
