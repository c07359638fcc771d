//! Secrets that containers get.

use super::super::workload::containers;
use super::{Check, Declared, Hits, Node, Rule};
use crate::diagnostic::Severity::Error;

pub(super) static RULES: &[Rule] = &[Rule {
    id: "SEC-01",
    severity: Error,
    title: "valueFrom names neither a secret nor a parameter",
    why: "ECS reads secrets by the name or the ARN of a parameter of Systems Manager, or by the ARN of a secret of Secrets \
          Manager, which may be followed by :KEY:STAGE:VERSION with all three colons. With anything else no task starts: \
          \"unexpected ARN format with parameters when trying to retrieve ASM secret\".",
    source: "Amazon ECS API, Secret.valueFrom",
    check: Check::Each("TaskDefinition", values),
    bad: "
kind: TaskDefinition
metadata: {name: till}
spec:
  executionRoleArn: arn:aws:iam::123456789012:role/pull
  containerDefinitions:
    - name: app
      image: nginx:1.29
      memory: 64
      secrets:
        - name: DATABASE
          valueFrom: arn:aws:secretsmanager:eu-central-1:123456789012:secret:till-AbCdEf:url
",
    good: "
kind: TaskDefinition
metadata: {name: till}
spec:
  executionRoleArn: arn:aws:iam::123456789012:role/pull
  containerDefinitions:
    - name: app
      image: nginx:1.29
      memory: 64
      secrets:
        - name: DATABASE
          valueFrom: 'arn:aws:secretsmanager:eu-central-1:123456789012:secret:till-AbCdEf:url::'
",
}];

fn values(definition: Node<'_>, _: &Declared<'_>, hits: &mut Hits) {
    for container in containers(definition) {
        let of_driver = container.at("logConfiguration.secretOptions").items();
        for secret in container.get("secrets").items().chain(of_driver) {
            let value = secret.get("valueFrom");
            let Some(Err((message, help))) = value.text().map(check) else { continue };
            hits.add(value, message).help(help);
        }
    }
}

/// What is wrong with it, and what to write.
fn check(text: &str) -> Result<(), (String, &'static str)> {
    const FORMS: &str = "the name or the ARN of a parameter, or the ARN of a secret";
    if !text.starts_with("arn:") {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-/".contains(&byte);
        return match !text.is_empty() && text.bytes().all(fits) {
            true => Ok(()),
            false => Err((format!("`{text}` is neither the name of a parameter nor an ARN"), FORMS)),
        };
    }
    let parts: Vec<&str> = text.split(':').collect();
    match parts[..] {
        [_, _, "ssm", _, _, name, ..] if name.starts_with("parameter/") => Ok(()),
        [_, _, "secretsmanager", _, _, "secret", name, ref more @ ..] if !name.is_empty() => match more.len() {
            0 | 3 => Ok(()),
            _ => Err((
                "after the name of a secret come none or three parts".to_owned(),
                "write all of :KEY:STAGE:VERSION, empty where there is nothing to say: …:secret:NAME:KEY::",
            )),
        },
        _ => Err((format!("`{text}` is the ARN of neither a secret nor a parameter"), FORMS)),
    }
}

#[cfg(test)]
mod tests {
    use super::check;

    #[test]
    fn forms_of_a_secret() {
        let secret = "arn:aws:secretsmanager:us-west-2:123456789012:secret:till-AbCdEf";
        for good in [
            secret,
            &format!("{secret}:key::"),
            &format!("{secret}::AWSPREVIOUS:"),
            "arn:aws:ssm:us-west-2:123456789012:parameter/branch/till",
            "arn:aws-cn:ssm:cn-north-1:123456789012:parameter/x",
            "/branch/till",
            "till",
        ] {
            assert_eq!(check(good), Ok(()), "{good}");
        }
        for bad in [
            "",
            "a secret",
            &format!("{secret}:key"),
            &format!("{secret}:a:b:c:d"),
            "arn:aws:s3:::bucket/key",
            "arn:aws:ssm:us-west-2:123456789012:document/x",
            "ssm:/branch/till",
        ] {
            assert!(check(bad).is_err(), "{bad}");
        }
    }
}
