//! One file a command, thin: read arguments, call the stages, show what came out.

mod apply;
mod bug;
mod completions;
mod destroy;
mod diff;
mod explain;
mod failure;
mod fix;
mod graph;
mod host;
mod init;
mod lint;
pub mod output;
mod plan;
mod sandbox;
mod saved;
mod schema;
mod session;
mod status;
mod watch;
mod writer;

use std::ffi::OsString;
use std::io::{ErrorKind, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};

use clap::{CommandFactory, Parser, Subcommand, ValueEnum};

pub use self::bug::panics_tell_their_place;
pub use self::failure::Failure;

/// Keeps Amazon ECS at the edge in the state that a git repository declares.
///
/// Reads YAML manifests, compares them with live AWS, shows the difference as a plan and applies it in dependency
/// order. Live AWS is the state: there is no state file.
#[derive(Debug, Parser)]
#[command(name = "farpost", version, max_term_width = 100, after_help = EXIT_CODES)]
pub struct Cli {
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    pub command: Command,
}

const EXIT_CODES: &str = "\
Exit codes: 0 done, or no changes; 1 error; 2 there are changes (with --detailed-exitcode);
3 refused by a guard; 4 the rest is done, something waits for capacity or for a host; 64 wrong usage.";

/// Options of every command.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Options of every command")]
pub struct Global {
    /// How results are written to standard output
    #[arg(long, short, global = true, value_enum, default_value_t, value_name = "FORMAT")]
    pub output: Output,
    /// When to colour
    #[arg(long, global = true, value_enum, default_value_t, value_name = "WHEN")]
    pub color: Color,
    /// The AWS region; must be the stack's
    #[arg(long, global = true)]
    pub region: Option<String>,
    /// The profile of the AWS configuration to take credentials from
    #[arg(long, global = true)]
    pub profile: Option<String>,
    /// Call this address instead of AWS's own
    #[arg(long, global = true, value_name = "URL", value_parser = url)]
    pub endpoint_url: Option<String>,
    /// Use the embedded AWS, kept in FILE, instead of an account
    #[arg(long, global = true, value_name = "FILE", num_args = 0..=1, require_equals = true,
          default_missing_value = ".farpost/sandbox.json", conflicts_with_all = ["profile", "endpoint_url"])]
    pub sandbox: Option<PathBuf>,
    /// How progress and logs are written to standard error
    #[arg(long, global = true, value_enum, default_value_t, value_name = "FORMAT")]
    pub log_format: LogFormat,
    /// Tell more: -v what is done, -vv every call to AWS
    #[arg(long, short, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,
}

impl Global {
    /// What leads to the same AWS again, for a command to copy: ` --sandbox=FILE`.
    pub(crate) fn target(&self) -> String {
        let sandbox = self.sandbox.as_ref().map(|path| path.display().to_string());
        let flags = [
            ("--sandbox=", &sandbox),
            ("--endpoint-url ", &self.endpoint_url),
            ("--profile ", &self.profile),
            ("--region ", &self.region),
        ];
        let given = flags.into_iter().filter_map(|(flag, value)| Some(format!(" {flag}{}", word(value.as_ref()?))));
        given.collect()
    }
}

/// A word of a command to copy.
pub(crate) fn word(text: &str) -> String {
    let is_plain = |letter: char| letter.is_alphanumeric() || "-_./:=@%+,".contains(letter);
    if !text.is_empty() && text.chars().all(is_plain) { text.to_owned() } else { crate::hosts::quote::shell(text) }
}

/// How results are written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Output {
    #[default]
    Text,
    Json,
    /// For a comment on a pull request (plan, apply, diff)
    Markdown,
    /// Workflow commands, which annotate the changed lines (lint; the findings of plan, apply, diff)
    Github,
    /// The standard of code-scanning services, version 2.1.0 (lint)
    Sarif,
}

/// When to colour.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Color {
    /// On a terminal, unless NO_COLOR is set
    #[default]
    Auto,
    Always,
    Never,
}

/// How progress and logs are written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    #[default]
    Text,
    /// One object a line
    Json,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    Init(init::InitArgs),
    Lint(lint::LintArgs),
    Plan(plan::PlanArgs),
    Apply(apply::ApplyArgs),
    Destroy(destroy::DestroyArgs),
    Diff(diff::DiffArgs),
    Watch(watch::WatchArgs),
    Status(status::StatusArgs),
    Graph(graph::GraphArgs),
    Host(host::HostArgs),
    Explain(explain::ExplainArgs),
    Schema(schema::SchemaArgs),
    Sandbox(sandbox::SandboxArgs),
    Completions(completions::CompletionsArgs),
}

impl Command {
    /// The formats that it writes; another one is wrong usage, not text in disguise.
    fn formats(&self) -> &'static [Output] {
        use Output::{Github, Json, Markdown, Sarif, Text};
        match self {
            Self::Lint(_) => &[Text, Json, Github, Sarif],
            Self::Plan(_) | Self::Apply(_) | Self::Destroy(_) | Self::Diff(_) => &[Text, Json, Markdown, Github],
            Self::Watch(_) | Self::Status(_) | Self::Explain(_) | Self::Host(_) => &[Text, Json],
            Self::Init(_) | Self::Graph(_) | Self::Schema(_) | Self::Sandbox(_) | Self::Completions(_) => &[Text],
        }
    }
}

/// An address that can be called: what is no URL would fail in the depths of the SDK.
fn url(text: &str) -> Result<String, String> {
    let is_web = |uri: &http::Uri| matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some();
    match text.parse::<http::Uri>() {
        Ok(uri) if is_web(&uri) => Ok(text.to_owned()),
        _ => Err("a URL is needed, such as http://127.0.0.1:4577".to_owned()),
    }
}

/// Runs the command that `arguments` ask for and returns the code to exit with.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(error) => {
            error.print().ok();
            return if error.use_stderr() { Failure::USAGE.into() } else { ExitCode::SUCCESS };
        }
    };
    match cli.global.color {
        Color::Auto => {}
        Color::Always => anstream::ColorChoice::Always.write_global(),
        Color::Never => anstream::ColorChoice::Never.write_global(),
    }
    start_log(&cli.global);
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            writeln!(anstream::stderr(), "error: the runtime did not start: {error}").ok();
            return ExitCode::FAILURE;
        }
    };
    if !cli.command.formats().contains(&cli.global.output) {
        let format = cli.global.output.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default();
        talk(&format!("error: this command does not write {format}\n  help: see `farpost COMMAND --help`\n"));
        return Failure::USAGE.into();
    }
    let result = runtime.block_on(dispatch(cli.global.clone(), cli.command));
    // A blocked read of standard input must not keep the process alive.
    runtime.shutdown_background();
    match result {
        Ok(code) if code == ExitCode::SUCCESS && !WAS_PRINTED.load(Ordering::Relaxed) => ExitCode::FAILURE,
        Ok(code) => code,
        Err(failure) => failure.report(&cli.global),
    }
}

async fn dispatch(global: Global, command: Command) -> Result<ExitCode, Failure> {
    match command {
        Command::Init(args) => init::init(&args),
        Command::Lint(args) => lint::lint(&global, &args),
        Command::Plan(args) => plan::plan(&global, &args).await,
        Command::Apply(args) => apply::apply(&global, &args).await,
        Command::Destroy(args) => destroy::destroy(&global, &args).await,
        Command::Diff(args) => diff::diff(&global, &args),
        Command::Watch(args) => watch::watch(&global, &args).await,
        Command::Status(args) => status::status(&global, &args).await,
        Command::Graph(args) => graph::graph(&global, &args),
        Command::Host(args) => host::host(&global, &args),
        Command::Explain(args) => explain::explain(&global, &args),
        Command::Schema(args) => schema::schema(&args),
        Command::Sandbox(args) => sandbox::sandbox(&args).await,
        Command::Completions(args) => completions::completions(&args),
    }
}

/// The command line as clap knows it, for completions and the reference page.
pub fn command_line() -> clap::Command {
    Cli::command()
}

fn start_log(global: &Global) {
    let level = match global.verbose {
        0 => "farpost=warn,error",
        1 => "farpost=info,warn",
        2 => "farpost=debug,aws_smithy_runtime=debug,warn",
        _ => "trace",
    };
    let filter = tracing_subscriber::EnvFilter::try_from_env("FARPOST_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new(level));
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    match global.log_format {
        LogFormat::Text => log.with_target(false).with_ansi(false).init(),
        LogFormat::Json => log.json().init(),
    }
}

/// Whether all data for standard output was written.
static WAS_PRINTED: AtomicBool = AtomicBool::new(true);

/// Writes data to standard output. A reader that went away is no error of ours; a disk that is full makes the command
/// fail, at its end.
pub(crate) fn print(text: &str) {
    let mut out = anstream::stdout();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe && WAS_PRINTED.swap(false, Ordering::Relaxed) => {
            talk(&format!("error: standard output cannot be written: {error}\n"));
        }
        _ => {}
    }
}

/// Writes talk to standard error.
pub(crate) fn talk(text: &str) {
    let mut err = anstream::stderr();
    err.write_all(text.as_bytes()).and_then(|()| err.flush()).ok();
}

/// A value as indented JSON with a line end.
pub(crate) fn json(value: &impl serde::Serialize) -> String {
    serde_json::to_string_pretty(value).unwrap_or_default() + "\n"
}
