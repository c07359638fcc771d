//! Reading an EC2 request: which members an operation understands, and their texts as booleans, numbers and CIDRs.

use ipnet::{Ipv4Net, Ipv6Net};
use serde_json::Value;

use crate::sandbox::wire::{AwsError, Call};

/// Words of an operation's member list that stand for several members.
const GROUPS: &[(&str, &[&str])] = &[
    ("TAGS", &["TagSpecification.ResourceType", "TagSpecification.Tag.Key", "TagSpecification.Tag.Value"]),
    ("FILTERS", &["Filter.Name", "Filter.Value"]),
    ("PAGES", &["MaxResults", "NextToken"]),
    (
        "PERMISSIONS",
        &[
            "IpPermissions.IpProtocol",
            "IpPermissions.FromPort",
            "IpPermissions.ToPort",
            "IpPermissions.Groups.GroupId",
            "IpPermissions.Groups.GroupName",
            "IpPermissions.Groups.UserId",
            "IpPermissions.Groups.VpcId",
            "IpPermissions.Groups.Description",
            "IpPermissions.IpRanges.CidrIp",
            "IpPermissions.IpRanges.Description",
            "IpPermissions.Ipv6Ranges.CidrIpv6",
            "IpPermissions.Ipv6Ranges.Description",
            "IpPermissions.PrefixListIds.PrefixListId",
            "IpPermissions.PrefixListIds.Description",
        ],
    ),
];

/// Refuses members that are not in `members` (words; `!` after one says that it is required).
pub(super) fn check(call: &Call, members: &str) -> Result<(), AwsError> {
    let mut known = vec!["DryRun"];
    for word in members.split_whitespace() {
        match GROUPS.iter().find(|(group, _)| *group == word) {
            Some((_, expanded)) => known.extend(*expanded),
            None => known.push(word.trim_end_matches('!')),
        }
    }
    let mut given = Vec::new();
    leaves(&call.input, String::new(), &mut given);
    if let Some(unknown) = given.iter().find(|path| !known.contains(&path.as_str())) {
        return Err(AwsError::invalid("UnknownParameter", format!("The parameter {unknown} is not recognized")));
    }
    let missing = members
        .split_whitespace()
        .filter_map(|word| word.strip_suffix('!'))
        .find(|required| !given.iter().any(|path| path.split('.').next() == required.split('.').next()));
    match missing {
        Some(required) => Err(missing_parameter(required.split('.').next().unwrap_or(required))),
        None => Ok(()),
    }
}

fn leaves(value: &Value, path: String, out: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                leaves(value, path, out);
            }
        }
        Value::Array(items) => {
            for item in items {
                leaves(item, path.clone(), out);
            }
        }
        _ => out.push(path),
    }
}

pub(super) fn missing_parameter(name: &str) -> AwsError {
    AwsError::invalid("MissingParameter", format!("The request must contain the parameter {name}"))
}

pub(super) fn bad_value(message: impl Into<String>) -> AwsError {
    AwsError::invalid("InvalidParameterValue", message)
}

pub(super) fn combination(message: impl Into<String>) -> AwsError {
    AwsError::invalid("InvalidParameterCombination", message)
}

/// A required member's text: [`check`] has seen to it that it is there; empty is as good as absent.
pub(super) fn required<'a>(call: &'a Call, member: &str) -> Result<&'a str, AwsError> {
    call.text(member).ok_or_else(|| missing_parameter(member))
}

/// The text of a member of a nested structure, none when absent or empty.
pub(super) fn text<'a>(value: &'a Value, member: &str) -> Option<&'a str> {
    value[member].as_str().filter(|text| !text.is_empty())
}

pub(super) fn flag(value: &Value, member: &str) -> Result<Option<bool>, AwsError> {
    match text(value, member) {
        None => Ok(None),
        Some("true" | "True" | "1") => Ok(Some(true)),
        Some("false" | "False" | "0") => Ok(Some(false)),
        Some(other) => Err(bad_value(format!("Value ({other}) for parameter {member} is invalid. Expected a boolean"))),
    }
}

pub(super) fn number(value: &Value, member: &str) -> Result<Option<i64>, AwsError> {
    text(value, member)
        .map(|text| {
            text.parse().map_err(|_| {
                bad_value(format!("Value ({text}) for parameter {member} is invalid. Expected an integer"))
            })
        })
        .transpose()
}

/// One of a closed set of words.
pub(super) fn word(value: &Value, member: &str, words: &[&str]) -> Result<Option<String>, AwsError> {
    match text(value, member) {
        Some(text) if !words.contains(&text) => Err(bad_value(format!(
            "Value ({text}) for parameter {member} is invalid. Valid values are {}",
            words.join(", ")
        ))),
        other => Ok(other.map(str::to_owned)),
    }
}

/// Exactly one of `members` may be in the request: the API's rule for operations that modify an attribute.
pub(super) fn one_attribute<'a>(call: &Call, members: &[&'a str]) -> Result<&'a str, AwsError> {
    let given: Vec<&str> = members.iter().copied().filter(|member| !call.input[*member].is_null()).collect();
    match given.as_slice() {
        [one] => Ok(one),
        [] => Err(combination("No attributes specified.")),
        several => Err(combination(format!("Fields for multiple attribute types specified: {}", several.join(", ")))),
    }
}

/// A CIDR, with the host bits cleared as EC2 does.
pub(super) fn cidr(text: &str, parameter: &str) -> Result<Ipv4Net, AwsError> {
    text.parse::<Ipv4Net>().map(|net| net.trunc()).map_err(|_| {
        bad_value(format!("Value ({text}) for parameter {parameter} is invalid. This is not a valid CIDR block."))
    })
}

/// The same for IPv6.
pub(super) fn cidr6(text: &str, parameter: &str) -> Result<Ipv6Net, AwsError> {
    text.parse::<Ipv6Net>().map(|net| net.trunc()).map_err(|_| {
        bad_value(format!("Value ({text}) for parameter {parameter} is invalid. This is not a valid IPv6 CIDR block."))
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::sandbox::ec2::testing::Account;

    #[test]
    fn members_that_are_not_known_or_not_there_are_refused_by_name() {
        let mut account = Account::new();
        let error = account.error("CreateVpc", json!({"CidrBlock": "10.0.0.0/16", "Nonsense": "1"}));
        assert_eq!(
            (error.code.as_str(), error.message.as_str()),
            ("UnknownParameter", "The parameter Nonsense is not recognized")
        );
        let nested = json!({"TagSpecification": [{"ResourceType": "vpc", "Tags": [{"Key": "a"}]}]});
        assert_eq!(account.error("CreateInternetGateway", nested).code, "UnknownParameter");
        let error = account.error("DeleteVpc", json!({}));
        assert_eq!(error.message, "The request must contain the parameter VpcId");
        let error = account.error("DescribeVpcs", json!({"MaxResults": "many"}));
        assert_eq!(error.code, "InvalidParameterValue");
    }

    #[test]
    fn a_dry_run_answers_412_and_changes_nothing() {
        let mut account = Account::new();
        let error = account.error("CreateVpc", json!({"CidrBlock": "10.0.0.0/16", "DryRun": "true"}));
        assert_eq!((error.status, error.code.as_str()), (412, "DryRunOperation"));
        assert_eq!(account.ok("DescribeVpcs", json!({}))["vpcSet"], json!([]));
        let error = account.error("CreateVpc", json!({"CidrBlock": "10.0.0.0/8", "DryRun": "true"}));
        assert_eq!(error.code, "InvalidVpc.Range");
    }
}
