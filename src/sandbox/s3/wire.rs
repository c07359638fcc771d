//! `restXml` as S3 speaks it: what is asked for is in method, path, query and headers, and so is most of an answer.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Request, Response, StatusCode};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

use super::checksums::{CHECKSUMS, check, check_md5};
use super::{Content, chunked, not_implemented};
use crate::sandbox::wire::{AwsError, Call, escape, request_id};

const NAMESPACE: &str = "http://s3.amazonaws.com/doc/2006-03-01/";

/// The header that says where a bucket is.
pub(super) const BUCKET_REGION: &str = "x-amz-bucket-region";

/// What a request is about.
#[derive(Clone, Copy, PartialEq)]
enum Level {
    Account,
    Bucket,
    Object,
}

/// Method, what it is about, and what that asks for.
const ROUTES: &[(&str, Level, &str)] = &[
    ("GET", Level::Account, "ListBuckets"),
    ("PUT", Level::Bucket, "CreateBucket"),
    ("HEAD", Level::Bucket, "HeadBucket"),
    ("DELETE", Level::Bucket, "DeleteBucket"),
    ("GET", Level::Bucket, "ListObjectsV2"),
    ("PUT", Level::Object, "PutObject"),
    ("GET", Level::Object, "GetObject"),
    ("HEAD", Level::Object, "HeadObject"),
    ("DELETE", Level::Object, "DeleteObject"),
];

/// Parameters of queries, by operation, and the members that they are.
const PARAMETERS: &[(&str, &[(&str, &str)])] = &[
    (
        "ListBuckets",
        &[
            ("max-buckets", "MaxBuckets"),
            ("prefix", "Prefix"),
            ("continuation-token", "ContinuationToken"),
            ("bucket-region", "BucketRegion"),
        ],
    ),
    (
        "ListObjectsV2",
        &[
            ("list-type", "ListType"),
            ("prefix", "Prefix"),
            ("delimiter", "Delimiter"),
            ("max-keys", "MaxKeys"),
            ("start-after", "StartAfter"),
            ("continuation-token", "ContinuationToken"),
            ("encoding-type", "EncodingType"),
            ("fetch-owner", "FetchOwner"),
        ],
    ),
];

/// Headers that are members.
const MEMBERS: &[(&str, &str)] = &[
    ("if-match", "IfMatch"),
    ("if-none-match", "IfNoneMatch"),
    ("x-amz-expected-bucket-owner", "ExpectedBucketOwner"),
    ("x-amz-checksum-mode", "ChecksumMode"),
];

/// Headers that an object keeps.
const KEPT: &[(&str, &str)] = &[
    ("content-type", "ContentType"),
    ("cache-control", "CacheControl"),
    ("content-disposition", "ContentDisposition"),
    ("content-encoding", "ContentEncoding"),
    ("content-language", "ContentLanguage"),
];

/// Headers of S3's own that say nothing about what is asked for, or are read elsewhere.
const SILENT: &[&str] = &[
    "x-amz-content-sha256",
    "x-amz-date",
    "x-amz-decoded-content-length",
    "x-amz-sdk-checksum-algorithm",
    "x-amz-security-token",
    "x-amz-te",
    "x-amz-trailer",
    "x-amz-user-agent",
];

/// Headers that ask for more than the sandbox does.
const REFUSED: &[&str] = &["range", "if-modified-since", "if-unmodified-since"];

/// Members of answers that are headers.
const ANSWERED: &[(&str, &str)] = &[
    ("ETag", "etag"),
    ("LastModified", "last-modified"),
    ("ContentLength", "content-length"),
    ("AcceptRanges", "accept-ranges"),
    ("Location", "location"),
    ("BucketRegion", BUCKET_REGION),
    ("AccessPointAlias", "x-amz-access-point-alias"),
    ("ChecksumType", "x-amz-checksum-type"),
];

/// What the own names of objects begin with.
const METADATA: &str = "x-amz-meta-";

/// The operation that a request asks for, with its input.
pub(in crate::sandbox) fn decode(request: &Request<Bytes>) -> Result<(String, Value), AwsError> {
    let (bucket, key) = target(request)?;
    let level = match (bucket.is_empty(), key.is_empty()) {
        (true, _) => Level::Account,
        (false, true) => Level::Bucket,
        (false, false) => Level::Object,
    };
    let method = request.method().as_str();
    let Some((_, _, operation)) = ROUTES.iter().find(|(verb, about, _)| *verb == method && *about == level) else {
        return Err(not_implemented(format!("the sandbox does not know what {method} is for here")));
    };
    let mut input = Map::new();
    input.extend([("Bucket", bucket), ("Key", key)].map(|(member, text)| (member.to_owned(), json!(text))));
    let known = PARAMETERS.iter().find(|(of, _)| of == operation).map_or(&[][..], |(_, known)| known);
    for (name, value) in form_urlencoded::parse(request.uri().query().unwrap_or_default().as_bytes()) {
        match known.iter().find(|(known, _)| *known == name) {
            Some((_, member)) => drop(input.insert((*member).to_owned(), json!(value))),
            // The SDKs name the operation for those who read logs.
            None if name == "x-id" => {}
            None => return Err(not_implemented(format!("the sandbox does not know {operation} with `{name}`"))),
        }
    }
    headers(request, &mut input)?;
    body(request, operation, &mut input)?;
    Ok(((*operation).to_owned(), Value::Object(input)))
}

/// Bucket and key, either empty. The bucket is in the name of the host where that is one of S3's, else in the path.
fn target(request: &Request<Bytes>) -> Result<(String, String), AwsError> {
    let header = request.headers().get(http::header::HOST).and_then(|host| host.to_str().ok());
    let host = request.uri().host().or(header).unwrap_or_default();
    let host = host.split(':').next().unwrap_or_default();
    let text = |part: &str| {
        let decoded = percent_decode_str(part).decode_utf8();
        decoded.map(String::from).map_err(|_| AwsError::invalid("InvalidURI", "Couldn't parse the specified URI."))
    };
    let path = request.uri().path().trim_start_matches('/');
    if let Some(bucket) = bucket_of_host(host) {
        return Ok((bucket.to_owned(), text(request.uri().path().strip_prefix('/').unwrap_or_default())?));
    }
    let (bucket, key) = path.split_once('/').unwrap_or((path, ""));
    Ok((text(bucket)?, text(key)?))
}

/// `edge` of `edge.s3.us-west-2.amazonaws.com` and of `edge.localhost`.
fn bucket_of_host(host: &str) -> Option<&str> {
    if let Some(bucket) = host.strip_suffix(".localhost") {
        return (bucket != "s3").then(|| bucket.strip_suffix(".s3").unwrap_or(bucket));
    }
    let is_amazons = host.ends_with(".amazonaws.com") || host.ends_with(".amazonaws.com.cn");
    let place = host.rfind(".s3.").or_else(|| host.rfind(".s3-"))?;
    is_amazons.then(|| &host[..place])
}

fn headers(request: &Request<Bytes>, input: &mut Map<String, Value>) -> Result<(), AwsError> {
    let (mut kept, mut metadata) = (Map::new(), Map::new());
    for (name, value) in request.headers() {
        let (name, value) = (name.as_str(), String::from_utf8_lossy(value.as_bytes()).into_owned());
        let member = |table: &'static [(&str, &'static str)]| {
            table.iter().find(|(header, _)| *header == name).map(|(_, one)| *one)
        };
        if let Some(member) = member(MEMBERS) {
            input.insert(member.to_owned(), json!(value));
        } else if let Some(member) = member(KEPT) {
            let codings: Vec<&str> = value.split(',').map(str::trim).filter(|one| *one != "aws-chunked").collect();
            if !codings.concat().is_empty() {
                kept.insert(member.to_owned(), json!(codings.join(",")));
            }
        } else if let Some(own) = name.strip_prefix(METADATA) {
            metadata.insert(own.to_owned(), json!(value));
        } else if REFUSED.contains(&name)
            || (name.starts_with("x-amz-")
                && !SILENT.contains(&name)
                && !CHECKSUMS.iter().any(|checksum| checksum.header == name))
        {
            let mut error = not_implemented(format!(
                "A header you provided implies functionality that is not implemented: the sandbox does not know {name}"
            ));
            error.members = json!({"Header": name});
            return Err(error);
        }
    }
    input.insert("Headers".to_owned(), Value::Object(kept));
    input.insert("Metadata".to_owned(), Value::Object(metadata));
    Ok(())
}

/// The body of an object, held against what its sender said of it, or what is asked for with a bucket.
fn body(request: &Request<Bytes>, operation: &str, input: &mut Map<String, Value>) -> Result<(), AwsError> {
    let header = |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let signed = header("x-amz-content-sha256");
    let is_chunked = signed.starts_with("STREAMING-") || header("content-encoding").contains("aws-chunked");
    let (body, trailers) = match is_chunked {
        true => chunked::decode(request.body())?,
        false => (request.body().to_vec(), BTreeMap::new()),
    };
    if signed.len() == 64 && hex(&Sha256::digest(&body)) != signed {
        let message = "The provided 'x-amz-content-sha256' header does not match what was computed.";
        return Err(AwsError::invalid("XAmzContentSHA256Mismatch", message));
    }
    if !header("content-md5").is_empty() {
        check_md5(header("content-md5"), &body)?;
    }
    for checksum in CHECKSUMS {
        let sent = trailers.get(checksum.header).map_or(header(checksum.header), String::as_str);
        if !sent.is_empty() {
            check(checksum, sent, &body)?;
            input.insert("Checksum".to_owned(), json!({checksum.member: sent}));
        }
    }
    match operation {
        "PutObject" => {
            let content = serde_json::to_value(Content::new(&body)).unwrap_or_default();
            input.insert("Body".to_owned(), content);
        }
        "CreateBucket" if !body.is_empty() => {
            let text = String::from_utf8_lossy(&body);
            if text.contains("<Tags>") || text.contains("<Location>") || text.contains("<Bucket>") {
                return Err(not_implemented("the sandbox knows only LocationConstraint of a new bucket"));
            }
            let constraint = text.split_once("<LocationConstraint>").and_then(|(_, rest)| rest.split_once('<'));
            let constraint = constraint.map(|(constraint, _)| constraint.to_owned());
            input.insert("LocationConstraint".to_owned(), json!(constraint));
        }
        _ => {}
    }
    Ok(())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A successful answer.
pub(in crate::sandbox) fn encode(call: &Call, output: &Value) -> Response<Bytes> {
    let list = match call.operation.as_str() {
        "ListBuckets" => Some("ListAllMyBucketsResult"),
        "ListObjectsV2" => Some("ListBucketResult"),
        _ => None,
    };
    if let Some(root) = list {
        let mut body = format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<{root} xmlns=\"{NAMESPACE}\">");
        write_members(&mut body, output);
        write!(body, "</{root}>").ok();
        return respond(200, Some("application/xml"), Bytes::from(body));
    }
    let content: Option<Content> = serde_json::from_value(output["Body"].clone()).ok();
    let body = content.map(|content| Bytes::from(content.bytes())).unwrap_or_default();
    let status = if call.operation.starts_with("Delete") { 204 } else { 200 };
    let mut response = respond(status, None, body);
    let kept = KEPT.iter().map(|(name, member)| (*member, *name));
    let checksums = CHECKSUMS.iter().map(|checksum| (checksum.member, checksum.header));
    for (member, name) in ANSWERED.iter().copied().chain(kept).chain(checksums) {
        if let Some(value) = output[member].as_str() {
            set(&mut response, name, value);
        }
    }
    for (name, value) in output["Metadata"].as_object().into_iter().flatten() {
        set(&mut response, &format!("{METADATA}{name}"), value.as_str().unwrap_or_default());
    }
    response
}

/// An error answer.
pub(in crate::sandbox) fn encode_error(error: &AwsError) -> Response<Bytes> {
    let AwsError { status, code, message, members } = error;
    let mut response = respond(*status, Some("application/xml"), Bytes::new());
    let id = response.headers().get("x-amz-request-id").and_then(|id| id.to_str().ok()).unwrap_or_default();
    let mut body = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error>".to_owned();
    write!(body, "<Code>{code}</Code><Message>{}</Message>", escape(message)).ok();
    for (name, value) in members.as_object().into_iter().flatten().filter(|(name, _)| *name != BUCKET_REGION) {
        write!(body, "<{name}>{}</{name}>", escape(value.as_str().unwrap_or_default())).ok();
    }
    write!(body, "<RequestId>{id}</RequestId><HostId>{id}</HostId></Error>").ok();
    if let Some(region) = members[BUCKET_REGION].as_str() {
        set(&mut response, BUCKET_REGION, region);
    }
    // Not modified: there is nothing to be said.
    if *status != 304 {
        *response.body_mut() = Bytes::from(body);
    }
    response
}

fn respond(status: u16, content_type: Option<&str>, body: Bytes) -> Response<Bytes> {
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let id = request_id();
    for (name, value) in [("x-amz-request-id", id.as_str()), ("x-amz-id-2", &id), ("server", "AmazonS3")] {
        set(&mut response, name, value);
    }
    if let Some(content_type) = content_type {
        set(&mut response, "content-type", content_type);
    }
    response
}

/// Sets a header; what can be none is left out.
fn set(response: &mut Response<Bytes>, name: &str, value: &str) {
    if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
        response.headers_mut().insert(name, value);
    }
}

/// Members as elements; a list is an element for each of its items, but for buckets, which stand in one of their own.
fn write_members(out: &mut String, value: &Value) {
    for (name, value) in value.as_object().into_iter().flatten() {
        match value {
            Value::Null => {}
            Value::Array(items) if name == "Buckets" => {
                out.push_str("<Buckets>");
                items.iter().for_each(|item| write_element(out, "Bucket", item));
                out.push_str("</Buckets>");
            }
            Value::Array(items) => items.iter().for_each(|item| write_element(out, name, item)),
            value => write_element(out, name, value),
        }
    }
}

fn write_element(out: &mut String, name: &str, value: &Value) {
    write!(out, "<{name}>").ok();
    match value {
        Value::Object(_) => write_members(out, value),
        Value::String(text) => out.push_str(&escape(text)),
        value => drop(write!(out, "{value}")),
    }
    write!(out, "</{name}>").ok();
}

/// A time in a body.
pub(super) fn time(moment: Timestamp) -> String {
    moment.strftime("%Y-%m-%dT%H:%M:%S.000Z").to_string()
}

/// A time in a header.
pub(super) fn http_date(moment: Timestamp) -> String {
    moment.to_zoned(TimeZone::UTC).strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(uri: &str, host: Option<&str>) -> (String, String) {
        let mut request = Request::builder().uri(uri);
        if let Some(host) = host {
            request = request.header("host", host);
        }
        target(&request.body(Bytes::new()).unwrap()).unwrap()
    }

    #[test]
    fn buckets_are_in_the_path_or_in_the_host() {
        let parts = |bucket: &str, key: &str| (bucket.to_owned(), key.to_owned());
        assert_eq!(of("/edge/a/b%20c", Some("127.0.0.1:4577")), parts("edge", "a/b c"));
        assert_eq!(of("/edge", Some("localhost:4577")), parts("edge", ""));
        assert_eq!(of("/a/b", Some("edge.localhost:4577")), parts("edge", "a/b"));
        assert_eq!(of("/", Some("s3.us-west-2.amazonaws.com")), parts("", ""));
        assert_eq!(of("https://edge.s3.us-west-2.amazonaws.com/a/b?x-id=PutObject", None), parts("edge", "a/b"));
        assert_eq!(of("https://of.dots.s3.cn-north-1.amazonaws.com.cn/a", None), parts("of.dots", "a"));
        assert_eq!(of("https://s3.us-west-2.amazonaws.com/of.dots/a", None), parts("of.dots", "a"));
    }

    #[test]
    fn what_is_not_known_is_refused_by_name() {
        let refused = |method: &str, uri: &str, header: &str| {
            let request = Request::builder().method(method).uri(uri).header(header, "x").body(Bytes::new()).unwrap();
            let error = decode(&request).unwrap_err();
            assert_eq!((error.status, error.code.as_str()), (501, "NotImplemented"));
            error.message
        };
        assert!(refused("GET", "/edge?policy", "x-amz-date").contains("ListObjectsV2 with `policy`"));
        assert!(refused("PUT", "/edge/a", "x-amz-tagging").contains("x-amz-tagging"));
        assert!(refused("GET", "/edge/a", "range").contains("range"));
        assert!(refused("POST", "/edge/a", "x-amz-date").contains("POST"));
    }
}
