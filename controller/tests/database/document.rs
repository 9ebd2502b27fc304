//! Clients that are known by a document at their vendor's host, and people who let them in.

use serde_json::{Value, json};

use crate::{
    people::{World, request},
    support::{
        host::Host,
        postgres::CLOSE_THE_LONG_WAY,
        visitor::{Page, Visitor},
    },
};

/// A client that somebody let in is what its document said then, when its host cannot be reached and
/// nobody remembers the document: after a restart. One that nobody let in is nobody.
#[tokio::test]
async fn a_client_that_was_let_in_outlives_its_host() {
    let mut world = World::start().await;
    let mut host = Host::start(&world.stack).await;
    let [ours, stranger] = ["/ours.json", "/stranger.json"].map(|path| {
        let id = host.url(path);
        let document = json!({"client_id": id, "client_name": "App", "redirect_uris": [REDIRECT]});
        host.put(path, &document);
        id
    });
    let mut browser = world.browser();
    let refresh = world.connect(&mut browser, &ours).await;
    let seen = browser.get(&request(&stranger, &[])).await;
    assert_eq!(seen.status, 303, "a document is enough to be asked about");
    assert_eq!(host.asked_for(), ["/ours.json", "/stranger.json"]);

    host.stop().await;
    world.stack.stop();
    world.stack.boot().await;
    let mut browser = world.browser();
    let refreshed = browser.post("/token", &usual(&ours, &refresh)).await;
    assert_eq!(refreshed.status, 200, "{refreshed:?}");
    let page = world
        .sign_in(&mut browser, &request(&ours, &[]), "ada")
        .await;
    assert!(page.html.contains("App"), "{page:?}");
    let elsewhere = [("redirect_uri", "http://127.0.0.1/elsewhere")];
    for (client, params) in [(&stranger, &[][..]), (&ours, &elsewhere)] {
        let page = browser.get(&request(client, params)).await;
        assert_eq!((page.status, page.location()), (400, None), "{client}");
    }
}

/// CIMD-5: so does one that is known by a document take the short way to further tokens, until the document
/// may have changed.
#[tokio::test]
async fn a_client_with_a_document_takes_the_short_way_while_that_is_fresh() {
    let world = World::start().await;
    let host = Host::start(&world.stack).await;
    let id = host.url("/app.json");
    let document = json!({"client_id": id, "client_name": "App", "redirect_uris": [REDIRECT]});
    host.put("/app.json", &document);
    let mut browser = world.browser();
    let refresh = world.connect(&mut browser, &id).await;
    let answer = browser.post("/token", &usual(&id, &refresh)).await;
    let refresh = refresh_token(&answer);
    let mut sql = world.sql().await;
    sqlx::query(CLOSE_THE_LONG_WAY)
        .execute(&mut sql)
        .await
        .unwrap();
    let other = browser
        .post("/token", &usual("aldgate-cli", &refresh))
        .await;
    assert_eq!(other.status, 503, "{other:?}");
    refresh_token(&browser.post("/token", &usual(&id, &refresh)).await);
    assert_eq!(host.asked(), 1);
}

/// REV-3: what a client was judged by is what it is remembered with. Settings that change while its host
/// keeps the document back are seen on the next refresh.
#[tokio::test]
async fn settings_that_change_while_a_document_is_fetched_are_not_missed() {
    let mut world = World::start().await;
    let host = Host::start(&world.stack).await;
    let id = host.url("/app.json");
    let document = json!({"client_id": id, "client_name": "App", "redirect_uris": [REDIRECT]});
    host.put("/app.json", &document);
    let mut refresh = world.connect(&mut world.browser(), &id).await;
    // Nobody remembers the document.
    world.stack.stop();
    world.stack.boot().await;
    let mut sql = world.sql().await;
    let mut browser = world.browser();
    let paused = host.pause().await;
    let form = usual(&id, &refresh);
    let (mut answer, ()) = tokio::join!(browser.post("/token", &form), async {
        host.is_asked(2).await;
        let change = "UPDATE tenants SET oauth = '{\"accessTokenLifetime\": \"600s\"}',
                                         revision = revision + 1, updated_at = now()";
        sqlx::query(change).execute(&mut sql).await.unwrap();
        drop(paused);
    });
    for _ in 0..2 {
        refresh = refresh_token(&answer);
        answer = browser.post("/token", &usual(&id, &refresh)).await;
        assert!(answer.html.contains("\"expires_in\":600,"), "{answer:?}");
    }
}

impl World {
    /// The first refresh token of a client with a document, which Ada lets in.
    async fn connect(&self, browser: &mut Visitor<'_>, client: &str) -> String {
        let page = self.sign_in(browser, &request(client, &[]), "ada").await;
        let allow = [("decision", "allow")];
        let done = browser.fill(&page, "/consent", &allow).await;
        let code = done.answer().1["code"].clone();
        let form = [
            ("grant_type", "authorization_code"),
            ("client_id", client),
            ("code", &code),
            ("redirect_uri", REDIRECT),
            ("code_verifier", VERIFIER),
        ];
        refresh_token(&browser.post("/token", &form).await)
    }
}

fn usual<'a>(client: &'a str, refresh: &'a str) -> [(&'static str, &'a str); 3] {
    [
        ("grant_type", "refresh_token"),
        ("client_id", client),
        ("refresh_token", refresh),
    ]
}

fn refresh_token(answer: &Page) -> String {
    assert_eq!(answer.status, 200, "{answer:?}");
    let tokens: Value = serde_json::from_str(&answer.html).unwrap();
    tokens["refresh_token"].as_str().unwrap().to_owned()
}

/// A27: of all the addresses in a document, none is called but that of its keys, and that one only when
/// keys are needed and at the document's own host; what it says of a logo is shown to nobody.
#[tokio::test]
async fn nothing_that_a_document_links_to_is_fetched() {
    let world = World::start().await;
    let (host, other) = (
        Host::start(&world.stack).await,
        Host::start(&world.stack).await,
    );
    let id = host.url("/client.json");
    host.put(
        "/client.json",
        &json!({
            "client_id": id,
            "client_name": "App",
            "redirect_uris": ["https://app.test/cb"],
            "logo_uri": host.url("/logo.png"),
            "client_uri": host.url("/about"),
            "tos_uri": host.url("/terms"),
            "policy_uri": other.url("/privacy"),
            "jwks_uri": other.url("/jwks.json"),
        }),
    );
    let mut browser = world.browser();
    let page = world.sign_in(&mut browser, &request(&id, &[]), "ada").await;
    assert_eq!(page.status, 200);
    let place = "a document of <strong>localhost</strong>";
    assert!(page.html.contains(place), "{}", page.html);
    for link in ["logo.png", "/about", "/terms", "/privacy"] {
        assert!(!page.html.contains(link), "{link}: {}", page.html);
    }
    let done = browser
        .fill(&page, "/consent", &[("decision", "allow")])
        .await;
    assert!(done.answer().1.contains_key("code"));
    assert_eq!(host.asked_for(), ["/client.json"]);
    assert_eq!(other.asked(), 0);
}

const REDIRECT: &str = "http://127.0.0.1/cb";
/// Whose challenge requests carry (RFC 7636, appendix B).
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
