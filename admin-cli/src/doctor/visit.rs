//! One walk's means: who we pretend to be, what we ask, and what breaks every client alike.

use std::net::IpAddr;

use http::Method;
use serde_json::Value;
use time::{OffsetDateTime, PrimitiveDateTime, macros::format_description};
use url::{Host, Url};

use super::{profile::Profile, report::Step};
use crate::web::{Answer, Ask, Web, WebError};

/// A walk with one client's habits.
pub(super) struct Visit<'a> {
    pub(super) web: Web,
    pub(super) profile: &'a Profile,
    /// The MCP URL as it was typed.
    pub(super) url: Url,
    pub(super) typed: String,
}

impl Visit<'_> {
    /// Asks as the client would; what goes wrong on the way is put into the step.
    pub(super) async fn ask(&self, step: &mut Step, ask: Ask) -> Option<Answer> {
        let ask = ask.header("user-agent", &self.profile.user_agent);
        match self.web.send(&ask).await {
            Ok(answer) => {
                judge(step, &answer);
                Some(answer)
            }
            Err(error) => {
                let fix = self.fix_of(&error);
                step.problem(chain(&error), fix);
                None
            }
        }
    }

    fn fix_of(&self, error: &WebError) -> String {
        let title = &self.profile.title;
        match error {
            WebError::Late { after, .. } => format!(
                "answer within {}s, which is what {title} waits; look at the load and at proxies in front",
                after.as_secs()
            ),
            WebError::Plain(_) => {
                "serve it over https, and set the tenant's host so: aldgate tenant update NAME --host https://…".into()
            }
            WebError::Connect { .. } => {
                "check the host name, DNS, certificate and firewall; the name must lead to a gateway".into()
            }
            WebError::NotAUrl(_) | WebError::Header(_) => {
                "check the URL: copy it from `mcp url` of `aldgate server get`".into()
            }
            WebError::Exchange { .. } | WebError::TooLong(_) => {
                "check what stands in front of the gateway; it must speak HTTP and pass answers on as they are".into()
            }
            WebError::Trust(_) => "install the package ca-certificates on this machine".into(),
        }
    }

    /// A document in JSON: neither a page, nor a redirect, nor with `null` in it.
    pub(super) fn document(&self, step: &mut Step, what: &str, answer: &Answer) -> Option<Value> {
        let status = answer.status;
        if status.is_redirection() {
            step.problem(
                format!(
                    "{what} is answered with a redirect to {}",
                    answer.header("location")
                ),
                format!(
                    "answer it in place; {} follows no redirects there",
                    self.profile.title
                ),
            );
            return None;
        }
        let Some(value) = answer.json().filter(Value::is_object) else {
            let kind = match answer.header("content-type") {
                "" => "something",
                kind => kind,
            };
            step.problem(
                format!("{what} is answered {} with {kind} instead of JSON", status.as_u16()),
                "let the path through to the gateway; a web page in front, such as a single-page application, answers in its place",
            );
            return None;
        };
        let nulls = nulls(&value);
        if !nulls.is_empty() {
            step.problem(
                format!("{what} holds null in {}", nulls.join(", ")),
                "leave members without a value out; clients whose schemas know no null refuse the whole document",
            );
        }
        Some(value)
    }

    /// Whether the MCP URL is one that only this network reaches.
    pub(super) fn is_here(&self) -> bool {
        let ip = match self.url.host() {
            Some(Host::Ipv4(ip)) => IpAddr::V4(ip),
            Some(Host::Ipv6(ip)) => IpAddr::V6(ip),
            Some(Host::Domain(_)) | None => return self.url.scheme() != "https",
        };
        match ip {
            IpAddr::V4(ip) => ip.is_loopback() || ip.is_private() || ip.is_link_local(),
            IpAddr::V6(ip) => ip.is_loopback() || ip.is_unique_local(),
        }
    }

    /// A URL that is told to clients over TLS leads to TLS.
    pub(super) fn secure(&self, step: &mut Step, what: &str, url: &str) {
        if self.url.scheme() == "https" && url.starts_with("http:") {
            step.problem(
                format!("{what} is {url}, though the MCP URL is https"),
                "set the tenant's host to its https origin: aldgate tenant update NAME --host https://…; TLS ends before the gateway, which only knows what it was told",
            );
        }
    }

    /// Whether a firewall spoke instead of us.
    pub(super) fn forbidden(&self, step: &mut Step, answer: &Answer) -> bool {
        if answer.status.as_u16() != 403 {
            return false;
        }
        step.problem(
            "it is answered 403 before anybody signed in",
            format!(
                "let `{}` through: firewall rules against bots and AI refuse it",
                self.profile.user_agent
            ),
        );
        true
    }

    /// What a page's browser asks before it lets the page call (Fetch, CORS preflight).
    pub(super) async fn preflight(&self, step: &mut Step, url: &str, method: &str, headers: &str) {
        let Some(origin) = &self.profile.origin else {
            return;
        };
        let ask = Ask::new(Method::OPTIONS, url)
            .header("origin", origin)
            .header("access-control-request-method", method)
            .header("access-control-request-headers", headers);
        let Some(answer) = self.ask(step, ask).await else {
            return;
        };
        let allowed = answer.header("access-control-allow-origin");
        let names = answer.header("access-control-allow-headers").to_lowercase();
        let lacking: Vec<_> = headers
            .split(", ")
            .filter(|name| names != "*" && !names.contains(*name))
            .collect();
        let what = if !answer.status.is_success() || (allowed != "*" && allowed != origin) {
            format!(
                "{url} lets no page of {origin} in (preflight {})",
                answer.status.as_u16()
            )
        } else if !lacking.is_empty() {
            format!(
                "{url} does not allow the headers {} to pages",
                lacking.join(", ")
            )
        } else {
            return;
        };
        if url == self.typed {
            step.remark(format!(
                "{what}; its page in the browser needs `aldgate tenant update NAME --allowed-origin {origin}`, its proxy and its command line do not"
            ));
        } else {
            step.problem(
                what,
                "let OPTIONS through to the gateway, which answers it for every origin",
            );
        }
    }
}

/// What no client gets over, whatever was asked.
fn judge(step: &mut Step, answer: &Answer) {
    for (name, value) in &answer.headers {
        if !value.as_bytes().is_ascii() {
            step.problem(
                format!("the header `{name}` is not ASCII"),
                "take characters beyond ASCII out of names that reach headers; many HTTP libraries drop such an answer",
            );
        }
    }
    if let Some(skew) = skew(answer.header("date"))
        && skew.unsigned_abs() > MOST_SKEW
    {
        step.problem(
            format!("the server's clock and this machine's differ by {skew} s"),
            "set both clocks by NTP; tokens are refused when clocks differ by more than 60 s",
        );
    }
}

/// An error with its causes.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

/// Where a document holds null.
fn nulls(value: &Value) -> Vec<String> {
    let members = value.as_object().into_iter().flatten();
    let null = members.filter(|(_, value)| value.is_null());
    null.map(|(name, _)| format!("`{name}`")).collect()
}

/// By how many seconds the server is ahead.
fn skew(date: &str) -> Option<i64> {
    let form = format_description!(
        "[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second] GMT"
    );
    let date = PrimitiveDateTime::parse(date, form).ok()?.assume_utc();
    Some((date - OffsetDateTime::now_utc()).whole_seconds())
}

const MOST_SKEW: u64 = 60;
