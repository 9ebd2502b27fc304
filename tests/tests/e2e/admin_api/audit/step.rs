//! Every mutation of the API, one after the other, and what its record is to say.

use prost_types::FieldMask;
use proto::{
    access::v1::{Authenticator, Authenticators, JwtAuthenticator, authenticator::Kind},
    admin::v1::{
        AuthScheme, CreateKeyRequest, CreateStaticTokenRequest, CreateTokenRequest,
        CredentialInput, CustomHeader, DeleteKeyRequest, DeleteNodeRequest, DeleteServerRequest,
        DeleteStaticTokenRequest, DeleteTenantRequest, DeleteTokenRequest, Key, KeyLifespan,
        RotateKeyRequest, Server, SetAuthenticatorsRequest, SetServerCredentialRequest,
        StaticToken, StaticTokenInput, StaticTokenType, Tenant, Token, TokenRole, UpdateKeyRequest,
        UpdateServerRequest, UpdateStaticTokenRequest, UpdateTenantRequest,
    },
};
use tests::admin::Admin;
use tonic::Status;

use crate::admin_api::{new_server, new_tenant};

/// Every mutation of the API, in an order that works.
#[derive(Debug, Clone, Copy)]
pub(super) enum Step {
    CreateTenant,
    UpdateTenant,
    CreateServer,
    UpdateServer,
    SetCredential,
    CreateKey,
    UpdateKey,
    RotateKey,
    DeleteKey,
    CreateStaticToken,
    UpdateStaticToken,
    DeleteStaticToken,
    SetAuthenticators,
    DeleteServer,
    DeleteTenant,
    CreateToken,
    DeleteToken,
    DeleteNode,
}

/// What the steps leave behind.
#[derive(Debug, Default)]
pub(super) struct World {
    token: String,
    /// What no record may hold.
    pub(super) secrets: Vec<String>,
}

impl Step {
    pub(super) const ALL: [Self; 18] = [
        Self::CreateTenant,
        Self::UpdateTenant,
        Self::CreateServer,
        Self::UpdateServer,
        Self::SetCredential,
        Self::CreateKey,
        Self::UpdateKey,
        Self::RotateKey,
        Self::DeleteKey,
        Self::CreateStaticToken,
        Self::UpdateStaticToken,
        Self::DeleteStaticToken,
        Self::SetAuthenticators,
        Self::DeleteServer,
        Self::DeleteTenant,
        Self::CreateToken,
        Self::DeleteToken,
        Self::DeleteNode,
    ];

    /// Does it; the revision that it made, if it is a change of config.
    pub(super) async fn run(
        self,
        admin: &mut Admin,
        world: &mut World,
    ) -> Result<Option<u64>, Status> {
        match self {
            Self::CreateTenant | Self::UpdateTenant | Self::DeleteTenant => {
                self.on_tenant(admin).await.map(Some)
            }
            Self::CreateServer | Self::UpdateServer | Self::SetCredential | Self::DeleteServer => {
                self.on_server(admin, world).await.map(Some)
            }
            Self::CreateKey | Self::UpdateKey | Self::RotateKey | Self::DeleteKey => {
                self.on_key(admin, world).await.map(Some)
            }
            Self::CreateStaticToken | Self::UpdateStaticToken | Self::DeleteStaticToken => {
                self.on_static_token(admin, world).await.map(Some)
            }
            Self::SetAuthenticators => {
                let secret = "CANARY-issuer-".repeat(3);
                let jwt = JwtAuthenticator {
                    issuer: "https://issuer.test".into(),
                    audiences: vec!["acme".into()],
                    secret: secret.clone(),
                    ..Default::default()
                };
                let request = SetAuthenticatorsRequest {
                    name: "tenants/acme".into(),
                    authenticators: Some(Authenticators {
                        list: vec![Authenticator {
                            kind: Some(Kind::Jwt(jwt)),
                        }],
                        ..Default::default()
                    }),
                    etag: String::new(),
                };
                let answer = admin.access.set_authenticators(request).await?;
                world.secrets.push(secret);
                Ok(Some(answer.into_inner().revision))
            }
            Self::CreateToken => {
                let token = Token {
                    role: TokenRole::Viewer.into(),
                    ..Default::default()
                };
                let request = CreateTokenRequest { token: Some(token) };
                let answer = admin.tokens.create_token(request).await?.into_inner();
                world.token = answer.token.unwrap_or_default().name;
                world.secrets.push(answer.secret);
                Ok(None)
            }
            Self::DeleteToken => {
                let request = DeleteTokenRequest {
                    name: world.token.clone(),
                };
                admin.tokens.delete_token(request).await.map(|_| None)
            }
            Self::DeleteNode => {
                let request = DeleteNodeRequest { name: NODE.into() };
                admin.nodes.delete_node(request).await.map(|_| None)
            }
        }
    }

    async fn on_tenant(self, admin: &mut Admin) -> Result<u64, Status> {
        let name = "tenants/acme".to_owned();
        Ok(match self {
            Self::CreateTenant => {
                admin
                    .tenants
                    .create_tenant(new_tenant("acme", "acme.test"))
                    .await?
                    .into_inner()
                    .revision
            }
            Self::UpdateTenant => {
                let tenant = Some(Tenant {
                    name,
                    display_name: "x".into(),
                    ..Default::default()
                });
                let request = UpdateTenantRequest {
                    tenant,
                    update_mask: Some(mask("display_name")),
                };
                admin
                    .tenants
                    .update_tenant(request)
                    .await?
                    .into_inner()
                    .revision
            }
            _ => {
                let request = DeleteTenantRequest {
                    name,
                    etag: String::new(),
                };
                admin
                    .tenants
                    .delete_tenant(request)
                    .await?
                    .into_inner()
                    .revision
            }
        })
    }

    async fn on_server(self, admin: &mut Admin, world: &mut World) -> Result<u64, Status> {
        let name = SERVER.to_owned();
        let credential = |value: &str| {
            Some(CredentialInput {
                scheme: AuthScheme::Bearer.into(),
                value: value.into(),
                ..Default::default()
            })
        };
        let etag = String::new();
        Ok(match self {
            Self::CreateServer => {
                let mut request = new_server("files");
                request.credential = credential("CANARY-first");
                let answer = admin.servers.create_server(request).await?.into_inner();
                world.secrets.push("CANARY-first".into());
                world.secrets.push(answer.primary_key_secret);
                answer.revision
            }
            Self::UpdateServer => {
                let server = Some(Server {
                    name,
                    description: "x".into(),
                    ..Default::default()
                });
                let request = UpdateServerRequest {
                    server,
                    update_mask: Some(mask("description")),
                };
                admin
                    .servers
                    .update_server(request)
                    .await?
                    .into_inner()
                    .revision
            }
            Self::SetCredential => {
                let request = SetServerCredentialRequest {
                    name,
                    credential: credential("CANARY-second"),
                    etag,
                };
                let revision = admin
                    .servers
                    .set_server_credential(request)
                    .await?
                    .into_inner()
                    .revision;
                world.secrets.push("CANARY-second".into());
                revision
            }
            _ => {
                let request = DeleteServerRequest { name, etag };
                admin
                    .servers
                    .delete_server(request)
                    .await?
                    .into_inner()
                    .revision
            }
        })
    }

    async fn on_key(self, admin: &mut Admin, world: &mut World) -> Result<u64, Status> {
        let name = KEY.to_owned();
        Ok(match self {
            Self::CreateKey => {
                let request = CreateKeyRequest {
                    parent: "tenants/acme".into(),
                    key_id: "ci".into(),
                    key: Some(Key {
                        servers: vec![SERVER.into()],
                        ..Default::default()
                    }),
                    lifespan: KeyLifespan::SevenDays.into(),
                };
                let answer = admin.keys.create_key(request).await?.into_inner();
                world.secrets.push(answer.secret);
                answer.revision
            }
            Self::UpdateKey => {
                let key = Some(Key {
                    name,
                    disabled: true,
                    ..Default::default()
                });
                let request = UpdateKeyRequest {
                    key,
                    update_mask: Some(mask("disabled")),
                };
                admin.keys.update_key(request).await?.into_inner().revision
            }
            Self::RotateKey => {
                let request = RotateKeyRequest {
                    name,
                    ..Default::default()
                };
                let answer = admin.keys.rotate_key(request).await?.into_inner();
                world.secrets.push(answer.secret);
                answer.revision
            }
            _ => {
                let request = DeleteKeyRequest {
                    name,
                    etag: String::new(),
                };
                admin.keys.delete_key(request).await?.into_inner().revision
            }
        })
    }

    async fn on_static_token(self, admin: &mut Admin, world: &mut World) -> Result<u64, Status> {
        let header = |value: &str| CustomHeader {
            name: "X-Team".into(),
            value: value.into(),
            passthrough: true,
        };
        let tokens = &mut admin.static_tokens;
        Ok(match self {
            Self::CreateStaticToken => {
                let request = CreateStaticTokenRequest {
                    parent: "tenants/acme".into(),
                    static_token_id: "desk".into(),
                    static_token: Some(StaticToken {
                        server: SERVER.into(),
                        r#type: StaticTokenType::Bearer.into(),
                        headers: vec![header("CANARY-header")],
                        ..Default::default()
                    }),
                    lifespan: KeyLifespan::SevenDays.into(),
                    input: Some(StaticTokenInput {
                        value: "CANARY-pasted".into(),
                        ..Default::default()
                    }),
                };
                let answer = tokens.create_static_token(request).await?.into_inner();
                let given = ["CANARY-header", "CANARY-pasted"];
                world.secrets.extend(given.map(Into::into));
                answer.revision
            }
            Self::UpdateStaticToken => {
                // Another value alone: nothing that is shown changes.
                let request = UpdateStaticTokenRequest {
                    static_token: Some(StaticToken {
                        name: STATIC_TOKEN.into(),
                        headers: vec![header("CANARY-other")],
                        ..Default::default()
                    }),
                    update_mask: Some(mask("headers")),
                };
                let answer = tokens.update_static_token(request).await?.into_inner();
                world.secrets.push("CANARY-other".into());
                answer.revision
            }
            _ => {
                let request = DeleteStaticTokenRequest {
                    name: STATIC_TOKEN.into(),
                    etag: String::new(),
                };
                let answer = tokens.delete_static_token(request).await?;
                answer.into_inner().revision
            }
        })
    }

    /// The action and the resource that its record names.
    pub(super) fn records(self, world: &World) -> (&'static str, String) {
        let tenant = "tenants/acme";
        let (action, resource) = match self {
            Self::CreateTenant => ("tenants.create", tenant),
            Self::UpdateTenant => ("tenants.update", tenant),
            Self::DeleteTenant => ("tenants.delete", tenant),
            Self::CreateServer => ("servers.create", SERVER),
            Self::UpdateServer => ("servers.update", SERVER),
            Self::SetCredential => ("servers.setCredential", SERVER),
            Self::DeleteServer => ("servers.delete", SERVER),
            Self::CreateKey => ("keys.create", KEY),
            Self::UpdateKey | Self::RotateKey => ("keys.update", KEY),
            Self::DeleteKey => ("keys.delete", KEY),
            Self::CreateStaticToken => ("staticTokens.create", STATIC_TOKEN),
            Self::UpdateStaticToken => ("staticTokens.update", STATIC_TOKEN),
            Self::DeleteStaticToken => ("staticTokens.delete", STATIC_TOKEN),
            Self::SetAuthenticators => ("authenticators.update", "tenants/acme/authenticators"),
            Self::CreateToken => ("tokens.create", world.token.as_str()),
            Self::DeleteToken => ("tokens.delete", world.token.as_str()),
            Self::DeleteNode => ("nodes.delete", NODE),
        };
        (action, resource.to_owned())
    }
}

fn mask(path: &str) -> FieldMask {
    FieldMask {
        paths: vec![path.into()],
    }
}

const SERVER: &str = "tenants/acme/servers/files";
const KEY: &str = "tenants/acme/keys/ci";
const STATIC_TOKEN: &str = "tenants/acme/staticTokens/desk";
const NODE: &str = "nodes/gateway-1";
