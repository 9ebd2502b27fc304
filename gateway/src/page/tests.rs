use http::{Request, header::CONTENT_SECURITY_POLICY};
use proto::access::v1::Branding;

use super::*;

fn wanted(method: Method, accept: &[&str]) -> bool {
    let mut request = Request::builder().method(method);
    for line in accept {
        request = request.header(ACCEPT, *line);
    }
    is_wanted(&request.body(()).unwrap().into_parts().0)
}

#[test]
fn a_browser_gets_a_page_and_a_client_does_not() {
    let chromium = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8";
    assert!(wanted(Method::GET, &[chromium]));
    assert!(wanted(Method::HEAD, &["Text/HTML"]));
    assert!(!wanted(Method::POST, &[chromium]));
    assert!(!wanted(Method::DELETE, &[chromium]));
    for accept in [
        &[][..],
        &["*/*"],
        &["text/*"],
        &["text/event-stream"],
        &["application/json, text/event-stream"],
        &["application/json", "text/html"],
        &["text/html;q=0.5, application/json"],
        &["text/html;q=0"],
        &["text/html;q=x"],
    ] {
        assert!(!wanted(Method::GET, accept), "{accept:?}");
    }
}

/// A30, A35.
#[test]
fn the_page_has_the_url_for_each_client_and_runs_nothing() {
    let branding = Branding {
        display_name: "Acme <Robotics>".into(),
        ..Branding::default()
    };
    let look = Look::new("acme", &branding);
    let url = "https://acme.test/mcp/files";
    let page = Page::new(&look, url, "files", true);
    let html = String::from_utf8(page.body().to_vec()).unwrap();
    for part in [
        "Acme &#60;Robotics&#62;",
        "<code>https://acme.test/mcp/files</code>",
        "claude mcp add --transport http files https://acme.test/mcp/files",
        "codex mcp add files --url https://acme.test/mcp/files",
        "gemini mcp add --transport http files https://acme.test/mcp/files",
        "href=\"cursor://anysphere.cursor-deeplink/mcp/install?name=files&#38;config=",
        "href=\"vscode:mcp/install?%7B%22name",
        "href=\"https://claude.ai/customize/connectors?modal=",
    ] {
        assert!(html.contains(part), "{part}\n{html}");
    }
    assert!(!html.contains("<script") && !html.contains(" style="));
    let mut headers = HeaderMap::new();
    page.write(&mut headers);
    let policy = headers[CONTENT_SECURITY_POLICY].to_str().unwrap();
    assert!(
        policy.starts_with("default-src 'none'; style-src 'sha256-"),
        "{policy}"
    );
    assert_eq!(headers["content-type"], "text/html; charset=utf-8");
    assert_eq!(headers["vary"], "accept");
}

#[test]
fn who_cannot_sign_in_is_told_of_a_key() {
    let of = |signs_in| {
        let page = Page::new(&Look::plain(), "https://acme.test/mcp", "acme", signs_in);
        String::from_utf8(page.body().to_vec()).unwrap()
    };
    assert!(of(true).contains("opens your browser, where you sign in"));
    assert!(of(false).contains("needs a key"));
}

#[test]
fn the_page_can_be_looked_at() {
    let program = std::env::current_exe().unwrap();
    let folder = program.ancestors().nth(3).unwrap().join("pages");
    std::fs::create_dir_all(&folder).unwrap();
    let look = Look::new("Acme Robotics", &Branding::default());
    let page = Page::new(&look, "https://acme.example.com/mcp/files", "files", true);
    std::fs::write(folder.join("connect.html"), page.body()).unwrap();
}
