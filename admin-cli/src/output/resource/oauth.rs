//! What a tenant's authorization server granted, what it signs with, how it behaves, and what was revoked.

use proto::admin::v1::{
    Grant, RevocationReceipt, RevokeResponse, SigningKey, SigningKeyState, TenantOauthSettings,
};

use super::{Resource, Shown, slug, time};

impl Shown for TenantOauthSettings {
    const MESSAGE: &'static str = "aldgate.admin.v1.TenantOauthSettings";

    fn facts(&self) -> Vec<(&'static str, String)> {
        vec![
            ("name", self.name.clone()),
            ("issuer", self.issuer.clone()),
            ("etag", self.etag.clone()),
        ]
    }
}

impl Shown for Grant {
    const MESSAGE: &'static str = "aldgate.admin.v1.Grant";

    fn facts(&self) -> Vec<(&'static str, String)> {
        vec![
            ("name", self.name.clone()),
            ("user", slug(&self.user)),
            ("client", slug(&self.client)),
            ("client display name", self.client_display_name.clone()),
            ("redirect host", self.redirect_host.clone()),
            ("resources", self.resources.join(", ")),
            ("scopes", self.scopes.join(" ")),
            ("created", time(self.create_time.as_ref())),
            ("last used", time(self.last_used_time.as_ref())),
            ("ends", time(self.expire_time.as_ref())),
            ("revoked", revoked(self)),
        ]
    }
}

impl Resource for Grant {
    const PLURAL: &'static str = "grants";
    const COLUMNS: &'static [&'static str] = &[
        "GRANT",
        "USER",
        "CLIENT",
        "REDIRECT HOST",
        "SCOPES",
        "LAST USED",
        "ENDS",
        "REVOKED",
    ];

    fn cells(&self) -> Vec<String> {
        vec![
            slug(&self.name),
            slug(&self.user),
            self.client_display_name.clone(),
            self.redirect_host.clone(),
            self.scopes.join(" "),
            time(self.last_used_time.as_ref()),
            time(self.expire_time.as_ref()),
            revoked(self),
        ]
    }
}

impl Shown for SigningKey {
    const MESSAGE: &'static str = "aldgate.admin.v1.SigningKey";

    fn facts(&self) -> Vec<(&'static str, String)> {
        vec![
            ("name", self.name.clone()),
            ("state", key_state(self)),
            ("created", time(self.create_time.as_ref())),
            ("signs from", time(self.active_time.as_ref())),
            ("signs until", time(self.retire_time.as_ref())),
            ("gone from", time(self.gone_time.as_ref())),
        ]
    }
}

impl Resource for SigningKey {
    const PLURAL: &'static str = "signingKeys";
    const COLUMNS: &'static [&'static str] =
        &["KEY", "STATE", "SIGNS FROM", "SIGNS UNTIL", "GONE FROM"];

    fn cells(&self) -> Vec<String> {
        vec![
            slug(&self.name),
            key_state(self),
            time(self.active_time.as_ref()),
            time(self.retire_time.as_ref()),
            time(self.gone_time.as_ref()),
        ]
    }
}

impl Shown for RevokeResponse {
    const MESSAGE: &'static str = "aldgate.admin.v1.RevokeResponse";

    fn facts(&self) -> Vec<(&'static str, String)> {
        let carried = if self.in_redis { "yes" } else { "no" };
        let mut facts = vec![
            ("revocation", self.revocation.to_string()),
            ("in redis", carried.into()),
        ];
        facts.extend(self.nodes.iter().map(|receipt| ("node", line(receipt))));
        facts
    }
}

fn line(receipt: &RevocationReceipt) -> String {
    let node = slug(&receipt.node);
    if receipt.confirmed {
        return format!("{node} confirmed");
    }
    format!(
        "{node} has not confirmed it, and is at {}",
        receipt.position
    )
}

fn revoked(grant: &Grant) -> String {
    match &grant.revoke_time {
        None => String::new(),
        Some(at) => format!("{at} ({})", grant.revoke_reason),
    }
}

fn key_state(key: &SigningKey) -> String {
    let state = match key.state() {
        SigningKeyState::Unspecified => "unknown",
        SigningKeyState::Announced => "announced",
        SigningKeyState::Active => "active",
        SigningKeyState::Retiring => "retiring",
        SigningKeyState::Gone => "gone",
    };
    if key.revoked {
        return format!("{state}, revoked");
    }
    state.into()
}
