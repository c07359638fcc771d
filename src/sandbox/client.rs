//! The sandbox as the HTTP client of the SDK: no socket, same bytes.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_runtime_api::http::{HttpError, Response};
use aws_smithy_types::body::SdkBody;
use bytes::Bytes;

use super::Sandbox;
use super::faults::{Answer, Delivery, Faults};

/// How long a client that sets no limit itself waits for an answer that does not come.
const PATIENCE: Duration = Duration::from_secs(60);

/// Sends the SDK's requests to a sandbox.
#[derive(Debug, Clone)]
pub struct SandboxClient {
    sandbox: Arc<Sandbox>,
    faults: Option<Arc<Faults>>,
    patience: Duration,
}

impl SandboxClient {
    pub fn new(sandbox: Arc<Sandbox>) -> Self {
        Self { sandbox, faults: None, patience: PATIENCE }
    }

    /// One whose calls meet faults. Others may call the same sandbox without them.
    pub fn with_faults(sandbox: Arc<Sandbox>, faults: Arc<Faults>) -> Self {
        faults.start(&sandbox);
        Self { sandbox, faults: Some(faults), patience: PATIENCE }
    }
}

impl HttpClient for SandboxClient {
    fn http_connector(&self, settings: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        let patience = settings.read_timeout().unwrap_or(self.patience);
        SharedHttpConnector::new(Self { patience, ..self.clone() })
    }
}

impl HttpConnector for SandboxClient {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let request = match plain(request) {
            Ok(request) => request,
            Err(error) => return HttpConnectorFuture::ready(Err(error)),
        };
        let Some(faults) = self.faults.clone() else {
            return HttpConnectorFuture::ready(response(self.sandbox.answer(&request)));
        };
        let (sandbox, patience) = (Arc::clone(&self.sandbox), self.patience);
        HttpConnectorFuture::new(async move { deliver(faults.answer(&sandbox, &request), patience).await })
    }
}

/// Hands an answer over as a connection would.
async fn deliver(delivery: Delivery, patience: Duration) -> Result<Response, ConnectorError> {
    let Delivery { after, answer } = delivery;
    if after > patience {
        tokio::time::sleep(patience).await;
        return Err(timed_out());
    }
    if !after.is_zero() {
        tokio::time::sleep(after).await;
    }
    match answer {
        Answer::Whole(answer) => response(answer),
        // As a connection that ends before the body does.
        Answer::Part(_) => {
            let error = io::Error::new(io::ErrorKind::UnexpectedEof, "end of file before message length reached");
            Err(ConnectorError::io(error.into()))
        }
        Answer::Reset => {
            let error = io::Error::new(io::ErrorKind::ConnectionReset, "connection reset by peer");
            Err(ConnectorError::io(error.into()))
        }
        Answer::Timeout => {
            tokio::time::sleep(patience).await;
            Err(timed_out())
        }
        Answer::Never => std::future::pending().await,
    }
}

fn timed_out() -> ConnectorError {
    ConnectorError::timeout(io::Error::new(io::ErrorKind::TimedOut, "no answer in time").into())
}

fn plain(request: HttpRequest) -> Result<http::Request<Bytes>, ConnectorError> {
    let request = request.try_into_http1x().map_err(|error| ConnectorError::user(error.into()))?;
    Ok(request.map(|body| Bytes::copy_from_slice(body.bytes().unwrap_or_default())))
}

fn response(answer: http::Response<Bytes>) -> Result<Response, ConnectorError> {
    let answer = answer.map(SdkBody::from);
    answer.try_into().map_err(|error: HttpError| ConnectorError::other(error.into(), None))
}
