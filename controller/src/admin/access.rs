//! Who may call which method: the options of our protos, as a table. A method that is not in it
//! cannot be called.

use std::collections::HashMap;

use prost_reflect::{DescriptorPool, DynamicMessage, MethodDescriptor};
use proto::admin::v1::Scope;

use super::actor::{Clearance, Role};
use crate::store::Reach;

/// What a caller needs to call a method.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Access {
    /// The permission, for example `servers.update`.
    pub permission: String,
    /// Whose data the method touches.
    pub scope: Scope,
}

/// The methods that can be called, by path (`/package.Service/Method`).
#[derive(Debug)]
pub struct Table(HashMap<String, Access>);

impl Table {
    /// Reads the options of every method in `aldgate.admin.v1`.
    pub fn from_descriptors() -> Self {
        let pool = DescriptorPool::decode(proto::DESCRIPTORS).expect("our own build encoded it");
        let methods = pool
            .services()
            .filter(|service| service.package_name() == PACKAGE)
            .flat_map(|service| service.methods().collect::<Vec<_>>());
        Self(
            methods
                .filter_map(|method| Some((path(&method), read(&pool, &method)?)))
                .collect(),
        )
    }

    /// What the method at this path needs; `None` when it cannot be called at all.
    pub fn of(&self, path: &str) -> Option<&Access> {
        self.0.get(path)
    }
}

impl Access {
    /// Whether a token of this reach and role may call.
    pub fn allows(&self, clearance: Clearance) -> bool {
        let in_scope = match (self.scope, clearance.reach) {
            (Scope::Unspecified, _) | (Scope::Platform, Reach::Tenant(_)) => false,
            (Scope::Platform, Reach::Platform) | (Scope::Tenant, _) => true,
        };
        let in_role = match clearance.role {
            Role::Admin => true,
            Role::Viewer => self.only_reads(),
        };
        in_scope && in_role
    }

    fn only_reads(&self) -> bool {
        let verb = self.permission.rsplit('.').next();
        matches!(verb, Some("get" | "list" | "wait"))
    }
}

fn path(method: &MethodDescriptor) -> String {
    format!("/{}/{}", method.parent_service().full_name(), method.name())
}

fn read(pool: &DescriptorPool, method: &MethodDescriptor) -> Option<Access> {
    let option = pool.get_extension_by_name(OPTION)?;
    let options = method.options();
    if !options.has_extension(&option) {
        return None;
    }
    let value = options.get_extension(&option);
    let access: &DynamicMessage = value.as_message()?;
    let permission = access.get_field_by_name("permission")?.as_str()?.to_owned();
    let scope = access.get_field_by_name("scope")?.as_enum_number()?;
    let scope = Scope::try_from(scope).ok()?;
    (!permission.is_empty() && scope != Scope::Unspecified).then_some(Access { permission, scope })
}

const PACKAGE: &str = "aldgate.admin.v1";
const OPTION: &str = "aldgate.admin.v1.access";

#[cfg(test)]
mod tests {
    use proto::id::TenantUid;
    use uuid::Uuid;

    use super::*;

    #[test]
    fn every_method_of_the_admin_api_has_a_permission_and_a_scope() {
        let table = Table::from_descriptors();
        let pool = DescriptorPool::decode(proto::DESCRIPTORS).unwrap();
        let services = pool
            .services()
            .filter(|service| service.package_name() == PACKAGE);
        let methods: Vec<_> = services
            .flat_map(|service| service.methods().collect::<Vec<_>>())
            .collect();
        assert!(methods.len() > 20);
        for method in methods {
            let access = table
                .of(&path(&method))
                .unwrap_or_else(|| panic!("{} has none", method.full_name()));
            assert_ne!(access.scope, Scope::Unspecified);
            let (noun, verb) = access.permission.split_once('.').unwrap();
            assert!(
                !noun.is_empty() && !verb.is_empty(),
                "{}",
                access.permission
            );
        }
    }

    #[test]
    fn the_services_for_nodes_are_not_in_the_table() {
        let table = Table::from_descriptors();
        assert!(
            table
                .of("/aldgate.admin.v1.TenantService/GetTenant")
                .is_some()
        );
        assert_eq!(table.of("/aldgate.sync.v1.ConfigSyncService/Sync"), None);
        assert_eq!(table.of("/aldgate.admin.v1.TenantService/Nothing"), None);
    }

    #[test]
    fn a_tenant_token_calls_no_platform_method() {
        let mine = Reach::Tenant(TenantUid::from_uuid(Uuid::nil()));
        for (scope, reach, allowed) in [
            (Scope::Tenant, mine, true),
            (Scope::Tenant, Reach::Platform, true),
            (Scope::Platform, Reach::Platform, true),
            (Scope::Platform, mine, false),
            (Scope::Unspecified, Reach::Platform, false),
        ] {
            let access = access("servers.get", scope);
            let clearance = Clearance {
                reach,
                role: Role::Admin,
            };
            assert_eq!(access.allows(clearance), allowed, "{scope:?} {reach:?}");
        }
    }

    /// AD-13.
    #[test]
    fn a_viewer_reads_and_changes_nothing() {
        let viewer = Clearance {
            reach: Reach::Platform,
            role: Role::Viewer,
        };
        let mut reads = Vec::new();
        for access in Table::from_descriptors().0.values() {
            if access.allows(viewer) {
                reads.push(access.permission.clone());
            }
        }
        reads.sort();
        insta::assert_snapshot!(reads.join(" "), @"authenticators.get clients.get clients.list grants.get grants.list hints.get identityProviders.get identityProviders.list keys.get keys.list limits.get limits.get nodes.get nodes.list oauthSettings.get policies.get policies.get policies.get revisions.get revisions.list revisions.wait servers.get servers.list signingKeys.list staticTokens.get staticTokens.list tenants.get tenants.list tokens.list users.get users.list");
    }

    fn access(permission: &str, scope: Scope) -> Access {
        Access {
            permission: permission.to_owned(),
            scope,
        }
    }
}
