//! The code of an activation: kept where the manifest says, with the id of its activation beside it, and never read
//! back. What is in the place is known by that id alone, which a description tells, or for a file its own member.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use aws_sdk_secretsmanager::operation::describe_secret::DescribeSecretOutput;
use aws_sdk_secretsmanager::types::Tag as SecretTag;
use aws_sdk_ssm::types::{ParameterStringFilter, ParameterType, ResourceTypeForTagging, Tag};
use serde::{Deserialize, Serialize};
use tracing::instrument::WithSubscriber as _;
use tracing::subscriber::NoSubscriber;

use super::spec::Place;
use crate::address::Address;
use crate::aws::{Aws, Cause, Fault, fault};
use crate::kinds::{RESOURCE_TAG, STACK_TAG};

/// What nobody but the place is told.
pub(super) struct Code(String);

impl Code {
    pub(super) fn new(text: String) -> Self {
        Self(text)
    }
}

impl std::fmt::Debug for Code {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Code(…)")
    }
}

/// Makes a call that has the code in it, or in its answer, without any log: the SDK's own writes requests and answers
/// out where somebody asks for everything.
pub(super) async fn unlogged<T>(call: impl Future<Output = T>) -> T {
    call.with_subscriber(NoSubscriber::default()).await
}

/// What is in a place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Held {
    Nothing,
    /// The code of the activation of this id.
    Of(String),
    /// Something that does not say of which activation it is.
    Other,
}

/// How many parameters one question names.
const PARAMETERS: usize = 50;
/// How the description of what farpost keeps begins.
const MARK: &str = "farpost: code of activation ";

/// Whose the code is: the tags of what it is kept in.
#[derive(Debug, Clone)]
pub(super) struct Owner<'a> {
    pub(super) address: &'a Address,
    pub(super) stack: &'a str,
}

impl Owner<'_> {
    fn tags(&self) -> [(&'static str, String); 2] {
        [(STACK_TAG, self.stack.to_owned()), (RESOURCE_TAG, self.address.to_string())]
    }

    fn is_in<'a>(&self, tags: impl IntoIterator<Item = (&'a str, &'a str)> + Clone) -> bool {
        self.tags().iter().all(|(key, value)| tags.clone().into_iter().any(|one| one == (*key, value.as_str())))
    }
}

fn held(description: Option<&str>) -> Held {
    description
        .and_then(|text| text.strip_prefix(MARK))
        .and_then(|rest| rest.split_whitespace().next())
        .map_or(Held::Other, |id| Held::Of(id.to_owned()))
}

/// It ends with the id, which what a host bootstraps from reads there.
fn description(id: &str) -> String {
    format!("{MARK}{id}")
}

/// What is in each of these parameters that exists: one question for all of them.
pub(super) async fn parameters(aws: &Aws, names: &[&str]) -> Result<BTreeMap<String, Held>, Fault> {
    let mut found = BTreeMap::new();
    for names in names.chunks(PARAMETERS) {
        let names = names.iter().map(|name| (*name).to_owned()).collect();
        let filter = ParameterStringFilter::builder().key("Name").option("Equals").set_values(Some(names)).build();
        let filter = filter.map_err(|error| unfit("ssm:DescribeParameters", &error))?;
        let call = aws.ssm().describe_parameters().parameter_filters(filter).max_results(50);
        let mut pages = call.into_paginator().send();
        while let Some(page) = pages.next().await {
            let page = page.map_err(fault("ssm:DescribeParameters"))?;
            found.extend(page.parameters.unwrap_or_default().into_iter().filter_map(|one| {
                let held = held(one.description());
                Some((one.name?, held))
            }));
        }
    }
    Ok(found)
}

/// What is in the place.
pub(super) async fn look(aws: &Aws, place: Place<'_>) -> Result<Held, Fault> {
    match place {
        Place::Parameter(name) => Ok(parameters(aws, &[name]).await?.remove(name).unwrap_or(Held::Nothing)),
        Place::Secret(name) => {
            let found = secret(aws, name).await?.filter(|secret| secret.deleted_date().is_none());
            Ok(found.map_or(Held::Nothing, |secret| held(secret.description())))
        }
        Place::File(path) => read_file(path),
    }
}

/// Refuses a place that holds something of somebody else's; whether there is something of ours in it.
pub(super) async fn check(aws: &Aws, place: Place<'_>, owner: &Owner<'_>) -> Result<bool, Fault> {
    let (is_there, is_ours) = match place {
        Place::Parameter(name) => match parameter_tags(aws, name).await? {
            Some(tags) => (true, owner.is_in(tags.iter().map(|tag| (tag.key(), tag.value())))),
            None => (false, true),
        },
        Place::Secret(name) => match secret(aws, name).await? {
            Some(secret) => {
                let is_ours = owner.is_in(
                    secret.tags().iter().map(|tag| (tag.key().unwrap_or_default(), tag.value().unwrap_or_default())),
                );
                if is_ours && secret.deleted_date().is_some() {
                    let call = aws.secrets().restore_secret().secret_id(name).send();
                    call.await.map_err(fault("secretsmanager:RestoreSecret"))?;
                }
                (true, is_ours)
            }
            None => (false, true),
        },
        Place::File(path) => match read_file(path)? {
            Held::Nothing => (false, true),
            Held::Of(_) => (true, true),
            Held::Other => (true, false),
        },
    };
    if is_ours {
        return Ok(is_there);
    }
    let message = format!("{place} exists and is not this activation's, so its code is not written there");
    Err(Fault::found("Activation", Cause::Invalid, message))
}

/// Writes the code, with the id of its activation in the same call.
pub(super) async fn store(aws: &Aws, place: Place<'_>, owner: &Owner<'_>, id: &str, code: &Code) -> Result<(), Fault> {
    let is_there = check(aws, place, owner).await?;
    match write(aws, place, owner, id, code, is_there).await {
        // The answer to the write may have been lost, and a repeat of it refused. What tells its activation is there.
        Err(fault) => match look(aws, place).await {
            Ok(Held::Of(kept)) if kept == id => Ok(()),
            _ => Err(fault),
        },
        Ok(()) => Ok(()),
    }
}

async fn write(
    aws: &Aws,
    place: Place<'_>,
    owner: &Owner<'_>,
    id: &str,
    code: &Code,
    is_there: bool,
) -> Result<(), Fault> {
    match place {
        Place::Parameter(name) => {
            let call = aws.ssm().put_parameter().name(name).value(&code.0).r#type(ParameterType::SecureString);
            let call = call.description(description(id)).overwrite(is_there);
            // AWS takes tags with the first version only.
            let tags: Result<Vec<Tag>, _> =
                owner.tags().into_iter().map(|(key, value)| Tag::builder().key(key).value(value).build()).collect();
            let tags = tags.map_err(|error| unfit("ssm:PutParameter", &error))?;
            let call = call.set_tags((!is_there).then_some(tags));
            unlogged(call.send()).await.map_err(fault("ssm:PutParameter"))?;
        }
        Place::Secret(name) if is_there => {
            let call = aws.secrets().update_secret().secret_id(name).secret_string(&code.0);
            let call = call.description(description(id)).send();
            unlogged(call).await.map_err(fault("secretsmanager:UpdateSecret"))?;
        }
        Place::Secret(name) => {
            let tags = owner.tags().into_iter().map(|(key, value)| SecretTag::builder().key(key).value(value).build());
            let call = aws.secrets().create_secret().name(name).secret_string(&code.0).description(description(id));
            let call = call.set_tags(Some(tags.collect())).send();
            unlogged(call).await.map_err(fault("secretsmanager:CreateSecret"))?;
        }
        Place::File(path) => write_file(path, id, code).map_err(|error| file_fault(path, &error))?,
    }
    Ok(())
}

/// Deletes what is in the place, when it is ours.
pub(super) async fn forget(aws: &Aws, place: Place<'_>, owner: &Owner<'_>, ids: &[&str]) -> Result<(), Fault> {
    let gone = |answer: Result<(), Fault>| match answer {
        Err(fault) if fault.is_gone() => Ok(()),
        answer => answer,
    };
    match place {
        Place::Parameter(name) => {
            let tags = parameter_tags(aws, name).await?;
            if !tags.is_some_and(|tags| owner.is_in(tags.iter().map(|tag| (tag.key(), tag.value())))) {
                return Ok(());
            }
            let answer = aws.ssm().delete_parameter().name(name).send().await;
            gone(answer.map(drop).map_err(fault("ssm:DeleteParameter")))
        }
        Place::Secret(name) => {
            let is_ours = |secret: &DescribeSecretOutput| {
                let tags = secret.tags().iter();
                owner.is_in(tags.map(|tag| (tag.key().unwrap_or_default(), tag.value().unwrap_or_default())))
            };
            if !secret(aws, name).await?.is_some_and(|secret| is_ours(&secret)) {
                return Ok(());
            }
            let call = aws.secrets().delete_secret().secret_id(name).force_delete_without_recovery(true).send();
            gone(call.await.map(drop).map_err(fault("secretsmanager:DeleteSecret")))
        }
        Place::File(path) => match read_file(path)? {
            Held::Of(id) if ids.contains(&id.as_str()) => {
                std::fs::remove_file(path).map_err(|error| file_fault(path, &error))
            }
            _ => Ok(()),
        },
    }
}

/// The tags of a parameter, if there is one.
async fn parameter_tags(aws: &Aws, name: &str) -> Result<Option<Vec<Tag>>, Fault> {
    let call = aws.ssm().list_tags_for_resource().resource_type(ResourceTypeForTagging::Parameter).resource_id(name);
    match call.send().await.map_err(fault("ssm:ListTagsForResource")) {
        Ok(answer) => Ok(Some(answer.tag_list.unwrap_or_default())),
        Err(fault) if fault.is_gone() => Ok(None),
        Err(fault) => Err(fault),
    }
}

async fn secret(aws: &Aws, name: &str) -> Result<Option<DescribeSecretOutput>, Fault> {
    let call = aws.secrets().describe_secret().secret_id(name).send();
    match call.await.map_err(fault("secretsmanager:DescribeSecret")) {
        Ok(answer) => Ok(Some(answer)),
        Err(fault) if fault.is_gone() => Ok(None),
        Err(fault) => Err(fault),
    }
}

/// The file with the code.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Written<'a> {
    activation_id: &'a str,
    activation_code: &'a str,
}

/// As much of it as is read.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Known {
    activation_id: String,
}

fn read_file(path: &str) -> Result<Held, Fault> {
    match std::fs::read(path) {
        Ok(bytes) => {
            Ok(serde_json::from_slice::<Known>(&bytes).map_or(Held::Other, |known| Held::Of(known.activation_id)))
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Held::Nothing),
        Err(error) => Err(file_fault(path, &error)),
    }
}

/// Whoever reads the file finds the old one or the new one, and nobody else can read either.
fn write_file(path: &str, id: &str, code: &Code) -> std::io::Result<()> {
    let path = Path::new(path);
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{:016x}", fastrand::u64(..)));
    let beside = path.with_file_name(name);
    let write = || {
        let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&beside)?;
        serde_json::to_writer(&mut file, &Written { activation_id: id, activation_code: &code.0 })?;
        file.write_all(b"\n")?;
        file.sync_all()?;
        std::fs::rename(&beside, path)
    };
    let written = write();
    if written.is_err() {
        std::fs::remove_file(&beside).ok();
    }
    written
}

fn file_fault(path: &str, error: &std::io::Error) -> Fault {
    Fault::found("Activation", Cause::Invalid, format!("the file {path}: {error}"))
}

fn unfit(operation: &'static str, error: &aws_smithy_types::error::operation::BuildError) -> Fault {
    Fault::found(operation, Cause::Invalid, error.to_string())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_description_tells_whose_code_it_is() {
        assert_eq!(held(Some(&description("0a1b"))), Held::Of("0a1b".to_owned()));
        assert_eq!(held(Some("farpost: code of activation 0a1b (checked)")), Held::Of("0a1b".to_owned()));
        assert_eq!((held(Some("mine")), held(None)), (Held::Other, Held::Other));
    }

    #[test]
    fn a_file_is_for_its_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("code.json");
        let path = path.to_str().unwrap();
        assert_eq!(read_file(path).unwrap(), Held::Nothing);
        let code = Code::new("canary".to_owned());
        write_file(path, "1", &code).unwrap();
        write_file(path, "2", &code).unwrap();
        assert_eq!(std::fs::metadata(path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(read_file(path).unwrap(), Held::Of("2".to_owned()));
        assert_eq!(std::fs::read_to_string(path).unwrap(), "{\"activationId\":\"2\",\"activationCode\":\"canary\"}\n");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
        std::fs::write(path, "of somebody else's").unwrap();
        assert_eq!(read_file(path).unwrap(), Held::Other);
        assert!(!format!("{code:?}").contains("canary"));
    }
}
