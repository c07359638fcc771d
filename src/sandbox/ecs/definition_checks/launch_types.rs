//! What a task definition has to have for the launch types that it is to be compatible with.

use serde_json::{Value, json};

use super::{Checked, Draft, is_fargate_size};
use crate::sandbox::ecs::errors::client;
use crate::sandbox::ecs::shapes::{Input, items};

impl Draft {
    /// What the agent or Fargate does with the execution role cannot be done without one.
    pub(super) fn execution_role(&self, input: &Input) -> Checked {
        if input.text("executionRoleArn").is_some_and(|role| !role.is_empty()) {
            return Ok(());
        }
        if self.containers.iter().any(|container| !items(container.get("secrets")).is_empty()) {
            return Err(client(
                "When you are specifying container secrets, you must also specify a value for 'executionRoleArn'.",
            ));
        }
        let refuse = |what: &str| {
            Err(client(format!("Fargate requires task definition to have execution role ARN to support {what}.")))
        };
        if self.fargate
            && self.containers.iter().any(|container| container["logConfiguration"]["logDriver"] == "awslogs")
        {
            return refuse("log driver awslogs");
        }
        let private = |container: &Value| container["image"].as_str().is_some_and(|image| image.contains(".dkr.ecr."));
        if self.fargate && self.containers.iter().any(private) {
            return refuse("ECR images");
        }
        Ok(())
    }

    pub(super) fn fargate_check(&self, input: &Input) -> Checked {
        if self.network != "awsvpc" {
            return Err(client("Fargate only supports network mode ‘awsvpc’."));
        }
        let Some(cpu) = self.cpu else {
            return Err(client("Fargate requires that 'cpu' be defined at the task level."));
        };
        let Some(memory) = self.memory else {
            return Err(client("Fargate requires that 'memory' be defined at the task level."));
        };
        if !is_fargate_size(cpu, memory) {
            return Err(client(format!(
                "No Fargate configuration exists for given values: {cpu} CPU, {memory} memory."
            )));
        }
        let unsupported =
            |what: &str| Err(client(format!("Fargate compatible task definitions do not support {what}")));
        if !input.list("placementConstraints").is_empty() {
            return unsupported("placementConstraints");
        }
        if input.get("ipcMode").is_some() {
            return unsupported("ipcMode");
        }
        if input.text("pidMode") == Some("host") {
            return Err(client("Tasks using the Fargate launch type do not support pidMode 'host'."));
        }
        for volume in &self.volumes {
            if volume["host"]["sourcePath"].is_string() {
                return unsupported("sourcePath");
            }
            for member in ["dockerVolumeConfiguration", "fsxWindowsFileServerVolumeConfiguration"] {
                if volume.get(member).is_some() {
                    return unsupported(member);
                }
            }
        }
        for container in &self.containers {
            if container["privileged"] == true {
                return unsupported("privileged");
            }
            if !items(container.get("dockerSecurityOptions")).is_empty() {
                return unsupported("dockerSecurityOptions");
            }
            let linux = &container["linuxParameters"];
            for member in ["devices", "sharedMemorySize", "tmpfs", "maxSwap", "swappiness"] {
                if linux.get(member).is_some_and(|value| *value != json!([])) {
                    return unsupported(member);
                }
            }
            if items(linux["capabilities"].get("add")).iter().any(|capability| capability != "SYS_PTRACE") {
                return unsupported("adding capabilities other than SYS_PTRACE");
            }
        }
        if let Some(size) = input.get("ephemeralStorage").and_then(|storage| storage["sizeInGiB"].as_i64())
            && !(21..=200).contains(&size)
        {
            return Err(client("Invalid 'ephemeralStorage' setting: sizeInGiB must be between 21 and 200."));
        }
        Ok(())
    }

    pub(super) fn external_check(&self, input: &Input) -> Checked {
        if self.network == "awsvpc" {
            return Err(client("The EXTERNAL launch type does not support networkMode 'awsvpc'."));
        }
        if input.get("proxyConfiguration").is_some() {
            return Err(client("The EXTERNAL launch type does not support proxyConfiguration."));
        }
        let bad = |volume: &&Value| {
            ["efsVolumeConfiguration", "s3filesVolumeConfiguration"].iter().any(|member| volume.get(member).is_some())
                || volume["configuredAtLaunch"] == true
        };
        match self.volumes.iter().find(bad) {
            Some(volume) => {
                Err(client(format!("The EXTERNAL launch type does not support the volume {}.", volume["name"])))
            }
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::sandbox::ecs::fixture::Fixture;

    #[test]
    fn secrets_logs_and_private_images_need_an_execution_role() {
        let mut aws = Fixture::new();
        let mut register = |container: Value, fargate: bool| {
            let mut input = json!({
                "family": "f", "networkMode": "awsvpc", "cpu": "256", "memory": "512",
                "containerDefinitions": [container],
            });
            if fargate {
                input["requiresCompatibilities"] = json!(["FARGATE"]);
            }
            let message = aws.error("RegisterTaskDefinition", input.clone()).message;
            input["executionRoleArn"] = json!("arn:aws:iam::123456789012:role/pull");
            aws.ok("RegisterTaskDefinition", input);
            message
        };
        let secret = json!([{"name": "KEY", "valueFrom": "arn:aws:ssm:us-west-2:123456789012:parameter/key"}]);
        let message = register(json!({"name": "c", "image": "nginx", "secrets": secret}), false);
        assert!(message.contains("container secrets"), "{message}");
        let logs = json!({"logDriver": "awslogs", "options": {"awslogs-group": "g", "awslogs-region": "us-west-2"}});
        let message = register(json!({"name": "c", "image": "nginx", "logConfiguration": logs}), true);
        assert!(message.ends_with("to support log driver awslogs."), "{message}");
        let image = "123456789012.dkr.ecr.us-west-2.amazonaws.com/web:1";
        let message = register(json!({"name": "c", "image": image}), true);
        assert!(message.ends_with("to support ECR images."), "{message}");
    }

    #[test]
    fn external_instances_have_no_volumes_of_aws() {
        let mut aws = Fixture::new();
        let mount = json!([{"sourceVolume": "v", "containerPath": "/v"}]);
        let container = json!({"name": "c", "image": "nginx", "memory": 64, "mountPoints": mount});
        for volume in [
            json!({"name": "v", "efsVolumeConfiguration": {"fileSystemId": "fs-1"}}),
            json!({"name": "v", "configuredAtLaunch": true}),
        ] {
            let mut input = json!({"family": "f", "containerDefinitions": [container], "volumes": [volume]});
            let made = aws.ok("RegisterTaskDefinition", input.clone())["taskDefinition"].clone();
            assert_eq!(made["compatibilities"], json!(["EC2"]), "{volume}");
            input["requiresCompatibilities"] = json!(["EXTERNAL"]);
            assert_eq!(aws.refused("RegisterTaskDefinition", input), "ClientException", "{volume}");
        }
    }
}
