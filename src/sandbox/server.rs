//! The sandbox on a loopback port, for the AWS CLI, boto3 and the SDKs with `--endpoint-url`.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{ConnectInfo, Request, State};
use axum::response::Response;
use bytes::Bytes;
use http::request::Parts;
use http::{Method, StatusCode, header};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::Sandbox;
use super::faults::{Answer, Delivery, Faults};
use super::line::{Cut, Lines};

/// AWS's largest request of these services is far smaller; a body beyond this is a mistake.
const LARGEST_BODY: usize = 10 * 1024 * 1024;

/// How long a stopping server waits for the requests that it is answering.
const GRACE: Duration = Duration::from_secs(5);

/// How long half an answer is on its way before its connection is dropped.
const HALF_WAY: Duration = Duration::from_millis(20);

/// What requests are answered by.
#[derive(Clone)]
struct Front {
    sandbox: Arc<Sandbox>,
    faults: Option<Arc<Faults>>,
    stopped: CancellationToken,
}

/// A sandbox that is being served. Dropping it stops it.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    stop: DropGuard,
    serving: JoinHandle<io::Result<()>>,
}

impl Server {
    /// Serves a sandbox on 127.0.0.1; port 0 takes one that is free.
    pub async fn start(sandbox: Arc<Sandbox>, port: u16) -> io::Result<Self> {
        Self::start_with(sandbox, None, port).await
    }

    /// The same, with faults for the calls of AWS's services.
    pub async fn start_with(sandbox: Arc<Sandbox>, faults: Option<Arc<Faults>>, port: u16) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
        let address = listener.local_addr()?;
        let stop = CancellationToken::new();
        let stopped = stop.clone().cancelled_owned();
        if let Some(faults) = &faults {
            faults.start(&sandbox);
        }
        let front = Front { sandbox, faults, stopped: stop.clone() };
        let routes = Router::new().fallback(handle).with_state(front).into_make_service_with_connect_info::<Cut>();
        let serving = axum::serve(Lines(listener), routes).with_graceful_shutdown(stopped);
        let serving = tokio::spawn(async move { serving.await });
        Ok(Self { address, stop: stop.drop_guard(), serving })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Refuses new connections, lets the requests that are under way finish, and returns.
    pub async fn stop(self) -> io::Result<()> {
        let Self { stop, mut serving, .. } = self;
        drop(stop);
        match tokio::time::timeout(GRACE, &mut serving).await {
            Ok(Ok(ended)) => ended,
            Ok(Err(panicked)) => Err(io::Error::other(panicked)),
            Err(_) => {
                serving.abort();
                Ok(())
            }
        }
    }
}

async fn handle(State(front): State<Front>, ConnectInfo(cut): ConnectInfo<Cut>, request: Request) -> Response {
    if is_health_check(&request) {
        return plain(StatusCode::OK, "the sandbox is ready\n");
    }
    // A client that announces too much hears it before it sends: the answer need not wait for the body.
    let announced = request.headers().get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    if announced.is_some_and(|length: usize| length > LARGEST_BODY) {
        return too_large();
    }
    let (parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, LARGEST_BODY).await else { return too_large() };
    if parts.uri.path().starts_with("/_sandbox/") {
        return admin(front.sandbox, parts, body).await;
    }
    let request = http::Request::from_parts(parts, body);
    let Front { sandbox, faults, stopped } = front;
    // A call may wait for the state's lock or write the sandbox's file.
    let answering = tokio::task::spawn_blocking(move || match faults {
        None => Delivery::whole(sandbox.answer(&request)),
        Some(faults) => {
            // Which thread it is must make no difference to what is drawn.
            fastrand::seed(faults.draw());
            faults.answer(&sandbox, &request)
        }
    });
    match answering.await {
        Ok(delivery) => deliver(delivery, cut, stopped).await,
        Err(error) => plain(StatusCode::INTERNAL_SERVER_ERROR, format!("the sandbox failed: {error}\n")),
    }
}

/// Answers, or does to the connection what is to happen to it.
async fn deliver(delivery: Delivery, cut: Cut, stopped: CancellationToken) -> Response {
    let Delivery { after, answer } = delivery;
    if !after.is_zero() {
        tokio::time::sleep(after).await;
    }
    match answer {
        Answer::Whole(answer) => answer.map(Body::from),
        Answer::Part(answer) => answer.map(|part| {
            let end = async {
                tokio::time::sleep(HALF_WAY).await;
                Err(io::Error::from(io::ErrorKind::ConnectionReset))
            };
            let start = futures_util::stream::iter([Ok(part)]);
            Body::from_stream(futures_util::StreamExt::chain(start, futures_util::stream::once(end)))
        }),
        Answer::Reset => {
            cut.now();
            Response::default()
        }
        // Who is patient waits until the server stops.
        Answer::Timeout | Answer::Never => {
            stopped.cancelled().await;
            cut.now();
            Response::default()
        }
    }
}

/// What happens outside of AWS is told by calls of the sandbox's own, in JSON and without a signature.
async fn admin(sandbox: Arc<Sandbox>, parts: Parts, body: Bytes) -> Response {
    if parts.method != Method::POST {
        return plain(StatusCode::METHOD_NOT_ALLOWED, "this is a POST\n");
    }
    let answered = tokio::task::spawn_blocking(move || sandbox.answer_admin(parts.uri.path(), &body)).await;
    let Ok((status, answer)) = answered else {
        return plain(StatusCode::INTERNAL_SERVER_ERROR, "the sandbox failed\n");
    };
    let mut response = plain(StatusCode::from_u16(status).unwrap_or_default(), format!("{answer}\n"));
    response.headers_mut().insert(header::CONTENT_TYPE, http::HeaderValue::from_static("application/json"));
    response
}

fn too_large() -> Response {
    plain(StatusCode::PAYLOAD_TOO_LARGE, "the request was cut short or is larger than 10 MB\n")
}

fn is_health_check(request: &Request) -> bool {
    request.method() == Method::GET
        && matches!(request.uri().path(), "/" | "/health")
        && request.uri().query().is_none()
        && !request.headers().contains_key(header::AUTHORIZATION)
}

fn plain(status: StatusCode, text: impl Into<Bytes>) -> Response {
    let mut response = Response::new(Body::from(text.into()));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, http::HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpStream;

    use super::*;
    use crate::sandbox::world::World;

    async fn ask(address: SocketAddr, request: &str) -> String {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }

    async fn start() -> Server {
        Server::start(Arc::new(Sandbox::in_memory(World::default())), 0).await.unwrap()
    }

    #[tokio::test]
    async fn calls_are_answered_and_health_needs_no_signature() {
        let server = start().await;
        let health = ask(server.address(), "GET /health HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await;
        assert!(health.starts_with("HTTP/1.1 200 OK") && health.ends_with("the sandbox is ready\n"), "{health}");
        let body = "Action=GetCallerIdentity&Version=2011-06-15";
        let request = format!(
            "POST / HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {}\r\nauthorization: AWS4-HMAC-SHA256 \
             Credential=AKID/20261101/us-west-2/sts/aws4_request, SignedHeaders=host, Signature=0\r\n\r\n{body}",
            body.len()
        );
        let identity = ask(server.address(), &request).await;
        assert!(identity.contains("<Account>123456789012</Account>"), "{identity}");
        let unsigned =
            ask(server.address(), "POST / HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 0\r\n\r\n").await;
        assert!(unsigned.starts_with("HTTP/1.1 403") && unsigned.contains("MissingAuthenticationToken"), "{unsigned}");
    }

    #[tokio::test]
    async fn a_body_over_the_limit_is_refused() {
        let server = start().await;
        let request = "POST / HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 10485761\r\n\r\n";
        let mut stream = TcpStream::connect(server.address()).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut start = [0; 12];
        stream.read_exact(&mut start).await.unwrap();
        assert_eq!(&start, b"HTTP/1.1 413");
    }

    /// What a client that asks who it is hears of, with such faults, before the connection ends.
    async fn ask_with(rules: &str) -> (io::Result<usize>, String) {
        let faults = Arc::new(Faults::new(crate::sandbox::faults::FaultRules::parse(rules).unwrap()));
        let sandbox = Arc::new(Sandbox::in_memory(World::default()));
        let server = Server::start_with(sandbox, Some(faults), 0).await.unwrap();
        let body = "Action=CreateVpc&Version=2016-11-15&CidrBlock=10.0.0.0/16";
        let request = format!(
            "POST / HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {}\r\nauthorization: AWS4-HMAC-SHA256 \
             Credential=AKID/20261101/us-west-2/ec2/aws4_request, SignedHeaders=host, Signature=0\r\n\r\n{body}",
            body.len()
        );
        let mut stream = TcpStream::connect(server.address()).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        let asking = stream.read_to_end(&mut answer);
        let ended = tokio::time::timeout(Duration::from_secs(2), asking).await;
        let ended = ended.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
        let stopping = tokio::time::Instant::now();
        server.stop().await.unwrap();
        assert!(stopping.elapsed() < Duration::from_secs(4), "a stopping server waits for nobody");
        (ended, String::from_utf8_lossy(&answer).into_owned())
    }

    #[tokio::test]
    async fn half_an_answer_ends_amid_its_body() {
        let (ended, answer) = ask_with("rules: [{fault: truncated}]").await;
        ended.unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
        let length: usize = length.parse().unwrap();
        assert!(head.starts_with("HTTP/1.1 200 OK"), "{head}");
        assert!(body.starts_with("<CreateVpcResponse") && body.len() == length / 2, "{body}");
    }

    #[tokio::test]
    async fn a_dropped_connection_says_nothing() {
        for fault in ["reset", "lost"] {
            let (ended, answer) = ask_with(&format!("rules: [{{fault: {fault}}}]")).await;
            assert_eq!(ended.unwrap_err().kind(), io::ErrorKind::ConnectionReset, "{fault}");
            assert_eq!(answer, "", "{fault}");
        }
    }

    #[tokio::test]
    async fn who_is_not_answered_waits() {
        let (ended, answer) = ask_with("rules: [{fault: timeout}]").await;
        assert_eq!((ended.unwrap_err().kind(), answer.as_str()), (io::ErrorKind::TimedOut, ""));
    }

    #[tokio::test]
    async fn errors_and_their_headers_go_over_the_wire() {
        let (_, answer) = ask_with("rules: [{fault: throttle, retryAfter: 3}]").await;
        assert!(answer.starts_with("HTTP/1.1 503") && answer.contains("retry-after: 3\r\n"), "{answer}");
        assert!(answer.contains("<Code>RequestLimitExceeded</Code>"), "{answer}");
        let (_, answer) = ask_with("seed: 5\nrules: [{fault: clockSkew, minutes: 30}]").await;
        assert!(answer.contains("date: ") && answer.contains("<vpcId>"), "{answer}");
    }

    #[tokio::test]
    async fn a_stopped_or_dropped_server_refuses_connections() {
        let server = start().await;
        let address = server.address();
        let _idle = TcpStream::connect(address).await.unwrap();
        server.stop().await.unwrap();
        assert!(TcpStream::connect(address).await.is_err());

        let server = start().await;
        let address = server.address();
        drop(server);
        tokio::time::timeout(Duration::from_secs(5), async {
            while TcpStream::connect(address).await.is_ok() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        })
        .await
        .unwrap();
    }
}
