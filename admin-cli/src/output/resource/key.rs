//! API keys.

use proto::admin::v1::Key;

use super::{Resource, Shown, enabled, expiry, slug, time};

impl Shown for Key {
    const MESSAGE: &'static str = "aldgate.admin.v1.Key";

    fn facts(&self) -> Vec<(&'static str, String)> {
        vec![
            ("name", self.name.clone()),
            ("uid", self.uid.clone()),
            ("display name", self.display_name.clone()),
            ("servers", opens(self)),
            ("scopes", scopes(self)),
            ("state", enabled(self.disabled)),
            ("expires", expiry(self.expire_time.as_ref())),
            (
                "previous secret until",
                time(self.previous_expire_time.as_ref()),
            ),
            ("primary", if self.primary { "yes" } else { "no" }.into()),
            ("created", time(self.create_time.as_ref())),
            ("updated", time(self.update_time.as_ref())),
            ("etag", self.etag.clone()),
            ("revision", self.revision.to_string()),
        ]
    }
}

impl Resource for Key {
    const PLURAL: &'static str = "keys";
    const COLUMNS: &'static [&'static str] =
        &["NAME", "SERVERS", "SCOPES", "STATE", "EXPIRES", "REVISION"];

    fn cells(&self) -> Vec<String> {
        vec![
            slug(&self.name),
            opens(self),
            scopes(self),
            enabled(self.disabled),
            expiry(self.expire_time.as_ref()),
            self.revision.to_string(),
        ]
    }
}

fn opens(key: &Key) -> String {
    if key.all_servers {
        return "all".into();
    }
    let slugs: Vec<_> = key.servers.iter().map(|name| slug(name)).collect();
    slugs.join(", ")
}

/// What it may do at its servers.
fn scopes(key: &Key) -> String {
    if key.scopes.is_empty() {
        return "all".into();
    }
    key.scopes.join(", ")
}
