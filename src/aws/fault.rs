//! What can go wrong with a call, sorted once by what to do next.

use std::error::Error as StdError;
use std::fmt;

use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

/// A call to AWS that failed: which operation, what AWS said, and what that means for the caller.
#[derive(Debug, Clone)]
pub struct Fault {
    /// `ec2:CreateSubnet`.
    pub operation: &'static str,
    pub cause: Cause,
    /// AWS's error code; empty when no answer came.
    pub code: String,
    /// AWS's message, or what happened instead of an answer.
    pub message: String,
    /// AWS's id of the request, for support.
    pub request_id: Option<String>,
}

/// What to do next after a failed call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// Slow down and repeat; the SDK did so and gave up.
    Throttled,
    /// No usable answer: whether the call took effect is unknown. Look before repeating.
    NoAnswer,
    /// The object does not exist, or is not visible yet.
    NotFound,
    /// The name is taken, or the same thing is being created already.
    AlreadyExists,
    /// Something still uses it or depends on it; may pass.
    InUse,
    /// No room for it: an Outpost without a free slot, a zone without capacity.
    Capacity,
    /// Something is not there yet that no call brings: a host that has not registered.
    Absent,
    /// A limit of the account.
    Quota,
    /// The caller may not do it.
    Denied,
    /// No credentials, or expired ones.
    Credentials,
    /// The endpoint does not know the operation.
    UnknownOperation,
    /// The request is wrong and will stay wrong.
    Invalid,
}

impl Fault {
    /// Whether the object is gone, which is what a delete wants.
    pub fn is_gone(&self) -> bool {
        self.cause == Cause::NotFound
    }

    /// Whether it fits `code` and, unless empty, contains `text`.
    pub fn says(&self, code: &str, text: &str) -> bool {
        self.code == code && self.message.contains(text)
    }

    /// A fault that farpost found itself in an answer (a `failures` entry, a state).
    pub fn found(operation: &'static str, cause: Cause, message: impl Into<String>) -> Self {
        Self { operation, cause, code: String::new(), message: message.into(), request_id: None }
    }

    /// What the user can do about it, where there is something general to say.
    pub fn hint(&self) -> Option<&'static str> {
        HINTS.iter().find(|(code, text, _)| (code.is_empty() || *code == self.code) && self.message.contains(text)).map_or_else(
            || match self.cause {
                Cause::Throttled => Some("AWS is throttling this account; try again later"),
                Cause::NoAnswer => Some("check the network and the endpoint, then run the same command again: it looks before it creates"),
                Cause::Denied => Some("the caller's IAM policy must allow this action; `farpost explain KIND` lists the actions a kind needs"),
                Cause::Credentials => Some("log in again, or pass --profile; to try farpost without an account use --sandbox"),
                Cause::Capacity => Some("free a slot, choose an instance type the Outpost has, or lower the count"),
                Cause::Absent => Some("run on the host what `farpost host bootstrap` writes for it, then run the same command again"),
                Cause::Quota => Some("raise the quota in Service Quotas, or remove what is not needed"),
                Cause::UnknownOperation => Some("the endpoint does not implement this operation; check --endpoint-url"),
                Cause::NotFound | Cause::AlreadyExists | Cause::InUse | Cause::Invalid => None,
            },
            |(_, _, hint)| Some(*hint),
        )
    }
}

/// Texts that users meet, by code and part of the message.
const HINTS: &[(&str, &str, &str)] = &[
    (
        "InsufficientInstanceCapacity",
        "",
        "the Outpost or zone has no free slot of this type; free one or use another type",
    ),
    (
        "",
        "Unable to assume the service linked role",
        "create it once: aws iam create-service-linked-role --aws-service-name ecs.amazonaws.com",
    ),
    (
        "RulesPerSecurityGroupLimitExceeded",
        "",
        "a group has room for 60 rules in and 60 out, IPv4 and IPv6 counted apart; join address blocks, name a prefix \
         list, spread the rules over two groups, or raise the quota L-0EA8095F",
    ),
    ("", "iam:PassRole", "the caller needs iam:PassRole on that role"),
    ("InvalidClientTokenId", "", "the access key is not valid in this partition or was deleted"),
];

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { operation, cause: _, code, message, request_id } = self;
        write!(f, "{operation}: ")?;
        if !code.is_empty() {
            write!(f, "{code}: ")?;
        }
        write!(f, "{message}")?;
        if let Some(id) = request_id {
            write!(f, " (request {id})")?;
        }
        Ok(())
    }
}

impl StdError for Fault {}

/// Turns the SDK's error into a [`Fault`]: `.map_err(fault("ec2:CreateVpc"))`.
pub fn fault<E, R>(operation: &'static str) -> impl Fn(SdkError<E, R>) -> Fault
where
    E: ProvideErrorMetadata + StdError + 'static,
    R: fmt::Debug,
{
    move |error| {
        let meta = error.meta();
        let code = meta.code().unwrap_or("").to_owned();
        let request_id = meta.extra("aws_request_id").map(str::to_owned);
        match &error {
            SdkError::ServiceError(_) if !code.is_empty() => {
                let message = meta.message().unwrap_or("AWS gave no message").to_owned();
                Fault { operation, cause: cause(&code, &message), code, message, request_id }
            }
            SdkError::ServiceError(_) | SdkError::ResponseError(_) => Fault {
                operation,
                cause: Cause::UnknownOperation,
                code,
                message: "the answer is not one that AWS gives; the endpoint may not know this operation".to_owned(),
                request_id,
            },
            SdkError::TimeoutError(_) => {
                Fault { operation, cause: Cause::NoAnswer, code, message: "no answer in time".to_owned(), request_id }
            }
            SdkError::DispatchFailure(_) | SdkError::ConstructionFailure(_) | _ => {
                let chain = chain(&error);
                let credentials = ["credential", "Credential", "token has expired", "identity"]
                    .iter()
                    .any(|word| chain.contains(word));
                let cause = if credentials { Cause::Credentials } else { Cause::NoAnswer };
                let message = match cause {
                    Cause::Credentials => {
                        // The rest lists every place that was looked at, a line each.
                        let first = chain.lines().next().unwrap_or_default();
                        format!("no usable AWS credentials: {}", first.trim_end_matches(" Attempted:"))
                    }
                    _ => format!("AWS was not reached: {chain}"),
                };
                Fault { operation, cause, code, message, request_id }
            }
        }
    }
}

/// Faults as sentences, each with what can be done about it. Calls that failed alike are one sentence.
pub fn told(faults: &[Fault]) -> Vec<(String, Option<&'static str>)> {
    let mut told: Vec<(&Fault, usize)> = Vec::new();
    for fault in faults {
        let is_alike = |other: &Fault| other.code == fault.code && other.message == fault.message;
        match told.iter_mut().find(|(first, _)| is_alike(first)) {
            Some((_, more)) => *more += 1,
            None => told.push((fault, 0)),
        }
    }
    let sentence = |(fault, more): (&Fault, usize)| {
        let text = match more {
            0 => fault.to_string(),
            1 => format!("{fault} (and 1 other call)"),
            more => format!("{fault} (and {more} other calls)"),
        };
        (text, fault.hint())
    };
    told.into_iter().map(sentence).collect()
}

/// The innermost messages of an error chain, which are the ones that say what happened.
pub(super) fn chain(error: &dyn StdError) -> String {
    let mut messages = Vec::new();
    let mut next = error.source();
    while let Some(error) = next {
        let text = error.to_string();
        if messages.last() != Some(&text) {
            messages.push(text);
        }
        next = error.source();
    }
    messages.join(": ")
}

/// Sorts AWS's codes. The tables hold what the operations of our kinds document; what is in none is invalid input.
fn cause(code: &str, message: &str) -> Cause {
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
    } else {
        Cause::Invalid
    }
}

const BY_MESSAGE: &[(&str, Cause)] = &[
    ("The service cannot be stopped while deployments are active", Cause::InUse),
    ("Unable to Start a service that is still Draining", Cause::InUse),
    ("Creation of service was not idempotent", Cause::AlreadyExists),
    ("Unable to describe task definition", Cause::NotFound),
    ("has a dependent object", Cause::InUse),
    // Of an instance whose profile is being taken away. Its code, IncorrectState, other operations use for good.
    ("There is an existing association for instance", Cause::InUse),
];

const BY_CODE: &[(&str, Cause)] = &[
    ("RequestLimitExceeded", Cause::Throttled),
    ("InternalError", Cause::NoAnswer),
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
    ("OperationAbortedException", Cause::InUse),
    ("InsufficientInstanceCapacity", Cause::Capacity),
    ("InsufficientCapacity", Cause::Capacity),
    ("InsufficientFreeAddressesInSubnet", Cause::Capacity),
    ("VcpuLimitExceeded", Cause::Quota),
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
    fn calls_that_failed_alike_are_told_once() {
        let fault = |operation, message: &str| Fault::found(operation, Cause::NoAnswer, message);
        let faults = [
            fault("ec2:DescribeVpcs", "AWS was not reached"),
            fault("ec2:DescribeSubnets", "AWS was not reached"),
            fault("ec2:DescribeInstances", "no answer in time"),
        ];
        let texts: Vec<String> = told(&faults).into_iter().map(|(text, _)| text).collect();
        assert_eq!(
            texts,
            ["ec2:DescribeVpcs: AWS was not reached (and 1 other call)", "ec2:DescribeInstances: no answer in time"]
        );
    }

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
        ];
        for (code, message, expected) in cases {
            assert_eq!(cause(code, message), expected, "{code}");
        }
    }
}
