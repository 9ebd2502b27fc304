//! Signing in at an identity provider, with a provider that the test holds: what must be refused is, and
//! each refusal has a twin that succeeds.

use std::time::{Duration, Instant};

use proto::admin::v1::{self, user_service_client::UserServiceClient};
use serde_json::json;
use time::OffsetDateTime;

use crate::support::{
    browser::Browser,
    postgres::dump,
    provider::{CLIENT, Provider, SECRET},
    told,
};

use self::world::{NAME, World};

/// What groups give.
mod groups;

/// Who takes part.
mod world;

/// A33: who signs in for the first time becomes a user; later they are the same, and their groups give
/// what they give then.
#[tokio::test]
async fn somebody_becomes_a_user_and_stays_the_same() {
    let world = World::start().await;
    world.provider.script().claims = json!({
        "email": "ada@acme.com", "email_verified": true, "name": "Ada Lovelace",
        "groups": ["Engineers", "Staff"],
    });
    let answer = world.sign_in().await;
    assert_eq!(answer.status, 303, "{}", answer.text);
    let to = answer.header("location").unwrap();
    assert_eq!(to, "http://acme.test:8080/connections");
    let cookie = answer.header("set-cookie").unwrap();
    assert!(cookie.starts_with("aldgate_session="), "{cookie}");
    let ada = world.users().await.remove(0);
    assert_eq!(ada.name, "tenants/acme/users/ada-acme-com");
    assert_eq!(
        (ada.login.as_str(), ada.display_name.as_str()),
        ("ada@acme.com", "Ada Lovelace")
    );
    assert!(!ada.has_password && ada.last_login_time.is_some());
    assert_eq!(ada.identities[0].identity_provider, NAME);
    assert_eq!(ada.identities[0].subject, "s-1");
    assert_eq!(world.given().await, ["dev Engineers,Staff"]);
    assert_eq!(world.revocations().await, 0);

    // More rights cut nothing; fewer do. Neither name nor address matters any more.
    for (claims, given, revoked) in [
        (
            json!({"groups": ["Engineers", "Ops", "Staff"]}),
            "dev,oncall Engineers,Ops,Staff",
            0,
        ),
        (
            json!({"groups": ["Staff"], "email": "eve@acme.com"}),
            " Staff",
            1,
        ),
        (json!({"groups": ["Staff"]}), " Staff", 1),
        (json!({}), " ", 2),
    ] {
        world.provider.script().claims = claims;
        assert_eq!(world.sign_in().await.status, 303);
        assert_eq!(world.given().await, [given]);
        assert_eq!(world.revocations().await, revoked, "{given}");
    }
    assert_eq!(world.users().await.len(), 1);
    let dump = dump(&world.stack.postgres.address("root"));
    assert!(!dump.contains(SECRET) && !world.stack.log().contains(SECRET));
}

/// A33, A31, OA-20: whatever is wrong with an ID token, nobody is signed in.
#[tokio::test]
async fn an_id_token_that_is_not_right_signs_nobody_in() {
    let world = World::start().await;
    assert_eq!(world.sign_in().await.status, 303);
    let now = OffsetDateTime::now_utc().unix_timestamp();
    for claims in [
        json!({"iss": "https://evil.test"}),
        json!({"iss": null}),
        json!({"aud": "other"}),
        json!({"aud": [CLIENT, "other"]}),
        json!({"aud": null}),
        json!({"azp": "other"}),
        json!({"nonce": "other"}),
        json!({"nonce": null}),
        json!({"exp": now - 1}),
        json!({"exp": null}),
        json!({"iat": now - 3600}),
        json!({"iat": now + 3600}),
        json!({"sub": ""}),
        json!({"sub": null}),
    ] {
        world.provider.script().claims = claims.clone();
        let answer = world.sign_in().await;
        assert_eq!(answer.status, 400, "{claims}");
        assert_eq!(answer.header("set-cookie"), None, "{claims}");
    }
    world.provider.script().claims = json!({"aud": [CLIENT], "azp": CLIENT});
    assert_eq!(world.sign_in().await.status, 303);
    for header in [
        json!({"alg": "none"}),
        json!({"alg": "HS256"}),
        json!({"alg": "RS256"}),
        json!({"typ": "at+jwt"}),
        json!({"crit": ["x"], "x": 1}),
        json!({"kid": "unknown"}),
    ] {
        world.provider.script().header = header.clone();
        assert_eq!(world.sign_in().await.status, 400, "{header}");
    }
    world.provider.script().header = json!({"kid": null, "typ": null});
    assert_eq!(world.sign_in().await.status, 303);
    world.provider.script().forges = true;
    assert_eq!(world.sign_in().await.status, 400);
    world.provider.script().forges = false;
    assert_eq!(world.sign_in().await.status, 303);
    assert_eq!(world.users().await.len(), 1);
}

/// A31, OA-19: an answer counts once, in the browser that left for it, for its own provider.
#[tokio::test]
async fn an_answer_counts_once_in_the_browser_that_left_for_it() {
    let world = World::start().await;
    let (mine, theirs) = (world.browser().await, world.browser().await);
    let leave = async |browser: &Browser| {
        let url = world.leave(browser, "main").await;
        world.provider.sign_in(&url)
    };
    // The twin.
    let (code, state) = leave(&mine).await;
    let query = format!("code={code}&state={state}");
    assert_eq!(world.back(&mine, "main", &query).await.status, 303);

    let mine = world.browser().await;
    let (code, state) = leave(&mine).await;
    let query = format!("code={code}&state={state}");
    assert_eq!(world.back(&theirs, "main", &query).await.status, 403);
    assert_eq!(
        world.back(&Browser::none(), "main", &query).await.status,
        403
    );
    // It was not for them, and is still good for whom it was.
    assert_eq!(world.back(&mine, "main", &query).await.status, 303);
    assert_eq!(world.back(&mine, "main", &query).await.status, 403);

    for wrong in ["", "x", "x.y"] {
        let mine = world.browser().await;
        let (code, _) = leave(&mine).await;
        let query = format!("code={code}&state={wrong}");
        assert_eq!(world.back(&mine, "main", &query).await.status, 403);
    }
    // Right login, wrong rest: refused, and what was noted is gone.
    let mine = world.browser().await;
    let (code, state) = leave(&mine).await;
    let query = format!("code={code}&state={state}x");
    assert_eq!(world.back(&mine, "main", &query).await.status, 400);
    let query = format!("code={code}&state={state}");
    assert_eq!(world.back(&mine, "main", &query).await.status, 400);
    // Another provider of ours.
    world.register("other", |_| ()).await.unwrap();
    let mine = world.browser().await;
    let (code, state) = leave(&mine).await;
    let query = format!("code={code}&state={state}");
    assert_eq!(world.back(&mine, "other", &query).await.status, 400);
}

/// OA-20, RFC 9207: who says from whom it is must be right, and who announced to say so must.
#[tokio::test]
async fn an_answer_of_another_issuer_is_refused() {
    let world = World::start().await;
    let with = async |iss: Option<&str>| {
        let browser = world.browser().await;
        let (code, state) = world.provider.sign_in(&world.leave(&browser, "main").await);
        let iss = iss.map(|iss| format!("&iss={iss}")).unwrap_or_default();
        let query = format!("code={code}&state={state}{iss}");
        let answer = world.back(&browser, "main", &query).await;
        let again = world.back(&browser, "main", &query).await;
        assert_ne!(again.status, 303);
        answer.status
    };
    assert_eq!(with(None).await, 303);
    assert_eq!(with(Some(world.provider.url())).await, 303);
    assert_eq!(with(Some("https://evil.test")).await, 400);
    let announces = json!({"authorization_response_iss_parameter_supported": true});
    let world = World::start().await;
    world.provider.script().document = announces;
    let browser = world.browser().await;
    let (code, state) = world.provider.sign_in(&world.leave(&browser, "main").await);
    let query = format!("code={code}&state={state}");
    assert_eq!(world.back(&browser, "main", &query).await.status, 400);
}

/// Keys change without anybody being told; so may everything that a provider publishes, within what it
/// may be.
#[tokio::test]
async fn keys_that_are_not_known_are_asked_for_anew() {
    let world = World::start().await;
    assert_eq!(world.sign_in().await.status, 303);
    for kid in ["k2", "k3", "k3"] {
        let browser = world.browser().await;
        let url = world.leave(&browser, "main").await;
        world.provider.rotate(kid);
        let (code, state) = world.provider.sign_in(&url);
        let query = format!("code={code}&state={state}");
        let answer = world.back(&browser, "main", &query).await;
        assert_eq!(answer.status, 303, "{kid}: {}", answer.text);
    }
}

/// An outage is told within the deadline, and is over when it is over.
#[tokio::test]
async fn a_provider_that_does_not_answer_is_told_of() {
    let world = World::start().await;
    world.provider.script().is_out = true;
    let browser = world.browser().await;
    let answer = world.post(&browser, "main").await;
    assert_eq!(answer.status, 503);
    // Other ways still work.
    assert!(answer.text.contains("name=\"password\""), "{}", answer.text);
    world.provider.script().is_out = false;
    let began = Instant::now();
    while world.post(&browser, "main").await.status != 200 {
        assert!(began.elapsed() < Duration::from_secs(10));
    }
    let (code, state) = world.provider.sign_in(&world.leave(&browser, "main").await);
    world.provider.script().is_out = true;
    let query = format!("code={code}&state={state}");
    assert_eq!(world.back(&browser, "main", &query).await.status, 400);
    world.provider.script().is_out = false;
    assert_eq!(world.sign_in().await.status, 303);

    let (hanging, liar) = (Provider::start().await, Provider::start().await);
    hanging.script().hangs = true;
    liar.script().document = json!({"issuer": "https://evil.test"});
    for (slug, provider) in [("hanging", &hanging), ("liar", &liar)] {
        let url = provider.url().to_owned();
        let registered = world.register(slug, |given| given.issuer = url);
        registered.await.unwrap();
        let began = Instant::now();
        assert_eq!(world.post(&browser, slug).await.status, 503, "{slug}");
        assert!(began.elapsed() < Duration::from_secs(7), "{slug}");
    }
}

/// A33: nobody is let in by a name or an address.
#[tokio::test]
async fn nobody_is_joined_to_an_account_by_a_name() {
    let world = World::start().await;
    let mut users = UserServiceClient::new(world.admin.channel.clone());
    let request = v1::CreateUserRequest {
        parent: "tenants/acme".to_owned(),
        user_id: "ada".to_owned(),
        user: Some(v1::User {
            login: "ada@acme.com".to_owned(),
            ..Default::default()
        }),
        password: None,
    };
    users.create_user(world.admin.call(request)).await.unwrap();
    let ada = json!({"email": "Ada@acme.com", "email_verified": true});
    world.provider.script().claims = ada;
    let answer = world.sign_in().await;
    assert_eq!(answer.status, 403);
    assert!(answer.text.contains("somebody else has"), "{}", answer.text);
    // An address that is not verified is nobody's, and here it is the subject that counts.
    world.provider.script().claims = json!({"email": "ada@acme.com", "email_verified": false});
    assert_eq!(world.sign_in().await.status, 303);
    let logins = world.users().await.into_iter().map(|user| user.login);
    assert_eq!(logins.collect::<Vec<_>>(), ["ada@acme.com", "s-1"]);

    world.change("create_users", |_| ()).await;
    world.provider.script().claims = json!({"sub": "s-2"});
    assert_eq!(world.sign_in().await.status, 403);
    world.provider.script().claims = json!({});
    assert_eq!(world.sign_in().await.status, 303, "who is known stays so");

    let acme = |given: &mut v1::IdentityProvider| given.email_domains = vec!["ACME.com".into()];
    world.change("email_domains", acme).await;
    for (claims, status) in [
        (json!({"email": "x@acme.com", "email_verified": true}), 303),
        (json!({"email": "x@acme.com", "email_verified": false}), 403),
        (json!({"email": "x@evil.com", "email_verified": true}), 403),
        (json!({}), 403),
    ] {
        world.provider.script().claims = claims.clone();
        assert_eq!(world.sign_in().await.status, status, "{claims}");
    }
}

/// Errors of the provider become a page; what a browser brings is not repeated on it.
#[tokio::test]
async fn an_error_of_the_provider_is_a_page_that_says_what_to_do() {
    let world = World::start().await;
    for (error, shown) in [
        ("access_denied", "declined"),
        ("server_error", "server_error"),
        ("%3Cscript%3E", "an error"),
    ] {
        let browser = world.browser().await;
        let (_, state) = world.provider.sign_in(&world.leave(&browser, "main").await);
        let query = format!("error={error}&error_description=%3Cscript%3E&state={state}");
        let answer = world.back(&browser, "main", &query).await;
        assert_eq!(answer.status, 403);
        assert!(answer.text.contains(shown), "{}", answer.text);
        assert!(!answer.text.contains("<script"), "{}", answer.text);
    }
    // A form that is not ours leads nowhere, nor does a provider that is not offered.
    let browser = world.browser().await;
    let forged = Browser {
        csrf: "x".to_owned(),
        ..browser.clone()
    };
    assert_eq!(world.post(&browser, "main").await.status, 200);
    assert_eq!(world.post(&forged, "main").await.status, 403);
    assert_eq!(world.post(&browser, "no-such").await.status, 404);
    world
        .change("disabled", |given| given.disabled = true)
        .await;
    assert_eq!(world.post(&browser, "main").await.status, 404);
}

#[tokio::test]
async fn whatever_is_wrong_with_a_provider_is_named() {
    let world = World::start().await;
    for (issuer, field) in [
        ("https://10.0.0.1", "identity_provider.issuer"),
        ("ftp://x", "identity_provider.issuer"),
    ] {
        let refused = world.register("x", |given| given.issuer = issuer.to_owned());
        assert_eq!(told(&refused.await.unwrap_err()).1, [field]);
    }
    let refused = world.register("main", |_| ()).await.unwrap_err();
    assert_eq!(told(&refused).1, ["identity_provider_id"]);
    let known = world.known().await;
    assert_eq!(known.client_secret, "");
    assert_eq!(known.redirect_uri, "http://acme.test:8080/callback/main");
    world.sign_in().await;
    let mut providers = world.providers();
    let request = v1::DeleteIdentityProviderRequest {
        name: NAME.to_owned(),
        etag: String::new(),
    };
    let request = world.admin.call(request);
    providers.delete_identity_provider(request).await.unwrap();
    assert_eq!(world.revocations().await, 1);
    let users = world.users().await;
    assert_eq!((users.len(), users[0].identities.len()), (1, 0));
}
