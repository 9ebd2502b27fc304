//! Typed clients of the admin API over one connection, with one token, and what many tests do with them.

use std::{path::Path, time::Duration};

use anyhow::{Context, Result};
use proto::{
    access::v1::{Grant, Policy, Role},
    admin::v1::{
        AccessPolicy, SetPolicyRequest, WaitForRevisionRequest,
        access_service_client::AccessServiceClient, client_service_client::ClientServiceClient,
        hint_service_client::HintServiceClient,
        identity_provider_service_client::IdentityProviderServiceClient,
        key_service_client::KeyServiceClient, limit_service_client::LimitServiceClient,
        node_service_client::NodeServiceClient, oauth_service_client::OauthServiceClient,
        revision_service_client::RevisionServiceClient,
        revocation_service_client::RevocationServiceClient,
        server_service_client::ServerServiceClient,
        static_token_service_client::StaticTokenServiceClient,
        tenant_service_client::TenantServiceClient, token_service_client::TokenServiceClient,
        user_service_client::UserServiceClient,
    },
};
use tonic::{
    Request, Status,
    metadata::{Ascii, MetadataValue},
    service::{Interceptor, interceptor::InterceptedService},
    transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity},
};

use crate::pki::Files;

/// A connection that presents a token.
pub type Authorized = InterceptedService<Channel, Token>;

/// The admin API's services.
#[derive(Debug, Clone)]
pub struct Admin {
    /// Tenants.
    pub tenants: TenantServiceClient<Authorized>,
    /// Servers.
    pub servers: ServerServiceClient<Authorized>,
    /// Keys.
    pub keys: KeyServiceClient<Authorized>,
    /// Static tokens.
    pub static_tokens: StaticTokenServiceClient<Authorized>,
    /// Who gets in and what they may do.
    pub access: AccessServiceClient<Authorized>,
    /// OAuth clients.
    pub clients: ClientServiceClient<Authorized>,
    /// Users.
    pub users: UserServiceClient<Authorized>,
    /// Identity providers.
    pub identity_providers: IdentityProviderServiceClient<Authorized>,
    /// Authorization servers.
    pub oauth: OauthServiceClient<Authorized>,
    /// Revocations.
    pub revocations: RevocationServiceClient<Authorized>,
    /// Limits.
    pub limits: LimitServiceClient<Authorized>,
    /// Hints.
    pub hints: HintServiceClient<Authorized>,
    /// Nodes.
    pub nodes: NodeServiceClient<Authorized>,
    /// Revisions.
    pub revisions: RevisionServiceClient<Authorized>,
    /// Admin tokens.
    pub tokens: TokenServiceClient<Authorized>,
}

/// Presents an admin token, or nothing.
#[derive(Clone)]
pub struct Token(Option<MetadataValue<Ascii>>);

impl Admin {
    /// Over this connection with this token; none sends no credential at all.
    pub fn new(channel: &Channel, token: Option<&str>) -> Result<Self> {
        let token = Token::new(token)?;
        let with = || InterceptedService::new(channel.clone(), token.clone());
        Ok(Self {
            tenants: TenantServiceClient::new(with()),
            servers: ServerServiceClient::new(with()),
            keys: KeyServiceClient::new(with()),
            static_tokens: StaticTokenServiceClient::new(with()),
            access: AccessServiceClient::new(with()),
            clients: ClientServiceClient::new(with()),
            users: UserServiceClient::new(with()),
            identity_providers: IdentityProviderServiceClient::new(with()),
            oauth: OauthServiceClient::new(with()),
            revocations: RevocationServiceClient::new(with()),
            limits: LimitServiceClient::new(with()),
            hints: HintServiceClient::new(with()),
            nodes: NodeServiceClient::new(with()),
            revisions: RevisionServiceClient::new(with()),
            tokens: TokenServiceClient::new(with()),
        })
    }

    /// Replaces the policy of a tenant, given its resource name; returns once it is live.
    pub async fn set_policy(&self, tenant: &str, policy: Policy) -> Result<()> {
        let request = SetPolicyRequest {
            policy: Some(AccessPolicy {
                name: format!("{tenant}/policy"),
                policy: Some(policy),
                ..Default::default()
            }),
        };
        let answer = self.access.clone().set_policy(request).await?;
        self.live(tenant, answer.into_inner().revision).await
    }

    /// Waits until a revision of a tenant is live on every node.
    pub async fn live(&self, tenant: &str, revision: u64) -> Result<()> {
        let request = WaitForRevisionRequest {
            revision,
            timeout: Some(prost_types::Duration::try_from(Duration::from_secs(20))?),
            tenant: tenant.to_owned(),
        };
        self.revisions.clone().wait_for_revision(request).await?;
        Ok(())
    }
}

impl Token {
    /// This token, or none.
    pub fn new(token: Option<&str>) -> Result<Self> {
        let value = token.map(|token| {
            let mut value: MetadataValue<Ascii> = format!("Bearer {token}").parse()?;
            value.set_sensitive(true);
            anyhow::Ok(value)
        });
        Ok(Self(value.transpose()?))
    }
}

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Token")
    }
}

impl Interceptor for Token {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        if let Some(token) = &self.0 {
            request
                .metadata_mut()
                .insert("authorization", token.clone());
        }
        Ok(request)
    }
}

/// A policy under which this role may do everything, and nobody else anything.
pub fn everything_for(role: &str) -> Policy {
    let grant = Grant {
        servers: vec!["*".into()],
        access: "*".into(),
        ..Default::default()
    };
    let role_grants = Role {
        grants: vec![grant],
    };
    Policy {
        roles: [(role.to_owned(), role_grants)].into(),
        ..Default::default()
    }
}

/// A connection to a controller's gRPC door, with a client certificate or without.
pub async fn connect(endpoint: &str, ca: &Path, identity: Option<&Files>) -> Result<Channel> {
    let mut tls = ClientTlsConfig::new().ca_certificate(Certificate::from_pem(std::fs::read(ca)?));
    if let Some(files) = identity {
        let (cert, key) = (std::fs::read(&files.cert)?, std::fs::read(&files.key)?);
        tls = tls.identity(Identity::from_pem(cert, key));
    }
    Endpoint::from_shared(endpoint.to_owned())?
        .tls_config(tls)?
        .connect_timeout(Duration::from_secs(5))
        .connect()
        .await
        .with_context(|| format!("connecting to {endpoint}"))
}
