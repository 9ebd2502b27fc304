//! From a field of the API to the flag that sets it, so that an error names what to mend on the
//! command line.

/// The flag for a field path such as `server.url` or `key.servers[1]`; of what an operator's file holds,
/// the path in the file; the path itself, if no flag sets it.
pub(super) fn of(field: &str) -> &str {
    if let Some(inside) = in_file(field) {
        return inside;
    }
    let mut segments = field.rsplit('.');
    let last = bare(segments.next().unwrap_or(field));
    match (segments.next().map(bare), last) {
        (Some("input"), "value") => "--value-file",
        (Some("basic"), "user") => "--user",
        (Some("basic"), "password") => "--password-file",
        (Some("headers"), _) | (_, "headers") => "--headers-file",
        (Some("identity_provider"), "client_id") => "--client-id",
        (Some("group_roles"), _) => "--group-role",
        (Some("scopes"), _) => "--scope",
        _ => of_name(last).unwrap_or(field),
    }
}

fn of_name(name: &str) -> Option<&'static str> {
    Some(match name {
        "tenant_id"
        | "server_id"
        | "key_id"
        | "static_token_id"
        | "client_id"
        | "user_id"
        | "identity_provider_id"
        | "name" => "NAME",
        "parent" | "tenant" => "--tenant",
        "display_name" => "--display-name",
        "description" => "--description",
        "etag" => "--etag",
        // tenants
        "host" => "--host",
        "alias_hosts" => "--alias-host",
        "allowed_origins" => "--allowed-origin",
        // servers and their credentials
        "url" => "--url",
        "timeout" => "--timeout",
        "tool_list_json" => "--tool-list-json-file",
        "scheme" | "credential" => "--auth-scheme",
        "header_name" => "--auth-header-name",
        "value" => "--auth-credential-file",
        "egress_mode" => "--egress-mode",
        "omit_primary_key" => "--no-primary-key",
        // keys
        "servers" | "server" => "--server",
        "all_servers" => "--all-servers",
        "scopes" => "--scope",
        "disabled" => "--disable",
        "lifespan" => "--lifespan",
        "overlap" => "--overlap",
        // static tokens
        "type" => "--type",
        "subject" => "--subject",
        "passthrough" => "--passthrough",
        "input" => "--value-file",
        "generate" => "--generate",
        // access and limits
        "authenticators" => "--authenticators-file",
        "policy" | "oauth_settings" | "settings" => "--file",
        "access" => "--access",
        "limits" | "dimension" | "tokens" | "per" | "burst" => "--limit",
        "groups" => "--group",
        "key" => "--key",
        // clients of the authorization server
        "redirect_uris" => "--redirect-uri",
        "grant_types" => "--grant-type",
        "token_endpoint_auth_method" => "--auth-method",
        "jwks" => "--jwks-file",
        "jwks_uri" => "--jwks-uri",
        "trust" => "--trust",
        // users
        "login" => "--login",
        "admin_role" => "--admin-role",
        "password" => "--password-file",
        // identity providers
        "issuer" => "--issuer",
        "client_secret" => "--client-secret-file",
        "groups_claim" => "--groups-claim",
        "group_roles" => "--group-role",
        "login_claim" => "--login-claim",
        "create_users" => "--create-users",
        "email_domains" => "--email-domain",
        // the authorization server itself
        "logo" => "--logo-file",
        "colour" => "--colour",
        "help_url" => "--help-url",
        "access_token_lifetime" => "--access-token-lifetime",
        "idle_lifetime" => "--idle-lifetime",
        "grant_lifetime" => "--grant-lifetime",
        "no_dynamic_registration" => "--dynamic-registration",
        "client_documents" => "--client-documents",
        "no_passwords" => "--passwords",
        "always_ask" => "--always-ask",
        "revocation_grace" => "--revocation-grace",
        "now" => "--now",
        // revocation
        "wait" => "--wait",
        // tokens and revisions
        "role" | "roles" => "--role",
        "revision" => "--revision",
        _ => return None,
    })
}

/// What follows `authenticators` or the policy in a path.
fn in_file(field: &str) -> Option<&str> {
    let after = |mark: &str| Some(field.split_once(mark)?.1);
    if let Some(at) = field.find("authenticators.") {
        return Some(&field[at..]);
    }
    after("policy.policy.")
        .or_else(|| field.strip_prefix("policy."))
        .filter(|inside| !["name", "etag", "policy"].contains(inside))
}

/// A segment without its index.
fn bare(segment: &str) -> &str {
    segment.split('[').next().unwrap_or(segment)
}

#[cfg(test)]
mod tests {
    use prost_reflect::DescriptorPool;

    use super::*;

    #[test]
    fn paths_and_indexes_lead_to_the_flag() {
        assert_eq!(of("server.url"), "--url");
        assert_eq!(of("key.servers[3]"), "--server");
        assert_eq!(of("credential.value"), "--auth-credential-file");
        assert_eq!(of("tenant.name"), "NAME");
        assert_eq!(of("static_token.headers[0].name"), "--headers-file");
        assert_eq!(of("input.value"), "--value-file");
        assert_eq!(of("input.basic.password"), "--password-file");
        assert_eq!(of("static_token.roles[1]"), "--role");
        assert_eq!(of("limits.limits[0].tokens"), "--limit");
        assert_eq!(of("client.redirect_uris[0]"), "--redirect-uri");
        assert_eq!(of("client_id"), "NAME");
        assert_eq!(of("identity_provider.client_id"), "--client-id");
        assert_eq!(of("password.password"), "--password-file");
        assert_eq!(of("oauth_settings.settings.branding.logo"), "--logo-file");
        assert_eq!(of("oauth_settings.settings.scopes[0].roles"), "--scope");
        assert_eq!(of("server.something_new"), "server.something_new");
    }

    #[test]
    fn what_a_file_holds_is_named_as_it_stands_there() {
        assert_eq!(
            of("policy.policy.roles.dev.grants[1].access"),
            "roles.dev.grants[1].access"
        );
        assert_eq!(of("policy.rules[0].policy"), "rules[0].policy");
        assert_eq!(
            of("server.authenticators.list[0].jwt.issuer"),
            "authenticators.list[0].jwt.issuer"
        );
        assert_eq!(of("policy.policy"), "--file");
        assert_eq!(of("policy.etag"), "--etag");
    }

    /// Walks the API, so that a new field cannot be forgotten here.
    #[test]
    fn every_field_that_a_change_can_set_has_a_flag() {
        let pool = DescriptorPool::decode(proto::DESCRIPTORS).unwrap();
        let mut seen = 0;
        for message in pool.all_messages() {
            let name = message.name();
            let settable = [
                "Tenant",
                "Server",
                "Key",
                "Token",
                "CredentialInput",
                "StaticToken",
                "StaticTokenInput",
                "Client",
                "User",
                "IdentityProvider",
                "PasswordInput",
            ]
            .contains(&name)
                || ["Create", "Update", "Delete", "Set", "Rotate", "Explain"]
                    .iter()
                    .any(|verb| name.starts_with(verb))
                    && name.ends_with("Request");
            if message.package_name() != "aldgate.admin.v1" || !settable {
                continue;
            }
            for field in message
                .fields()
                .filter(|field| !OTHERWISE.contains(&field.name()))
            {
                seen += 1;
                assert_ne!(of(field.name()), field.name(), "{name}.{}", field.name());
            }
        }
        assert!(seen > 20, "{seen}");
    }

    /// Set by the API, or made of flags that are named one by one.
    const OTHERWISE: [&str; 33] = [
        "uid",
        "registration",
        "verified",
        "redirect_uri",
        "has_password",
        "identities",
        "last_used_time",
        "last_login_time",
        "user",
        "client",
        "primary",
        "previous_expire_time",
        "headers_detached",
        "static_token",
        // made of two, or tested by path
        "basic",
        "headers",
        // of these, one is a flag of the same name
        "object",
        "tool",
        "resource",
        "prompt",
        "method",
        "all_tools",
        "create_time",
        "update_time",
        "expire_time",
        "mcp_url",
        "update_mask",
        "server",
        "key",
        "token",
        "tenants",
        "keys",
        "identity_provider",
    ];
}
