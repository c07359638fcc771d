//! SVC: who carries out deployments, and how.

use crate::diagnostic::Severity::{Error, Warning};
use crate::rules::workload::{controller, is_daemon, launch_type};
use crate::rules::{Check, Declared, Hits, Node, Rule};

pub(super) static RULES: &[Rule] = &[
    Rule {
        id: "SVC-12",
        severity: Error,
        title: "a circuit breaker or alarms for deployments that ECS does not make",
        why: "AWS refuses it: the deployment circuit breaker and CloudWatch alarms watch deployments of the controller ECS \
              only.",
        source: "Amazon ECS API, DeploymentConfiguration.deploymentCircuitBreaker",
        check: Check::Each("Service", watchers),
        bad: "
kind: Service
metadata: {name: till}
spec:
  cluster: shop
  desiredCount: 2
  deploymentController: {type: EXTERNAL}
  deploymentConfiguration:
    deploymentCircuitBreaker: {enable: true, rollback: true}
",
        good: "
kind: Service
metadata: {name: till}
spec:
  cluster: shop
  desiredCount: 2
  deploymentController: {type: EXTERNAL}
",
    },
    Rule {
        id: "SVC-13",
        severity: Error,
        title: "a deployment beside the old tasks without what it needs",
        why: "BLUE_GREEN, LINEAR and CANARY start all new tasks beside the old ones and then move the traffic. AWS wants \
              bakeTimeInMinutes with BLUE_GREEN, takes none of them for DAEMON, and needs advancedConfiguration at each \
              target group, which names the other one and the listener rule. Where nothing leads traffic to the service, \
              there is none to move, and ROLLING does the same with fewer tasks.",
        source: "Amazon ECS API, DeploymentConfiguration.strategy and bakeTimeInMinutes",
        check: Check::Each("Service", beside),
        bad: "
kind: Service
metadata: {name: till}
spec:
  cluster: shop
  taskDefinition: till:7
  launchType: EC2
  desiredCount: 2
  serviceConnectConfiguration: {enabled: true, namespace: shop, services: [{portName: http}]}
  deploymentConfiguration: {strategy: BLUE_GREEN}
",
        good: "
kind: Service
metadata: {name: till}
spec:
  cluster: shop
  taskDefinition: till:7
  launchType: EC2
  desiredCount: 2
  serviceConnectConfiguration: {enabled: true, namespace: shop, services: [{portName: http}]}
  deploymentConfiguration: {strategy: BLUE_GREEN, bakeTimeInMinutes: 5}
",
    },
    Rule {
        id: "SVC-14",
        severity: Error,
        title: "percentages for deployments that ECS does not make",
        why: "AWS refuses it: with the controllers CODE_DEPLOY and EXTERNAL, a service on EC2 takes no minimumHealthyPercent \
              and no maximumPercent of its own.",
        source: "Amazon ECS API, DeploymentConfiguration.maximumPercent",
        check: Check::Each("Service", percentages),
        bad: "
kind: Service
metadata: {name: till}
spec:
  cluster: shop
  taskDefinition: till:7
  launchType: EC2
  desiredCount: 2
  deploymentController: {type: CODE_DEPLOY}
  deploymentConfiguration: {minimumHealthyPercent: 50}
  loadBalancers:
    - targetGroupArn: arn:aws:elasticloadbalancing:eu-central-1:123456789012:targetgroup/till/0123456789abcdef
      containerName: app
      containerPort: 80
",
        good: "
kind: Service
metadata: {name: till}
spec:
  cluster: shop
  taskDefinition: till:7
  launchType: EC2
  desiredCount: 2
  deploymentController: {type: CODE_DEPLOY}
  loadBalancers:
    - targetGroupArn: arn:aws:elasticloadbalancing:eu-central-1:123456789012:targetgroup/till/0123456789abcdef
      containerName: app
      containerPort: 80
",
    },
    Rule {
        id: "SVC-15",
        severity: Error,
        title: "members that do not go with the deployment controller",
        why: "CODE_DEPLOY moves traffic between target groups, so AWS refuses a service without one: \"the service requires \
              an Application Load Balancer or Network Load Balancer\". With EXTERNAL the task sets say what runs and where: \
              \"TaskDefinition must be blank\", \"LoadBalancers must be empty or null\".",
        source: "Amazon ECS API, CreateService, deploymentController",
        check: Check::Each("Service", controlled),
        bad: "
kind: Service
metadata: {name: till}
spec:
  cluster: shop
  taskDefinition: till:7
  desiredCount: 2
  deploymentController: {type: EXTERNAL}
",
        good: "
kind: Service
metadata: {name: till}
spec:
  cluster: shop
  desiredCount: 2
  deploymentController: {type: EXTERNAL}
",
    },
    Rule {
        id: "SVC-28",
        severity: Error,
        title: "settings of another deployment strategy",
        why: "AWS refuses settings of a strategy that the service does not have: linearConfiguration belongs to LINEAR, \
              canaryConfiguration to CANARY, earlySuccessCriteria to ROLLING.",
        source: "Amazon ECS API, DeploymentConfiguration.linearConfiguration, canaryConfiguration, earlySuccessCriteria",
        check: Check::Each("Service", settings),
        bad: "
kind: Service
metadata: {name: till}
spec:
  cluster: shop
  taskDefinition: till:7
  launchType: EC2
  desiredCount: 2
  serviceConnectConfiguration: {enabled: true, namespace: shop, services: [{portName: http}]}
  deploymentConfiguration: {strategy: CANARY, linearConfiguration: {stepPercent: 20}}
",
        good: "
kind: Service
metadata: {name: till}
spec:
  cluster: shop
  taskDefinition: till:7
  launchType: EC2
  desiredCount: 2
  serviceConnectConfiguration: {enabled: true, namespace: shop, services: [{portName: http}]}
  deploymentConfiguration: {strategy: LINEAR, linearConfiguration: {stepPercent: 20}}
",
    },
];

fn watchers(service: Node<'_>, _: &Declared<'_>, hits: &mut Hits) {
    let controller = controller(service);
    if !["CODE_DEPLOY", "EXTERNAL"].contains(&controller) {
        return;
    }
    let configuration = service.get("deploymentConfiguration");
    for (member, what) in [("deploymentCircuitBreaker", "the circuit breaker"), ("alarms", "alarms")] {
        let node = configuration.get(member);
        if node.get("enable").is_true() {
            hits.add(node, format!("{what} cannot watch the deployments of controller {controller}"))
                .beside(service.at("deploymentController.type"), "the controller")
                .help(format!("take {member} out, or use deploymentController: {{type: ECS}}"));
        }
    }
}

fn beside(service: Node<'_>, _: &Declared<'_>, hits: &mut Hits) {
    let configuration = service.get("deploymentConfiguration");
    let node = configuration.get("strategy");
    let Some(strategy @ ("BLUE_GREEN" | "LINEAR" | "CANARY")) = node.text() else { return };
    if is_daemon(service) {
        hits.add(node, format!("a DAEMON service is deployed in place, and not by {strategy}"))
            .help("use strategy: ROLLING, or schedulingStrategy: REPLICA");
        return;
    }
    if strategy == "BLUE_GREEN" && !configuration.get("bakeTimeInMinutes").is_given() {
        hits.add(node, "AWS wants to be told for how long both colours run after the traffic has moved")
            .help("add bakeTimeInMinutes, which may be 0");
    }
    let balancers = service.get("loadBalancers");
    for balancer in balancers.items().filter(|one| one.get("targetGroupArn").is_given()) {
        if balancers.items().len() > 1 && !balancer.get("advancedConfiguration").is_given() {
            hits.add(balancer, format!("{strategy} moves traffic from this target group, and nothing says where to"))
                .help("add advancedConfiguration: the other target group, the listener rule, and a role");
        }
    }
    let has_traffic = balancers.says_something()
        || service.get("vpcLatticeConfigurations").says_something()
        || service.get("gatewayConnectors").says_something()
        || service.at("serviceConnectConfiguration.enabled").is_true();
    if !has_traffic {
        let message = format!("{strategy} moves traffic, and nothing leads any to this service");
        hits.add_as(Warning, node, message)
            .help("use strategy: ROLLING, or add a load balancer, VPC Lattice or Service Connect");
    }
}

fn percentages(service: Node<'_>, declared: &Declared<'_>, hits: &mut Hits) {
    let controller = controller(service);
    // Where nothing is said, the cluster's default decides; with EXTERNAL the task sets do.
    let by_default = controller == "CODE_DEPLOY"
        && declared.target(service.get("cluster")).is_some()
        && launch_type(service, declared) == Some("EC2");
    let is_meant =
        ["CODE_DEPLOY", "EXTERNAL"].contains(&controller) && (service.get("launchType").is("EC2") || by_default);
    for member in ["minimumHealthyPercent", "maximumPercent"] {
        let node = service.get("deploymentConfiguration").get(member);
        if is_meant && node.is_given() {
            hits.add(node, format!("with controller {controller} on EC2, AWS takes no {member}"))
                .beside(service.at("deploymentController.type"), "the controller")
                .help(format!("take {member} out"));
        }
    }
}

/// What the task sets say of a service with controller EXTERNAL.
const OF_TASK_SETS: &[&str] = &[
    "taskDefinition",
    "launchType",
    "capacityProviderStrategy",
    "platformVersion",
    "networkConfiguration",
    "loadBalancers",
    "serviceRegistries",
];

fn controlled(service: Node<'_>, _: &Declared<'_>, hits: &mut Hits) {
    let controller = controller(service);
    if controller == "EXTERNAL" {
        for member in OF_TASK_SETS.iter().map(|member| (service.get(member), member)) {
            let (node, name) = member;
            if node.says_something() {
                hits.add(node, format!("with controller EXTERNAL, {name} is a matter of the task sets"))
                    .beside(service.at("deploymentController.type"), "the controller")
                    .help(format!("take {name} out, or use another deploymentController"));
            }
        }
    }
    if controller == "CODE_DEPLOY" && !service.get("loadBalancers").says_something() {
        let message = "CodeDeploy moves traffic from one target group to another, so the service needs one";
        hits.add(service.at("deploymentController.type"), message)
            .help("add loadBalancers, or use another deploymentController");
    }
}

fn settings(service: Node<'_>, _: &Declared<'_>, hits: &mut Hits) {
    let configuration = service.get("deploymentConfiguration");
    let strategy = configuration.get("strategy");
    let strategy = if strategy.is_given() { strategy.text() } else { Some("ROLLING") };
    let Some(strategy) = strategy else { return };
    for (member, of) in
        [("linearConfiguration", "LINEAR"), ("canaryConfiguration", "CANARY"), ("earlySuccessCriteria", "ROLLING")]
    {
        let node = configuration.get(member);
        if node.is_given() && of != strategy && node.get("enable").flag() != Some(false) {
            hits.add(node, format!("{member} belongs to the strategy {of}; the strategy is {strategy}"))
                .help(format!("take {member} out, or use strategy: {of}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::rules::tests::findings;

    fn ids(members: &str) -> Vec<String> {
        let text = format!("kind: Service\nmetadata: {{name: till}}\nspec: {{cluster: shop, {members}}}\n");
        let ids = findings(&text).into_iter().map(|finding| finding.code.to_string());
        let mut ids: Vec<String> = ids.filter(|id| id.starts_with("SVC-")).collect();
        ids.sort();
        ids
    }

    const BALANCER: &str = "loadBalancers: [{loadBalancerName: front, containerName: app, containerPort: 80}]";

    #[test]
    fn strategies_have_their_own_settings() {
        let deployed = |configuration: &str| {
            ids(&format!(
                "taskDefinition: 'till:7', launchType: EC2, {BALANCER}, deploymentConfiguration: {{{configuration}}}"
            ))
        };
        assert_eq!(deployed("linearConfiguration: {}, canaryConfiguration: {}"), ["SVC-28"; 2]);
        assert_eq!(deployed("strategy: BLUE_GREEN"), ["SVC-13"]);
        assert!(deployed("strategy: BLUE_GREEN, bakeTimeInMinutes: 0").is_empty());
        assert!(deployed("strategy: CANARY, canaryConfiguration: {canaryPercent: 1.0}").is_empty());
        assert_eq!(deployed("strategy: CANARY, earlySuccessCriteria: {enable: true}"), ["SVC-28"]);
        // Percentages of a deployment beside the old tasks are no matter of rolling.
        assert!(deployed("strategy: LINEAR, maximumPercent: 100, minimumHealthyPercent: 100").is_empty());
    }

    #[test]
    fn controllers_leave_members_to_others() {
        let by =
            |controller: &str, members: &str| ids(&format!("deploymentController: {{type: {controller}}}, {members}"));
        assert!(by("EXTERNAL", "desiredCount: 1").is_empty());
        assert_eq!(by("EXTERNAL", "taskDefinition: till, launchType: EC2"), ["SVC-15"; 2]);
        assert_eq!(by("CODE_DEPLOY", "taskDefinition: till"), ["SVC-15"]);
        assert!(by("CODE_DEPLOY", &format!("taskDefinition: till, {BALANCER}")).is_empty());
        let percent = "taskDefinition: till, launchType: EC2, deploymentConfiguration: {maximumPercent: 150}";
        assert_eq!(
            by("CODE_DEPLOY", &format!("{percent}, {BALANCER}, schedulingStrategy: DAEMON")),
            ["SVC-03", "SVC-04", "SVC-14"]
        );
        // Where nothing is said, the default of a cluster that is not declared may be Fargate.
        let percent = "taskDefinition: till, deploymentConfiguration: {maximumPercent: 150}";
        assert!(by("CODE_DEPLOY", &format!("{percent}, {BALANCER}")).is_empty());
    }
}
