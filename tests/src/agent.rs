//! A user agent and an OAuth client that the test holds in its hands: cookies, redirects and forms one
//! by one, so that every step can be done wrong on purpose.

use std::{
    collections::BTreeMap,
    net::{IpAddr, SocketAddr},
};

use anyhow::{Context, Result, bail, ensure};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use url::Url;

use crate::{
    http::{Request, Response, host_of},
    person::Person,
};

/// A browser without eyes, at one gateway.
#[derive(Debug, Clone)]
pub struct Agent {
    /// The gateway.
    pub address: SocketAddr,
    /// The issuer.
    pub issuer: String,
    /// What it was given and sends back.
    pub cookies: BTreeMap<String, String>,
    /// Where it is; by default where the system puts it.
    pub from: Option<IpAddr>,
}

/// A form of a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Form {
    /// Where it goes: a path with its query.
    pub action: String,
    /// Its hidden fields.
    pub hidden: Vec<(String, String)>,
}

/// Where following redirects and forms ended.
#[derive(Debug, Clone)]
pub enum Ended {
    /// At a page of ours.
    Page(Response),
    /// Outside, at this address.
    Away(Url),
}

/// A verifier and its challenge (RFC 7636).
#[derive(Debug, Clone)]
pub struct Pkce {
    /// Stays with the client until it redeems the code.
    pub verifier: String,
    /// Goes with the request.
    pub challenge: String,
}

impl Agent {
    /// Nobody yet.
    pub fn new(address: SocketAddr, issuer: &str) -> Self {
        Self {
            address,
            issuer: issuer.to_owned(),
            cookies: BTreeMap::new(),
            from: None,
        }
    }

    /// Sends a request with the cookies and keeps those of the answer.
    pub async fn send(&mut self, request: Request) -> Result<Response> {
        let request = if self.cookies.is_empty() {
            request
        } else {
            let cookies = self.cookies.iter();
            let line: Vec<_> = cookies
                .map(|(name, value)| format!("{name}={value}"))
                .collect();
            request.header("cookie", line.join("; "))
        };
        let host = host_of(&self.issuer);
        let request = self.placed(request);
        let answer = request.host(host).send(self.address).await?;
        for line in answer.headers.get_all("set-cookie") {
            let line = line.to_str()?;
            let (pair, attributes) = line.split_once(';').unwrap_or((line, ""));
            let (name, value) = pair.split_once('=').context("a cookie")?;
            if value.is_empty() || attributes.contains("Max-Age=0") {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        Ok(answer)
    }

    fn placed(&self, request: Request) -> Request {
        match self.from {
            Some(ip) => request.from(ip),
            None => request,
        }
    }

    /// GETs a path of the issuer.
    pub async fn get(&mut self, path: &str) -> Result<Response> {
        self.send(Request::get(path).header("accept", "text/html"))
            .await
    }

    /// Sends a form.
    pub async fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> Result<Response> {
        let request = form_request(path, fields).header("origin", "null");
        self.send(request).await
    }

    /// Follows redirects of this answer until there are none, or they lead away.
    pub async fn follow(&mut self, mut answer: Response) -> Result<Ended> {
        for _ in 0..10 {
            if !answer.status.is_redirection() {
                return Ok(Ended::Page(answer));
            }
            let place = answer.header("location").to_owned();
            let url = Url::parse(&self.issuer)?.join(&place)?;
            let ours = place.starts_with('/') || place.starts_with(&format!("{}/", self.issuer));
            if !ours {
                return Ok(Ended::Away(url));
            }
            let path = url[url::Position::BeforePath..].to_owned();
            answer = self.get(&path).await?;
        }
        bail!("redirects without end")
    }

    /// Opens `/authorize` with these parameters, signs in and answers the consent page.
    pub async fn authorize(
        &mut self,
        person: &Person,
        params: &[(&str, &str)],
        decision: &str,
    ) -> Result<Url> {
        let query = encoded(params);
        let answer = self.get(&format!("/authorize?{query}")).await?;
        let mut ended = self.follow(answer).await?;
        for _ in 0..3 {
            let page = match ended {
                Ended::Away(url) => return Ok(url),
                Ended::Page(page) => page,
            };
            let html = page.text();
            ensure!(page.status == 200, "{}: {html}", page.status);
            let answer = if html.contains(r#"name="password""#) {
                self.sign_in(&html, person).await?
            } else {
                self.decide(&html, decision).await?
            };
            ended = self.follow(answer).await?;
        }
        bail!("it asks again and again: {ended:?}")
    }

    /// Sends the login form of this page.
    pub async fn sign_in(&mut self, html: &str, person: &Person) -> Result<Response> {
        let forms = Form::all(html);
        let form = forms.iter().find(|form| form.action.ends_with("/login"));
        let form = form.with_context(|| format!("a login form in {html}"))?;
        let more = [
            ("login", person.login.as_str()),
            ("password", person.password.as_str()),
        ];
        self.submit(form, &more).await
    }

    /// Presses a button of the consent form of this page.
    pub async fn decide(&mut self, html: &str, decision: &str) -> Result<Response> {
        let forms = Form::all(html);
        let form = forms.iter().find(|form| form.action.ends_with("/consent"));
        let form = form.with_context(|| format!("a consent form in {html}"))?;
        self.submit(form, &[("decision", decision)]).await
    }

    /// Sends a form with its hidden fields and these.
    pub async fn submit(&mut self, form: &Form, more: &[(&str, &str)]) -> Result<Response> {
        let hidden = form.hidden.iter();
        let hidden = hidden.map(|(name, value)| (name.as_str(), value.as_str()));
        let fields: Vec<_> = hidden.chain(more.iter().copied()).collect();
        self.post(&form.action, &fields).await
    }

    /// What a program sends to an endpoint, without cookies.
    pub async fn program(&self, path: &str, fields: &[(&str, &str)]) -> Result<Response> {
        let host = host_of(&self.issuer);
        let request = self.placed(form_request(path, fields));
        request.host(host).send(self.address).await
    }

    /// Registers a client (RFC 7591).
    pub async fn register(&self, metadata: &Value) -> Result<Value> {
        let answer = self.register_raw(metadata.to_string()).await?;
        ensure!(answer.status == 201, "{}: {}", answer.status, answer.text());
        answer.json()
    }

    /// Registers a public client with these redirect URIs, whose connection stays; its id.
    pub async fn register_public(&self, name: &str, redirects: &[&str]) -> Result<String> {
        let metadata = json!({
            "client_name": name,
            "redirect_uris": redirects,
            "token_endpoint_auth_method": "none",
            "grant_types": ["authorization_code", "refresh_token"],
        });
        let registered = self.register(&metadata).await?;
        let id = registered["client_id"].as_str().context("a client_id")?;
        Ok(id.to_owned())
    }

    /// Sends these bytes to be registered.
    pub async fn register_raw(&self, body: String) -> Result<Response> {
        let host = host_of(&self.issuer);
        let request = self.placed(Request::post("/register", body));
        request.host(host).send(self.address).await
    }

    /// Redeems the code of a callback as a public client.
    pub async fn redeem(
        &self,
        client_id: &str,
        redirect_uri: &str,
        callback: &Url,
        pkce: &Pkce,
    ) -> Result<Response> {
        let code = parameter(callback, "code").with_context(|| format!("a code in {callback}"))?;
        let fields = [
            ("grant_type", "authorization_code"),
            ("code", &code),
            ("client_id", client_id),
            ("redirect_uri", redirect_uri),
            ("code_verifier", &pkce.verifier),
        ];
        self.program("/token", &fields).await
    }

    /// Refreshes as a public client.
    pub async fn refresh(&self, client_id: &str, token: &str) -> Result<Response> {
        let fields = [
            ("grant_type", "refresh_token"),
            ("refresh_token", token),
            ("client_id", client_id),
        ];
        self.program("/token", &fields).await
    }
}

impl Form {
    /// Those of a page, in their order.
    pub fn all(html: &str) -> Vec<Self> {
        let parts = html.split("<form").skip(1);
        let forms = parts.map(|part| part.split("</form>").next().unwrap_or_default());
        forms.filter_map(Self::of).collect()
    }

    fn of(text: &str) -> Option<Self> {
        let action = attribute(text.split('>').next()?, "action")?;
        let inputs = text.split("<input").skip(1);
        let inputs = inputs.map(|input| input.split('>').next().unwrap_or_default());
        let hidden = inputs.filter(|input| attribute(input, "type").as_deref() == Some("hidden"));
        let hidden = hidden.filter_map(|input| {
            let value = attribute(input, "value").unwrap_or_default();
            Some((attribute(input, "name")?, value))
        });
        Some(Self {
            action,
            hidden: hidden.collect(),
        })
    }
}

impl Pkce {
    /// A new pair.
    pub fn new() -> Self {
        let verifier = format!(
            "{}{}",
            uuid::Uuid::new_v4().simple(),
            uuid::Uuid::new_v4().simple()
        );
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, verifier.as_bytes());
        Self {
            challenge: URL_SAFE_NO_PAD.encode(digest),
            verifier,
        }
    }
}

impl Default for Pkce {
    fn default() -> Self {
        Self::new()
    }
}

/// A parameter of a callback.
pub fn parameter(url: &Url, name: &str) -> Option<String> {
    let found = url.query_pairs().find(|(known, _)| known == name);
    found.map(|(_, value)| value.into_owned())
}

/// As a form.
pub fn encoded(fields: &[(&str, &str)]) -> String {
    let mut text = url::form_urlencoded::Serializer::new(String::new());
    text.extend_pairs(fields).finish()
}

/// A POST of a form.
pub fn form_request(path: &str, fields: &[(&str, &str)]) -> Request {
    Request::post(path, encoded(fields))
        .without("content-type")
        .without("accept")
        .header("content-type", "application/x-www-form-urlencoded")
}

fn attribute(tag: &str, name: &str) -> Option<String> {
    let at = tag.find(&format!(" {name}=\""))? + name.len() + 3;
    let value = tag[at..].split('"').next()?;
    let plain = value
        .replace("&#38;", "&")
        .replace("&amp;", "&")
        .replace("&#34;", "\"")
        .replace("&quot;", "\"")
        .replace("&#39;", "'")
        .replace("&#x2F;", "/")
        .replace("&#60;", "<")
        .replace("&lt;", "<");
    Some(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_are_found_with_their_hidden_fields() {
        let html = r#"<form method="post" action="/login?a&#38;b"><input type="hidden" name="t" value="1"><input name="x"></form>
            <form action="/logout"></form>"#;
        let forms = Form::all(html);
        assert_eq!(forms[0].action, "/login?a&b");
        assert_eq!(forms[0].hidden, [("t".to_owned(), "1".to_owned())]);
        assert_eq!(forms[1].action, "/logout");
    }
}
