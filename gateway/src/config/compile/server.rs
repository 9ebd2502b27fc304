//! Servers without their credentials.

use std::{collections::HashMap, sync::Arc, time::Duration};

use proto::{
    id::{ServerUid, TenantUid},
    name::Slug,
    sync::v1::{AuthScheme, EgressMode as SentMode, ServerConfig, ToolClass, ToolConfig},
};

use super::{Fault, Reason, authenticators, fault, invalid, parsed, same};
use crate::config::snapshot::{Authenticators, EgressMode};

/// A server without its credential.
#[derive(Debug, Clone)]
pub(in crate::config) struct ServerSpec {
    /// The segment in public URLs.
    pub(in crate::config) slug: Slug,
    /// The MCP endpoint.
    pub(in crate::config) endpoint: egress::Endpoint,
    /// The endpoint as it was registered.
    pub(in crate::config) url: Box<str>,
    /// How long a `tools/call` may take to its first byte.
    pub(in crate::config) first_byte_timeout: Duration,
    /// Which credential goes with this version.
    pub(in crate::config) need: CredentialNeed,
    /// How its callers prove who they are; none means as the tenant says.
    pub(in crate::config) authenticators: Option<Arc<Authenticators>>,
    /// Which credential calls carry.
    pub(in crate::config) egress: EgressMode,
    /// Tools whose definitions were given by hand.
    pub(in crate::config) tools: Arc<Tools>,
}

/// Tools by name, classed.
type Tools = HashMap<Box<str>, policy::Class>;

/// Which credential goes with a version of a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::config) enum CredentialNeed {
    /// None.
    None,
    /// The lease of exactly this generation.
    Generation(u64, Content),
    /// It wants one and has none that may be sent: calls fail.
    Detached,
}

/// What a lease must hold to go with a version of a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::config) enum Content {
    /// The credential that every call carries.
    Credential,
    /// Headers of static tokens; a credential is never used.
    TokenHeaders,
}

/// When the server's config does not say.
const FIRST_BYTE_TIMEOUT: Duration = Duration::from_mins(5);

pub(super) fn server(
    (tenant, uid): (TenantUid, ServerUid),
    config: &ServerConfig,
) -> Result<ServerSpec, Fault> {
    same("uid", &config.uid, uid)?;
    same("tenant_uid", &config.tenant_uid, tenant)?;
    let slug = parsed("slug", &config.slug)?;
    let endpoint = egress::Endpoint::parse(&config.url).map_err(|_| invalid("url"))?;
    let first_byte_timeout = match config.first_byte_timeout {
        None => FIRST_BYTE_TIMEOUT,
        Some(timeout) => Duration::try_from(timeout)
            .ok()
            .filter(|timeout| !timeout.is_zero())
            .ok_or_else(|| invalid("first_byte_timeout"))?,
    };
    let egress = egress_mode(config)?;
    Ok(ServerSpec {
        slug,
        endpoint,
        url: config.url.as_str().into(),
        first_byte_timeout,
        need: need(config, egress)?,
        authenticators: authenticators(config.authenticators.as_ref())?,
        egress,
        tools: Arc::new(tools(&config.tools)?),
    })
}

fn egress_mode(config: &ServerConfig) -> Result<EgressMode, Fault> {
    match SentMode::try_from(config.egress_mode) {
        Ok(SentMode::Shared) => Ok(EgressMode::Shared),
        Ok(SentMode::Passthrough) => Ok(EgressMode::Passthrough),
        Ok(SentMode::None) => Ok(EgressMode::None),
        Ok(SentMode::Unspecified) | Err(_) => {
            let detail = format!("egress_mode {}", config.egress_mode);
            Err(fault(Reason::UnknownEnum, detail))
        }
    }
}

fn need(config: &ServerConfig, egress: EgressMode) -> Result<CredentialNeed, Fault> {
    let wanted = match AuthScheme::try_from(config.auth_scheme) {
        Ok(AuthScheme::None) => false,
        Ok(AuthScheme::Bearer | AuthScheme::ApiKey) => egress == EgressMode::Shared,
        Ok(AuthScheme::Unspecified) | Err(_) => {
            let detail = format!("auth_scheme {}", config.auth_scheme);
            return Err(fault(Reason::UnknownEnum, detail));
        }
    };
    Ok(
        match (wanted, config.credential_detached, config.lease_generation) {
            (true, true, _) | (true, false, 0) => CredentialNeed::Detached,
            (true, false, generation) => {
                CredentialNeed::Generation(generation, Content::Credential)
            }
            (false, _, 0) => CredentialNeed::None,
            (false, _, generation) => CredentialNeed::Generation(generation, Content::TokenHeaders),
        },
    )
}

fn tools(sent: &[ToolConfig]) -> Result<Tools, Fault> {
    let mut tools = Tools::with_capacity(sent.len());
    for (at, tool) in sent.iter().enumerate() {
        let class = match ToolClass::try_from(tool.class) {
            Ok(ToolClass::Read) => policy::Class::Read,
            Ok(ToolClass::Write) => policy::Class::Write,
            Ok(ToolClass::Ambiguous) => policy::Class::Ambiguous,
            Ok(ToolClass::Unspecified) | Err(_) => {
                let detail = format!("tools[{at}].class {}", tool.class);
                return Err(fault(Reason::UnknownEnum, detail));
            }
        };
        if tools.insert(tool.name.as_str().into(), class).is_some() {
            return Err(invalid(&format!("tools[{at}].name")));
        }
    }
    Ok(tools)
}
