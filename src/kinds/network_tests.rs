//! The kinds of EC2's network in the whole engine, against the sandbox.

use aws_sdk_ec2::types::{Filter, IpPermission, IpRange, UserIdGroupPair};

use super::trial::{Answer, Trial, checked, declared, example, findings};
use crate::apply::Event;
use crate::plan::{Action, Reason};

const EXAMPLES: &[&str] = &["vpc", "subnet", "internet-gateway", "route-table", "security-group", "key-pair"];

#[tokio::test]
async fn examples_converge_and_can_be_destroyed() {
    for name in EXAMPLES {
        let text = example(name);
        let mut trial = Trial::new().await;
        trial.converge(&text).await;
        trial.destroy(&text).await;
    }
}

#[tokio::test]
async fn a_plan_without_changes_reads_each_kind_once() {
    for (name, call) in [
        ("internet-gateway", "ec2:DescribeInternetGateways"),
        ("route-table", "ec2:DescribeRouteTables"),
        ("security-group", "ec2:DescribeSecurityGroups"),
        ("key-pair", "ec2:DescribeKeyPairs"),
    ] {
        let text = example(name);
        let mut trial = Trial::new().await;
        trial.converge(&text).await;
        let count = |trial: &Trial| trial.aws.counts().get(call).copied().unwrap_or_default();
        let before = count(&trial);
        assert!(trial.plan(&text).await.is_empty());
        assert_eq!(count(&trial) - before, 1, "{call}");
    }
}

#[tokio::test]
async fn a_gateway_moves_to_another_vpc() {
    let one = example("internet-gateway");
    let second = "\n---\napiVersion: farpost/v1\nkind: Vpc\nmetadata: {name: other}\nspec: {cidrBlock: 10.18.0.0/16}\n";
    let mut trial = Trial::new().await;
    trial.converge(&format!("{one}{second}")).await;
    let moved = format!("{}{second}", one.replace("vpcId: ${Vpc.branch}", "vpcId: ${Vpc.other}"));
    let plan = trial.plan(&moved).await;
    assert_eq!(plan.count(Action::Update), 1);
    trial.converge(&moved).await;
    trial.destroy(&moved).await;
}

#[tokio::test]
async fn routes_and_subnets_follow_the_manifest() {
    let text = example("route-table");
    let mut trial = Trial::new().await;
    trial.converge(&text).await;
    // Somebody adds a route and takes the subnet out.
    let desired = declared(&text);
    let table = trial.survey(&desired).await.of("RouteTable")[0].clone();
    let gateway = trial.survey(&desired).await.of("InternetGateway")[0].id.clone();
    let ec2 = trial.aws.ec2();
    let add = ec2.create_route().route_table_id(&table.id).destination_cidr_block("8.8.8.0/24").gateway_id(gateway);
    add.send().await.unwrap();
    let association = table.detail[0]["id"].as_str().unwrap();
    ec2.disassociate_route_table().association_id(association).send().await.unwrap();
    let plan = trial.plan(&text).await;
    let fields: Vec<&str> = plan.changes.iter().flat_map(|change| &change.fields).map(|field| &*field.path).collect();
    assert_eq!(fields, ["routes[8.8.8.0/24]", "subnetIds[]"]);
    trial.converge(&text).await;
}

#[tokio::test]
async fn a_subnet_leaves_its_table_for_another() {
    let text = example("route-table");
    let second =
        "\n---\napiVersion: farpost/v1\nkind: RouteTable\nmetadata: {name: second}\nspec:\n  vpcId: ${Vpc.branch}\n";
    let mut trial = Trial::new().await;
    trial.converge(&format!("{text}{second}")).await;
    let without = text.replace("  subnetIds:\n    - ${Subnet.region}\n", "");
    let moved = format!("{without}{second}  subnetIds: ['${{Subnet.region}}']\n");
    assert_eq!(trial.plan(&moved).await.count(Action::Update), 2);
    trial.converge(&moved).await;
}

#[tokio::test]
async fn rules_follow_the_manifest() {
    let text = example("security-group");
    let mut trial = Trial::new().await;
    trial.converge(&text).await;
    let changed = text
        .replace("      description: tills\n", "      description: tills of the ground floor\n")
        .replace("fromPort: 7946", "fromPort: 7947")
        .replace("  egress: []\n", "  egress:\n    - {ipProtocol: udp, fromPort: 53, cidrIp: 10.17.0.2/32}\n");
    let plan = trial.plan(&changed).await;
    assert_eq!((plan.count(Action::Update), plan.pending().count()), (2, 2));
    trial.converge(&changed).await;
    let counts = trial.aws.counts();
    assert_eq!(counts.get("ec2:UpdateSecurityGroupRuleDescriptionsIngress"), Some(&1));
    trial.converge(&text).await;
}

#[tokio::test]
async fn a_rule_from_outside_is_revoked() {
    let text = example("security-group");
    let mut trial = Trial::new().await;
    trial.converge(&text).await;
    let group = trial.survey(&declared(&text)).await.of("SecurityGroup")[0].id.clone();
    let open = IpPermission::builder()
        .ip_protocol("tcp")
        .from_port(22)
        .to_port(22)
        .ip_ranges(IpRange::builder().cidr_ip("0.0.0.0/0").build());
    let call = trial.aws.ec2().authorize_security_group_ingress().group_id(group).ip_permissions(open.build());
    call.send().await.unwrap();
    let plan = trial.plan(&text).await;
    assert_eq!(plan.count(Action::Update), 1);
    trial.converge(&text).await;
}

#[tokio::test]
async fn a_new_description_makes_a_new_group_and_lets_the_old_one_go() {
    let text = example("security-group");
    let mut trial = Trial::new().await;
    trial.converge(&text).await;
    let changed = text.replace("The point-of-sale application", "Tills");
    let plan = trial.plan(&changed).await;
    let replaced = plan.changes.iter().find(|change| change.address.name == "app").unwrap();
    assert_eq!(replaced.reason, Reason::CannotUpdate(vec!["description".to_owned()]));
    // The group with a rule that names it stays; it is given the new one.
    let names_it = plan.changes.iter().find(|change| change.address.name == "database").unwrap();
    assert_eq!(names_it.action, Action::Update);
    trial.converge(&changed).await;
    trial.destroy(&changed).await;
}

#[tokio::test]
async fn who_holds_a_group_is_said_and_rules_of_others_stay() {
    let text = example("security-group");
    let mut trial = Trial::new().await;
    trial.converge(&text).await;
    let survey = trial.survey(&declared(&text)).await;
    let (vpc, group) = (survey.of("Vpc")[0].id.clone(), {
        let app = survey.of("SecurityGroup").iter().find(|one| one.attributes["name"] == "app").unwrap();
        app.id.clone()
    });
    let ec2 = trial.aws.ec2().clone();
    let other = ec2.create_security_group().group_name("foreign").description("x").vpc_id(&vpc).send().await.unwrap();
    let other = other.group_id().unwrap().to_owned();
    let names = IpPermission::builder()
        .ip_protocol("-1")
        .user_id_group_pairs(UserIdGroupPair::builder().group_id(&group).build())
        .build();
    let authorize = ec2.authorize_security_group_ingress().group_id(&other).ip_permissions(names.clone());
    authorize.send().await.unwrap();
    // It lets go after a while.
    let later = tokio::spawn({
        let (ec2, other) = (ec2.clone(), other.clone());
        async move {
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
            ec2.revoke_security_group_ingress().group_id(&other).ip_permissions(names).send().await.unwrap();
            ec2.delete_security_group().group_id(&other).send().await.unwrap();
        }
    });
    trial.destroy(&text).await;
    later.await.unwrap();
    let said = trial.events.iter().any(|event| match event {
        Event::Waiting { why, .. } => {
            why.starts_with("still in use by: rule sgr-")
                && why.contains(&format!(" of security group {other} (foreign) (not of this stack)"))
        }
        _ => false,
    });
    assert!(said, "{:#?}", trial.events);
}

#[tokio::test]
async fn a_group_of_that_name_which_is_not_ours_is_refused() {
    let mut trial = Trial::new().await;
    let text = example("security-group");
    trial.converge(&example("vpc").replace("    Name: branch-17\n", "    Name: x\n")).await;
    let filter = Filter::builder().name("tag:farpost/resource").values("Vpc/branch").build();
    let vpcs = trial.aws.ec2().describe_vpcs().filters(filter).send().await.unwrap();
    let vpc = vpcs.vpcs()[0].vpc_id().unwrap();
    let literal = text.replace("${Vpc.branch}", vpc);
    let call = trial.aws.ec2().create_security_group().group_name("App").description("x").vpc_id(vpc);
    call.send().await.unwrap();
    let plan = trial.plan(&literal).await;
    assert_eq!(plan.refusals.iter().map(|refusal| &*refusal.code).collect::<Vec<_>>(), ["not-ours"]);
}

#[tokio::test]
async fn a_key_pair_of_that_name_which_is_not_ours_is_refused() {
    let trial = Trial::new().await;
    let import = trial.aws.ec2().import_key_pair().key_name("branch-17").public_key_material(
        aws_sdk_ec2::primitives::Blob::new(
            "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIE04ODg4ODg4ODg4ODg4ODg4ODg4ODg4ODg4ODg4ODg4",
        ),
    );
    import.send().await.unwrap();
    let plan = trial.plan(&example("key-pair")).await;
    assert_eq!(plan.refusals.iter().map(|refusal| &*refusal.code).collect::<Vec<_>>(), ["not-ours"]);
}

#[tokio::test]
async fn another_key_makes_a_new_key_pair_and_another_comment_does_not() {
    let text = example("key-pair");
    let mut trial = Trial::new().await;
    trial.converge(&text).await;
    assert!(trial.plan(&text.replace(" operations\n", " dana@desk\n")).await.is_empty());
    let other = text.replace("AAAAIE04", "AAAAIE14");
    assert_eq!(trial.plan(&other).await.count(Action::Replace), 1);
    trial.converge(&other).await;
    let tagged = other.replace("spec:\n  # The", "spec:\n  tags: {owner: dana}\n  # The");
    assert_eq!(trial.plan(&tagged).await.count(Action::Update), 1);
    trial.converge(&tagged).await;
}

#[test]
fn a_private_key_is_in_no_report() {
    let key = "-----BEGIN OPENSSH PRIVATE KEY-----\n    c2VjcmV0\n    -----END OPENSSH PRIVATE KEY-----\n";
    let block = format!("publicKeyMaterial: |\n    {key}");
    let quoted = "publicKeyMaterial: \"-----BEGIN RSA PRIVATE KEY----- c2VjcmV0 -----END RSA PRIVATE KEY-----\"";
    for material in [block.as_str(), quoted] {
        let text = example("key-pair");
        let start = text.find("publicKeyMaterial").unwrap();
        let findings = findings(&format!("{}{material}\n", &text[..start]));
        assert_eq!(findings.iter().map(|finding| &*finding.code).collect::<Vec<_>>(), ["KEY-02"]);
        let report = crate::diagnostic::text::render(&findings, false);
        assert!(report.contains("a new key") && !report.contains("c2VjcmV0"), "{report}");
    }
}

fn waits(trial: &Trial) -> Vec<&str> {
    let waits = trial.events.iter().filter_map(|event| match event {
        Event::Waiting { why, .. } => Some(why.as_str()),
        _ => None,
    });
    waits.collect()
}

/// The plan's word on each object of a kind.
fn actions(plan: &crate::plan::Plan, kind: &str) -> Vec<Action> {
    plan.changes.iter().filter(|change| change.address.kind == kind).map(|change| change.action).collect()
}

#[tokio::test]
async fn a_new_subnet_joins_the_table_of_the_old_one() {
    let text = example("route-table");
    let mut trial = Trial::new().await;
    trial.converge(&text).await;
    let table = trial.survey(&declared(&text)).await.of("RouteTable")[0].id.clone();
    let moved = text.replace("10.17.100.0/24", "10.17.101.0/24");
    let plan = trial.plan(&moved).await;
    assert_eq!(actions(&plan, "Subnet"), [Action::Replace]);
    assert_eq!(actions(&plan, "RouteTable"), [Action::Update]);
    trial.converge(&moved).await;
    assert_eq!(trial.survey(&declared(&moved)).await.of("RouteTable")[0].id, table);
    trial.destroy(&moved).await;
}

#[test]
fn two_tables_cannot_have_one_subnet_nor_be_the_main_one() {
    let second = "\n---\napiVersion: farpost/v1\nkind: RouteTable\nmetadata: {name: second}\nspec:\n  \
                  vpcId: ${Vpc.branch}\n";
    let claim = |table: &str| format!("{}{table}", example("route-table"));
    let found = findings(&claim(&format!("{second}  subnetIds: ['${{Subnet.region}}']\n")));
    assert_eq!(found.iter().map(|finding| &*finding.code).collect::<Vec<_>>(), ["VPC-08"]);
    let report = crate::diagnostic::text::render(&found, false);
    // Both places are shown.
    assert!(
        report.contains("    - ${Subnet.region}") && report.contains("subnetIds: ['${Subnet.region}']"),
        "{report}"
    );
    let main = claim(&format!("{second}  main: true\n")).replace("  routes:\n", "  main: true\n  routes:\n");
    let found = findings(&main);
    assert_eq!(found.iter().map(|finding| &*finding.code).collect::<Vec<_>>(), ["VPC-11"]);
    assert!(findings(&claim(&format!("{second}  main: true\n"))).is_empty());
}

#[tokio::test]
async fn a_main_table_goes_and_leaves_the_vpc_its_own() {
    let text = example("route-table");
    let main = text.replace("  routes:\n", "  main: true\n  routes:\n");
    let mut trial = Trial::new().await;
    trial.converge(&main).await;
    // The table goes, the VPC stays.
    let start = main.find("---\napiVersion: farpost/v1\nkind: RouteTable").unwrap();
    trial.converge(&main[..start]).await;
    trial.converge(&main).await;
    trial.destroy(&main).await;
    // Somebody made it the main one, and everything goes.
    trial.converge(&text).await;
    let survey = trial.survey(&declared(&text)).await;
    let (vpc, table) = (&survey.of("Vpc")[0].id, &survey.of("RouteTable")[0].id);
    let ec2 = trial.aws.ec2();
    let filters = [("vpc-id", vpc.as_str()), ("association.main", "true")];
    let filters = filters.map(|(name, value)| Filter::builder().name(name).values(value).build());
    let tables = ec2.describe_route_tables().set_filters(Some(filters.to_vec())).send().await.unwrap();
    let association = tables.route_tables()[0].associations()[0].route_table_association_id().unwrap();
    let seize = ec2.replace_route_table_association().association_id(association).route_table_id(table);
    seize.send().await.unwrap();
    trial.destroy(&text).await;
}

async fn tables(trial: &Trial, vpc: &str) -> Vec<aws_sdk_ec2::types::RouteTable> {
    let filter = Filter::builder().name("vpc-id").values(vpc).build();
    trial.aws.ec2().describe_route_tables().filters(filter).send().await.unwrap().route_tables().to_vec()
}

#[tokio::test]
async fn the_place_of_the_main_table_goes_to_none_with_routes_of_somebody_else() {
    let main = example("route-table").replace("  routes:\n", "  main: true\n  routes:\n");
    let mut trial = Trial::new().await;
    trial.converge(&main).await;
    let survey = trial.survey(&declared(&main)).await;
    let (vpc, gateway) = (survey.of("Vpc")[0].id.clone(), survey.of("InternetGateway")[0].id.clone());
    let ours = survey.of("RouteTable")[0].id.clone();
    let all = tables(&trial, &vpc).await;
    let of_aws = all.iter().find(|table| table.route_table_id() != Some(&ours)).unwrap();
    let of_aws = of_aws.route_table_id().unwrap().to_owned();
    let ec2 = trial.aws.ec2().clone();
    let open = ec2.create_route().route_table_id(&of_aws).destination_cidr_block("0.0.0.0/0").gateway_id(&gateway);
    open.send().await.unwrap();
    let start = main.find("---\napiVersion: farpost/v1\nkind: RouteTable").unwrap();
    trial.converge(&main[..start]).await;
    let all = tables(&trial, &vpc).await;
    let is_main =
        |table: &&aws_sdk_ec2::types::RouteTable| table.associations().iter().any(|one| one.main() == Some(true));
    let new = all.iter().find(is_main).unwrap();
    assert_ne!(new.route_table_id(), Some(of_aws.as_str()));
    assert_eq!((new.routes().len(), new.tags().len()), (1, 0), "{new:#?}");
    // What nobody owns keeps the VPC until somebody takes it away, even where it is the only other table.
    ec2.delete_route_table().route_table_id(&of_aws).send().await.unwrap();
    trial.converge(&main).await;
    let new = new.route_table_id().unwrap();
    ec2.delete_route_table().route_table_id(new).send().await.unwrap();
    trial.destroy(&main).await;
}

#[tokio::test]
async fn a_main_table_whose_place_moves_meanwhile_looks_again() {
    let main = example("route-table").replace("  routes:\n", "  main: true\n  routes:\n");
    let mut trial = Trial::new().await;
    trial.converge(&example("route-table")).await;
    for goes in [false, true] {
        let refusals = std::sync::atomic::AtomicU32::new(0);
        trial.meddle(move |action| {
            let is_first = action == "ReplaceRouteTableAssociation"
                && refusals.fetch_add(1, std::sync::atomic::Ordering::SeqCst) == 0;
            is_first.then(|| Answer::refusal("InvalidAssociationID.NotFound", "The association ID does not exist"))
        });
        if goes {
            trial.destroy(&main).await;
        } else {
            trial.converge(&main).await;
        }
        assert!(waits(&trial).iter().any(|why| why.starts_with("the VPC's main route table has just changed")));
        trial.events.clear();
    }
}

#[test]
fn a_group_that_refers_to_itself_is_told_how_to_say_that() {
    let text =
        example("security-group").replace("      self: true\n", "      sourceSecurityGroupId: ${SecurityGroup.app}\n");
    let findings = findings(&text);
    assert_eq!(findings.iter().map(|finding| &*finding.code).collect::<Vec<_>>(), ["REF-04"]);
    assert!(findings[0].help.as_deref().unwrap().contains("self: true"), "{findings:#?}");
}

/// A group with so many rules, from a first port on.
fn many_rules(number: u16, first: u16) -> String {
    let rules: Vec<String> = (first..first + number)
        .map(|port| format!("    - {{ipProtocol: tcp, fromPort: {port}, cidrIp: 10.0.0.0/8}}\n"))
        .collect();
    let text = example("vpc");
    format!(
        "{text}\n---\napiVersion: farpost/v1\nkind: SecurityGroup\nmetadata: {{name: many}}\nspec:\n  \
         vpcId: ${{Vpc.branch}}\n  ingress:\n{}",
        rules.concat()
    )
}

#[tokio::test]
async fn rules_that_have_no_room_beside_the_old_ones_take_their_place() {
    let mut trial = Trial::new().await;
    trial.converge(&many_rules(50, 1000)).await;
    trial.converge(&many_rules(55, 2000)).await;
    let (desired, findings) = checked(&many_rules(61, 3000));
    assert_eq!(findings.iter().map(|finding| &*finding.code).collect::<Vec<_>>(), ["SG-08"]);
    let desired = desired.unwrap();
    let survey = trial.survey(&desired).await;
    let plan = crate::plan::plan(
        &desired,
        &survey,
        crate::plan::Goal::Converge,
        crate::plan::Guards::default(),
        trial.aws.counts(),
    );
    let outcome = trial.carry_out(plan).await;
    assert!(!outcome.is_complete());
    let said = format!("{:#?}", trial.events);
    assert!(said.contains("RulesPerSecurityGroupLimitExceeded") && said.contains("L-0EA8095F"), "{said}");
    // What was open is still open.
    assert!(trial.plan(&many_rules(55, 2000)).await.is_empty());
}

#[tokio::test]
async fn why_rules_were_refused_is_said_also_when_the_old_ones_do_not_come_back() {
    let mut trial = Trial::new().await;
    trial.converge(&many_rules(55, 2000)).await;
    let desired = checked(&many_rules(61, 3000)).0.unwrap();
    let survey = trial.survey(&desired).await;
    let (goal, guards) = (crate::plan::Goal::Converge, crate::plan::Guards::default());
    let plan = crate::plan::plan(&desired, &survey, goal, guards, trial.aws.counts());
    let calls = std::sync::atomic::AtomicU32::new(0);
    trial.meddle(move |action| {
        // The new ones beside the old, the new ones alone, the old ones.
        let is_third =
            action == "AuthorizeSecurityGroupIngress" && calls.fetch_add(1, std::sync::atomic::Ordering::SeqCst) == 2;
        is_third.then(|| Answer::refusal("UnauthorizedOperation", "not from here"))
    });
    let outcome = trial.carry_out(plan).await;
    trial.stop_meddling();
    assert!(!outcome.is_complete());
    let said = trial.events.iter().find_map(|event| match event {
        Event::Failed { why, .. } => Some(why.as_str()),
        _ => None,
    });
    let said = said.unwrap();
    assert!(said.contains("RulesPerSecurityGroupLimitExceeded") && said.contains("not from here"), "{said}");
}

/// Waiting for `AmazonEC2` to forget an instance, as somebody else would.
async fn terminate(ec2: &aws_sdk_ec2::Client, instance: &str) {
    ec2.terminate_instances().instance_ids(instance).send().await.unwrap();
    for _ in 0..6000 {
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        let filter = Filter::builder().name("attachment.instance-id").values(instance).build();
        let left = ec2.describe_network_interfaces().filters(filter).send().await.unwrap();
        if left.network_interfaces().is_empty() {
            return;
        }
    }
    panic!("{instance} does not go");
}

#[tokio::test]
async fn what_holds_a_group_a_subnet_and_a_vpc_is_named() {
    let text = format!(
        "{}\n---\napiVersion: farpost/v1\nkind: Subnet\nmetadata: {{name: region}}\nspec:\n  \
         vpcId: ${{Vpc.branch}}\n  cidrBlock: 10.17.100.0/24\n",
        example("security-group")
    );
    let mut trial = Trial::new().await;
    trial.converge(&text).await;
    let survey = trial.survey(&declared(&text)).await;
    let vpc = survey.of("Vpc")[0].id.clone();
    let subnet = survey.of("Subnet")[0].id.clone();
    let group = survey.of("SecurityGroup").iter().find(|one| one.attributes["name"] == "app").unwrap().id.clone();
    let ec2 = trial.aws.ec2().clone();
    let run = ec2.run_instances().min_count(1).max_count(1).image_id("ami-0b0a7f00d0000001a");
    let run = run.instance_type(aws_sdk_ec2::types::InstanceType::T3Small).subnet_id(&subnet).security_group_ids(group);
    let instance = run.send().await.unwrap().instances()[0].instance_id().unwrap().to_owned();
    let foreign = ec2.create_subnet().vpc_id(&vpc).cidr_block("10.17.200.0/24").send().await.unwrap();
    let foreign = foreign.subnet().unwrap().subnet_id().unwrap().to_owned();
    let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
    trial.tell = Some(tell);
    // Each lets go when it has been named.
    let mut named = async |kinds: &[&str], starts: &str, ends: &str| {
        let mut seen = std::collections::BTreeSet::new();
        while !kinds.iter().all(|kind| seen.contains(*kind)) {
            if let Event::Waiting { address, why } = told.recv().await.unwrap()
                && why.starts_with(starts)
                && why.ends_with(ends)
            {
                seen.insert(address.kind);
            }
        }
    };
    let later = async {
        named(
            &["SecurityGroup", "Subnet"],
            "still in use by: network interface eni-",
            &format!(
                " of instance {instance} (not of this stack); what is not of this stack is for its owner to take away"
            ),
        )
        .await;
        terminate(&ec2, &instance).await;
        named(&["Vpc"], &format!("still in use by: subnet {foreign} (not of this stack)"), "").await;
        ec2.delete_subnet().subnet_id(&foreign).send().await.unwrap();
    };
    let both = async { tokio::join!(trial.destroy(&text), later) };
    tokio::time::timeout(std::time::Duration::from_secs(120), both).await.expect("each is named");
}

#[tokio::test]
async fn a_rule_is_not_taken_back_before_its_successor_is_there() {
    let text = example("security-group");
    let mut trial = Trial::new().await;
    trial.converge(&text).await;
    let refused = text.replace("sourceSecurityGroupId: ${SecurityGroup.app}", "sourceSecurityGroupId: sg-nothing");
    let plan = trial.plan(&refused).await;
    let outcome = trial.carry_out(plan).await;
    assert!(!outcome.is_complete());
    assert!(trial.plan(&text).await.is_empty(), "what was open is still open");
}

#[tokio::test]
async fn the_address_that_keeps_a_gateway_is_named() {
    let text = example("internet-gateway");
    let mut trial = Trial::new().await;
    trial.converge(&text).await;
    let vpc = trial.survey(&declared(&text)).await.of("Vpc")[0].id.clone();
    let ec2 = trial.aws.ec2().clone();
    let subnet = ec2.create_subnet().vpc_id(&vpc).cidr_block("10.17.200.0/24").send().await.unwrap();
    let subnet = subnet.subnet().unwrap().subnet_id().unwrap().to_owned();
    let card = aws_sdk_ec2::types::InstanceNetworkInterfaceSpecification::builder();
    let card = card.device_index(0).subnet_id(&subnet).associate_public_ip_address(true).build();
    let run = ec2.run_instances().min_count(1).max_count(1).image_id("ami-0b0a7f00d0000001a");
    let run = run.instance_type(aws_sdk_ec2::types::InstanceType::T3Small).network_interfaces(card);
    let instance = run.send().await.unwrap().instances()[0].instance_id().unwrap().to_owned();
    let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
    trial.tell = Some(tell);
    let later = async {
        loop {
            if let Event::Waiting { address, why } = told.recv().await.unwrap()
                && address.kind == "InternetGateway"
                && why.starts_with("still in use by: public address 198.18.")
                && why.contains(&format!(" of instance {instance} (not of this stack)"))
            {
                break;
            }
        }
        terminate(&ec2, &instance).await;
        ec2.delete_subnet().subnet_id(&subnet).send().await.unwrap();
    };
    let both = async { tokio::join!(trial.destroy(&text), later) };
    tokio::time::timeout(std::time::Duration::from_secs(120), both).await.expect("it is named");
}
