//! Issue 4, must-hold 6: what is revoked is refused on every node within a second, while either feed
//! lives; a node that can confirm neither refuses everything that can be revoked, after its grace.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use proto::{
    access::v1::{OauthAuthenticator, OauthSettings, authenticator::Kind},
    admin::v1::{
        CreateKeyRequest, CreateUserRequest, Grant, Key, KeyLifespan, ListGrantsRequest,
        PasswordInput, RevokeRequest, RevokeResponse, SetOauthSettingsRequest, TenantOauthSettings,
        TokenInput, User, revoke_request::Target,
    },
};
use serde_json::json;
use tests::{
    agent::{Agent, Pkce},
    cluster::Cluster,
    gateway::Gateway,
    http::Response,
    person::Person,
    wire::Wire,
};

use crate::{
    attacks::text,
    calls::{Acme, tool_call},
    doors::Doors,
};

/// With everything in order: both nodes confirm it before the call returns, and have it in force.
#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_credential_is_refused_once_the_nodes_confirm_it() -> Result<()> {
    let trial = Trial::start().await?;
    for kind in KINDS {
        let victim = trial.credential(kind).await?;
        let bystander = trial.credential(kind).await?;
        let told = trial.revoke(&victim, Some(PATIENCE)).await?;
        ensure!(told.in_redis, "{told:?}");
        ensure!(told.nodes.len() == 2, "{told:?}");
        ensure!(told.nodes.iter().all(|node| node.confirmed), "{told:?}");
        for gateway in trial.gateways() {
            let answer = trial.call(gateway, &victim).await?;
            ensure!(answer.status == 401, "{}", answer.text());
        }
        trial.works(&bystander).await?;
        let again = trial.revoke(&victim, None).await?;
        ensure!(again.revocation > told.revocation, "{again:?}");
    }
    Ok(())
}

/// What ends more than one credential: what a key signed, and everything that was issued. A new sign-in
/// works at once.
#[tokio::test(flavor = "multi_thread")]
async fn a_signing_key_and_everything_take_all_tokens_along() -> Result<()> {
    let trial = Trial::start().await?;
    for kind in ["signing key", "everything"] {
        let victims = [
            trial.credential(kind).await?,
            trial.credential("token").await?,
        ];
        let told = trial.revoke(&victims[0], Some(PATIENCE)).await?;
        ensure!(told.nodes.iter().all(|node| node.confirmed), "{told:?}");
        for victim in &victims {
            trial.refused_soon(victim).await?;
        }
    }
    trial.credential("token").await?;
    Ok(())
}

/// S4-38: whoever is deleted takes along what was issued to them and for them, and nobody else's.
#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_client_and_a_deleted_user_take_their_tokens_along() -> Result<()> {
    let trial = Trial::start().await?;
    let bystander = trial.credential("token").await?;
    for kind in ["client", "user"] {
        let victim = trial.credential(kind).await?;
        let (Target::Client(name) | Target::User(name)) = &victim.target else {
            anyhow::bail!("{victim:?}")
        };
        let id = name.rsplit('/').next().context("an id")?;
        let cluster = &trial.doors.acme.cluster;
        let delete = [kind, "delete", id, "--tenant", "acme"];
        cluster.aldgate(&delete).await?;
        trial.refused_soon(&victim).await?;
        trial.works(&bystander).await?;
    }
    Ok(())
}

/// The stream is cut: Redis carries it, and no node says so.
#[tokio::test(flavor = "multi_thread")]
async fn with_the_stream_cut_redis_carries_it() -> Result<()> {
    let trial = Trial::start().await?;
    let victims = trial.credentials().await?;
    trial.wire()?.cut();
    for victim in &victims {
        let told = trial.revoke(victim, None).await?;
        ensure!(told.in_redis, "{told:?}");
        ensure!(!told.nodes.iter().any(|node| node.confirmed), "{told:?}");
        trial.refused_soon(victim).await?;
    }
    Ok(())
}

/// Redis is dead: the stream carries it, and the answer says that Redis does not.
#[tokio::test(flavor = "multi_thread")]
async fn with_redis_dead_the_stream_carries_it() -> Result<()> {
    let mut trial = Trial::start().await?;
    let victims = trial.credentials().await?;
    trial.doors.acme.cluster.redis.kill();
    for victim in &victims {
        let told = trial.revoke(victim, Some(PATIENCE)).await?;
        ensure!(!told.in_redis, "{told:?}");
        ensure!(told.nodes.iter().all(|node| node.confirmed), "{told:?}");
        trial.refused_soon(victim).await?;
    }
    Ok(())
}

/// F-21: a Redis that comes back with less than it had brings nothing back to life, and carries what
/// is revoked from then on.
#[tokio::test(flavor = "multi_thread")]
async fn a_redis_restarted_from_an_older_dump_brings_nothing_back() -> Result<()> {
    let mut trial = Trial::start().await?;
    let (before, lost) = (
        trial.credential("session").await?,
        trial.credential("session").await?,
    );
    let later = trial.credentials().await?;
    trial.revoke(&before, Some(PATIENCE)).await?;
    let redis = &trial.doors.acme.cluster.redis;
    let saved = redis.ask("SAVE").await?;
    ensure!(saved.starts_with("+OK"), "{saved}");
    ensure!(trial.revoke(&lost, Some(PATIENCE)).await?.in_redis);
    trial.doors.acme.cluster.redis.restart().await?;
    for victim in [&before, &lost] {
        for gateway in trial.gateways() {
            ensure!(trial.call(gateway, victim).await?.status == 401);
        }
    }
    // Both feeds are whole again before one of them goes.
    let (first, others) = later.split_first().context("some")?;
    trial.revoke(first, Some(PATIENCE)).await?;
    trial.followed().await?;
    trial.wire()?.cut();
    for victim in others {
        ensure!(trial.revoke(victim, None).await?.in_redis);
    }
    for victim in &later {
        trial.refused_soon(victim).await?;
    }
    Ok(())
}

/// Redis alone: the controller is gone as soon as it has said that Redis carries it.
#[tokio::test(flavor = "multi_thread")]
async fn with_the_controllers_dead_what_reached_redis_is_in_force() -> Result<()> {
    let mut trial = Trial::start().await?;
    let victim = trial.credential("session").await?;
    let bystander = trial.credential("key").await?;
    trial.wire()?.cut();
    ensure!(trial.revoke(&victim, None).await?.in_redis);
    trial.doors.acme.cluster.controller.kill();
    trial.refused_soon(&victim).await?;
    trial.works(&bystander).await
}

/// A node that can confirm neither feed answers 503 after its grace, never 200; and serves again when
/// one is back.
#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_can_confirm_neither_feed_serves_for_its_grace_and_no_longer() -> Result<()> {
    let mut trial = Trial::start().await?;
    trial.set_grace(GRACE).await?;
    let holder = trial.credential("key").await?;
    let start = Instant::now();
    trial.wire()?.cut();
    trial.doors.acme.cluster.redis.kill();
    trial.works(&holder).await?;
    // The lease of the last confirmation, then the grace.
    let end = start + LEASE + GRACE + Duration::from_secs(2);
    for gateway in trial.gateways() {
        let unconfirmed = async || {
            let answer = trial.call(gateway, &holder).await?;
            ensure!(
                answer.status == 200 || answer.status == 503,
                "{}",
                answer.text()
            );
            Ok((answer.status == 503).then_some(answer))
        };
        let answer = until(end, unconfirmed).await?;
        ensure!(!answer.header("retry-after").is_empty());
        ensure!(start.elapsed() > GRACE, "it gave up too early");
        let again = trial.call(gateway, &holder).await?;
        ensure!(again.status == 503, "never 200: {}", again.text());
    }
    trial.wire()?.mend();
    for gateway in trial.gateways() {
        let served = async || Ok((trial.call(gateway, &holder).await?.status == 200).then_some(()));
        until(Instant::now() + Duration::from_secs(20), served).await?;
    }
    Ok(())
}

/// Two nodes behind a wire, and credentials of all kinds to lose.
struct Trial {
    doors: Doors,
}

/// Something that can be revoked.
#[derive(Debug, Clone)]
struct Credential {
    text: String,
    target: Target,
}

impl Trial {
    async fn start() -> Result<Self> {
        let cluster = Cluster::builder().wired().start().await?;
        let acme = Acme::on(cluster, "s3cret").await?;
        let trial = Self {
            doors: Box::pin(Doors::open(acme)).await?,
        };
        let mut kinds = trial.doors.all_kinds();
        kinds.push(Kind::Oauth(OauthAuthenticator {}));
        trial.doors.set_authenticators(kinds).await?;
        trial.followed().await?;
        Ok(trial)
    }

    fn gateways(&self) -> &[Gateway] {
        &self.doors.acme.cluster.gateways
    }

    fn wire(&self) -> Result<&Wire> {
        self.doors.acme.cluster.wire.as_ref().context("a wire")
    }

    /// One of each kind.
    async fn credentials(&self) -> Result<Vec<Credential>> {
        let mut all = Vec::new();
        for kind in KINDS {
            all.push(self.credential(kind).await?);
        }
        Ok(all)
    }

    /// A new credential of a kind, which works.
    async fn credential(&self, kind: &str) -> Result<Credential> {
        let credential = match kind {
            "key" => self.key().await?,
            "session" => self.session().await?,
            _ => self.connected(kind).await?,
        };
        self.works(&credential).await?;
        Ok(credential)
    }

    async fn key(&self) -> Result<Credential> {
        let key_id = format!("k{}", uuid::Uuid::new_v4().simple());
        let request = CreateKeyRequest {
            parent: ACME.into(),
            key_id: key_id[..20].to_owned(),
            key: Some(Key {
                all_servers: true,
                ..Default::default()
            }),
            lifespan: KeyLifespan::SevenDays.into(),
        };
        let mut keys = self.doors.admin.keys.clone();
        let made = keys.create_key(request).await?.into_inner();
        self.doors.live(made.revision).await?;
        Ok(Credential {
            text: made.secret,
            target: Target::Key(made.key.context("a key")?.name),
        })
    }

    async fn session(&self) -> Result<Credential> {
        let gateway = &self.gateways()[0];
        let wish = json!({"user": "sam", "roles": ["dev"]});
        let text = self.doors.session(gateway, &wish).await?;
        Ok(Credential {
            target: Target::Token(TokenInput {
                value: text.clone(),
            }),
            text,
        })
    }

    /// The access token of a new user by a new client, to be revoked as what `kind` says.
    async fn connected(&self, kind: &str) -> Result<Credential> {
        let id = format!("u{}", &uuid::Uuid::new_v4().simple().to_string()[..12]);
        let person = Person {
            login: format!("{id}@acme.test"),
            password: "correct horse battery staple".to_owned(),
        };
        let user = User {
            login: person.login.clone(),
            roles: vec!["dev".into()],
            ..Default::default()
        };
        let request = CreateUserRequest {
            parent: ACME.into(),
            user_id: id.clone(),
            user: Some(user),
            password: Some(PasswordInput {
                password: person.password.clone(),
                ..Default::default()
            }),
        };
        self.doors.admin.users.clone().create_user(request).await?;
        let text = self.sign_in(&id, &person).await?;
        let grant = self.grant_of(&id).await?;
        let target = match kind {
            "grant" => Target::Grant(grant.name),
            "user" => Target::User(grant.user),
            "client" => Target::Client(grant.client),
            "signing key" => {
                let key = token::access::kid_of(&text).context("a kid")?;
                Target::SigningKey(format!("{ACME}/signingKeys/{key}"))
            }
            "everything" => Target::Everything(true),
            _ => Target::Token(TokenInput {
                value: text.clone(),
            }),
        };
        Ok(Credential { text, target })
    }

    async fn sign_in(&self, name: &str, person: &Person) -> Result<String> {
        let redirect = format!("https://{name}.example/cb");
        let issuer = format!("http://{}", Acme::HOST);
        let mut agent = Agent::new(self.gateways()[0].address(), &issuer);
        let client = agent.register_public(name, &[&redirect]).await?;
        let pkce = Pkce::new();
        let params = [
            ("response_type", "code"),
            ("client_id", &client),
            ("redirect_uri", &redirect),
            ("code_challenge", &pkce.challenge),
            ("code_challenge_method", "S256"),
        ];
        let back = agent.authorize(person, &params, "allow").await?;
        let answer = agent.redeem(&client, &redirect, &back, &pkce).await?;
        ensure!(answer.status == 200, "{}: {}", answer.status, answer.text());
        Ok(text(&answer.json()?, "access_token")?.to_owned())
    }

    async fn grant_of(&self, user: &str) -> Result<Grant> {
        let request = ListGrantsRequest {
            parent: ACME.into(),
            user: format!("{ACME}/users/{user}"),
            ..Default::default()
        };
        let answer = self.doors.admin.oauth.clone().list_grants(request).await?;
        answer.into_inner().grants.pop().context("a grant")
    }

    async fn call(&self, gateway: &Gateway, credential: &Credential) -> Result<Response> {
        let request = tool_call(Acme::PATH, "echo", &json!({"text": "x"}));
        let request = request.host(Acme::HOST).bearer(&credential.text);
        request.send(gateway.address()).await
    }

    /// The credential is served on both nodes.
    async fn works(&self, credential: &Credential) -> Result<()> {
        for gateway in self.gateways() {
            let answer = self.call(gateway, credential).await?;
            ensure!(answer.status == 200, "{}: {}", answer.status, answer.text());
        }
        Ok(())
    }

    async fn revoke(
        &self,
        credential: &Credential,
        wait: Option<Duration>,
    ) -> Result<RevokeResponse> {
        let request = RevokeRequest {
            parent: ACME.into(),
            target: Some(credential.target.clone()),
            wait: wait.map(prost_types::Duration::try_from).transpose()?,
        };
        let mut revocations = self.doors.admin.revocations.clone();
        Ok(revocations.revoke(request).await?.into_inner())
    }

    /// Refused on both nodes within a second.
    async fn refused_soon(&self, credential: &Credential) -> Result<()> {
        let end = Instant::now() + Duration::from_secs(1);
        for gateway in self.gateways() {
            let refused = async || {
                let answer = self.call(gateway, credential).await?;
                Ok((answer.status == 401).then_some(()))
            };
            until(end, refused).await?;
        }
        Ok(())
    }

    /// Both nodes follow both feeds.
    async fn followed(&self) -> Result<()> {
        let end = Instant::now() + Duration::from_secs(30);
        for gateway in self.gateways() {
            let fresh = async || {
                let metrics = gateway.metrics().await?;
                let fresh = |feed| metrics.contains(&format!("feed=\"{feed}\"}} 1"));
                Ok((fresh("redis") && fresh("stream")).then_some(()))
            };
            until(end, fresh).await?;
        }
        Ok(())
    }

    async fn set_grace(&self, grace: Duration) -> Result<()> {
        let request = SetOauthSettingsRequest {
            oauth_settings: Some(TenantOauthSettings {
                name: "tenants/acme/oauthSettings".into(),
                settings: Some(OauthSettings {
                    revocation_grace: Some(grace.try_into()?),
                    ..Default::default()
                }),
                ..Default::default()
            }),
        };
        let mut oauth = self.doors.admin.oauth.clone();
        let answer = oauth.set_oauth_settings(request).await?.into_inner();
        self.doors.live(answer.revision).await
    }
}

/// Asks until there is an answer.
async fn until<T>(end: Instant, ask: impl AsyncFn() -> Result<Option<T>>) -> Result<T> {
    loop {
        if let Some(answer) = ask().await? {
            return Ok(answer);
        }
        ensure!(Instant::now() < end, "it does not come");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

const KINDS: [&str; 6] = ["key", "session", "token", "grant", "user", "client"];
const ACME: &str = "tenants/acme";
const PATIENCE: Duration = Duration::from_secs(10);
const LEASE: Duration = Duration::from_secs(10);
const GRACE: Duration = Duration::from_secs(10);
