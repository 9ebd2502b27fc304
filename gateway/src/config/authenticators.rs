//! How callers of a server prove who they are, compiled. Checking a request against it is
//! `crate::authn`'s business.

use std::net::IpAddr;

use http::{HeaderName, header::AUTHORIZATION};
use ipnet::IpNet;
use proto::access::v1::{self as access, authenticator::Kind};

use crate::authn::jwt::CompiledJwt;

/// The kinds that are accepted, in order. An empty list lets nobody in.
#[derive(Debug, PartialEq, Eq)]
pub struct Authenticators {
    list: Box<[Authenticator]>,
}

/// One way to prove who is calling.
#[derive(Debug, PartialEq, Eq)]
pub enum Authenticator {
    /// The tenant's API keys.
    ApiKey(ApiKeyHeader),
    /// JSON Web Tokens of another issuer.
    Jwt(Box<Jwt>),
    /// Access tokens of the tenant's authorization server.
    Oauth,
    /// Short-lived tokens that the tenant's backend makes for its users.
    Session,
    /// Tokens that an operator pasted or had made.
    Static,
    /// What a proxy in front of us says.
    Forwarded(Forwarded),
    /// Everybody who presents nothing, with these roles.
    Anonymous(Box<[Box<str>]>),
}

/// Where a bare API key may stand besides `Authorization`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKeyHeader {
    /// The header.
    pub name: HeaderName,
    /// Whether it was chosen, and is named in the challenge.
    pub chosen: bool,
}

/// What a JSON Web Token must be, and where it stands.
#[derive(Debug, PartialEq, Eq)]
pub struct Jwt {
    /// What it must be.
    pub compiled: CompiledJwt,
    /// The header that carries it.
    pub header: HeaderName,
}

/// Whom to believe about users, and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Forwarded {
    /// Only connections from these networks are believed.
    pub networks: Box<[IpNet]>,
    /// The header with the user.
    pub user: HeaderName,
    /// The header with the groups, separated by commas.
    pub groups: HeaderName,
}

/// More kinds than there are, with room for a few issuers.
const MOST: usize = 16;

impl Authenticators {
    /// These, in this order.
    pub fn new(list: impl IntoIterator<Item = Authenticator>) -> Self {
        Self {
            list: list.into_iter().collect(),
        }
    }

    /// The kinds in order.
    pub fn list(&self) -> &[Authenticator] {
        &self.list
    }

    /// Whether tokens of the tenant's authorization server are accepted, so that clients may be told
    /// where to get one.
    pub fn has_oauth(&self) -> bool {
        self.list.contains(&Authenticator::Oauth)
    }

    /// The roles of those who present nothing; none if they are not let in.
    pub fn anonymous(&self) -> Option<&[Box<str>]> {
        self.list.iter().find_map(|one| match one {
            Authenticator::Anonymous(roles) => Some(&**roles),
            _ => None,
        })
    }

    /// The list as a controller sent it. The error is the field at fault. Anything unknown spoils
    /// the whole list: what is left of it might let in whom nobody meant (S4-20, S4-30).
    pub(super) fn compile(sent: &access::Authenticators) -> Result<Self, String> {
        if !sent.provider.is_empty() {
            return Err("authenticators.provider".to_owned());
        }
        if sent.list.len() > MOST {
            return Err("authenticators.list".to_owned());
        }
        let mut list: Vec<Authenticator> = Vec::with_capacity(sent.list.len());
        for (at, sent) in sent.list.iter().enumerate() {
            let fault = |field: String| format!("authenticators.list[{at}]{field}");
            let one = Authenticator::compile(sent).map_err(fault)?;
            if list.iter().any(|other| other.excludes(&one)) {
                return Err(fault(String::new()));
            }
            list.push(one);
        }
        Ok(Self::new(list))
    }
}

impl Authenticator {
    fn compile(sent: &access::Authenticator) -> Result<Self, String> {
        match sent.kind.as_ref().ok_or(".kind")? {
            Kind::ApiKey(sent) => {
                let name = header(&sent.header_name, X_API_KEY).ok_or(".api_key.header_name")?;
                let chosen = !sent.header_name.is_empty();
                Ok(Self::ApiKey(ApiKeyHeader { name, chosen }))
            }
            Kind::Jwt(sent) => {
                let jwt = Jwt::compile(sent);
                let jwt = jwt.map_err(|field| format!(".jwt.{field}"))?;
                Ok(Self::Jwt(Box::new(jwt)))
            }
            Kind::Oauth(_) => Ok(Self::Oauth),
            Kind::Session(_) => Ok(Self::Session),
            Kind::Static(_) => Ok(Self::Static),
            Kind::Forwarded(sent) => {
                let forwarded = Forwarded::compile(sent);
                let forwarded = forwarded.map_err(|field| format!(".forwarded.{field}"))?;
                Ok(Self::Forwarded(forwarded))
            }
            Kind::Anonymous(sent) => {
                let roles = sent.roles.iter().map(|role| role.as_str().into());
                Ok(Self::Anonymous(roles.collect()))
            }
        }
    }

    /// Whether both may not stand in one list.
    fn excludes(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Jwt(one), Self::Jwt(other)) => {
                one.compiled.rules().issuer() == other.compiled.rules().issuer()
            }
            _ => std::mem::discriminant(self) == std::mem::discriminant(other),
        }
    }
}

impl Jwt {
    /// What this configuration of a tenant accepts. The error is the field at fault.
    pub fn compile(sent: &access::JwtAuthenticator) -> Result<Self, String> {
        let compiled = CompiledJwt::compile(sent).map_err(|fault| fault.field)?;
        let header = HeaderName::from_bytes(compiled.rules().header().as_bytes());
        let header = header.map_err(|_| "header_name")?;
        Ok(Self { compiled, header })
    }
}

impl Forwarded {
    /// Whether connections from this address are believed.
    pub fn trusts(&self, peer: IpAddr) -> bool {
        self.networks.iter().any(|network| network.contains(&peer))
    }

    fn compile(sent: &access::ForwardedAuthenticator) -> Result<Self, &'static str> {
        let networks = sent.source_networks.iter();
        let networks = networks
            .map(|network| network.parse().ok())
            .collect::<Option<Box<[IpNet]>>>()
            .filter(|networks| !networks.is_empty())
            .ok_or("source_networks")?;
        let user = header(&sent.user_header, FORWARDED_USER).ok_or("user_header")?;
        let groups = header(&sent.groups_header, FORWARDED_GROUPS)
            .filter(|groups| *groups != user)
            .ok_or("groups_header")?;
        Ok(Self {
            networks,
            user,
            groups,
        })
    }
}

impl Default for Authenticators {
    /// What holds where config says nothing.
    fn default() -> Self {
        Self::new([
            Authenticator::ApiKey(ApiKeyHeader::default()),
            Authenticator::Oauth,
        ])
    }
}

impl Default for ApiKeyHeader {
    fn default() -> Self {
        Self {
            name: X_API_KEY,
            chosen: false,
        }
    }
}

/// `Authorization` has its own grammar, so nothing stands bare in it.
fn header(text: &str, default: HeaderName) -> Option<HeaderName> {
    if text.is_empty() {
        return Some(default);
    }
    let name = HeaderName::from_bytes(text.as_bytes()).ok()?;
    (name != AUTHORIZATION).then_some(name)
}

const X_API_KEY: HeaderName = HeaderName::from_static("x-api-key");
const FORWARDED_USER: HeaderName = HeaderName::from_static("x-forwarded-user");
const FORWARDED_GROUPS: HeaderName = HeaderName::from_static("x-forwarded-groups");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_keeps_its_order_and_fills_in_defaults() {
        let list = compile(vec![
            Kind::Session(access::SessionAuthenticator {}),
            Kind::Oauth(access::OauthAuthenticator {}),
            Kind::ApiKey(access::ApiKeyAuthenticator::default()),
            forwarded(&["10.0.0.0/8", "fd00::/8"]),
        ]);
        let forwarded = Forwarded {
            networks: ["10.0.0.0/8".parse().unwrap(), "fd00::/8".parse().unwrap()].into(),
            user: FORWARDED_USER,
            groups: FORWARDED_GROUPS,
        };
        let expected = Authenticators::new([
            Authenticator::Session,
            Authenticator::Oauth,
            Authenticator::ApiKey(ApiKeyHeader::default()),
            Authenticator::Forwarded(forwarded),
        ]);
        assert_eq!(list, Ok(expected));
        assert_eq!(compile(vec![]), Ok(Authenticators::new([])));
    }

    /// S4-20: this used to mean no authentication.
    #[test]
    fn the_old_provider_is_refused() {
        let sent = access::Authenticators {
            provider: "bearer".to_owned(),
            ..Default::default()
        };
        let found = Authenticators::compile(&sent);
        assert_eq!(found, Err("authenticators.provider".to_owned()));
    }

    /// S4-30, S4-26.
    #[test]
    fn what_is_unknown_incomplete_or_double_is_named_by_its_field() {
        let none = access::Authenticators {
            list: vec![access::Authenticator { kind: None }],
            ..Default::default()
        };
        let found = Authenticators::compile(&none);
        assert_eq!(found, Err("authenticators.list[0].kind".to_owned()));

        let session = Kind::Session(access::SessionAuthenticator {});
        let key = |header: &str| {
            Kind::ApiKey(access::ApiKeyAuthenticator {
                header_name: header.to_owned(),
            })
        };
        for (field, list) in [
            ("list[1]", vec![session.clone(), session.clone()]),
            ("list[0].api_key.header_name", vec![key("a b")]),
            ("list[0].api_key.header_name", vec![key("Authorization")]),
            (
                "list[0].jwt.issuer",
                vec![Kind::Jwt(access::JwtAuthenticator::default())],
            ),
            ("list[0].forwarded.source_networks", vec![forwarded(&[])]),
            (
                "list[1].forwarded.source_networks",
                vec![session.clone(), forwarded(&["x"])],
            ),
            ("list", vec![session; MOST + 1]),
        ] {
            assert_eq!(compile(list), Err(format!("authenticators.{field}")));
        }
    }

    #[test]
    fn two_issuers_may_stand_in_one_list_and_one_may_not_twice() {
        let jwt = |issuer: &str| {
            Kind::Jwt(access::JwtAuthenticator {
                issuer: issuer.to_owned(),
                audiences: vec!["aud".to_owned()],
                secret_uid: "s".to_owned(),
                ..Default::default()
            })
        };
        assert!(compile(vec![jwt("one"), jwt("two")]).is_ok());
        let found = compile(vec![jwt("one"), jwt("one")]);
        assert_eq!(found, Err("authenticators.list[1]".to_owned()));
    }

    fn forwarded(networks: &[&str]) -> Kind {
        let networks = networks.iter().map(|text| (*text).to_owned());
        Kind::Forwarded(access::ForwardedAuthenticator {
            source_networks: networks.collect(),
            ..Default::default()
        })
    }

    fn compile(kinds: Vec<Kind>) -> Result<Authenticators, String> {
        let list = kinds
            .into_iter()
            .map(|kind| access::Authenticator { kind: Some(kind) });
        Authenticators::compile(&access::Authenticators {
            list: list.collect(),
            ..Default::default()
        })
    }
}
