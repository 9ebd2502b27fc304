//! Calls to providers: through the dialer, without redirects, bounded in time and size. A provider that
//! is reached over TLS is reached over nothing less for any of its endpoints.

use std::{pin::Pin, time::Duration};

use bytes::Bytes;
use egress::{
    Dialer, Endpoint, Scheme, UrlError,
    fetch::{self, FetchError, Limits},
};
use openidconnect::{AsyncHttpClient, HttpRequest, HttpResponse};

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum CallError {
    /// What is published as an address is none.
    #[error("an address of the provider's cannot be called")]
    Address(#[source] UrlError),
    /// It publishes an address without TLS.
    #[error("an address of the provider's is not https")]
    Plain,
    /// No answer.
    #[error("calling the provider")]
    Fetch(#[source] FetchError),
}

/// Calls one provider.
pub(super) struct Caller<'a> {
    dialer: &'a Dialer,
    /// Whether its issuer has no TLS either.
    plain: bool,
}

impl<'a> Caller<'a> {
    pub(super) fn of(dialer: &'a Dialer, issuer: &str) -> Self {
        let plain = issuer.starts_with("http://");
        Self { dialer, plain }
    }

    /// Whether a browser or we may be sent to this address.
    pub(super) fn check(&self, address: &str) -> Result<Endpoint, CallError> {
        let endpoint = Endpoint::parse(address).map_err(CallError::Address)?;
        if endpoint.origin.scheme() == Scheme::Http && !self.plain {
            return Err(CallError::Plain);
        }
        Ok(endpoint)
    }

    async fn exchange(&self, request: HttpRequest) -> Result<HttpResponse, CallError> {
        let endpoint = self.check(&request.uri().to_string())?;
        let request = request.map(Bytes::from);
        let answer = fetch::send(self.dialer, &endpoint, request, LIMITS).await;
        Ok(answer.map_err(CallError::Fetch)?.map(Vec::from))
    }
}

impl<'c> AsyncHttpClient<'c> for Caller<'_> {
    type Error = CallError;
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse, CallError>> + Send + 'c>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(self.exchange(request))
    }
}

const LIMITS: Limits = Limits {
    time: Duration::from_secs(4),
    bytes: 512 << 10,
};
