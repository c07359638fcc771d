//! One case, from its base to the mended drift.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use farpost::kinds::{AnyKind, Purpose};
use farpost::plan::{Action, Change, Plan, Reason};
use serde_json::{Value, json};

use super::Case;
use super::Table;
use super::table::{self, Failure, Stage, Undeclared, plain};
use crate::support::engine::Engine;
use crate::support::python::{SandboxServer, isolate, python, sandbox_server};

/// An account with the base of a table in it.
pub(super) struct Trial {
    kind: &'static dyn AnyKind,
    base: Vec<Value>,
    scene: Option<String>,
    engine: Engine,
    stranger: Stranger,
    // Last, so that it outlives who talks to it.
    _server: SandboxServer,
}

impl Trial {
    pub(super) fn new(kind: &'static dyn AnyKind, table: &Table) -> Self {
        let mut trial = Self::with_base(kind, &table.base);
        trial.scene.clone_from(&table.scene);
        trial.set_scene().unwrap();
        trial
    }

    fn set_scene(&mut self) -> Result<(), String> {
        let Some(scene) = self.scene.clone() else { return Ok(()) };
        let others = &self.base[..self.base.len() - 1];
        self.converge(others)?;
        let settled = self.plan(others, false)?;
        self.stranger.act(&scene, &self.names(&settled))
    }

    pub(super) fn with_base(kind: &'static dyn AnyKind, base: &str) -> Self {
        let server = sandbox_server();
        let base: Vec<Value> = serde_saphyr::from_multiple(base).unwrap();
        Self {
            kind,
            base,
            scene: None,
            engine: Engine::new(&server.sandbox),
            stranger: Stranger::start(&server.endpoint),
            _server: server,
        }
    }

    pub(super) fn run(&mut self, case: &Case) -> Result<(), Failure> {
        if case.fresh {
            let server = sandbox_server();
            self.engine = Engine::new(&server.sandbox);
            self.stranger = Stranger::start(&server.endpoint);
            self._server = server;
            self.set_scene().map_err(Failure::at(Stage::Base))?;
        }
        let base = || Failure::at(Stage::Base);
        let mut documents = self.base.clone();
        if let Some(prepare) = &case.prepare {
            self.converge(&documents).map_err(base())?;
            let settled = self.plan(&documents, false).map_err(base())?;
            self.stranger.act(prepare, &self.names(&settled)).map_err(base())?;
        }
        self.edit(&mut documents, &case.with).map_err(base())?;
        self.converge(&documents).map_err(base())?;
        let field = case.field.as_deref().unwrap_or_default();
        if let table::Change::To(value) = &case.to {
            let planned = || Failure::at(Stage::Plan);
            self.edit(&mut documents, &case.and).map_err(planned())?;
            self.edit(&mut documents, &BTreeMap::from([(field.to_owned(), value.clone())])).map_err(planned())?;
            let plan = self.plan(&documents, false).map_err(planned())?;
            let missing = || planned()("the case does not say what it expects".to_owned());
            let expected = case.expect.as_deref().ok_or_else(missing)?;
            let names = case.names.as_deref().unwrap_or(field);
            self.assert(&plan, expected, names).map_err(planned())?;
            self.finish(plan, &documents).map_err(Failure::at(Stage::Apply))?;
        }
        let Some(drift) = &case.drift else { return Ok(()) };
        let drifted = || Failure::at(Stage::Drift);
        let settled = self.plan(&documents, false).map_err(drifted())?;
        self.stranger.act(drift, &self.names(&settled)).map_err(drifted())?;
        let plan = self.plan(&documents, case.deep).map_err(drifted())?;
        if case.undeclared == Some(Undeclared::Left) {
            let nobodys = |message| drifted()(format!("this is nobody's business: {message}"));
            return is_empty(&plan).map_err(nobodys);
        }
        let whole = matches!(case.to, table::Change::None).then_some(case.expect.as_deref()).flatten();
        let mend = case.mend.as_deref().or(whole).unwrap_or("update");
        let shows = case.shows.as_deref().unwrap_or(field);
        self.assert(&plan, mend, shows).map_err(drifted())?;
        self.finish(plan, &documents).map_err(Failure::at(Stage::Mend))
    }

    pub(super) fn converge(&self, documents: &[Value]) -> Result<(), String> {
        let plan = self.plan(documents, false)?;
        self.finish(plan, documents)
    }

    /// Applies, and then nothing may be left, at a close look neither.
    fn finish(&self, plan: Plan, documents: &[Value]) -> Result<(), String> {
        if !plan.steps.is_empty() {
            self.engine.carry_out(plan)?;
        }
        for deep in [false, true] {
            is_empty(&self.plan(documents, deep)?).map_err(|message| format!("does not converge: {message}"))?;
        }
        Ok(())
    }

    pub(super) fn plan(&self, documents: &[Value], deep: bool) -> Result<Plan, String> {
        let stack = json!({"apiVersion": "farpost/v1", "kind": "Stack", "metadata": {"name": "trial"},
            "spec": {"account": "123456789012", "region": "us-west-2"}});
        // JSON is YAML.
        let text: Vec<String> = std::iter::once(&stack).chain(documents).map(Value::to_string).collect();
        self.engine.plan(&text.join("\n---\n"), if deep { Purpose::Deep } else { Purpose::Survey })
    }

    pub(super) fn base(&self) -> Vec<Value> {
        self.base.clone()
    }

    /// Whether the plan does this with the object under test, because of this field.
    fn assert(&self, plan: &Plan, expected: &str, field: &str) -> Result<(), String> {
        let change = self.it(plan).ok_or("the plan has nothing for the object")?;
        if expected == Action::None.word() {
            return is_empty(plan);
        }
        let paths: Vec<&str> = change.fields.iter().map(|one| one.path.as_str()).collect();
        if change.action.word() != expected {
            return Err(format!(
                "the plan says {} instead of {expected}; reason {:?}, fields {paths:?}",
                change.action.word(),
                change.reason
            ));
        }
        let names = |paths: &[&str]| field.is_empty() || paths.iter().any(|path| overlap(&plain(path), &plain(field)));
        if change.action == Action::Replace {
            let Reason::CannotUpdate(forcing) = &change.reason else {
                return Err(format!("the replacement has the reason {:?}", change.reason));
            };
            let forcing: Vec<&str> = forcing.iter().map(String::as_str).collect();
            if !names(&forcing) {
                return Err(format!("the replacement does not name {field}: {forcing:?}"));
            }
        } else if change.action != Action::Create && !names(&paths) {
            return Err(format!("the plan does not name {field}: {paths:?}"));
        }
        Ok(())
    }

    fn it<'a>(&self, plan: &'a Plan) -> Option<&'a Change> {
        let kind = self.kind.about().kind;
        plan.changes.iter().find(|change| change.address.kind == kind && change.address.name == "it")
    }

    /// What the statements of a drift see: id and attributes of the object, and `live` with those of all others.
    fn names(&self, plan: &Plan) -> Value {
        let mut live = serde_json::Map::new();
        for change in &plan.changes {
            if let Some(found) = &change.live {
                let mut names = json!(found.attributes);
                names["id"] = json!(found.id);
                names["detail"] = found.detail.clone();
                live.insert(change.address.to_string(), names);
            }
        }
        let mut names = live.get(&format!("{}/it", self.kind.about().kind)).cloned().unwrap_or_else(|| json!({}));
        names["live"] = live.into();
        names
    }

    fn edit(&self, documents: &mut [Value], edits: &BTreeMap<String, Value>) -> Result<(), String> {
        for (path, value) in edits {
            let own = format!("{}/it", self.kind.about().kind);
            let (address, path) = match path.split_once(':') {
                Some((address, path)) if address.contains('/') => (address, path),
                _ => (own.as_str(), path.as_str()),
            };
            let of = |document: &&mut Value| {
                let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
                format!("{}/{}", text(&document["kind"]), text(&document["metadata"]["name"])) == address
            };
            let document = documents.iter_mut().find(of).ok_or_else(|| format!("the base has no {address}"))?;
            set(&mut document["spec"], path, value.clone());
        }
        Ok(())
    }
}

fn is_empty(plan: &Plan) -> Result<(), String> {
    let left: Vec<String> = plan
        .pending()
        .map(|change| {
            let fields: Vec<String> = change
                .fields
                .iter()
                .map(|field| {
                    let show = |value: &Option<Value>| value.as_ref().map_or("nothing".to_owned(), Value::to_string);
                    format!("{}: {} → {}", field.path, show(&field.before), show(&field.after))
                })
                .collect();
            format!("{} {} [{}]", change.action.word(), change.address, fields.join(", "))
        })
        .collect();
    if left.is_empty() { Ok(()) } else { Err(format!("left to do: {}", left.join("; "))) }
}

/// Whether one path is above the other, or they are the same.
fn overlap(one: &[String], other: &[String]) -> bool {
    one.iter().zip(other).all(|(one, other)| one == other)
}

/// Sets the member at a path, and makes what is above it; null takes it away.
fn set(value: &mut Value, path: &str, to: Value) {
    let (name, rest) = path.split_once('.').map_or((path, None), |(name, rest)| (name, Some(rest)));
    if let (Ok(index), Value::Array(items)) = (name.parse::<usize>(), &mut *value) {
        while items.len() <= index {
            items.push(json!({}));
        }
        match rest {
            Some(rest) => set(&mut items[index], rest, to),
            None if to.is_null() => drop(items.remove(index)),
            None => items[index] = to,
        }
        return;
    }
    if !value.is_object() {
        *value = json!({});
    }
    match rest {
        Some(rest) => set(&mut value[name], rest, to),
        None if to.is_null() => drop(value.as_object_mut().and_then(|members| members.shift_remove(name))),
        None => value[name] = to,
    }
}

/// Somebody with boto3.
struct Stranger {
    process: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Stranger {
    fn start(endpoint: &str) -> Self {
        let mut command = Command::new(python());
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fields/worker.py");
        isolate(&mut command).args([script, endpoint]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = command.spawn().unwrap();
        let (input, output) = (process.stdin.take().unwrap(), process.stdout.take().unwrap());
        Self { process, input, output: BufReader::new(output) }
    }

    fn act(&mut self, code: &str, names: &Value) -> Result<(), String> {
        writeln!(self.input, "{}", json!({"code": code, "names": names})).unwrap();
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        let answer: Value = serde_json::from_str(&line).map_err(|_| format!("the worker ended during {code}"))?;
        match answer["error"].as_str() {
            None => Ok(()),
            Some(error) => Err(format!("the drift failed: {error}")),
        }
    }
}

impl Drop for Stranger {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}
