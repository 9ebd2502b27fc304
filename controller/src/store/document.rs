//! Messages of `aldgate.access.v1` as they stand in `jsonb` columns: proto JSON, so that people can
//! read them in the database and later versions can add to them. No secret is ever in one.

use std::sync::LazyLock;

use prost::Message;
use prost_reflect::{DescriptorPool, DynamicMessage, MessageDescriptor};
use proto::access::v1;
use serde_json::Value;

/// A message that is stored whole.
pub trait Document: Message + Default {
    /// Its full name.
    const NAME: &'static str;
}

impl Document for v1::Authenticators {
    const NAME: &'static str = "aldgate.access.v1.Authenticators";
}

impl Document for v1::OauthSettings {
    const NAME: &'static str = "aldgate.access.v1.OauthSettings";
}

impl Document for v1::Policy {
    const NAME: &'static str = "aldgate.access.v1.Policy";
}

impl Document for v1::RateLimits {
    const NAME: &'static str = "aldgate.access.v1.RateLimits";
}

/// The stored value is none that this program writes: damaged, or written by a newer one. Leaving
/// out what is not understood could let in more than was meant.
#[derive(Debug, thiserror::Error)]
#[error("the stored document is not understood")]
pub struct Misunderstood(#[source] serde_json::Error);

/// The document as it is stored.
pub fn to_json<D: Document>(document: &D) -> Value {
    let bytes = document.encode_to_vec();
    let message =
        DynamicMessage::decode(descriptor::<D>(), bytes.as_slice()).expect("we encoded it");
    serde_json::to_value(message).expect("all messages have a JSON form")
}

/// The document that is stored.
pub fn from_json<D: Document>(stored: Value) -> Result<D, Misunderstood> {
    let message = DynamicMessage::deserialize(descriptor::<D>(), stored).map_err(Misunderstood)?;
    let document = D::decode(message.encode_to_vec().as_slice());
    Ok(document.expect("it has the same descriptor"))
}

/// The authenticators of a row. Ones that are not understood become ones that every node and this
/// API refuse: they must not read as none, which would mean others.
pub fn authenticators(stored: Option<Value>) -> Option<v1::Authenticators> {
    let read = |stored| {
        from_json(stored).unwrap_or_else(|_| v1::Authenticators {
            list: Vec::new(),
            provider: "unreadable".to_owned(),
        })
    };
    stored.map(read)
}

fn descriptor<D: Document>() -> MessageDescriptor {
    let found = DESCRIPTORS.get_message_by_name(D::NAME);
    found.expect("it names one of our messages")
}

/// All our messages.
pub static DESCRIPTORS: LazyLock<DescriptorPool> =
    LazyLock::new(|| DescriptorPool::decode(proto::DESCRIPTORS).expect("our own build encoded it"));

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_document_survives_the_database_and_reads_well_in_it() {
        let policy = v1::Policy {
            default: "deny".to_owned(),
            roles: [(
                "dev".to_owned(),
                v1::Role {
                    grants: vec![v1::Grant {
                        servers: vec!["*".to_owned()],
                        access: "read".to_owned(),
                        ..v1::Grant::default()
                    }],
                },
            )]
            .into(),
            ..v1::Policy::default()
        };
        let stored = to_json(&policy);
        assert_eq!(
            stored,
            json!({"default": "deny", "roles": {"dev": {"grants": [{"servers": ["*"], "access": "read"}]}}})
        );
        assert_eq!(from_json::<v1::Policy>(stored).unwrap(), policy);
    }

    #[test]
    fn an_empty_list_of_authenticators_is_not_the_same_as_none() {
        let stored = to_json(&v1::Authenticators::default());
        assert_eq!(stored, json!({}));
        assert!(
            from_json::<v1::Authenticators>(stored)
                .unwrap()
                .list
                .is_empty()
        );
    }

    #[test]
    fn what_a_newer_program_wrote_is_not_read_in_part() {
        let known = json!({"list": [{"static": {}}]});
        assert!(from_json::<v1::Authenticators>(known).is_ok());
        for unknown in [
            json!({"list": [{"telepathy": {}}]}),
            json!({"list": [{"forwarded": {"sourceNetworks": ["10.0.0.0/8"], "unless": "x"}}]}),
            json!([]),
            json!("x"),
            json!(null),
        ] {
            assert!(
                from_json::<v1::Authenticators>(unknown.clone()).is_err(),
                "{unknown}"
            );
        }
    }
}
