//! A tenant with users and clients, and a browser that goes the whole way.

use proto::admin::v1::{self, user_service_client::UserServiceClient};
use serde_json::json;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::{
    operator::Operator,
    support::{
        Stack,
        visitor::{Page, Visitor},
    },
};

/// The tenant `acme` at [`ORIGIN`], with the users `ada` and `bob`, and the tenant `beta`.
pub(crate) struct World {
    pub(crate) stack: Stack,
    pub(crate) admin: Operator,
}

/// A client as it is put into the database.
pub(crate) struct App<'a> {
    pub(crate) id: &'a str,
    pub(crate) registration: &'a str,
    pub(crate) trust: &'a str,
    pub(crate) redirect_uris: &'a [&'a str],
}

impl World {
    pub(crate) async fn start() -> Self {
        let stack = Stack::start().await;
        let admin = Operator::of(&stack).await;
        admin.tenant("acme", ORIGIN).await.unwrap();
        admin.tenant("beta", "https://beta.test").await.unwrap();
        let world = Self { stack, admin };
        world.user("ada").await;
        world.user("bob").await;
        let app = |id, registration, redirect_uris| App {
            id,
            registration,
            trust: "ask",
            redirect_uris,
        };
        world.client(app("web", "manual", &[WEB])).await;
        world
            .client(app("native", "dynamic", &["http://127.0.0.1/callback"]))
            .await;
        world
    }

    pub(crate) async fn user(&self, slug: &str) {
        let request = v1::CreateUserRequest {
            parent: "tenants/acme".to_owned(),
            user_id: slug.to_owned(),
            user: Some(v1::User {
                login: format!("{slug}@acme.test"),
                ..v1::User::default()
            }),
            password: Some(v1::PasswordInput {
                password: PASSWORD.to_owned(),
                ..v1::PasswordInput::default()
            }),
        };
        let mut users = UserServiceClient::new(self.admin.channel.clone());
        users.create_user(self.admin.call(request)).await.unwrap();
    }

    pub(crate) async fn client(&self, app: App<'_>) {
        let metadata = json!({
            "redirect_uris": app.redirect_uris,
            "grant_types": ["authorization_code", "refresh_token"],
            "token_endpoint_auth_method": "none",
        });
        sqlx::query(
            "INSERT INTO oauth_clients (
                 tenant_id, client_uid, slug, client_id, registration, display_name, metadata, trust
             )
             SELECT tenant_id, $1, 'x' || left($1::text, 8), $2, $3, 'Claude <b>', $4, $5
             FROM tenants WHERE slug = 'acme'",
        )
        .bind(Uuid::new_v4())
        .bind(app.id)
        .bind(app.registration)
        .bind(metadata)
        .bind(app.trust)
        .execute(&mut self.sql().await)
        .await
        .unwrap();
    }

    pub(crate) async fn sql(&self) -> PgConnection {
        self.stack.postgres.connect("root", "aldgate").await
    }

    /// How many rows there are.
    pub(crate) async fn count(&self, table: &'static str) -> i64 {
        let statement = match table {
            "grants" => "SELECT count(*) FROM grants",
            "authorization_codes" => "SELECT count(*) FROM authorization_codes",
            "login_transactions" => "SELECT count(*) FROM login_transactions",
            "browser_sessions" => "SELECT count(*) FROM browser_sessions",
            other => panic!("{other}"),
        };
        let mut sql = self.sql().await;
        sqlx::query_scalar(statement)
            .fetch_one(&mut sql)
            .await
            .unwrap()
    }

    pub(crate) fn browser(&self) -> Visitor<'_> {
        Visitor::new(&self.stack, ORIGIN)
    }

    /// From a path of ours to the page that comes after signing in.
    pub(crate) async fn sign_in(&self, browser: &mut Visitor<'_>, path: &str, user: &str) -> Page {
        let begun = browser.get(path).await;
        assert_eq!(begun.status, 303, "{begun:?}");
        let login = browser.follow(&begun).await;
        assert_eq!(login.status, 200, "{login:?}");
        let login_name = format!("{user}@acme.test");
        let form = [("login", login_name.as_str()), ("password", PASSWORD)];
        let done = browser.fill(&login, "/login", &form).await;
        assert_eq!(done.status, 303, "{done:?}");
        browser.follow(&done).await
    }

    /// A browser that is signed in, by way of its connections.
    pub(crate) async fn signed_in(&self, user: &str) -> Visitor<'_> {
        let mut browser = self.browser();
        let page = self.sign_in(&mut browser, "/connections", user).await;
        assert_eq!(page.status, 200, "{page:?}");
        browser
    }
}

/// A request of a client that is in order but for these parameters.
pub(crate) fn request(client: &str, params: &[(&str, &str)]) -> String {
    let mut all = vec![
        ("client_id", client),
        ("response_type", "code"),
        ("code_challenge", CHALLENGE),
        ("code_challenge_method", "S256"),
        ("state", STATE),
    ];
    for &(name, value) in params {
        all.retain(|(known, _)| *known != name);
        all.push((name, value));
    }
    let mut query = url::form_urlencoded::Serializer::new("/authorize?".to_owned());
    query.extend_pairs(all).finish()
}

pub(crate) const ORIGIN: &str = "https://acme.test";
pub(crate) const WEB: &str = "https://app.test/callback";
pub(crate) const PASSWORD: &str = "correct horse battery staple";
pub(crate) const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
/// What base64 is made of, and what URLs are.
pub(crate) const STATE: &str = "a+b/c==&d=e %26";
