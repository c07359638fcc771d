//! How each service refuses: status, code and message of the errors that every operation can meet.

use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};

use crate::sandbox::wire::AwsError;

/// Status, code and message.
type Said = (u16, &'static str, &'static str);

pub(super) struct Words {
    pub(super) service: &'static str,
    pub(super) throttle: Said,
    pub(super) internal: Said,
    pub(super) unavailable: Said,
    pub(super) expired: Said,
    /// Status and code of a refusal for lack of a permission.
    pub(super) denied: (u16, &'static str),
    /// How a signature is refused that is older, and one that is younger than the service allows.
    old: (u16, &'static str),
    young: (u16, &'static str),
}

const OVERLOADED: Said =
    (503, "ServiceUnavailable", "The request has failed due to a temporary failure of the server.");
const UNKNOWN: &str = "The request processing has failed because of an unknown error, exception or failure.";

/// How most services of JSON put it.
const JSON: Words = Words {
    service: "",
    throttle: (400, "ThrottlingException", "Rate exceeded"),
    internal: (500, "InternalServerError", "An error occurred on the server side."),
    unavailable: OVERLOADED,
    expired: (400, "ExpiredTokenException", "The security token included in the request is expired"),
    denied: (400, "AccessDeniedException"),
    old: (400, "InvalidSignatureException"),
    young: (400, "InvalidSignatureException"),
};

/// How services of XML put it whose parameters are a form.
const QUERY: Words = Words {
    service: "",
    throttle: (400, "Throttling", "Rate exceeded"),
    internal: (500, "InternalFailure", UNKNOWN),
    unavailable: OVERLOADED,
    expired: (403, "ExpiredToken", "The security token included in the request is expired"),
    denied: (403, "AccessDenied"),
    old: (403, "SignatureDoesNotMatch"),
    young: (403, "SignatureDoesNotMatch"),
};

const TABLE: &[Words] = &[
    Words {
        service: "ec2",
        throttle: (503, "RequestLimitExceeded", "Request limit exceeded."),
        internal: (500, "InternalError", "An internal error has occurred"),
        unavailable: (503, "Unavailable", "The server is overloaded and can't handle the request."),
        expired: (400, "RequestExpired", "Request has expired."),
        denied: (403, "UnauthorizedOperation"),
        old: (400, "RequestExpired"),
        young: (401, "AuthFailure"),
    },
    Words {
        service: "ecs",
        internal: (500, "ServerException", "Service Unavailable. Please try again later."),
        ..JSON
    },
    Words { service: "iam", internal: (500, "ServiceFailure", UNKNOWN), ..QUERY },
    Words { service: "sts", ..QUERY },
    Words {
        service: "logs",
        internal: (500, "InternalFailure", UNKNOWN),
        unavailable: (503, "ServiceUnavailableException", "The service cannot complete the request."),
        ..JSON
    },
    Words {
        service: "secretsmanager",
        internal: (500, "InternalServiceError", "An error occurred on the server side."),
        ..JSON
    },
    Words { service: "ssm", ..JSON },
    Words {
        service: "tagging",
        throttle: (400, "ThrottledException", "Rate exceeded"),
        internal: (
            500,
            "InternalServiceException",
            "The request processing failed because of an unknown error, exception, or failure. You can retry the request.",
        ),
        ..JSON
    },
    Words {
        service: "s3",
        throttle: (503, "SlowDown", "Please reduce your request rate."),
        internal: (500, "InternalError", "We encountered an internal error. Please try again."),
        unavailable: (503, "ServiceUnavailable", "Service is unable to handle request."),
        expired: (400, "ExpiredToken", "The provided token has expired."),
        denied: (403, "AccessDenied"),
        old: (403, "RequestTimeTooSkewed"),
        young: (403, "RequestTimeTooSkewed"),
    },
];

/// The words of a service, by its name in the sandbox; of one that has none, those of the common errors.
pub(super) fn of(service: &str) -> &'static Words {
    TABLE.iter().find(|words| words.service == service).unwrap_or(&TABLE[1])
}

pub(super) fn said((status, code, message): Said) -> AwsError {
    AwsError::new(status, code, message)
}

/// The time on the clock of a service that is wrong by some minutes.
///
/// A client signs by the wall's clock or by the one that the sandbox has; that of the two which is nearer to the
/// signature is the right one, from which the service's is off.
pub(super) fn wrong_clock(request: &http::Request<Bytes>, now: Timestamp, minutes: i64) -> Timestamp {
    let right = signed(request).map_or(now, |(_, time)| reference(time, now));
    right.checked_add(SignedDuration::from_mins(minutes)).unwrap_or(right)
}

/// The refusal of a request whose signature's time is too far from the service's clock.
pub(super) fn skewed(words: &Words, request: &http::Request<Bytes>, clock: Timestamp) -> Option<AwsError> {
    let (signed, time) = signed(request)?;
    // S3 allows more than the others.
    let allowed = SignedDuration::from_mins(if words.service == "s3" { 15 } else { 5 });
    let off = clock.duration_since(time);
    if off.abs() <= allowed {
        return None;
    }
    let is_old = off.is_positive();
    let (status, code) = if is_old { words.old } else { words.young };
    let now = basic(clock);
    let message = match code {
        "RequestExpired" => "Request has expired.".to_owned(),
        "AuthFailure" => "AWS was not able to validate the provided access credentials".to_owned(),
        "RequestTimeTooSkewed" => {
            "The difference between the request time and the current time is too large.".to_owned()
        }
        _ if is_old => {
            let oldest = basic(clock.checked_sub(allowed).unwrap_or(clock));
            format!("Signature expired: {signed} is now earlier than {oldest} ({now} - 5 min.)")
        }
        _ => {
            let youngest = basic(clock.checked_add(allowed).unwrap_or(clock));
            format!("Signature not yet current: {signed} is still later than {youngest} ({now} + 5 min.)")
        }
    };
    Some(AwsError::new(status, code, message))
}

/// The time of a request's signature, as it is written and as it is.
fn signed(request: &http::Request<Bytes>) -> Option<(&str, Timestamp)> {
    let signed = request.headers().get("x-amz-date")?.to_str().ok()?;
    let time = jiff::civil::DateTime::strptime("%Y%m%dT%H%M%SZ", signed).ok()?;
    Some((signed, time.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp()))
}

fn reference(signed: Timestamp, now: Timestamp) -> Timestamp {
    let wall = Timestamp::now();
    let distance = |clock: Timestamp| clock.duration_since(signed).abs();
    if distance(wall) < distance(now) { wall } else { now }
}

/// As signatures have it.
fn basic(time: Timestamp) -> String {
    time.strftime("%Y%m%dT%H%M%SZ").to_string()
}

/// As the header `Date` has it.
pub(super) fn http_date(time: Timestamp) -> String {
    time.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}
