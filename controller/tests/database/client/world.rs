//! A tenant with its authorization server, as an operator and a gateway reach it, and what clients sign
//! with.

use std::time::{SystemTime, UNIX_EPOCH};

use aws_lc_rs::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use proto::{
    access::v1::OauthSettings,
    admin::v1::{
        self, client_service_client::ClientServiceClient, oauth_service_client::OauthServiceClient,
    },
};
use serde_json::{Value, json};
use tonic::{Status, transport::Channel};

use crate::{
    operator::Operator,
    support::{
        Stack,
        gateway::{self, Answer},
    },
};

/// A tenant and its authorization server, as a gateway reaches it.
pub(crate) struct World {
    pub(crate) stack: Stack,
    pub(crate) admin: Operator,
}

impl World {
    pub(crate) async fn start() -> Self {
        Self::on(Stack::start().await).await
    }

    pub(crate) async fn on(stack: Stack) -> Self {
        let admin = Operator::of(&stack).await;
        admin.tenant("acme", "acme.test:8080").await.unwrap();
        admin
            .move_tenant("acme", &["alias.test:8080"])
            .await
            .unwrap();
        Self { stack, admin }
    }

    pub(crate) async fn ask(
        &self,
        origin: &str,
        asked: &str,
        lines: &[(&str, &str)],
        body: &str,
    ) -> Answer {
        let peer = ("aldgate-peer", "192.0.2.7:4711");
        let all = [&[("aldgate-origin", origin)], lines].concat();
        let has_peer = lines.iter().any(|(name, _)| *name == peer.0);
        let all = if has_peer {
            all
        } else {
            [&all[..], &[peer]].concat()
        };
        let node = self.stack.sign("spiffe://aldgate/pool/default/node/gw-1");
        let answer = gateway::exchange(&self.stack, Some(&node), asked, &all, body);
        answer.await.unwrap()
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.ask(ISSUER, &format!("GET {path}"), &[], "").await
    }

    pub(crate) async fn post(&self, path: &str, lines: &[(&str, &str)], body: &str) -> Answer {
        self.ask(ISSUER, &format!("POST {path}"), lines, body).await
    }

    /// Asks about a token that is none, as a client with these credentials.
    pub(crate) async fn introspect(&self, authorization: &str, form: &str) -> Answer {
        self.form("/introspect", authorization, form).await
    }

    /// Gives up a token that is none.
    pub(crate) async fn revoke(&self, form: &str) -> Answer {
        self.form("/revoke", "", form).await
    }

    async fn form(&self, path: &str, authorization: &str, form: &str) -> Answer {
        let mut lines = vec![("content-type", "application/x-www-form-urlencoded")];
        if !authorization.is_empty() {
            lines.push(("authorization", authorization));
        }
        self.post(path, &lines, &format!("token=x{form}")).await
    }

    pub(crate) async fn set(
        &self,
        settings: Option<OauthSettings>,
    ) -> Result<v1::SetOauthSettingsResponse, Status> {
        let request = v1::SetOauthSettingsRequest {
            oauth_settings: Some(v1::TenantOauthSettings {
                name: "tenants/acme/oauthSettings".to_owned(),
                settings,
                ..v1::TenantOauthSettings::default()
            }),
        };
        let mut client = self.oauth();
        let set = client.set_oauth_settings(self.admin.call(request)).await?;
        Ok(set.into_inner())
    }

    pub(crate) async fn list(&self) -> Vec<v1::Client> {
        let request = v1::ListClientsRequest {
            parent: "tenants/acme".to_owned(),
            ..v1::ListClientsRequest::default()
        };
        let listed = self.clients().list_clients(self.admin.call(request)).await;
        listed.unwrap().into_inner().clients
    }

    pub(crate) async fn update(
        &self,
        client: v1::Client,
        paths: &[&str],
    ) -> Result<v1::Client, Status> {
        let paths = paths.iter().map(|&path| path.to_owned()).collect();
        let request = v1::UpdateClientRequest {
            client: Some(client),
            update_mask: Some(prost_types::FieldMask { paths }),
        };
        let updated = self
            .clients()
            .update_client(self.admin.call(request))
            .await?;
        Ok(updated.into_inner().client.unwrap())
    }

    pub(crate) async fn delete(&self, slug: &str) -> Result<v1::DeleteClientResponse, Status> {
        let request = v1::DeleteClientRequest {
            name: format!("tenants/acme/clients/{slug}"),
            ..v1::DeleteClientRequest::default()
        };
        let deleted = self
            .clients()
            .delete_client(self.admin.call(request))
            .await?;
        Ok(deleted.into_inner())
    }

    /// How many revocations there are.
    pub(crate) async fn revocations(&self) -> i64 {
        let mut sql = self.stack.postgres.connect("root", "aldgate").await;
        let count = sqlx::query_scalar("SELECT count(*) FROM revocations");
        count.fetch_one(&mut sql).await.unwrap()
    }

    pub(crate) async fn create(
        &self,
        slug: &str,
        client: v1::Client,
    ) -> Result<v1::CreateClientResponse, Status> {
        let request = v1::CreateClientRequest {
            parent: "tenants/acme".to_owned(),
            client_id: slug.to_owned(),
            client: Some(client),
        };
        let made = self
            .clients()
            .create_client(self.admin.call(request))
            .await?;
        Ok(made.into_inner())
    }

    pub(crate) async fn rotate(
        &self,
        slug: &str,
    ) -> Result<v1::RotateClientSecretResponse, Status> {
        let request = v1::RotateClientSecretRequest {
            name: format!("tenants/acme/clients/{slug}"),
        };
        let mut client = self.clients();
        let rotated = client
            .rotate_client_secret(self.admin.call(request))
            .await?;
        Ok(rotated.into_inner())
    }

    fn clients(&self) -> ClientServiceClient<Channel> {
        ClientServiceClient::new(self.admin.channel.clone())
    }

    /// Assertions that were presented expired so long ago.
    pub(crate) async fn spent(&self, ago: &'static str) {
        let mut sql = self.stack.postgres.connect("root", "aldgate").await;
        sqlx::query("UPDATE client_assertions SET expires_at = now() - $1::text::interval")
            .bind(ago)
            .execute(&mut sql)
            .await
            .unwrap();
    }

    pub(crate) fn oauth(&self) -> OauthServiceClient<Channel> {
        OauthServiceClient::new(self.admin.channel.clone())
    }
}

/// A client's own key.
pub(crate) struct Key(EcdsaKeyPair);

impl Key {
    pub(crate) fn generate() -> Self {
        Self(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap())
    }

    /// Its public half, as a JWK set.
    pub(crate) fn set(&self) -> Value {
        let point = self.0.public_key().as_ref();
        let part = |at: std::ops::Range<usize>| URL_SAFE_NO_PAD.encode(&point[at]);
        json!({"keys": [{
            "kty": "EC", "crv": "P-256", "kid": "k", "use": "sig", "alg": "ES256",
            "x": part(1..33), "y": part(33..65),
        }]})
    }

    /// A token with this payload; the header's members stand in place of the usual ones.
    pub(crate) fn sign(&self, header: &Value, payload: &Value) -> String {
        let mut whole = json!({"alg": "ES256", "kid": "k"});
        for (name, value) in header.as_object().unwrap() {
            whole[name] = value.clone();
        }
        let mut payload = payload.clone();
        payload
            .as_object_mut()
            .unwrap()
            .retain(|_, value| !value.is_null());
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let message = format!("{}.{}", part(&whole), part(&payload));
        let signature = self
            .0
            .sign(&SystemRandom::new(), message.as_bytes())
            .unwrap();
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature.as_ref()))
    }
}

/// The parameters of an assertion.
pub(crate) fn asserted(assertion: &str) -> String {
    format!(
        "&client_assertion={assertion}&client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3A\
         client-assertion-type%3Ajwt-bearer"
    )
}

pub(crate) fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_secs()
}

pub(crate) const ISSUER: &str = "http://acme.test:8080";
