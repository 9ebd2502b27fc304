//! Clients of a tenant's authorization server.

use proto::admin::v1::{Client, ClientRegistration, ClientTrust};

use super::{Resource, Shown, slug, time};

impl Shown for Client {
    const MESSAGE: &'static str = "aldgate.admin.v1.Client";

    fn facts(&self) -> Vec<(&'static str, String)> {
        vec![
            ("name", self.name.clone()),
            ("uid", self.uid.clone()),
            ("client id", self.client_id.clone()),
            ("display name", self.display_name.clone()),
            ("registration", registration(self)),
            ("redirect uris", self.redirect_uris.join(", ")),
            ("grant types", self.grant_types.join(", ")),
            ("auth method", self.token_endpoint_auth_method.clone()),
            ("jwks uri", self.jwks_uri.clone()),
            ("roles", self.roles.join(", ")),
            ("trust", trust(self)),
            ("verified", if self.verified { "yes" } else { "no" }.into()),
            ("created", time(self.create_time.as_ref())),
            ("updated", time(self.update_time.as_ref())),
            ("last used", time(self.last_used_time.as_ref())),
            ("etag", self.etag.clone()),
        ]
    }
}

impl Resource for Client {
    const PLURAL: &'static str = "clients";
    const COLUMNS: &'static [&'static str] = &[
        "NAME",
        "DISPLAY NAME",
        "REGISTRATION",
        "TRUST",
        "LAST USED",
        "CLIENT ID",
    ];

    fn cells(&self) -> Vec<String> {
        vec![
            slug(&self.name),
            self.display_name.clone(),
            registration(self),
            trust(self),
            time(self.last_used_time.as_ref()),
            self.client_id.clone(),
        ]
    }
}

fn registration(client: &Client) -> String {
    match client.registration() {
        ClientRegistration::Unspecified => "unknown",
        ClientRegistration::Manual => "manual",
        ClientRegistration::Dynamic => "dynamic",
        ClientRegistration::Document => "document",
    }
    .into()
}

fn trust(client: &Client) -> String {
    match client.trust() {
        ClientTrust::Unspecified | ClientTrust::Ask => "ask",
        ClientTrust::Trusted => "trusted",
        ClientTrust::Blocked => "blocked",
    }
    .into()
}
