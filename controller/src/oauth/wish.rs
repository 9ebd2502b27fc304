//! Which resources and scopes a client asks for, at whichever endpoint: canonical, known, and no more
//! than this client may ask for.

use super::{
    client::Client, fault::Code, issuer::Issuer, params::Params, resource, rules::Rules, scope,
};

/// What is granted if the user agrees.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wish {
    /// Canonical, at least one.
    pub(crate) resources: Vec<String>,
    /// At least one.
    pub(crate) scopes: Vec<String>,
}

/// An error of the protocol, with what its developers read.
pub(crate) type Refusal = (Code, &'static str);

impl Wish {
    /// What a request asks for.
    pub(crate) fn read(
        issuer: &Issuer,
        rules: &Rules,
        client: &Client,
        params: &Params,
    ) -> Result<Self, Refusal> {
        let asked = params.get("scope");
        let mut resources = resource::canonical(issuer, &params.resources()).map_err(|_| {
            (
                Code::InvalidTarget,
                "The resource is no MCP URL of this issuer",
            )
        })?;
        let names_admin = asked
            .unwrap_or_default()
            .split_ascii_whitespace()
            .any(|scope| scope == scope::ADMIN);
        if resources.is_empty() {
            resources.push(if names_admin && client.is_ours() {
                resource::ADMIN.to_owned()
            } else {
                resource::all(issuer)
            });
        }
        if resources.iter().any(|one| one == resource::ADMIN) {
            return admin(client, resources, asked);
        }
        let unknown = (Code::InvalidScope, "None of the scopes is known here");
        let mut scopes = scope::choose(asked, rules).map_err(|_| unknown)?;
        scopes.retain(|scope| scope != scope::ADMIN);
        if scopes.is_empty() {
            return Err(unknown);
        }
        Ok(Self { resources, scopes })
    }

    /// Whether it is for the admin API.
    pub(crate) fn is_admin(resources: &[String]) -> bool {
        resources.iter().any(|one| one == resource::ADMIN)
    }
}

/// The admin API is a matter for our own client alone, and for nothing else at the same time.
fn admin(client: &Client, resources: Vec<String>, asked: Option<&str>) -> Result<Wish, Refusal> {
    if !client.is_ours() || resources.len() != 1 {
        let text = "The resource is no MCP URL of this issuer";
        return Err((Code::InvalidTarget, text));
    }
    let mut others = asked.unwrap_or_default().split_ascii_whitespace();
    if others.any(|scope| scope != scope::ADMIN && scope != scope::OFFLINE) {
        let text = "The admin API has the scope aldgate:admin alone";
        return Err((Code::InvalidScope, text));
    }
    let scopes = vec![scope::ADMIN.to_owned()];
    Ok(Wish { resources, scopes })
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::oauth::{
        client::{AUTHORIZATION_CODE, AuthMethod, Keys, Registration, Trust},
        issuer::tests::at,
    };

    /// A client of this id with one address.
    pub(crate) fn client(client_id: &str) -> Client {
        Client {
            uid: None,
            slug: None,
            client_id: client_id.to_owned(),
            registration: Registration::Manual,
            name: "App".to_owned(),
            redirect_uris: vec!["https://app.test/callback".to_owned()],
            grant_types: vec![AUTHORIZATION_CODE.to_owned()],
            auth_method: AuthMethod::None,
            auth_methods: vec![AuthMethod::None],
            keys: Keys::None,
            trust: Trust::Ask,
            verified: false,
            host: None,
            roles: Vec::new(),
            last_used_at: None,
            source: None,
        }
    }

    fn read(client_id: &str, query: &str) -> Result<String, Code> {
        let params = Params::parse(query.as_bytes()).unwrap();
        let issuer = at("https://acme.test");
        let wish = Wish::read(&issuer, &Rules::default(), &client(client_id), &params);
        wish.map(|wish| format!("{} {}", wish.resources.join(" "), wish.scopes.join(" ")))
            .map_err(|(code, _)| code)
    }

    /// RES-1, RES-2, RES-3, RES-5, RES-6.
    #[test]
    fn resources_are_canonical_and_there_is_always_one() {
        for (query, wish) in [
            ("", Ok("https://acme.test/mcp mcp")),
            (
                "resource=HTTPS://ACME.test/mcp/files/&resource=https://acme.test/mcp/files",
                Ok("https://acme.test/mcp/files mcp"),
            ),
            ("resource=https://evil.test/mcp", Err(Code::InvalidTarget)),
            (
                "resource=https://acme.test/mcp%23x",
                Err(Code::InvalidTarget),
            ),
            ("resource=mcp", Err(Code::InvalidTarget)),
            ("scope=bogus", Err(Code::InvalidScope)),
            ("scope=openid+email", Ok("https://acme.test/mcp mcp")),
        ] {
            assert_eq!(read("c", query), wish.map(str::to_owned), "{query}");
        }
    }

    #[test]
    fn the_admin_api_is_for_our_own_client_alone() {
        let admin = Ok("urn:aldgate:admin aldgate:admin".to_owned());
        assert_eq!(read("aldgate-cli", "scope=aldgate:admin"), admin);
        assert_eq!(read("aldgate-cli", "resource=urn:aldgate:admin"), admin);
        for (client, query, code) in [
            ("c", "resource=urn:aldgate:admin", Code::InvalidTarget),
            ("c", "scope=aldgate:admin", Code::InvalidScope),
            (
                "aldgate-cli",
                "resource=urn:aldgate:admin&resource=https://acme.test/mcp",
                Code::InvalidTarget,
            ),
            (
                "aldgate-cli",
                "resource=urn:aldgate:admin&scope=mcp",
                Code::InvalidScope,
            ),
        ] {
            assert_eq!(read(client, query), Err(code), "{client} {query}");
        }
        let both = read("c", "scope=mcp+aldgate:admin");
        assert_eq!(both, Ok("https://acme.test/mcp mcp".to_owned()));
    }
}
