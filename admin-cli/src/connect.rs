//! The way to the admin API: TLS, token, and a deadline on every call. The connection is made by the
//! first call, so mistakes on the command line are reported without one.

use std::{fs, path::Path, time::Duration};

use proto::admin::v1::{
    access_service_client::AccessServiceClient, client_service_client::ClientServiceClient,
    hint_service_client::HintServiceClient,
    identity_provider_service_client::IdentityProviderServiceClient,
    key_service_client::KeyServiceClient, limit_service_client::LimitServiceClient,
    node_service_client::NodeServiceClient, oauth_service_client::OauthServiceClient,
    revision_service_client::RevisionServiceClient,
    revocation_service_client::RevocationServiceClient, server_service_client::ServerServiceClient,
    static_token_service_client::StaticTokenServiceClient,
    tenant_service_client::TenantServiceClient, token_service_client::TokenServiceClient,
    user_service_client::UserServiceClient,
};
use runtime::settings::Source;
use secrecy::{ExposeSecret as _, SecretString};
use tonic::{
    Request, Status,
    metadata::{Ascii, MetadataValue},
    service::{Interceptor, interceptor::InterceptedService},
    transport::{Certificate, Channel, ClientTlsConfig, Endpoint},
};

use crate::{
    args::Global,
    failure::Failure,
    input,
    login::{self, KeptError},
};

/// An installation, as seen by the holder of a token.
pub(crate) struct Session {
    endpoint: String,
    service: Service,
}

type Service = InterceptedService<Channel, Credentials>;

impl Session {
    /// Reads what is needed to connect.
    pub(crate) async fn open(global: &Global) -> Result<Self, Failure> {
        let endpoint = endpoint(global)?;
        let ca_file = global.ca_file.as_deref().ok_or_else(|| {
            Failure::Usage("--ca-file: not set; set it or ALDGATE_CA_FILE to the PEM file of the CA that signed the admin API's certificate".into())
        })?;
        let channel = channel(&endpoint, ca_file)?;
        let credentials = Credentials {
            token: bearer(&token(global.token_file.as_deref(), &endpoint).await?)?,
            deadline: global.deadline,
        };
        let service = InterceptedService::new(channel, credentials);
        Ok(Self { endpoint, service })
    }

    /// Where it is.
    pub(crate) fn endpoint(&self) -> &str {
        &self.endpoint
    }

    pub(crate) fn tenants(&self) -> TenantServiceClient<Service> {
        TenantServiceClient::new(self.service.clone())
    }

    pub(crate) fn servers(&self) -> ServerServiceClient<Service> {
        ServerServiceClient::new(self.service.clone()).max_decoding_message_size(LARGEST_ANSWER)
    }

    pub(crate) fn keys(&self) -> KeyServiceClient<Service> {
        KeyServiceClient::new(self.service.clone())
    }

    pub(crate) fn static_tokens(&self) -> StaticTokenServiceClient<Service> {
        StaticTokenServiceClient::new(self.service.clone())
            .max_decoding_message_size(LARGEST_ANSWER)
    }

    pub(crate) fn access(&self) -> AccessServiceClient<Service> {
        AccessServiceClient::new(self.service.clone()).max_decoding_message_size(LARGEST_ANSWER)
    }

    pub(crate) fn limits(&self) -> LimitServiceClient<Service> {
        LimitServiceClient::new(self.service.clone())
    }

    pub(crate) fn hints(&self) -> HintServiceClient<Service> {
        HintServiceClient::new(self.service.clone())
    }

    pub(crate) fn nodes(&self) -> NodeServiceClient<Service> {
        NodeServiceClient::new(self.service.clone()).max_decoding_message_size(LARGEST_ANSWER)
    }

    pub(crate) fn revisions(&self) -> RevisionServiceClient<Service> {
        RevisionServiceClient::new(self.service.clone()).max_decoding_message_size(LARGEST_ANSWER)
    }

    pub(crate) fn clients(&self) -> ClientServiceClient<Service> {
        ClientServiceClient::new(self.service.clone()).max_decoding_message_size(LARGEST_ANSWER)
    }

    pub(crate) fn users(&self) -> UserServiceClient<Service> {
        UserServiceClient::new(self.service.clone()).max_decoding_message_size(LARGEST_ANSWER)
    }

    pub(crate) fn identity_providers(&self) -> IdentityProviderServiceClient<Service> {
        IdentityProviderServiceClient::new(self.service.clone())
    }

    pub(crate) fn oauth(&self) -> OauthServiceClient<Service> {
        OauthServiceClient::new(self.service.clone()).max_decoding_message_size(LARGEST_ANSWER)
    }

    pub(crate) fn revocations(&self) -> RevocationServiceClient<Service> {
        RevocationServiceClient::new(self.service.clone())
    }

    pub(crate) fn tokens(&self) -> TokenServiceClient<Service> {
        TokenServiceClient::new(self.service.clone())
    }
}

/// Puts token and deadline on each call.
#[derive(Clone)]
pub(crate) struct Credentials {
    token: MetadataValue<Ascii>,
    deadline: Duration,
}

impl Interceptor for Credentials {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        request
            .metadata_mut()
            .insert("authorization", self.token.clone());
        // A call that waits on purpose brings a longer deadline of its own.
        if !request.metadata().contains_key("grpc-timeout") {
            request.set_timeout(self.deadline);
        }
        Ok(request)
    }
}

fn channel(endpoint: &str, ca_file: &Path) -> Result<Channel, Failure> {
    // Over plain HTTP the token would be readable on the way.
    if !endpoint.starts_with("https://") {
        return Err(Failure::Usage(
            "--endpoint: must begin with https://".into(),
        ));
    }
    let ca = fs::read(ca_file).map_err(|source| Failure::File {
        flag: "--ca-file",
        path: ca_file.into(),
        source,
    })?;
    if !ca.windows(PEM_MARK.len()).any(|part| part == PEM_MARK) {
        return Err(Failure::Usage(
            "--ca-file: holds no certificate in PEM form".into(),
        ));
    }
    let tls = ClientTlsConfig::new().ca_certificate(Certificate::from_pem(ca));
    let endpoint = Endpoint::from_shared(endpoint.to_owned())
        .map_err(|_| Failure::Usage("--endpoint: not a URL such as https://127.0.0.1:9443".into()))?
        .connect_timeout(CONNECT_DEADLINE)
        .tls_config(tls)
        .map_err(|_| Failure::Usage("--ca-file: holds no certificate in PEM form".into()))?;
    Ok(endpoint.connect_lazy())
}

/// The admin API's URL.
pub(crate) fn endpoint(global: &Global) -> Result<String, Failure> {
    global.endpoint.clone().ok_or_else(|| {
        Failure::Usage(
            "--endpoint: not set; set it or ALDGATE_ENDPOINT to the admin API's URL".into(),
        )
    })
}

/// The admin token that was given, or else that of the person who signed in.
async fn token(file: Option<&Path>, endpoint: &str) -> Result<SecretString, Failure> {
    if let Some(path) = file {
        return input::secret("--token-file", path);
    }
    let token = Source::from_env().secret("ALDGATE_TOKEN");
    if let Some(token) = token.map_err(Failure::Settings)? {
        return Ok(token);
    }
    match login::token(endpoint).await {
        Ok(token) => token.ok_or(Failure::NoToken),
        // Who has no place to keep a login has none.
        Err(Failure::Kept(KeptError::NoPlace)) => Err(Failure::NoToken),
        Err(failure) => Err(failure),
    }
}

fn bearer(token: &SecretString) -> Result<MetadataValue<Ascii>, Failure> {
    let mut value =
        MetadataValue::try_from(format!("Bearer {}", token.expose_secret())).map_err(|_| {
            Failure::Usage("--token-file: the token holds characters that no token has".into())
        })?;
    value.set_sensitive(true);
    Ok(value)
}

const PEM_MARK: &[u8] = b"-----BEGIN CERTIFICATE-----";
const CONNECT_DEADLINE: Duration = Duration::from_secs(3);
/// A page of servers may carry a mebibyte of tool definitions each.
const LARGEST_ANSWER: usize = 128 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_call_carries_the_token_and_a_deadline() {
        let request = credentials().call(Request::new(())).unwrap();
        let token = request.metadata().get("authorization").unwrap();
        assert_eq!(token, "Bearer aldp_x");
        assert!(token.is_sensitive());
        assert_eq!(timeout(&request), "10000000u");
    }

    #[test]
    fn a_deadline_that_the_call_brings_stays() {
        let mut request = Request::new(());
        request.set_timeout(Duration::from_mins(1));
        let brought = timeout(&request);
        let request = credentials().call(request).unwrap();
        assert_eq!(timeout(&request), brought);
    }

    #[test]
    fn a_token_never_travels_in_plain() {
        let error = channel("http://127.0.0.1:1", Path::new("/nowhere")).unwrap_err();
        assert!(error.to_string().starts_with("--endpoint:"), "{error}");
    }

    fn timeout(request: &Request<()>) -> String {
        request
            .metadata()
            .get("grpc-timeout")
            .unwrap()
            .to_str()
            .unwrap()
            .to_owned()
    }

    fn credentials() -> Credentials {
        Credentials {
            token: bearer(&"aldp_x".into()).unwrap(),
            deadline: Duration::from_secs(10),
        }
    }
}
