//! Signing in with a password, and guessing one.

use std::time::{Duration, Instant};

use proto::admin::v1::{self, user_service_client::UserServiceClient};

use crate::{
    operator::Operator,
    support::{Stack, browser::Browser, gateway::Answer},
};

/// And something else happens meanwhile.
mod races;

/// A40: an answer tells nothing of whether there is such a user, and neither does its time.
#[tokio::test]
async fn a_wrong_password_and_no_such_user_look_alike() {
    let world = World::start().await;
    let right = world.sign_in("ada", RIGHT, HOME).await;
    assert_eq!(right.status, 303, "{}", right.text);
    assert!(
        right
            .header("set-cookie")
            .unwrap()
            .starts_with("aldgate_session=")
    );
    assert_eq!(world.sign_in(" ADA ", RIGHT, HOME).await.status, 303);

    let mut answers = Vec::new();
    for (login, password) in [
        ("ada", "wrong"),
        ("nobody", RIGHT),
        ("disabled", RIGHT),
        ("passwordless", RIGHT),
        ("passwordless", ""),
    ] {
        let mut fastest = Duration::MAX;
        for network in ["192.0.2.1", "192.0.2.2", "192.0.2.3"] {
            let browser = world.browser(network).await;
            let began = Instant::now();
            let answer = world.submit(&browser, login, password).await;
            fastest = fastest.min(began.elapsed());
            assert_eq!(answer.status, 403, "{login}");
            assert_eq!(answer.header("set-cookie"), None);
            let text = browser.without_secrets(&answer.text);
            answers.push(text.replace(login, "login"));
        }
        // A hash takes so long that it would show.
        assert!(fastest > Duration::from_millis(5), "{login}: {fastest:?}");
    }
    answers.dedup();
    assert_eq!(answers.len(), 1);
}

/// A40: who guesses waits, and waits longer each time; the owner of the account does not.
#[tokio::test]
async fn guesses_from_one_network_keep_nobody_else_out() {
    let world = World::start().await;
    for _ in 0..5 {
        assert_eq!(
            world.sign_in("ada", "wrong", "192.0.2.66").await.status,
            403
        );
    }
    let refused = world.sign_in("ada", RIGHT, "192.0.2.66").await;
    assert_eq!(refused.status, 429);
    let wait: u64 = refused.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=3).contains(&wait), "{wait}");
    assert_eq!(world.sign_in("Ada", RIGHT, "192.0.2.66").await.status, 429);
    // The owner, elsewhere; and somebody else in the same network.
    assert_eq!(world.sign_in("ada", RIGHT, HOME).await.status, 303);
    assert_eq!(world.sign_in("eve", RIGHT, "192.0.2.66").await.status, 303);

    // Pauses double, end, and are forgotten after a success.
    let mut longest = wait;
    for _ in 0..3 {
        world.wait_out_pauses().await;
        assert_eq!(
            world.sign_in("ada", "wrong", "192.0.2.66").await.status,
            403
        );
        let refused = world.sign_in("ada", RIGHT, "192.0.2.66").await;
        let wait: u64 = refused.header("retry-after").unwrap().parse().unwrap();
        assert!(wait > longest, "{wait} after {longest}");
        longest = wait;
    }
    world.wait_out_pauses().await;
    assert_eq!(world.sign_in("ada", RIGHT, "192.0.2.66").await.status, 303);
    assert_eq!(
        world.sign_in("ada", "wrong", "192.0.2.66").await.status,
        403
    );
    assert_eq!(world.sign_in("ada", RIGHT, "192.0.2.66").await.status, 303);
}

/// A40: guesses from everywhere slow strangers down, and not who signed in from there before.
#[tokio::test]
async fn guesses_from_everywhere_slow_strangers_down_alone() {
    let world = World::start().await;
    assert_eq!(world.sign_in("ada", RIGHT, HOME).await.status, 303);
    for network in 0..50 {
        let network = format!("198.51.100.{network}");
        let guess = world.sign_in("ada", "wrong", &network).await;
        assert_eq!(guess.status, 403, "{network}");
    }
    assert_eq!(world.sign_in("ada", RIGHT, "203.0.113.1").await.status, 429);
    assert_eq!(world.sign_in("ada", RIGHT, HOME).await.status, 303);
    world.wait_out_pauses().await;
    assert_eq!(world.sign_in("ada", RIGHT, "203.0.113.2").await.status, 303);
}

/// A40: many who share one network and mistype now and then are not slowed for good, and those who
/// signed in from there before not at all.
#[tokio::test]
async fn an_office_is_not_slowed_by_its_typing_errors_for_good() {
    let world = World::start().await;
    assert_eq!(world.sign_in("ada", RIGHT, OFFICE).await.status, 303);
    for user in 0..50 {
        let guess = world
            .sign_in(&format!("user-{user}"), "wrong", OFFICE)
            .await;
        assert_eq!(guess.status, 403, "{user}");
    }
    assert_eq!(world.sign_in("eve", RIGHT, OFFICE).await.status, 429);
    assert_eq!(world.sign_in("ada", RIGHT, OFFICE).await.status, 303);
    // That she signs in makes nobody else's guesses free.
    assert_eq!(world.sign_in("eve", RIGHT, OFFICE).await.status, 429);
    let mut sql = world.stack.postgres.connect("root", "aldgate").await;
    // An hour goes by, in which somebody mistyped half-way through.
    for _ in 0..2 {
        let later = "UPDATE attempts SET updated_at = updated_at - interval '31 min',
                         blocked_until = blocked_until - interval '31 min'";
        sqlx::query(later).execute(&mut sql).await.unwrap();
        assert_eq!(world.sign_in("user-0", "wrong", OFFICE).await.status, 403);
    }
    for user in 100..110 {
        let guess = world
            .sign_in(&format!("user-{user}"), "wrong", OFFICE)
            .await;
        assert_eq!(guess.status, 403, "{user}");
    }
    assert_eq!(world.sign_in("eve", RIGHT, OFFICE).await.status, 303);
}

/// A40: rows of guesses are bounded.
#[tokio::test]
async fn what_is_remembered_of_guesses_is_bounded() {
    let world = World::start().await;
    let mut sql = world.stack.postgres.connect("root", "aldgate").await;
    let fill = "INSERT INTO attempts (tenant_id, sha256, failures, updated_at)
                SELECT tenant_id, sha256(n::text::bytea), 1,
                       now() - CASE WHEN n % 10 = 0 THEN interval '2 days' ELSE interval '1 hour' END
                FROM tenants, generate_series(1, 60000) n WHERE slug = 'acme'";
    sqlx::query(fill).execute(&mut sql).await.unwrap();
    let began = Instant::now();
    for guess in 0.. {
        let network = format!("2001:db8:{guess:x}::1");
        world
            .sign_in(&format!("user-{guess}"), "wrong", &format!("[{network}]"))
            .await;
        let rows: i64 = sqlx::query_scalar("SELECT count(*) FROM attempts")
            .fetch_one(&mut sql)
            .await
            .unwrap();
        if rows <= 50_010 {
            break;
        }
        assert!(began.elapsed() < Duration::from_mins(3), "{rows} rows");
    }
}

/// Where no passwords are kept, none opens anything.
#[tokio::test]
async fn a_tenant_without_passwords_takes_none() {
    let world = World::start().await;
    assert_eq!(world.sign_in("ada", RIGHT, HOME).await.status, 303);
    let mut sql = world.stack.postgres.connect("root", "aldgate").await;
    sqlx::query("UPDATE tenants SET oauth = '{\"noPasswords\": true}'")
        .execute(&mut sql)
        .await
        .unwrap();
    assert_eq!(world.sign_in("ada", RIGHT, HOME).await.status, 403);
}

/// One tenant with some users.
struct World {
    stack: Stack,
    admin: Operator,
}

impl World {
    async fn start() -> Self {
        let stack = Stack::start().await;
        let admin = Operator::of(&stack).await;
        admin.tenant("acme", "acme.test:8080").await.unwrap();
        let mut users = UserServiceClient::new(admin.channel.clone());
        for (login, password, disabled) in [
            ("ada", RIGHT, false),
            ("eve", RIGHT, false),
            ("disabled", RIGHT, true),
            ("passwordless", "", false),
        ] {
            let password = (!password.is_empty()).then(|| v1::PasswordInput {
                password: password.to_owned(),
                generate: false,
            });
            let request = v1::CreateUserRequest {
                parent: "tenants/acme".to_owned(),
                user_id: login.to_owned(),
                user: Some(v1::User {
                    login: login.to_owned(),
                    disabled,
                    ..Default::default()
                }),
                password,
            };
            users.create_user(admin.call(request)).await.unwrap();
        }
        Self { stack, admin }
    }

    async fn browser(&self, network: &str) -> Browser {
        let mut browser = Browser::begin(&self.stack).await;
        network.clone_into(&mut browser.peer);
        browser
    }

    async fn submit(&self, browser: &Browser, login: &str, password: &str) -> Answer {
        let body = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("t", &browser.transaction.to_string())
            .append_pair("csrf", &browser.csrf)
            .append_pair("login", login)
            .append_pair("password", password)
            .finish();
        browser.ask(&self.stack, "POST /login", &body).await
    }

    async fn sign_in(&self, login: &str, password: &str, network: &str) -> Answer {
        let browser = self.browser(network).await;
        self.submit(&browser, login, password).await
    }

    /// As if all the time had passed.
    async fn wait_out_pauses(&self) {
        let mut sql = self.stack.postgres.connect("root", "aldgate").await;
        sqlx::query("UPDATE attempts SET blocked_until = now() WHERE blocked_until IS NOT NULL")
            .execute(&mut sql)
            .await
            .unwrap();
    }
}

const RIGHT: &str = "correct horse battery";
const HOME: &str = "192.0.2.7";
const OFFICE: &str = "192.0.2.88";
