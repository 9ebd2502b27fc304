//! A tenant's users, and where they sign in.

use proto::admin::v1::{AdminRole, IdentityProvider, User};

use super::{Resource, Shown, enabled, slug, time};

impl Shown for User {
    const MESSAGE: &'static str = "aldgate.admin.v1.User";

    fn facts(&self) -> Vec<(&'static str, String)> {
        let identities = self.identities.iter().map(|identity| {
            let provider = slug(&identity.identity_provider);
            format!("{} at {provider}", identity.subject)
        });
        vec![
            ("name", self.name.clone()),
            ("uid", self.uid.clone()),
            ("login", self.login.clone()),
            ("display name", self.display_name.clone()),
            ("roles", self.roles.join(", ")),
            ("groups", self.groups.join(", ")),
            ("admin role", admin_role(self)),
            ("state", enabled(self.disabled)),
            (
                "password",
                if self.has_password { "set" } else { "none" }.into(),
            ),
            ("identities", identities.collect::<Vec<_>>().join(", ")),
            ("last login", time(self.last_login_time.as_ref())),
            ("created", time(self.create_time.as_ref())),
            ("updated", time(self.update_time.as_ref())),
            ("etag", self.etag.clone()),
        ]
    }
}

impl Resource for User {
    const PLURAL: &'static str = "users";
    const COLUMNS: &'static [&'static str] = &[
        "NAME",
        "LOGIN",
        "ROLES",
        "GROUPS",
        "ADMIN ROLE",
        "STATE",
        "LAST LOGIN",
    ];

    fn cells(&self) -> Vec<String> {
        vec![
            slug(&self.name),
            self.login.clone(),
            self.roles.join(", "),
            self.groups.join(", "),
            admin_role(self),
            enabled(self.disabled),
            time(self.last_login_time.as_ref()),
        ]
    }
}

impl Shown for IdentityProvider {
    const MESSAGE: &'static str = "aldgate.admin.v1.IdentityProvider";

    fn facts(&self) -> Vec<(&'static str, String)> {
        let group_roles = self
            .group_roles
            .iter()
            .map(|given| format!("{}={}", given.group, given.roles.join(",")));
        let unknown_people = if self.create_users {
            "become users"
        } else {
            "are refused"
        };
        vec![
            ("name", self.name.clone()),
            ("uid", self.uid.clone()),
            ("display name", self.display_name.clone()),
            ("issuer", self.issuer.clone()),
            ("client id", self.client_id.clone()),
            ("redirect uri", self.redirect_uri.clone()),
            ("scopes", self.scopes.join(" ")),
            ("login claim", self.login_claim.clone()),
            ("groups claim", self.groups_claim.clone()),
            ("group roles", group_roles.collect::<Vec<_>>().join(", ")),
            ("email domains", self.email_domains.join(", ")),
            ("unknown people", unknown_people.into()),
            ("state", enabled(self.disabled)),
            ("created", time(self.create_time.as_ref())),
            ("updated", time(self.update_time.as_ref())),
            ("etag", self.etag.clone()),
        ]
    }
}

impl Resource for IdentityProvider {
    const PLURAL: &'static str = "identityProviders";
    const COLUMNS: &'static [&'static str] =
        &["NAME", "DISPLAY NAME", "ISSUER", "STATE", "REDIRECT URI"];

    fn cells(&self) -> Vec<String> {
        vec![
            slug(&self.name),
            self.display_name.clone(),
            self.issuer.clone(),
            enabled(self.disabled),
            self.redirect_uri.clone(),
        ]
    }
}

fn admin_role(user: &User) -> String {
    match user.admin_role() {
        AdminRole::Unspecified => "none",
        AdminRole::Viewer => "viewer",
        AdminRole::Admin => "admin",
    }
    .into()
}
