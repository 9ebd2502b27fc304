//! From a field of the API to the flag that sets it, so that an error names what to mend on the
//! command line.

/// The flag for a field path such as `server.url` or `key.servers[1]`; the path itself, if none sets it.
pub(super) fn of(field: &str) -> &str {
    let last = field.rsplit('.').next().unwrap_or(field);
    let last = last.split('[').next().unwrap_or(last);
    match last {
        "tenant_id" | "server_id" | "key_id" | "name" => "NAME",
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
        // keys
        "servers" => "--server",
        "all_servers" => "--all-servers",
        "disabled" => "--disable",
        "lifespan" => "--lifespan",
        // tokens and revisions
        "role" => "--role",
        "revision" => "--revision",
        _ => field,
    }
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
        assert_eq!(of("server.something_new"), "server.something_new");
    }

    /// Walks the API, so that a new field cannot be forgotten here.
    #[test]
    fn every_field_that_a_change_can_set_has_a_flag() {
        let pool = DescriptorPool::decode(proto::DESCRIPTORS).unwrap();
        let mut seen = 0;
        for message in pool.all_messages() {
            let name = message.name();
            let settable = ["Tenant", "Server", "Key", "Token", "CredentialInput"].contains(&name)
                || ["Create", "Update", "Delete", "Set"]
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
    const OTHERWISE: [&str; 11] = [
        "uid",
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
    ];
}
