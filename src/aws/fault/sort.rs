//! AWS's error codes, sorted by what to do next.

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;

use super::Cause;

/// Sorts AWS's codes. The tables hold what the operations of our kinds document; what is in none is invalid input, unless
/// the status says that AWS failed.
pub(super) fn cause(code: &str, message: &str, status: u16) -> Cause {
    let by_message = BY_MESSAGE.iter().find(|(part, _)| message.contains(part));
    if let Some((_, cause)) = by_message {
        return *cause;
    }
    if let Some((_, cause)) = BY_CODE.iter().find(|(known, _)| *known == code) {
        return *cause;
    }
    let ends = |suffixes: &[&str]| suffixes.iter().any(|suffix| code.ends_with(suffix));
    if ends(&["NotFound", "NotFoundException", ".NotFoundException"]) {
        Cause::NotFound
    } else if ends(&["Duplicate", "AlreadyExists", "AlreadyExistsException"]) {
        Cause::AlreadyExists
    } else if ends(&["LimitExceeded", "LimitExceededException"]) {
        Cause::Quota
    } else if code.starts_with("Throttl") || code.starts_with("TooManyRequests") {
        Cause::Throttled
    } else if status >= 500 {
        Cause::NoAnswer
    } else {
        Cause::Invalid
    }
}

/// The code of an error as it stands in the answer, and what it means; no code when the answer has none.
pub(in crate::aws) fn of_answer(answer: &HttpResponse) -> (String, Cause) {
    let status = answer.status().as_u16();
    let body = answer.body().bytes().and_then(|body| std::str::from_utf8(body).ok()).unwrap_or_default();
    let code = answer
        .headers()
        .get("x-amzn-errortype")
        .or_else(|| json_text(body, "__type"))
        .or_else(|| element(body, "Code"));
    // `com.amazonaws.ecs#ClientException`, `ClientException:http://…`
    let code = code.unwrap_or_default().rsplit('#').next().and_then(|code| code.split(':').next()).unwrap_or_default();
    if code.is_empty() && (!(400..500).contains(&status) || is_of_aws(answer)) {
        return (String::new(), if is_page(status, body) { Cause::UnknownOperation } else { Cause::NoAnswer });
    }
    let message =
        element(body, "Message").or_else(|| json_text(body, "message")).or_else(|| json_text(body, "Message"));
    (code.to_owned(), cause(code, message.unwrap_or_default(), status))
}

/// Whether an answer without a code is not one that AWS gives.
pub(in crate::aws) fn is_of_another(answer: &HttpResponse) -> bool {
    let status = answer.status().as_u16();
    let body = answer.body().bytes().and_then(|body| std::str::from_utf8(body).ok()).unwrap_or_default();
    is_page(status, body) || ((400..500).contains(&status) && !is_of_aws(answer))
}

/// Whether AWS has numbered the answer, so that it was a whole one once.
fn is_of_aws(answer: &HttpResponse) -> bool {
    ["x-amzn-requestid", "x-amz-request-id"].iter().any(|name| answer.headers().contains_key(*name))
}

/// A page for people where AWS would give a code. Gateways send such with 502 to 504, which pass; with 500 it is how a
/// server that only looks like AWS ends on what it does not know.
fn is_page(status: u16, body: &str) -> bool {
    let start = body.trim_start().get(..9).unwrap_or_default().to_ascii_lowercase();
    status == 500 && (start == "<!doctype" || start.starts_with("<html"))
}

fn element<'a>(body: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = body.split_once(&format!("<{name}>"))?;
    rest.split_once("</").map(|(text, _)| text)
}

fn json_text<'a>(body: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = body.split_once(&format!("\"{name}\""))?;
    let (_, rest) = rest.split_once(':')?;
    rest.trim_start().strip_prefix('"')?.split('"').next()
}

const BY_MESSAGE: &[(&str, Cause)] = &[
    ("The service cannot be stopped while deployments are active", Cause::InUse),
    ("Unable to Start a service that is still Draining", Cause::InUse),
    ("Creation of service was not idempotent", Cause::AlreadyExists),
    ("Unable to describe task definition", Cause::NotFound),
    // Of a container instance that has left its cluster; the code is InvalidParameterException.
    ("Referenced container instance", Cause::NotFound),
    // Somebody registers in the same family at this moment; nothing was made.
    ("Too many concurrent attempts to create a new revision", Cause::Throttled),
    // The code is AuthFailure, which else is of the credentials.
    ("Not authorized for images", Cause::Invalid),
    ("has a dependent object", Cause::InUse),
    ("No Container Instances were found in your cluster", Cause::Capacity),
    // Of an instance whose profile is being taken away. Its code, IncorrectState, other operations use for good.
    ("There is an existing association for instance", Cause::InUse),
];

const BY_CODE: &[(&str, Cause)] = &[
    ("RequestLimitExceeded", Cause::Throttled),
    ("Throttling", Cause::Throttled),
    ("ThrottlingException", Cause::Throttled),
    ("ThrottledException", Cause::Throttled),
    ("RequestThrottled", Cause::Throttled),
    ("RequestThrottledException", Cause::Throttled),
    ("TooManyRequestsException", Cause::Throttled),
    ("BandwidthLimitExceeded", Cause::Throttled),
    ("PriorRequestNotComplete", Cause::Throttled),
    ("TransactionInProgressException", Cause::Throttled),
    ("EC2ThrottledException", Cause::Throttled),
    ("SlowDown", Cause::Throttled),
    ("InternalError", Cause::NoAnswer),
    ("ServiceFailure", Cause::NoAnswer),
    ("InternalFailure", Cause::NoAnswer),
    ("ServerException", Cause::NoAnswer),
    ("ServiceUnavailable", Cause::NoAnswer),
    ("ServiceUnavailableException", Cause::NoAnswer),
    ("Unavailable", Cause::NoAnswer),
    ("RequestTimeout", Cause::NoAnswer),
    ("InternalServerError", Cause::NoAnswer),
    ("InternalServiceError", Cause::NoAnswer),
    ("NoSuchEntity", Cause::NotFound),
    ("NoSuchEntityException", Cause::NotFound),
    ("Gateway.NotAttached", Cause::NotFound),
    // Of an instance's profile.
    ("NoSuchAssociation", Cause::NotFound),
    ("InvalidActivation", Cause::NotFound),
    ("InvalidActivationId", Cause::NotFound),
    // Of managed nodes and of whatever Systems Manager tags.
    ("InvalidInstanceId", Cause::NotFound),
    ("InvalidResourceId", Cause::NotFound),
    ("ResourceExistsException", Cause::AlreadyExists),
    ("TooManyUpdates", Cause::InUse),
    ("ServiceNotActiveException", Cause::NotFound),
    ("EntityAlreadyExists", Cause::AlreadyExists),
    ("EntityAlreadyExistsException", Cause::AlreadyExists),
    ("Resource.AlreadyAssociated", Cause::AlreadyExists),
    ("DependencyViolation", Cause::InUse),
    ("DeleteConflict", Cause::InUse),
    ("DeleteConflictException", Cause::InUse),
    ("InvalidGroup.InUse", Cause::InUse),
    ("ResourceInUseException", Cause::InUse),
    ("UpdateInProgressException", Cause::InUse),
    ("ClusterContainsServicesException", Cause::InUse),
    ("ClusterContainsTasksException", Cause::InUse),
    ("ClusterContainsContainerInstancesException", Cause::InUse),
    ("ClusterContainsCapacityProviderException", Cause::InUse),
    ("ConcurrentModification", Cause::InUse),
    ("ConcurrentModificationException", Cause::InUse),
    ("EntityTemporarilyUnmodifiable", Cause::InUse),
    ("EntityTemporarilyUnmodifiableException", Cause::InUse),
    ("OperationAbortedException", Cause::InUse),
    ("InsufficientInstanceCapacity", Cause::Capacity),
    ("InsufficientCapacity", Cause::Capacity),
    ("InsufficientFreeAddressesInSubnet", Cause::Capacity),
    ("VcpuLimitExceeded", Cause::Quota),
    ("UnauthorizedAccess", Cause::Denied),
    ("AccessDenied", Cause::Denied),
    ("AccessDeniedException", Cause::Denied),
    ("UnauthorizedOperation", Cause::Denied),
    ("OptInRequired", Cause::Denied),
    ("AuthFailure", Cause::Credentials),
    ("ExpiredToken", Cause::Credentials),
    ("ExpiredTokenException", Cause::Credentials),
    ("RequestExpired", Cause::Credentials),
    ("InvalidClientTokenId", Cause::Credentials),
    ("UnrecognizedClientException", Cause::Credentials),
    ("RequestTimeTooSkewed", Cause::Credentials),
    ("RequestInTheFuture", Cause::Credentials),
    ("SignatureDoesNotMatch", Cause::Credentials),
    ("InvalidSignatureException", Cause::Credentials),
    ("MissingAuthenticationToken", Cause::Credentials),
    ("MissingAuthenticationTokenException", Cause::Credentials),
    ("InvalidAction", Cause::UnknownOperation),
    ("UnknownOperationException", Cause::UnknownOperation),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_sorted_by_what_to_do_next() {
        let cases = [
            ("InvalidVpcID.NotFound", "", Cause::NotFound),
            ("InvalidGroup.Duplicate", "", Cause::AlreadyExists),
            ("VpcLimitExceeded", "", Cause::Quota),
            ("ClientException", "Unable to describe task definition.", Cause::NotFound),
            ("ThrottlingException", "Rate exceeded", Cause::Throttled),
            ("InvalidParameterValue", "", Cause::Invalid),
            ("IncorrectState", "There is an existing association for instance i-1", Cause::InUse),
            ("IncorrectState", "", Cause::Invalid),
            ("AuthFailure", "Not authorized for images: [ami-0a1b2c3d4e5f60718]", Cause::Invalid),
            ("AuthFailure", "AWS was not able to validate the provided access credentials", Cause::Credentials),
            (
                "ClientException",
                "Too many concurrent attempts to create a new revision of the specified family.",
                Cause::Throttled,
            ),
        ];
        for (code, message, expected) in cases {
            assert_eq!(cause(code, message, 400), expected, "{code}");
        }
    }

    #[test]
    fn codes_are_read_from_answers_of_every_format() {
        let answer =
            |status: u16, body: &'static str| of_answer(&HttpResponse::new(status.try_into().unwrap(), body.into()));
        let cases = [
            (
                503,
                "<Response><Errors><Error><Code>RequestLimitExceeded</Code><Message>x</Message></Error></Errors></Response>",
                "RequestLimitExceeded",
                Cause::Throttled,
            ),
            (
                400,
                r#"{"__type":"com.amazonaws.ecs#ThrottlingException","message":"Rate exceeded"}"#,
                "ThrottlingException",
                Cause::Throttled,
            ),
            (
                400,
                r#"{"__type": "LimitExceededException", "message": "too many"}"#,
                "LimitExceededException",
                Cause::Quota,
            ),
            (500, r#"{"__type":"ServerException"}"#, "ServerException", Cause::NoAnswer),
            (500, r#"{"__type":"SomethingNew"}"#, "SomethingNew", Cause::NoAnswer),
            (502, "<html>bad gateway</html>", "", Cause::NoAnswer),
            (500, "<!doctype html>\n<html lang=en>", "", Cause::UnknownOperation),
            (500, "<Respon", "", Cause::NoAnswer),
            (200, "<Crea", "", Cause::NoAnswer),
            (404, "not here", "", Cause::Invalid),
        ];
        for (status, body, code, cause) in cases {
            assert_eq!(answer(status, body), (code.to_owned(), cause), "{body}");
        }
    }

    /// Where AWS has numbered a refusal that cannot be read, it was broken on its way, and a read is sent again.
    #[test]
    fn a_broken_refusal_of_aws_is_no_answer() {
        for (request_id, expected) in [(true, Cause::NoAnswer), (false, Cause::Invalid)] {
            let mut answer = HttpResponse::new(400.try_into().unwrap(), "#####".into());
            if request_id {
                answer.headers_mut().insert("x-amzn-requestid", "1");
            }
            assert_eq!((of_answer(&answer).1, is_of_another(&answer)), (expected, !request_id));
        }
    }
}
