//! An operator: every call of the admin API that the tests need, in one line each.

use proto::admin::v1::{
    self, key_service_client::KeyServiceClient, server_service_client::ServerServiceClient,
    tenant_service_client::TenantServiceClient, token_service_client::TokenServiceClient,
};
use token::AdminToken;
use tonic::{Code, Request, Status, client::Grpc, transport::Channel};
use tonic_prost::ProstCodec;

use crate::support::{Stack, with_token};

/// An operator with a token.
pub(crate) struct Operator {
    pub(crate) token: AdminToken,
    pub(crate) channel: Channel,
}

impl Operator {
    pub(crate) async fn of(stack: &Stack) -> Self {
        Self {
            token: stack.token.clone(),
            channel: stack.channel().await,
        }
    }

    pub(crate) fn call<T>(&self, message: T) -> Request<T> {
        with_token(&self.token, message)
    }

    pub(crate) async fn tenant(&self, slug: &str, host: &str) -> Result<v1::Tenant, Status> {
        let request = v1::CreateTenantRequest {
            tenant_id: slug.to_owned(),
            tenant: Some(v1::Tenant {
                host: host.to_owned(),
                ..Default::default()
            }),
        };
        let mut client = TenantServiceClient::new(self.channel.clone());
        Ok(client
            .create_tenant(self.call(request))
            .await?
            .into_inner()
            .tenant
            .unwrap())
    }

    pub(crate) async fn move_tenant(&self, slug: &str, aliases: &[&str]) -> Result<(), Status> {
        let request = v1::UpdateTenantRequest {
            tenant: Some(v1::Tenant {
                name: format!("tenants/{slug}"),
                alias_hosts: aliases.iter().map(ToString::to_string).collect(),
                ..Default::default()
            }),
            update_mask: Some(prost_types::FieldMask {
                paths: vec!["alias_hosts".to_owned()],
            }),
        };
        let mut client = TenantServiceClient::new(self.channel.clone());
        client.update_tenant(self.call(request)).await?;
        Ok(())
    }

    pub(crate) async fn server(
        &self,
        tenant: &str,
        slug: &str,
        credential: Option<v1::CredentialInput>,
    ) -> Result<v1::Server, Status> {
        self.register(tenant, slug, "http://127.0.0.1:9101/mcp", credential)
            .await
    }

    pub(crate) async fn server_at(
        &self,
        tenant: &str,
        slug: &str,
        url: &str,
    ) -> Result<v1::Server, Status> {
        self.register(tenant, slug, url, None).await
    }

    pub(crate) async fn register(
        &self,
        tenant: &str,
        slug: &str,
        url: &str,
        credential: Option<v1::CredentialInput>,
    ) -> Result<v1::Server, Status> {
        let request = v1::CreateServerRequest {
            parent: format!("tenants/{tenant}"),
            server_id: slug.to_owned(),
            server: Some(v1::Server {
                url: url.to_owned(),
                ..Default::default()
            }),
            credential,
            ..v1::CreateServerRequest::default()
        };
        let mut client = ServerServiceClient::new(self.channel.clone());
        Ok(client
            .create_server(self.call(request))
            .await?
            .into_inner()
            .server
            .unwrap())
    }

    pub(crate) async fn get_server(&self, name: &str) -> Result<v1::Server, Status> {
        let request = v1::GetServerRequest {
            name: name.to_owned(),
        };
        let mut client = ServerServiceClient::new(self.channel.clone());
        Ok(client
            .get_server(self.call(request))
            .await?
            .into_inner()
            .server
            .unwrap())
    }

    pub(crate) async fn set_credential(
        &self,
        input: v1::CredentialInput,
    ) -> Result<v1::Credential, Status> {
        let request = v1::SetServerCredentialRequest {
            name: "tenants/acme/servers/files".to_owned(),
            credential: Some(input),
            etag: String::new(),
        };
        let mut client = ServerServiceClient::new(self.channel.clone());
        let response = client.set_server_credential(self.call(request)).await?;
        Ok(response.into_inner().server.unwrap().credential.unwrap())
    }

    pub(crate) async fn move_server(&self, url: &str) -> Result<v1::Credential, Status> {
        let request = v1::UpdateServerRequest {
            server: Some(v1::Server {
                name: "tenants/acme/servers/files".to_owned(),
                url: url.to_owned(),
                ..Default::default()
            }),
            update_mask: Some(prost_types::FieldMask {
                paths: vec!["url".to_owned()],
            }),
        };
        let mut client = ServerServiceClient::new(self.channel.clone());
        let response = client.update_server(self.call(request)).await?;
        Ok(response.into_inner().server.unwrap().credential.unwrap())
    }

    pub(crate) async fn key(
        &self,
        tenant: &str,
        slug: &str,
        server: &str,
    ) -> Result<v1::CreateKeyResponse, Status> {
        let request = v1::CreateKeyRequest {
            parent: format!("tenants/{tenant}"),
            key_id: slug.to_owned(),
            key: Some(v1::Key {
                servers: vec![format!("tenants/{tenant}/servers/{server}")],
                ..Default::default()
            }),
            lifespan: v1::KeyLifespan::SevenDays.into(),
        };
        let mut client = KeyServiceClient::new(self.channel.clone());
        Ok(client.create_key(self.call(request)).await?.into_inner())
    }

    pub(crate) async fn get_key(&self, name: &str) -> Result<v1::Key, Status> {
        let request = v1::GetKeyRequest {
            name: name.to_owned(),
        };
        let mut client = KeyServiceClient::new(self.channel.clone());
        Ok(client
            .get_key(self.call(request))
            .await?
            .into_inner()
            .key
            .unwrap())
    }

    pub(crate) async fn token(&self, tenant: &str, role: v1::TokenRole) -> AdminToken {
        let request = v1::CreateTokenRequest {
            token: Some(v1::Token {
                tenant: tenant.to_owned(),
                role: role.into(),
                ..Default::default()
            }),
        };
        let mut client = TokenServiceClient::new(self.channel.clone());
        let created = client
            .create_token(self.call(request))
            .await
            .unwrap()
            .into_inner();
        AdminToken::parse(&created.secret).unwrap()
    }

    pub(crate) async fn stored_credentials(&self, stack: &Stack) -> i64 {
        let mut root = stack.postgres.connect("root", "aldgate").await;
        let count = sqlx::query_scalar("SELECT count(*) FROM credentials");
        count.fetch_one(&mut root).await.unwrap()
    }
}

pub(crate) fn bearer(value: &str) -> v1::CredentialInput {
    v1::CredentialInput {
        scheme: v1::AuthScheme::Bearer.into(),
        header_name: String::new(),
        value: value.to_owned(),
    }
}

pub(crate) fn api_key(value: &str) -> v1::CredentialInput {
    v1::CredentialInput {
        scheme: v1::AuthScheme::ApiKey.into(),
        header_name: "X-Api-Key".to_owned(),
        value: value.to_owned(),
    }
}

/// What a method says to an empty message.
pub(crate) async fn code(channel: &Channel, path: &str, token: Option<&AdminToken>) -> Code {
    let mut client = Grpc::new(channel.clone());
    client.ready().await.unwrap();
    let request = match token {
        Some(token) => with_token(token, ()),
        None => Request::new(()),
    };
    let path = path.parse().unwrap();
    let answer = client
        .unary(request, path, ProstCodec::<(), ()>::default())
        .await;
    answer.map_or_else(|status| status.code(), |_| Code::Ok)
}
