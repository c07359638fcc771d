//! A sandbox behind a door that loses answers, refuses calls and counts: plain HTTP/1.1 on a loopback port.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use farpost::sandbox::Sandbox;
use farpost::sandbox::world::World;

/// What happens to calls of an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trouble {
    /// They are carried out, and no answer comes.
    Lost,
    /// They are refused with EC2's code for too many calls, and not carried out.
    Throttled,
    /// They are refused with this code and message of EC2's, and not carried out.
    Refused(&'static str, &'static str),
    /// They are carried out, and the answer comes after a minute.
    Late,
}

/// A sandbox behind a door.
pub(super) struct Gate {
    pub(super) endpoint: String,
    door: Arc<Door>,
}

struct Door {
    sandbox: Sandbox,
    /// How long each call takes.
    delay: Duration,
    /// The operation in trouble, what the trouble is, and for how many more calls.
    trouble: Mutex<Option<(&'static str, Trouble, usize)>>,
    calls: AtomicUsize,
}

impl Gate {
    pub(super) fn open(delay: Duration) -> Self {
        let sandbox = Sandbox::in_memory(World { pace: 0.0, ..World::default() });
        let door = Door { sandbox, delay, trouble: Mutex::new(None), calls: AtomicUsize::new(0) };
        let door = Arc::new(door);
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let served = Arc::clone(&door);
        // It ends with the process of the tests.
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let door = Arc::clone(&served);
                std::thread::spawn(move || door.serve(&stream));
            }
        });
        Self { endpoint, door }
    }

    pub(super) fn trouble(&self, operation: &'static str, trouble: Trouble, times: usize) {
        *self.door.trouble.lock().unwrap() = Some((operation, trouble, times));
    }

    /// How many more calls the trouble would have met.
    pub(super) fn trouble_left(&self) -> usize {
        self.door.trouble.lock().unwrap().map_or(0, |(_, _, left)| left)
    }

    /// Waits until so many calls have come.
    #[track_caller]
    pub(super) fn wait_for(&self, calls: usize) {
        let deadline = Instant::now() + Duration::from_secs(60);
        while self.door.calls.load(Ordering::SeqCst) < calls {
            assert!(Instant::now() < deadline, "{calls} calls never came");
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    pub(super) fn calls(&self) -> usize {
        self.door.calls.load(Ordering::SeqCst)
    }
}

impl Door {
    fn serve(&self, stream: &TcpStream) {
        let mut reader = BufReader::new(stream);
        while let Some(request) = read(&mut reader) {
            self.calls.fetch_add(1, Ordering::SeqCst);
            std::thread::sleep(self.delay);
            let (status, kind, body);
            match self.trouble_for(&request) {
                Some(Trouble::Throttled) => {
                    (status, kind) = (503, "text/xml".to_owned());
                    body = refusal("RequestLimitExceeded", "Request limit exceeded.");
                }
                Some(Trouble::Refused(code, message)) => {
                    (status, kind) = (400, "text/xml".to_owned());
                    body = refusal(code, message);
                }
                trouble => {
                    let answer = self.sandbox.answer(&request);
                    status = answer.status().as_u16();
                    kind = answer.headers().get("content-type").map_or("", |kind| kind.to_str().unwrap()).to_owned();
                    body = answer.into_body();
                    match trouble {
                        Some(Trouble::Lost) => return,
                        Some(Trouble::Late) => std::thread::sleep(Duration::from_secs(60)),
                        _ => {}
                    }
                }
            }
            let head = format!("HTTP/1.1 {status} x\r\ncontent-type: {kind}\r\ncontent-length: {}\r\n\r\n", body.len());
            let mut stream = stream;
            if stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&body)).is_err() {
                return;
            }
        }
    }

    fn trouble_for(&self, request: &http::Request<Bytes>) -> Option<Trouble> {
        let target = request.headers().get("x-amz-target").map_or("", |target| target.to_str().unwrap());
        let body = String::from_utf8_lossy(request.body());
        let mut trouble = self.trouble.lock().unwrap();
        let (operation, what, left) = trouble.as_mut().filter(|(_, _, left)| *left > 0)?;
        let is_it = target.ends_with(&format!(".{operation}")) || body.contains(&format!("Action={operation}&"));
        is_it.then(|| {
            *left -= 1;
            *what
        })
    }
}

/// An error as EC2 answers it.
fn refusal(code: &str, message: &str) -> Bytes {
    let error = format!("<Error><Code>{code}</Code><Message>{message}</Message></Error>");
    format!("<Response><Errors>{error}</Errors><RequestID>refused</RequestID></Response>").into()
}

fn read(reader: &mut BufReader<&TcpStream>) -> Option<http::Request<Bytes>> {
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|length| *length > 0)?;
    let mut words = line.split_whitespace();
    let mut request = http::Request::builder().method(words.next()?).uri(words.next()?);
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        if name.eq_ignore_ascii_case("content-length") {
            length = value.parse().ok()?;
        }
        request = request.header(name, value);
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    request.body(Bytes::from(body)).ok()
}
