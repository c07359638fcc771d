//! AWS's Python tools, and the servers that they talk to.
//!
//! boto3 and the AWS CLI were written by AWS and moto by others, so they see mistakes that the sandbox and farpost
//! would share. All three live in a virtual environment below the target directory, which is made once.

use std::fs::File;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Arc, OnceLock, mpsc};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use farpost::sandbox::Sandbox;
use farpost::sandbox::server::Server;
use farpost::sandbox::world::World;
use sha2::{Digest, Sha256};

const REQUIREMENTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/requirements.txt");

/// The Python interpreter that has boto3, botocore and moto.
pub(crate) fn python() -> PathBuf {
    environment().join("bin/python")
}

/// The AWS CLI.
pub(crate) fn aws_cli() -> PathBuf {
    environment().join("bin/aws")
}

/// Runs a script in the environment. Nothing of the machine's AWS configuration reaches it.
pub(crate) fn run_script(script: &Path, args: &[&str], env: &[(&str, &str)]) -> Output {
    let mut command = Command::new(python());
    isolate(&mut command).arg(script).args(args).envs(env.iter().copied());
    command.output().unwrap_or_else(|error| panic!("{} did not start: {error}", script.display()))
}

/// Takes the machine's AWS configuration away from a command and gives it one that any emulator accepts.
pub(crate) fn isolate(command: &mut Command) -> &mut Command {
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("AWS_")) {
        command.env_remove(name);
    }
    command.envs([
        ("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"),
        ("AWS_SECRET_ACCESS_KEY", "example"),
        ("AWS_DEFAULT_REGION", "us-west-2"),
        ("AWS_CONFIG_FILE", "/dev/null"),
        ("AWS_SHARED_CREDENTIALS_FILE", "/dev/null"),
        ("AWS_EC2_METADATA_DISABLED", "true"),
        ("AWS_PAGER", ""),
        ("PYTHONDONTWRITEBYTECODE", "1"),
    ])
}

fn environment() -> &'static Path {
    static ENVIRONMENT: OnceLock<PathBuf> = OnceLock::new();
    ENVIRONMENT.get_or_init(|| match prepare() {
        Ok(folder) => folder,
        Err(reason) => {
            panic!("these tests need Python 3 with its venv module and the packages in {REQUIREMENTS}: {reason}")
        }
    })
}

/// Makes the environment, or finds it made from the same requirements. The lock is for test runs side by side; the
/// marker is written last, so that an environment that was cut short is made again.
fn prepare() -> Result<PathBuf, String> {
    let parent = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let requirements = std::fs::read(REQUIREMENTS).map_err(|error| error.to_string())?;
    let digest: String = Sha256::digest(&requirements).iter().take(6).map(|byte| format!("{byte:02x}")).collect();
    let folder = parent.join(format!("python-{digest}"));
    let marker = folder.join("ready");
    std::fs::create_dir_all(parent).map_err(|error| error.to_string())?;
    let lock = File::create(parent.join("python.lock")).map_err(|error| error.to_string())?;
    lock.lock().map_err(|error| error.to_string())?;
    if marker.exists() {
        return Ok(folder);
    }
    if folder.exists() {
        std::fs::remove_dir_all(&folder).map_err(|error| error.to_string())?;
    }
    run(Command::new("python3").arg("-m").arg("venv").arg(&folder))?;
    let install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement", REQUIREMENTS];
    run(Command::new(folder.join("bin/python")).args(install))?;
    std::fs::write(&marker, digest).map_err(|error| error.to_string())?;
    Ok(folder)
}

fn run(command: &mut Command) -> Result<(), String> {
    let output = command.output().map_err(|error| format!("{}: {error}", command.get_program().display()))?;
    if output.status.success() {
        return Ok(());
    }
    let said =
        String::from_utf8_lossy(if output.stderr.is_empty() { &output.stdout } else { &output.stderr }).into_owned();
    Err(format!("{command:?} ended with {}: {}", output.status, said.trim()))
}

/// A running moto server; dropping it ends it.
pub(crate) struct Moto {
    /// `http://127.0.0.1:port`.
    pub(crate) endpoint: String,
    process: Child,
}

impl Moto {
    pub(crate) fn start() -> Self {
        Self::with(&[])
    }

    /// With further variables, such as `MOTO_ECS_SERVICE_RUNNING`.
    pub(crate) fn with(env: &[(&str, &str)]) -> Self {
        // The free port can be taken by another process before moto binds it, so another is tried.
        for _ in 0..5 {
            if let Some(moto) = Self::attempt(env) {
                return moto;
            }
        }
        panic!("moto_server did not become ready; see {}", log_path().display());
    }

    fn attempt(env: &[(&str, &str)]) -> Option<Self> {
        let port = free_port();
        let log = File::create(log_path()).unwrap();
        let mut command = Command::new(environment().join("bin/moto_server"));
        isolate(&mut command)
            .args(["-H", "127.0.0.1", "-p", &port.to_string()])
            .envs([
                ("MOTO_IAM_LOAD_MANAGED_POLICIES", "true"),
                ("MOTO_ENABLE_AMI_VALIDATION", "true"),
                ("MOTO_EC2_ENABLE_INSTANCE_TYPE_VALIDATION", "true"),
                ("MOTO_ENABLE_KEYPAIR_VALIDATION", "true"),
            ])
            .envs(env.iter().copied())
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log);
        let process = command.spawn().unwrap_or_else(|error| panic!("moto_server did not start: {error}"));
        let mut moto = Self { endpoint: format!("http://127.0.0.1:{port}"), process };
        let deadline = Instant::now() + Duration::from_secs(60);
        while Instant::now() < deadline && matches!(moto.process.try_wait(), Ok(None)) {
            if answers(port) {
                return Some(moto);
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        None
    }
}

impl Drop for Moto {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

fn log_path() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("moto-{}.log", std::process::id()))
}

fn free_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port()
}

fn answers(port: u16) -> bool {
    let ask = || -> std::io::Result<String> {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
        stream.set_read_timeout(Some(Duration::from_secs(10)))?;
        stream.write_all(b"GET /moto-api/data.json HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
        let mut head = [0; 12];
        stream.read_exact(&mut head)?;
        Ok(String::from_utf8_lossy(&head).into_owned())
    };
    ask().is_ok_and(|head| head.ends_with(" 200"))
}

/// A sandbox on a loopback port; dropping it stops it.
pub(crate) struct SandboxServer {
    /// `http://127.0.0.1:port`.
    pub(crate) endpoint: String,
    pub(crate) sandbox: Arc<Sandbox>,
    stop: Option<tokio::sync::oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// Serves the default world, in which nothing takes time, from a thread of its own.
pub(crate) fn sandbox_server() -> SandboxServer {
    let sandbox = Arc::new(Sandbox::in_memory(World { pace: 0.0, ..World::default() }));
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let (started, address) = mpsc::channel();
    let served = Arc::clone(&sandbox);
    let thread = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let server = Server::start(served, 0).await.unwrap();
            started.send(server.address()).unwrap();
            stopped.await.ok();
            server.stop().await.unwrap();
        });
    });
    let address = address.recv().unwrap();
    SandboxServer { endpoint: format!("http://{address}"), sandbox, stop: Some(stop), thread: Some(thread) }
}

impl Drop for SandboxServer {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            thread.join().ok();
        }
    }
}
