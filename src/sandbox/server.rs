//! The sandbox on a loopback port, for the AWS CLI, boto3 and the SDKs with `--endpoint-url`.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::response::Response;
use bytes::Bytes;
use http::request::Parts;
use http::{Method, StatusCode, header};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::Sandbox;

/// AWS's largest request of these services is far smaller; a body beyond this is a mistake.
const LARGEST_BODY: usize = 10 * 1024 * 1024;

/// How long a stopping server waits for the requests that it is answering.
const GRACE: Duration = Duration::from_secs(5);

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
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
        let address = listener.local_addr()?;
        let stop = CancellationToken::new();
        let stopped = stop.clone().cancelled_owned();
        let routes = Router::new().fallback(handle).with_state(sandbox);
        let serving = tokio::spawn(async move { axum::serve(listener, routes).with_graceful_shutdown(stopped).await });
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

async fn handle(State(sandbox): State<Arc<Sandbox>>, request: Request) -> Response {
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
        return admin(sandbox, parts, body).await;
    }
    let request = http::Request::from_parts(parts, body);
    // A call may wait for the state's lock or write the sandbox's file.
    match tokio::task::spawn_blocking(move || sandbox.answer(&request)).await {
        Ok(answer) => answer.map(Body::from),
        Err(error) => plain(StatusCode::INTERNAL_SERVER_ERROR, format!("the sandbox failed: {error}\n")),
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
