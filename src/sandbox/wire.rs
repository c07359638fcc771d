//! AWS's wire formats: `ec2Query` and `awsQuery` (forms in, XML out) and `awsJson` (JSON both ways).
//!
//! An operation sees and returns one shape whatever the format: [`Value`] with the member names of the wire.
//! Every scalar of a form arrives as a string; lists of either format arrive as arrays. S3 has a format of its own
//! (`s3::wire`).

use std::fmt::Write as _;

use bytes::Bytes;
use http::{Request, Response};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::s3;

/// A service that the sandbox answers for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Service {
    Ec2,
    Ecs,
    Iam,
    Logs,
    S3,
    SecretsManager,
    Ssm,
    Sts,
    Tagging,
    /// Not AWS's: what happens to machines outside of it.
    Hosts,
}

#[derive(Clone, Copy, PartialEq)]
enum Format {
    Ec2Query,
    AwsQuery,
    AwsJson,
    RestXml,
}

impl Service {
    /// Those of AWS.
    pub(super) const ALL: [Self; 9] = [
        Self::Ec2,
        Self::Ecs,
        Self::Iam,
        Self::Logs,
        Self::S3,
        Self::SecretsManager,
        Self::Ssm,
        Self::Sts,
        Self::Tagging,
    ];

    /// By the name that requests are signed for; nobody can sign one about hosts.
    fn by_signing_name(name: &str) -> Option<Self> {
        Some(match name {
            "ec2" => Self::Ec2,
            "ecs" => Self::Ecs,
            "iam" => Self::Iam,
            "logs" => Self::Logs,
            "s3" => Self::S3,
            "secretsmanager" => Self::SecretsManager,
            "ssm" => Self::Ssm,
            "sts" => Self::Sts,
            "tagging" => Self::Tagging,
            _ => return None,
        })
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Ec2 => "ec2",
            Self::Ecs => "ecs",
            Self::Iam => "iam",
            Self::Logs => "logs",
            Self::S3 => "s3",
            Self::SecretsManager => "secretsmanager",
            Self::Ssm => "ssm",
            Self::Sts => "sts",
            Self::Tagging => "tagging",
            Self::Hosts => "hosts",
        }
    }

    /// Whether the service answers for all regions from one; S3 sees for itself in which region a bucket is.
    pub(super) fn is_global(self) -> bool {
        matches!(self, Self::Iam | Self::S3 | Self::Sts)
    }

    fn format(self) -> Format {
        match self {
            Self::Ec2 => Format::Ec2Query,
            Self::Iam | Self::Sts => Format::AwsQuery,
            Self::S3 => Format::RestXml,
            Self::Ecs | Self::Logs | Self::SecretsManager | Self::Ssm | Self::Tagging | Self::Hosts => Format::AwsJson,
        }
    }

    /// What the body of a request is called where requests are recorded.
    pub(super) fn body_name(self) -> &'static str {
        match self.format() {
            Format::Ec2Query | Format::AwsQuery => "form",
            Format::AwsJson | Format::RestXml => "body",
        }
    }

    fn namespace(self) -> &'static str {
        match self {
            Self::Ec2 => "http://ec2.amazonaws.com/doc/2016-11-15/",
            Self::Iam => "https://iam.amazonaws.com/doc/2010-05-08/",
            Self::Sts => "https://sts.amazonaws.com/doc/2011-06-15/",
            Self::Ecs | Self::Logs | Self::S3 | Self::SecretsManager | Self::Ssm | Self::Tagging | Self::Hosts => "",
        }
    }
}

/// One request, decoded.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Call {
    pub(super) service: Service,
    pub(super) operation: String,
    pub(super) input: Value,
    /// The region that the request was signed for.
    pub(super) region: String,
    pub(super) now: Timestamp,
}

impl Call {
    /// Whether the operation changes nothing, by its name.
    pub(super) fn is_read(&self) -> bool {
        ["Describe", "List", "Get", "Head"].iter().any(|verb| self.operation.starts_with(verb))
    }

    /// A call at the same time that changes nothing.
    pub(super) fn to_look(&self) -> Self {
        Self { service: Service::Sts, operation: "GetCallerIdentity".into(), input: Value::Null, ..self.clone() }
    }

    /// The text of a member, none when absent or empty.
    pub(super) fn text(&self, member: &str) -> Option<&str> {
        self.input[member].as_str().filter(|text| !text.is_empty())
    }

    /// The texts of a list member; empty when absent.
    pub(super) fn texts(&self, member: &str) -> Vec<&str> {
        self.list(member).iter().filter_map(Value::as_str).collect()
    }

    /// A list member; empty when absent.
    pub(super) fn list(&self, member: &str) -> &[Value] {
        self.input[member].as_array().map_or(&[], Vec::as_slice)
    }
}

/// An error as AWS reports it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct AwsError {
    pub(super) status: u16,
    pub(super) code: String,
    pub(super) message: String,
    /// Further members of a modelled JSON exception; `null` when there are none.
    pub(super) members: Value,
}

impl AwsError {
    pub(super) fn new(status: u16, code: &str, message: impl Into<String>) -> Self {
        Self { status, code: code.into(), message: message.into(), members: Value::Null }
    }

    /// The usual client error: status 400.
    pub(super) fn invalid(code: &str, message: impl Into<String>) -> Self {
        Self::new(400, code, message)
    }

    pub(super) fn unknown_operation(call: &Call) -> Self {
        let message = format!("the sandbox does not know {}:{}", call.service.name(), call.operation);
        match call.service.format() {
            Format::AwsJson => Self::new(400, "UnknownOperationException", message),
            Format::Ec2Query | Format::AwsQuery => Self::new(400, "InvalidAction", message),
            Format::RestXml => Self::new(501, "NotImplemented", message),
        }
    }
}

/// Reads a request. The credential scope of the signature says service and region; the signature itself is not
/// checked, as the sandbox holds no secrets.
pub(super) fn decode(request: &Request<Bytes>, now: Timestamp) -> Result<Call, (Service, AwsError)> {
    let header = |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or("");
    let scope = header("authorization")
        .split_once("Credential=")
        .map(|(_, rest)| rest.split([',', ' ']).next().unwrap_or(""))
        .unwrap_or("");
    let mut parts = scope.split('/').skip(2);
    let (Some(region), Some(name)) = (parts.next(), parts.next()) else {
        let message = "Request is missing Authentication Token";
        return Err((Service::Sts, AwsError::new(403, "MissingAuthenticationToken", message)));
    };
    let Some(service) = Service::by_signing_name(name) else {
        return Err((Service::Sts, AwsError::new(400, "InvalidAction", format!("the sandbox has no service {name}"))));
    };
    let body = std::str::from_utf8(request.body()).unwrap_or("");
    let (operation, input) = match service.format() {
        Format::AwsJson => {
            let target = header("x-amz-target");
            let operation = target.rsplit_once('.').map_or(target, |(_, operation)| operation).to_owned();
            let text = if body.is_empty() { "{}" } else { body };
            let input = serde_json::from_str(text)
                .map_err(|error| (service, AwsError::invalid("SerializationException", error.to_string())))?;
            (operation, input)
        }
        Format::Ec2Query | Format::AwsQuery => {
            let query = if body.is_empty() { request.uri().query().unwrap_or("") } else { body };
            let mut input = form(query);
            let operation = input.get("Action").and_then(Value::as_str).unwrap_or("").to_owned();
            if let Some(members) = input.as_object_mut() {
                members.shift_remove("Action");
                members.shift_remove("Version");
            }
            (operation, input)
        }
        Format::RestXml => s3::decode(request).map_err(|error| (service, error))?,
    };
    Ok(Call { service, operation, input, region: region.to_owned(), now })
}

/// `Filter.1.Value.2=x` → `{"Filter": [{"Value": [.., "x"]}]}`; a `member` level, as awsQuery writes it, is left out.
fn form(query: &str) -> Value {
    let mut root = Value::Object(Map::new());
    for (key, value) in form_urlencoded::parse(query.as_bytes()) {
        let mut place = &mut root;
        for part in key.split('.').filter(|part| *part != "member" && *part != "entry") {
            if !place.is_object() {
                *place = Value::Object(Map::new());
            }
            place = &mut place[part];
        }
        *place = Value::String(value.into_owned());
    }
    numbered_to_lists(root)
}

fn numbered_to_lists(value: Value) -> Value {
    let Value::Object(members) = value else { return value };
    let numbered = !members.is_empty() && members.keys().all(|key| key.parse::<u32>().is_ok());
    if !numbered {
        return Value::Object(members.into_iter().map(|(key, value)| (key, numbered_to_lists(value))).collect());
    }
    let mut items: Vec<(u32, Value)> =
        members.into_iter().map(|(key, value)| (key.parse().unwrap_or(0), numbered_to_lists(value))).collect();
    items.sort_by_key(|(number, _)| *number);
    Value::Array(items.into_iter().map(|(_, value)| value).collect())
}

/// A successful answer.
pub(super) fn encode(call: &Call, output: &Value) -> Response<Bytes> {
    let id = request_id();
    let name = &call.operation;
    let namespace = call.service.namespace();
    let body = match call.service.format() {
        Format::AwsJson => output.to_string(),
        Format::Ec2Query => {
            let mut body = format!(r#"<{name}Response xmlns="{namespace}"><requestId>{id}</requestId>"#);
            write_members(&mut body, output, "item");
            write!(body, "</{name}Response>").ok();
            body
        }
        Format::AwsQuery => {
            let mut body = format!(r#"<{name}Response xmlns="{namespace}"><{name}Result>"#);
            write_members(&mut body, output, "member");
            write!(
                body,
                "</{name}Result><ResponseMetadata><RequestId>{id}</RequestId></ResponseMetadata></{name}Response>"
            )
            .ok();
            body
        }
        Format::RestXml => return s3::encode(call, output),
    };
    respond(200, call.service, &id, body)
}

/// An error answer.
pub(super) fn encode_error(service: Service, error: &AwsError) -> Response<Bytes> {
    let id = request_id();
    let AwsError { status, code, message, members } = error;
    let escaped = escape(message);
    let body = match service.format() {
        Format::AwsJson => {
            let mut body = json!({"__type": code, "message": message});
            if let (Some(body), Some(members)) = (body.as_object_mut(), members.as_object()) {
                body.extend(members.clone());
            }
            body.to_string()
        }
        Format::Ec2Query => format!(
            "<Response><Errors><Error><Code>{code}</Code><Message>{escaped}</Message></Error></Errors>\
             <RequestID>{id}</RequestID></Response>"
        ),
        Format::AwsQuery => {
            let blame = if *status < 500 { "Sender" } else { "Receiver" };
            let namespace = service.namespace();
            format!(
                r#"<ErrorResponse xmlns="{namespace}"><Error><Type>{blame}</Type><Code>{code}</Code><Message>{escaped}</Message></Error><RequestId>{id}</RequestId></ErrorResponse>"#
            )
        }
        Format::RestXml => return s3::encode_error(error),
    };
    respond(*status, service, &id, body)
}

fn respond(status: u16, service: Service, id: &str, body: String) -> Response<Bytes> {
    let content = if service.format() == Format::AwsJson { "application/x-amz-json-1.1" } else { "text/xml" };
    let mut response = Response::new(Bytes::from(body));
    *response.status_mut() = http::StatusCode::from_u16(status).unwrap_or(http::StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(http::header::CONTENT_TYPE, http::HeaderValue::from_static(content));
    if let Ok(id) = http::HeaderValue::from_str(id) {
        headers.insert("x-amzn-requestid", id);
    }
    response
}

/// The members of an object as elements; a list as elements named `item` within one that has its name.
fn write_members(out: &mut String, value: &Value, item: &str) {
    let Value::Object(members) = value else { return };
    for (name, value) in members {
        write_element(out, name, value, item);
    }
}

fn write_element(out: &mut String, name: &str, value: &Value, item: &str) {
    if value.is_null() {
        return;
    }
    write!(out, "<{name}>").ok();
    match value {
        Value::Array(values) => {
            for value in values {
                write_element(out, item, value, item);
            }
        }
        Value::Object(_) => write_members(out, value, item),
        Value::String(text) => out.push_str(&escape(text)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {
            write!(out, "{value}").ok();
        }
    }
    write!(out, "</{name}>").ok();
}

pub(super) fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;").replace('\r', "&#13;")
}

pub(super) fn request_id() -> String {
    let digits = || fastrand::u32(..);
    format!(
        "{:08x}-{:04x}-4{:03x}-8{:03x}-{:08x}{:04x}",
        digits(),
        digits() >> 16,
        digits() >> 20,
        digits() >> 20,
        digits(),
        digits() >> 16
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_become_objects_and_lists() {
        let input = form("Action=X&Filter.1.Name=vpc-id&Filter.1.Value.2=b&Filter.1.Value.1=a&Tags.member.1.Key=k");
        assert_eq!(
            input,
            json!({"Action": "X", "Filter": [{"Name": "vpc-id", "Value": ["a", "b"]}], "Tags": [{"Key": "k"}]})
        );
    }

    #[test]
    fn lists_become_items_and_text_is_escaped() {
        let mut out = String::new();
        write_members(&mut out, &json!({"vpcSet": [{"vpcId": "a<b"}], "gone": null, "yes": true}), "item");
        assert_eq!(out, "<vpcSet><item><vpcId>a&lt;b</vpcId></item></vpcSet><yes>true</yes>");
    }
}
