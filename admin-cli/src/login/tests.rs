//! Logins against a scripted authorization server, and what is kept of them.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use secrecy::ExposeSecret as _;
use serde_json::json;

use super::{browser::code, *};
use crate::{
    args::Format,
    callback::Returned,
    scripted::{Arrived, Reply, Scripted},
};

const ENDPOINT: &str = "https://127.0.0.1:9443";

#[test]
fn only_the_answer_to_our_question_counts() {
    let server = server_at("https://acme.test");
    let of = |query: &str| {
        let returned = Returned::parse(query);
        code(&returned, &server, "s")
            .map(str::to_owned)
            .map_err(|failure| failure.to_string())
    };
    assert_eq!(of("code=c&state=s&iss=https://acme.test").unwrap(), "c");
    for (query, told) in [
        ("code=c&state=x&iss=https://acme.test", "another login"),
        ("code=c&iss=https://acme.test", "another login"),
        (
            "code=c&state=s&iss=https://acme.test/",
            "another authorization server",
        ),
        ("code=c&state=s", "another authorization server"),
        (
            "error=access_denied&state=s&iss=https://acme.test",
            "not allowed",
        ),
        ("state=s&iss=https://acme.test", "no code"),
    ] {
        let text = of(query).unwrap_err();
        assert!(text.contains(told), "{query}: {text}");
    }
}

#[tokio::test]
async fn a_login_is_kept_where_nobody_else_reads_it() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::under(folder.path(), ENDPOINT);
    assert!(store.read().unwrap().is_none());
    let _lock = store.lock().await.unwrap();
    store.write(&kept("https://acme.test", "a", 0)).unwrap();
    store.write(&kept("https://acme.test", "b", 0)).unwrap();
    let path = folder.path().join("aldgate/login-127.0.0.1_9443.json");
    let mode = |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&path), 0o600);
    assert_eq!(mode(path.parent().unwrap()), 0o700);
    let read = store.read().unwrap().unwrap();
    assert_eq!(read.access_token.expose_secret(), "b");
    assert!(!read.is_fresh());
    // Another endpoint whose file has the same name gets nothing.
    let other = Store::under(folder.path(), "https://127.0.0.1_9443");
    assert!(other.read().unwrap().is_none());
    store.delete().unwrap();
    assert!(store.read().unwrap().is_none());
}

#[tokio::test]
async fn runs_take_turns() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::under(folder.path(), ENDPOINT);
    let first = store.lock().await.unwrap();
    let second = store.lock();
    let mut second = std::pin::pin!(second);
    let waiting = tokio::time::timeout(Duration::from_millis(200), &mut second).await;
    assert!(waiting.is_err(), "the first still holds it");
    drop(first);
    assert!(second.await.is_ok());
}

#[tokio::test]
async fn a_refresh_presents_the_token_once_and_keeps_the_new_one() {
    let asked = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&asked);
    let server = Scripted::start(move |request| {
        counted.fetch_add(1, Ordering::SeqCst);
        assert_eq!(
            request.param("grant_type").as_deref(),
            Some("refresh_token")
        );
        assert_eq!(request.param("refresh_token").as_deref(), Some("r-old"));
        assert_eq!(
            request.param("resource").as_deref(),
            Some("urn:aldgate:admin")
        );
        tokens("new", "r-new")
    })
    .await;
    let old = kept(&server.url(""), "old", 0);
    let issued = refresh(&old).await.unwrap();
    let new = old.renewed(issued);
    assert!(new.is_fresh());
    assert_eq!(new.access_token.expose_secret(), "new");
    assert_eq!(new.refresh_token().unwrap(), "r-new");
    assert_eq!(asked.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn an_ended_login_says_what_to_do() {
    let server = Scripted::start(|_| {
        (
            400,
            json_type(),
            json!({"error": "invalid_grant"}).to_string(),
        )
    })
    .await;
    let failure = refresh(&kept(&server.url(""), "old", 0))
        .await
        .err()
        .unwrap();
    assert_eq!(u8::from(failure.exit_code()), 4);
    assert!(failure.to_string().contains("`aldgate login`"), "{failure}");
}

#[tokio::test]
async fn a_device_code_is_polled_until_it_was_typed() {
    let asked = Arc::new(AtomicUsize::new(0));
    let server = Scripted::start(move |request| device(&request, &asked)).await;
    let web = Web::within(BUDGET).unwrap();
    let discovered = Server::discover(&web, &server.url("/")).await.unwrap();
    let printer = Printer::new(Format::Json);
    let issued = device::sign_in(&web, &discovered, &printer).await.unwrap();
    assert_eq!(issued.access_token.expose_secret(), "a");
}

fn device(request: &Arrived, asked: &AtomicUsize) -> Reply {
    let at = &request.origin;
    match request.path.as_str() {
        "/.well-known/oauth-authorization-server" => (
            200,
            json_type(),
            json!({
                "issuer": at,
                "authorization_endpoint": format!("{at}/authorize"),
                "token_endpoint": format!("{at}/token"),
                "device_authorization_endpoint": format!("{at}/device_authorization"),
            })
            .to_string(),
        ),
        "/device_authorization" => (
            200,
            json_type(),
            json!({
                "device_code": "d",
                "user_code": "BCDF-GHJK",
                "verification_uri": format!("{at}/device"),
                "expires_in": 600,
                "interval": 0,
            })
            .to_string(),
        ),
        _ if asked.fetch_add(1, Ordering::SeqCst) < 2 => {
            let pending = json!({"error": "authorization_pending"});
            (400, json_type(), pending.to_string())
        }
        _ => tokens("a", "r"),
    }
}

fn tokens(access: &str, refresh: &str) -> Reply {
    let body = json!({
        "access_token": access,
        "refresh_token": refresh,
        "token_type": "Bearer",
        "expires_in": 3600,
    });
    (200, json_type(), body.to_string())
}

fn json_type() -> Vec<(&'static str, String)> {
    vec![("content-type", "application/json".into())]
}

fn server_at(issuer: &str) -> Server {
    Server {
        issuer: issuer.to_owned(),
        authorization_endpoint: format!("{issuer}/authorize"),
        token_endpoint: format!("{issuer}/token"),
        device_authorization_endpoint: None,
        revocation_endpoint: None,
        names_itself: true,
    }
}

fn kept(issuer: &str, access: &str, good_until: u64) -> Kept {
    let tokens = Issued {
        access_token: access.into(),
        refresh_token: Some("r-old".into()),
        good_until,
    };
    Kept::of(ENDPOINT, &server_at(issuer), tokens)
}
