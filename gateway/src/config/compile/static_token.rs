//! Static tokens.

use std::time::SystemTime;

use proto::{
    id::{ServerUid, StaticTokenUid, TenantUid},
    name::Slug,
    sync::v1::StaticTokenConfig,
};
use token::fixed::TokenType;

use super::{Fault, Reason, fault, invalid, moment, parsed, same};

/// A static token.
#[derive(Debug)]
pub(in crate::config) struct TokenSpec {
    /// HMAC of the value under the tenant's pepper.
    pub(in crate::config) verifier: [u8; 32],
    /// The last segment of its name.
    pub(in crate::config) slug: Slug,
    /// The one server it opens.
    pub(in crate::config) server: ServerUid,
    /// The header it comes in.
    pub(in crate::config) kind: TokenType,
    /// Who calls with it.
    pub(in crate::config) subject: Box<str>,
    /// The roles that it gives.
    pub(in crate::config) roles: Box<[Box<str>]>,
    /// The header goes on to the server as it came.
    pub(in crate::config) passthrough: bool,
    /// The server's lease holds headers that calls with it carry.
    pub(in crate::config) has_headers: bool,
    /// A disabled token is refused.
    pub(in crate::config) disabled: bool,
    /// When it stops working.
    pub(in crate::config) expires: Option<SystemTime>,
}

pub(super) fn static_token(
    (tenant, uid): (TenantUid, StaticTokenUid),
    config: &StaticTokenConfig,
) -> Result<TokenSpec, Fault> {
    same("uid", &config.uid, uid)?;
    same("tenant_uid", &config.tenant_uid, tenant)?;
    let slug: Slug = parsed("slug", &config.slug)?;
    let kind = TokenType::of_number(config.r#type)
        .ok_or_else(|| fault(Reason::UnknownEnum, format!("type {}", config.r#type)))?;
    let verifier = config.verifier.as_ref().try_into();
    let own = format!("tokens/{slug}");
    let subject: Box<str> = match config.subject.as_str() {
        "" => own.into(),
        text if text == own || token::is_subject(text) => text.into(),
        _ => return Err(invalid("subject")),
    };
    if config.pepper_id.is_empty() {
        return Err(invalid("pepper_id"));
    }
    Ok(TokenSpec {
        verifier: verifier.map_err(|_| invalid("verifier"))?,
        slug,
        server: parsed("server_uid", &config.server_uid)?,
        kind,
        subject,
        roles: config
            .roles
            .iter()
            .map(|role| role.as_str().into())
            .collect(),
        passthrough: config.passthrough,
        has_headers: config.has_headers,
        disabled: config.disabled,
        expires: moment("expire_time", config.expire_time)?,
    })
}
