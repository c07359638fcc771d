//! The sandbox as the HTTP client of the SDK: no socket, same bytes.

use std::sync::Arc;

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use bytes::Bytes;

use super::Sandbox;

/// Sends the SDK's requests to a sandbox.
#[derive(Debug, Clone)]
pub struct SandboxClient(Arc<Sandbox>);

impl SandboxClient {
    pub fn new(sandbox: Arc<Sandbox>) -> Self {
        Self(sandbox)
    }
}

impl HttpClient for SandboxClient {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for SandboxClient {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let answer = self.answer(request);
        HttpConnectorFuture::ready(answer)
    }
}

impl SandboxClient {
    fn answer(&self, request: HttpRequest) -> Result<aws_smithy_runtime_api::http::Response, ConnectorError> {
        let request = request.try_into_http1x().map_err(|error| ConnectorError::user(error.into()))?;
        let request = request.map(|body| Bytes::copy_from_slice(body.bytes().unwrap_or_default()));
        let response = self.0.answer(&request).map(SdkBody::from);
        response.try_into().map_err(|error: aws_smithy_runtime_api::http::HttpError| ConnectorError::other(error.into(), None))
    }
}
