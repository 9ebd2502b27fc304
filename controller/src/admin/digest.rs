//! Digests of resources for the audit records: SHA-256 over the public form of a resource as JSON
//! with sorted keys. What changes with every commit is left out, so that equal digests mean that
//! nothing was changed; secrets are not in the public form.

use aws_lc_rs::digest::{SHA256, digest};
use prost::Message;
use prost_reflect::DynamicMessage;
use serde_json::Value;

use crate::store::document::DESCRIPTORS;

/// The digest of a resource; `name` is its message's, for example `aldgate.admin.v1.Server`.
pub(super) fn of(name: &str, resource: &impl Message) -> [u8; 32] {
    let hash = digest(&SHA256, canonical(name, resource).as_bytes());
    *hash.as_ref().first_chunk().expect("SHA-256 has 32 bytes")
}

/// The digest of a resource with something of it that its public form leaves out, so that a change
/// of that alone is told too.
pub(super) fn with(name: &str, resource: &impl Message, unseen: &[u8]) -> [u8; 32] {
    let bytes = [canonical(name, resource).as_bytes(), &[0], unseen].concat();
    let hash = digest(&SHA256, &bytes);
    *hash.as_ref().first_chunk().expect("SHA-256 has 32 bytes")
}

fn canonical(name: &str, resource: &impl Message) -> String {
    let descriptor = DESCRIPTORS
        .get_message_by_name(name)
        .expect("it names one of our messages");
    let message = DynamicMessage::decode(descriptor, resource.encode_to_vec().as_slice())
        .expect("we encoded it");
    let mut value = serde_json::to_value(message).expect("all messages have a JSON form");
    if let Value::Object(members) = &mut value {
        members.retain(|member, _| !VOLATILE.contains(&member.as_str()));
    }
    sorted(value).to_string()
}

/// With the members of all objects in order, whichever map serde keeps them in.
fn sorted(value: Value) -> Value {
    match value {
        Value::Object(members) => {
            let mut members: Vec<_> = members.into_iter().collect();
            members.sort_by(|(a, _), (b, _)| a.cmp(b));
            let members = members
                .into_iter()
                .map(|(name, value)| (name, sorted(value)));
            Value::Object(members.collect())
        }
        Value::Array(items) => Value::Array(items.into_iter().map(sorted).collect()),
        other => other,
    }
}

const VOLATILE: [&str; 3] = ["etag", "revision", "updateTime"];

#[cfg(test)]
mod tests {
    use proto::admin::v1;

    use super::*;

    #[test]
    fn the_canonical_form_is_stable_and_leaves_out_what_every_commit_changes() {
        let server = v1::Server {
            name: "tenants/acme/servers/files".to_owned(),
            url: "https://mcp.example/mcp".to_owned(),
            etag: "7".to_owned(),
            revision: 7,
            credential: Some(v1::Credential {
                scheme: v1::AuthScheme::Bearer.into(),
                generation: 2,
                fingerprint: "0011aabb".to_owned(),
                ..Default::default()
            }),
            ..Default::default()
        };
        insta::assert_snapshot!(canonical("aldgate.admin.v1.Server", &server), @r#"{"credential":{"fingerprint":"0011aabb","generation":"2","scheme":"AUTH_SCHEME_BEARER"},"name":"tenants/acme/servers/files","url":"https://mcp.example/mcp"}"#);
    }

    #[test]
    fn a_change_changes_the_digest_and_a_new_revision_alone_does_not() {
        let tenant = |host: &str, revision| v1::Tenant {
            host: host.to_owned(),
            revision,
            ..Default::default()
        };
        let digest = |tenant: v1::Tenant| of("aldgate.admin.v1.Tenant", &tenant);
        assert_eq!(digest(tenant("a", 1)), digest(tenant("a", 2)));
        assert_ne!(digest(tenant("a", 1)), digest(tenant("b", 1)));
    }
}
