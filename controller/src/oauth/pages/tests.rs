//! Every page with sample data: what it says, its headers, and that nothing that a client says gets
//! out of its place. The samples are written to `pages` in the target folder, to be looked at.

use std::time::Duration;

use ::look::Style;
use axum::body::to_bytes;
use http::{HeaderMap, header};
use proto::{access::v1::Branding, id::GrantUid};
use time::macros::datetime;
use uuid::Uuid;

use super::*;
use crate::oauth::{
    issuer::tests::at,
    rules::{RoleScope, Rules},
};

/// A30, A35, A36.
#[tokio::test]
async fn every_page_keeps_scripts_frames_caches_and_referrers_out() {
    for (name, response) in samples() {
        let headers = response.headers().clone();
        let html = html(response).await;
        let policy = text(&headers, "content-security-policy");
        let (_, rest) = html.split_once("<style>").unwrap();
        let (style, _) = rest.split_once("</style>").unwrap();
        let style = Style {
            text: style.to_owned(),
        };
        let start = format!(
            "default-src 'none'; style-src {}; img-src data:; frame-ancestors 'none'; \
             base-uri 'none'; form-action 'self'",
            style.source()
        );
        assert!(policy.starts_with(&start), "{name}: {policy}");
        for (header, value) in [
            ("content-type", "text/html; charset=utf-8"),
            ("cache-control", "no-store"),
            ("x-frame-options", "DENY"),
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "no-referrer"),
        ] {
            assert_eq!(text(&headers, header), value, "{name}");
        }
        for absent in [
            "<script",
            " style=",
            " onclick=",
            " onload=",
            "javascript:",
            "http-equiv",
        ] {
            let body = html.split_once("</style>").unwrap().1;
            let tags = body.split('<').map(|tag| tag.split('>').next().unwrap());
            assert!(
                !tags.clone().any(|tag| format!("<{tag}").contains(absent)),
                "{name}: {absent}"
            );
        }
        assert!(
            html.contains("<html lang=\"en\">") && html.contains("<title>"),
            "{name}"
        );
        assert_eq!(html.matches("<h1>").count(), 1, "{name}");
    }
}

#[tokio::test]
async fn samples_can_be_looked_at() {
    let program = std::env::current_exe().unwrap();
    let folder = program.ancestors().nth(3).unwrap().join("pages");
    std::fs::create_dir_all(&folder).unwrap();
    for (name, response) in samples() {
        std::fs::write(folder.join(format!("{name}.html")), html(response).await).unwrap();
    }
}

#[test]
fn a_form_may_lead_to_where_the_request_leads() {
    for (leads_to, source) in [
        (
            "https://claude.ai/cb",
            "form-action 'self' https://claude.ai https: claude:",
        ),
        (
            "http://localhost:7/cb",
            "form-action 'self' http://localhost:7 https:",
        ),
        ("cursor://x/cb", "form-action 'self' cursor:"),
    ] {
        let response = Consent {
            leads_to: leads_to.to_owned(),
            ..consent(unverified("Claude"))
        }
        .response();
        let policy = text(response.headers(), "content-security-policy");
        assert!(policy.ends_with(source), "{policy}");
    }
}

/// A21.
#[tokio::test]
async fn a_client_that_registered_itself_gets_no_badge_whatever_it_is_called() {
    let verified = consent(ClientShown::new("Claude", Standing::Verified));
    assert!(html(verified.response()).await.contains("Verified app"));
    let page = html(consent(unverified("Claude ✓ Verified app")).response()).await;
    assert!(page.contains("Unverified app</span>"));
    assert!(
        page.contains("An app calling itself “<bdi class=\"name\">Claude ✓ Verified app</bdi>”")
    );
    assert!(!page.contains("class=\"badge good\""));
    let known = Standing::at("claude.ai.evil.example");
    let page = html(consent(ClientShown::new("Claude", known)).response()).await;
    assert!(page.contains("a document of claude.ai.<strong>evil.example</strong>"));
    assert!(page.contains("An app calling itself “<bdi class=\"name\">Claude</bdi>”"));
    assert!(page.contains("any app can take this name"));
    assert!(!page.contains("Verified app"));
}

/// A21.
#[tokio::test]
async fn where_people_are_sent_is_said_with_its_registered_domain() {
    let page = html(consent(unverified("Claude")).response()).await;
    assert!(
        page.contains("claude.ai.<strong>evil.example</strong>"),
        "{page}"
    );
    let of = |redirect| Consent {
        redirect,
        ..consent(unverified("Claude"))
    };
    let host = "localhost".to_owned();
    let port = Some(51_837);
    let page = html(of(RedirectShown::Loopback { host, port }).response()).await;
    assert!(page.contains("<strong>this computer</strong>") && page.contains("localhost:51837"));
    assert!(page.contains("Only continue if you just started it"));
    let scheme = "cursor".to_owned();
    let page = html(of(RedirectShown::Private { scheme }).response()).await;
    assert!(page.contains("<strong>cursor://</strong>"));
}

/// A22, A35, OA-12.
#[tokio::test]
async fn what_others_say_is_text_and_stays_in_its_place() {
    let evil = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>&\u{202e}x\u{0}";
    let place = RedirectShown::Https {
        host: evil.to_owned(),
        site: evil.to_owned(),
    };
    let mut pages = vec![
        consent(unverified(evil)).response(),
        Consent {
            user: evil.to_owned(),
            reach: Reach::Servers(vec![evil.to_owned()]),
            ..consent(ClientShown::new("x", Standing::Document(place)))
        }
        .response(),
        Login {
            typed: evil.to_owned(),
            csrf: evil.to_owned(),
            ..login(Some(LoginProblem::Wrong))
        }
        .response(),
        Trouble {
            text: evil.to_owned(),
            next: vec![evil.to_owned()],
            ..trouble()
        }
        .response(),
    ];
    pages.push(
        DeviceEntry {
            code: evil.to_owned(),
            ..device_entry(None)
        }
        .response(),
    );
    for page in pages {
        let page = html(page).await;
        assert!(
            !page.contains("<script") && !page.contains("<img src=x"),
            "{page}"
        );
        assert!(page.contains("&#60;img src=x onerror"), "{page}");
        assert!(!page.contains("\"'>"), "{page}");
    }
    let page = html(consent(unverified(evil)).response()).await;
    assert!(!page.contains('\u{202e}') && !page.contains('\u{0}'));
}

#[tokio::test]
async fn allow_and_cancel_are_one_form_and_post() {
    let page = html(consent(unverified("Claude")).response()).await;
    for part in [
        "<form method=\"post\" action=\"/consent\" class=\"choice\">",
        "<input type=\"hidden\" name=\"csrf\" value=\"csrf\">",
        "name=\"decision\" value=\"deny\">Cancel</button>",
        "name=\"decision\" value=\"allow\">Allow</button>",
    ] {
        assert!(page.contains(part), "{part}");
    }
}

/// A38: it is compared with what the device shows.
#[tokio::test]
async fn a_device_code_is_shown_as_the_device_shows_it() {
    for code in ["WDJB-MJHT", "wdjbmjht", " wdjb mjht "] {
        let page = DeviceConfirm {
            code: code.to_owned(),
            ..device_confirm()
        };
        let page = html(page.response()).await;
        assert!(page.contains("<p class=\"code\">WDJB-MJHT</p>"), "{code}");
    }
}

#[test]
fn problems_have_their_status() {
    let status = |problem| login(problem).response().status().as_u16();
    assert_eq!(status(None), 200);
    assert_eq!(status(Some(LoginProblem::Wrong)), 403);
    assert_eq!(status(Some(LoginProblem::Busy)), 503);
    let slow = login(Some(LoginProblem::Slow(90))).response();
    assert_eq!(slow.status(), StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(text(slow.headers(), "retry-after"), "90");
}

#[tokio::test]
async fn forms_of_the_path_layout_stay_in_their_place() {
    let mut look = look();
    look.place = "/t/acme".to_owned();
    let page = html(
        Login {
            look,
            ..login(None)
        }
        .response(),
    )
    .await;
    assert!(
        page.contains("action=\"/t/acme/login\"") && page.contains("action=\"/t/acme/login/okta\"")
    );
}

fn samples() -> Vec<(&'static str, Response)> {
    let mut plain = login(Some(LoginProblem::Wrong));
    plain.providers.clear();
    plain.look = look_of(Branding {
        colour: "#ffd400".into(),
        ..Branding::default()
    });
    let mut all = consents();
    all.extend([
        ("login", login(None).response()),
        ("login-wrong", plain.response()),
        ("login-slow", login(Some(LoginProblem::Slow(90))).response()),
        ("device-entry", device_entry(None).response()),
        (
            "device-wrong",
            device_entry(Some(DeviceProblem::Unknown)).response(),
        ),
        ("device-confirm", device_confirm().response()),
        ("connections", connections().response()),
        ("connections-none", {
            let mut page = connections();
            page.all.clear();
            page.disconnected = true;
            page.response()
        }),
        ("trouble", trouble().response()),
        (
            "trouble-plain",
            Trouble {
                look: None,
                ..trouble()
            }
            .response(),
        ),
        ("onward", {
            let (provider, url) = (
                "Okta".to_owned(),
                "https://okta.example/x?a=1&b=2".to_owned(),
            );
            Onward {
                look: look(),
                provider,
                url,
            }
            .response()
        }),
        ("done", {
            let (title, text) = (
                "Connected",
                "You can close this window and go back to your device.",
            );
            let (title, text) = (title.to_owned(), text.to_owned());
            Done {
                look: look(),
                title,
                text,
            }
            .response()
        }),
    ]);
    all
}

fn consents() -> Vec<(&'static str, Response)> {
    let scheme = "cursor".to_owned();
    vec![
        ("consent-verified", {
            let redirect = RedirectShown::Https {
                host: "claude.ai".to_owned(),
                site: "claude.ai".to_owned(),
            };
            let page = consent(ClientShown::new("Claude", Standing::Verified));
            Consent { redirect, ..page }.response()
        }),
        (
            "consent-unverified",
            consent(unverified("Claude")).response(),
        ),
        ("consent-loopback", {
            let redirect = RedirectShown::Loopback {
                host: "localhost".to_owned(),
                port: Some(51_837),
            };
            let mut page = consent(unverified("Claude Code (demo)"));
            page.permissions = Permission::of(&Rules::default(), &["mcp:read".to_owned()]);
            page.reach = Reach::Servers(vec!["files".into(), "mail".into()]);
            Consent { redirect, ..page }.response()
        }),
        ("consent-private", {
            let page = consent(ClientShown::new("Cursor", Standing::Operator));
            let redirect = RedirectShown::Private { scheme };
            Consent { redirect, ..page }.response()
        }),
        (
            "consent-long",
            consent(unverified(&"Wwwwwwwwww".repeat(30))).response(),
        ),
    ]
}

fn look() -> Look {
    look_of(Branding {
        display_name: String::new(),
        logo: include_bytes!("tests/logo.png").to_vec().into(),
        colour: "#0f766e".into(),
        help_url: "mailto:help@acme.test".into(),
    })
}

fn look_of(branding: Branding) -> Look {
    let tenant = crate::store::tenant::Tenant {
        uid: proto::id::TenantUid::from_uuid(Uuid::nil()),
        slug: "acme".into(),
        display_name: "Acme Robotics".into(),
        origins: vec!["https://acme.test".into()],
        allowed_origins: Vec::new(),
        revision: 1,
        created_at: datetime!(2026-01-01 0:00 UTC),
        updated_at: datetime!(2026-01-01 0:00 UTC),
    };
    let rules = Rules {
        branding,
        ..Rules::default()
    };
    Look::of(&tenant, &rules, &at("https://acme.test"))
}

fn unverified(name: &str) -> ClientShown {
    ClientShown::new(name, Standing::Unverified)
}

fn login(problem: Option<LoginProblem>) -> Login {
    let provider = |slug: &str, name: &str| ProviderShown {
        slug: slug.into(),
        name: name.into(),
    };
    Login {
        look: look(),
        transaction: Uuid::nil(),
        csrf: "csrf".into(),
        client: Some(unverified("Claude")),
        passwords: true,
        providers: vec![provider("okta", "Okta"), provider("entra", "Acme staff")],
        typed: problem.map_or_else(String::new, |_| "ada@acme.test".into()),
        problem,
        leads_to: Vec::new(),
    }
}

fn consent(client: ClientShown) -> Consent {
    let mut rules = Rules::default();
    rules.scopes.push(RoleScope {
        name: "deploy".into(),
        description: "Deploy to production".into(),
        roles: Vec::new(),
    });
    Consent {
        look: look(),
        transaction: Uuid::nil(),
        csrf: "csrf".into(),
        user: "ada@acme.test".into(),
        client,
        redirect: RedirectShown::Https {
            host: "claude.ai.evil.example".into(),
            site: "evil.example".into(),
        },
        reach: Reach::All,
        permissions: Permission::of(&rules, &["mcp".into(), "deploy".into()]),
        idle_life: Some(Duration::from_hours(24 * 90)),
        leads_to: "https://claude.ai.evil.example/cb".into(),
    }
}

fn device_entry(problem: Option<DeviceProblem>) -> DeviceEntry {
    DeviceEntry {
        look: look(),
        csrf: "csrf".into(),
        user: "ada@acme.test".into(),
        code: String::new(),
        problem,
    }
}

fn device_confirm() -> DeviceConfirm {
    DeviceConfirm {
        look: look(),
        csrf: "csrf".into(),
        user: "ada@acme.test".into(),
        code: "WDJB-MJHT".into(),
        client: unverified("aldgate on build-7"),
        peer: "203.0.113.77".into(),
        reach: Reach::All,
        permissions: Permission::of(&Rules::default(), &["mcp".into()]),
    }
}

fn connections() -> Connections {
    let one = |client, redirect: &str, last_used| ConnectionShown {
        grant: GrantUid::from_uuid(Uuid::nil()),
        client,
        redirect: RedirectShown::of_origin(redirect),
        reach: Reach::All,
        permissions: Permission::of(&Rules::default(), &["mcp".into()]),
        created: datetime!(2026-11-03 10:00 UTC),
        last_used,
        ends: datetime!(2027-02-19 10:00 UTC),
    };
    Connections {
        look: look(),
        csrf: "csrf".into(),
        user: "ada@acme.test".into(),
        all: vec![
            one(
                ClientShown::new("Claude", Standing::Verified),
                "https://claude.ai",
                Some(datetime!(2026-11-21 11:20 UTC)),
            ),
            one(unverified("Claude Code (demo)"), "http://localhost", None),
            one(unverified("aldgate on build-7"), "", None),
        ],
        disconnected: false,
        now: datetime!(2026-11-21 12:00 UTC),
    }
}

fn trouble() -> Trouble {
    Trouble {
        look: Some(look()),
        status: StatusCode::BAD_REQUEST,
        title: "This app is not known here".into(),
        text: "The app that sent you here uses a registration that does not exist, or no longer."
            .into(),
        next: vec![
            "In the app, remove this server and add it again.".into(),
            "If that does not help, ask your administrator.".into(),
        ],
        correlation: Some("0193b3f2-7e7c-7cc0-8000-3f1c2a4b5d6e".into()),
    }
}

async fn html(response: Response) -> String {
    let body = to_bytes(response.into_body(), 1 << 20).await.unwrap();
    String::from_utf8(body.to_vec()).unwrap()
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers[header::HeaderName::try_from(name).unwrap()]
        .to_str()
        .unwrap()
}
