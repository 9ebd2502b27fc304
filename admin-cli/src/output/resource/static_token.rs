//! Static tokens. Their values are shown by their creation alone.

use proto::admin::v1::{CustomHeader, StaticToken, StaticTokenType};

use super::{Resource, Shown, enabled, expiry, slug, time};

impl Shown for StaticToken {
    const MESSAGE: &'static str = "aldgate.admin.v1.StaticToken";

    fn facts(&self) -> Vec<(&'static str, String)> {
        vec![
            ("name", self.name.clone()),
            ("uid", self.uid.clone()),
            ("display name", self.display_name.clone()),
            ("server", self.server.clone()),
            ("type", kind(self)),
            ("subject", self.subject.clone()),
            ("roles", self.roles.join(", ")),
            ("passthrough", switch(self.passthrough)),
            ("headers", headers(self)),
            ("state", enabled(self.disabled)),
            ("expires", expiry(self.expire_time.as_ref())),
            ("created", time(self.create_time.as_ref())),
            ("updated", time(self.update_time.as_ref())),
            ("etag", self.etag.clone()),
            ("revision", self.revision.to_string()),
        ]
    }
}

impl Resource for StaticToken {
    const PLURAL: &'static str = "staticTokens";
    const COLUMNS: &'static [&'static str] = &[
        "NAME",
        "SERVER",
        "TYPE",
        "PASSTHROUGH",
        "HEADERS",
        "STATE",
        "EXPIRES",
        "REVISION",
    ];

    fn cells(&self) -> Vec<String> {
        vec![
            slug(&self.name),
            slug(&self.server),
            kind(self),
            switch(self.passthrough),
            headers(self),
            enabled(self.disabled),
            expiry(self.expire_time.as_ref()),
            self.revision.to_string(),
        ]
    }
}

fn kind(token: &StaticToken) -> String {
    match token.r#type() {
        StaticTokenType::Unspecified => "unknown",
        StaticTokenType::Bearer => "bearer",
        StaticTokenType::ApiKey => "api-key",
        StaticTokenType::XApiKey => "x-api-key",
        StaticTokenType::Basic => "basic",
    }
    .into()
}

/// Names and switches; their values are never shown (S0-16).
fn headers(token: &StaticToken) -> String {
    let header = |header: &CustomHeader| format!("{} {}", header.name, switch(header.passthrough));
    let headers: Vec<_> = token.headers.iter().map(header).collect();
    let detached = if token.headers_detached {
        ", DETACHED"
    } else {
        ""
    };
    headers.join(", ") + detached
}

fn switch(on: bool) -> String {
    if on { "on" } else { "off" }.into()
}
