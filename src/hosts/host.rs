//! A declared host: what its `ExternalInstance`, its cluster and its activation say together.

use std::collections::BTreeMap;

use serde_json::Value;

use super::declarations::{Declarations, Declared, last_part, reference};
use super::systems::{Family, System, system, systems};
use super::{ACTIVATION_KIND, HOST_KIND};
use crate::address::Address;
use crate::manifest::references::contains;
use crate::manifest::suggest::{closest, list};

/// Why there is nothing to write, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Trouble {
    pub message: String,
    pub help: String,
}

impl Trouble {
    fn new(message: impl Into<String>, help: impl Into<String>) -> Self {
        Self { message: message.into(), help: help.into() }
    }
}

/// Where the code of an activation is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Code {
    pub place: CodePlace,
    /// The name of the parameter or secret, or the path of the file.
    pub name: String,
}

/// What keeps it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CodePlace {
    Parameter,
    Secret,
    File,
}

impl CodePlace {
    pub fn name(self) -> &'static str {
        match self {
            Self::Parameter => "parameter",
            Self::Secret => "secret",
            Self::File => "file",
        }
    }
}

/// A processor's architecture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Architecture {
    X86,
    Arm,
}

impl Architecture {
    /// What `uname -m` says.
    pub fn machine(self) -> &'static str {
        match self {
            Self::X86 => "x86_64",
            Self::Arm => "aarch64",
        }
    }
}

/// A declared host.
#[derive(Debug, Clone)]
pub struct Host {
    pub address: Address,
    pub region: String,
    /// The name of its cluster.
    pub cluster: String,
    /// None: the manifest leaves the activation to whoever runs the script.
    pub code: Option<Code>,
    /// An activation that is named by its id.
    pub activation_id: Option<String>,
    pub attributes: BTreeMap<String, String>,
    /// All tags that it is to have.
    pub tags: BTreeMap<String, String>,
    pub system: Option<&'static System>,
    pub architecture: Option<Architecture>,
    pub docker_install_source: String,
    pub gpu: bool,
    /// Settings of the agent; objects and lists are one line of JSON.
    pub settings: BTreeMap<String, String>,
    /// Ports that containers publish on it.
    pub ports: Vec<u16>,
}

impl Host {
    /// # Errors
    /// It is not declared, or what is declared is not enough.
    pub fn read(stack: &Declarations, address: &Address) -> Result<Self, Trouble> {
        let Some(declared) = stack.objects.get(address).filter(|_| address.kind == HOST_KIND) else {
            return Err(not_declared(stack, address));
        };
        let spec = &declared.spec;
        let system = read_system(spec)?;
        let (code, activation_id) = read_activation(stack, address, declared)?;
        let cluster = read_cluster(spec, address)?;
        let source = match (spec["dockerInstallSource"].as_str(), system) {
            (Some(source), _) => source.to_owned(),
            (None, Some(system)) => system.docker_install_source().to_owned(),
            (None, None) => "all".to_owned(),
        };
        let mut settings = BTreeMap::new();
        for (name, value) in spec["ecsConfig"].as_object().into_iter().flatten() {
            settings.insert(name.clone(), one_line(value));
        }
        Ok(Self {
            address: address.clone(),
            region: stack.place.region.clone(),
            ports: ports(stack, spec, &cluster),
            cluster,
            code,
            activation_id,
            attributes: texts(&spec["attributes"]),
            tags: declared.tags.clone(),
            system,
            architecture: match spec["architecture"].as_str() {
                Some("arm64" | "aarch64" | "ARM64") => Some(Architecture::Arm),
                Some(_) => Some(Architecture::X86),
                None => None,
            },
            docker_install_source: source,
            gpu: spec["gpu"].as_bool().unwrap_or_default(),
            settings,
        })
    }

    pub fn is_windows(&self) -> bool {
        self.system.is_some_and(|system| system.family == Family::Windows)
    }
}

fn not_declared(stack: &Declarations, address: &Address) -> Trouble {
    let names: Vec<String> = stack.of_kind(HOST_KIND).map(|(address, _)| address.to_string()).collect();
    let message = if stack.objects.contains_key(address) {
        format!("{address} is no host")
    } else {
        format!("{address} is not declared")
    };
    let help = match closest(&address.to_string(), names.iter().map(String::as_str)) {
        Some(near) => format!("did you mean {near}?"),
        None if names.is_empty() => format!("the stack declares no host; that takes a document of kind {HOST_KIND}"),
        None => format!("hosts are {}", list(names.iter().map(String::as_str))),
    };
    Trouble::new(message, help)
}

fn read_system(spec: &Value) -> Result<Option<&'static System>, Trouble> {
    let Some(id) = spec["operatingSystem"].as_str() else { return Ok(None) };
    let found = system(id).ok_or_else(|| {
        let ids = systems().systems.iter().map(|system| system.id.as_str());
        let help = match closest(id, ids.clone()) {
            Some(near) => format!("did you mean {near}?"),
            None => format!("known are {}; leave it out for anything else", list(ids)),
        };
        Trouble::new(format!("{id} is no operating system that farpost knows"), help)
    })?;
    Ok(Some(found))
}

fn read_cluster(spec: &Value, address: &Address) -> Result<String, Trouble> {
    let written = spec["cluster"].as_str().unwrap_or("default");
    if contains(written) {
        let message = format!("the cluster of {address} is {written}, which is not known before it exists");
        return Err(Trouble::new(message, "give the cluster a name: ${Cluster.NAME.name}"));
    }
    Ok(last_part(written).to_owned())
}

/// Where the code is, and the activation's id where that is written out.
fn read_activation(
    stack: &Declarations,
    address: &Address,
    declared: &Declared,
) -> Result<(Option<Code>, Option<String>), Trouble> {
    let field = &declared.written["activation"];
    let Some(reference) = reference(field) else {
        return Ok((None, field.as_str().map(str::to_owned)));
    };
    let activation = stack.objects.get(&Address::from(&reference)).filter(|_| reference.kind == ACTIVATION_KIND);
    let Some(activation) = activation else {
        let message = format!("{address} registers with {reference}, which is no declared activation");
        return Err(Trouble::new(message, "declare it, or write the activation's id"));
    };
    let code = &activation.spec["code"];
    let found = [CodePlace::Parameter, CodePlace::Secret, CodePlace::File].into_iter().find_map(|place| {
        let name = code[place.name()].as_str()?.to_owned();
        Some(Code { place, name })
    });
    Ok((found, None))
}

/// Ports that are declared for it, else those that EXTERNAL services publish in its cluster.
fn ports(stack: &Declarations, spec: &Value, cluster: &str) -> Vec<u16> {
    let port = |value: &Value| value.as_u64().and_then(|port| u16::try_from(port).ok()).filter(|port| *port > 0);
    if let Some(declared) = spec["publish"].as_array() {
        return declared.iter().filter_map(port).collect();
    }
    let mut found = std::collections::BTreeSet::new();
    for (_, runner) in stack.external_runners() {
        if last_part(runner.spec["cluster"].as_str().unwrap_or("default")) != cluster {
            continue;
        }
        let Some((_, definition)) = stack.definition_of(runner) else { continue };
        let is_host = definition.spec["networkMode"] == "host";
        for container in definition.spec["containerDefinitions"].as_array().into_iter().flatten() {
            for mapping in container["portMappings"].as_array().into_iter().flatten() {
                let published = if is_host { &mapping["containerPort"] } else { &mapping["hostPort"] };
                if mapping["protocol"] != "udp" {
                    found.extend(port(published));
                }
            }
        }
    }
    found.into_iter().collect()
}

fn texts(map: &Value) -> BTreeMap<String, String> {
    let members = map.as_object().into_iter().flatten();
    members.filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned()))).collect()
}

/// A value of the agent's settings as it stands in their file.
fn one_line(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), |text| text.replace(['\n', '\r'], " "))
}
