//! What can go wrong with a call, sorted once by what to do next.

mod hint;
mod sort;

use std::error::Error as StdError;
use std::fmt;

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

pub(super) use self::sort::of_answer;
use self::sort::{cause, is_of_another};
use super::write::MayNot;

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
    /// It was not sent: the right to write was lost to somebody else.
    MayNotWrite,
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

    /// What the user can do about it, where there is something to say.
    pub fn hint(&self) -> Option<String> {
        hint::of(self)
    }
}

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
pub fn fault<E>(operation: &'static str) -> impl Fn(SdkError<E, HttpResponse>) -> Fault
where
    E: ProvideErrorMetadata + StdError + 'static,
{
    move |error| {
        let meta = error.meta();
        let code = meta.code().unwrap_or("").to_owned();
        let request_id = meta.extra("aws_request_id").map(str::to_owned);
        let status = error.raw_response().map_or(0, |response| response.status().as_u16());
        let (cause, message) = match &error {
            SdkError::ServiceError(_) if !code.is_empty() => {
                let message = meta.message().unwrap_or("AWS gave no message").to_owned();
                (cause(&code, &message, status), message)
            }
            // A call that was carried out may have an answer that is cut short or broken.
            SdkError::ServiceError(_) | SdkError::ResponseError(_)
                if error.raw_response().is_some_and(is_of_another) =>
            {
                (
                    Cause::UnknownOperation,
                    format!(
                        "the answer (status {status}) is not one that AWS gives; the endpoint may not know this operation"
                    ),
                )
            }
            SdkError::ServiceError(_) | SdkError::ResponseError(_) => (
                Cause::NoAnswer,
                format!("the answer (status {status}) cannot be read: {}", first_line(&chain(&error))),
            ),
            SdkError::TimeoutError(_) => (Cause::NoAnswer, "no answer in time".to_owned()),
            SdkError::DispatchFailure(_) | SdkError::ConstructionFailure(_) | _ => unsent(&error),
        };
        Fault { operation, cause, code, message, request_id }
    }
}

/// A call that may not even have been sent.
fn unsent(error: &(dyn StdError + 'static)) -> (Cause, String) {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(MayNot(why)) = error.downcast_ref() {
            return (Cause::MayNotWrite, why.clone());
        }
        next = error.source();
    }
    let chain = chain(error);
    let words = ["credential", "Credential", "token has expired", "identity"];
    if words.iter().any(|word| chain.contains(word)) {
        // The rest lists every place that was looked at, a line each.
        let first = first_line(&chain).trim_end_matches(" Attempted:");
        return (Cause::Credentials, format!("no usable AWS credentials: {first}"));
    }
    (Cause::NoAnswer, format!("AWS was not reached: {chain}"))
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}

/// Faults as sentences, each with what can be done about it. Calls that failed alike are one sentence.
pub fn told(faults: &[Fault]) -> Vec<(String, Option<String>)> {
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
}
