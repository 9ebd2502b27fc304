//! Fields that this version does not know. A newer client that sends one means something by it; doing
//! the rest of what it asks would be doing it by half. Decoding drops such fields without a word, so
//! the bytes are looked at before.

use std::collections::HashMap;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use prost_reflect::{DescriptorPool, DynamicMessage, MessageDescriptor, Value};
use tonic::body::Body;

use crate::error::Error;

/// What each method of the admin API takes, by path.
#[derive(Debug)]
pub(super) struct Inputs(HashMap<String, MessageDescriptor>);

impl Inputs {
    /// Reads our own descriptors.
    pub(super) fn from_descriptors() -> Self {
        let pool = DescriptorPool::decode(proto::DESCRIPTORS).expect("our own build encoded it");
        let methods = pool
            .services()
            .flat_map(|service| service.methods().collect::<Vec<_>>());
        let inputs = methods.map(|method| {
            let service = method.parent_service().full_name().to_owned();
            (format!("/{service}/{}", method.name()), method.input())
        });
        Self(inputs.collect())
    }

    /// The body again, if it holds no field that this version does not know. What is no request at
    /// all is left to those who decode it.
    pub(super) async fn check(&self, path: &str, body: Body) -> Result<Body, Error> {
        let Some(input) = self.0.get(path) else {
            return Ok(body);
        };
        let limited = Limited::new(body, MOST).collect();
        let bytes = match limited.await {
            Ok(collected) => collected.to_bytes(),
            Err(error) if error.is::<LengthLimitError>() => return Err(Error::TooLarge),
            Err(_) => return Err(Error::CutOff),
        };
        if let Some(place) = unknown_in_frame(input, &bytes) {
            return Err(Error::invalid(place, UNKNOWN));
        }
        Ok(Body::new(Full::new(bytes)))
    }
}

/// The first unknown field of the message in a gRPC frame. Compressed frames are refused elsewhere.
fn unknown_in_frame(input: &MessageDescriptor, frame: &Bytes) -> Option<String> {
    let message = match frame.first_chunk::<PREFIX>() {
        Some([0, length @ ..]) => {
            let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
            frame.get(PREFIX..PREFIX.checked_add(length)?)?
        }
        _ => return None,
    };
    let message = DynamicMessage::decode(input.clone(), message).ok()?;
    unknown(&message)
}

/// The path of a field that is not known: names where they are, the number where there is none.
fn unknown(message: &DynamicMessage) -> Option<String> {
    if let Some(field) = message.unknown_fields().next() {
        return Some(field.number().to_string());
    }
    message.fields().find_map(|(field, value)| {
        let inner = inside(value)?;
        Some(format!("{}{inner}", field.name()))
    })
}

fn inside(value: &Value) -> Option<String> {
    match value {
        Value::Message(message) => unknown(message).map(|path| format!(".{path}")),
        Value::List(items) => items.iter().enumerate().find_map(|(place, item)| {
            let inner = inside(item)?;
            Some(format!("[{place}]{inner}"))
        }),
        Value::Map(entries) => entries.iter().find_map(|(key, value)| {
            let inner = inside(value)?;
            let shown: String = match key {
                prost_reflect::MapKey::String(key) => key.chars().take(40).collect(),
                other => format!("{other:?}"),
            };
            Some(format!(".{shown}{inner}"))
        }),
        _ => None,
    }
}

const UNKNOWN: &str = "is a field that this version does not know; nothing was done";
/// The compression flag and the length.
const PREFIX: usize = 5;
/// The largest message with its prefix.
const MOST: usize = super::MESSAGE_BYTES + PREFIX;

#[cfg(test)]
mod tests {
    use prost::Message as _;
    use proto::{
        access::v1::{Grant, Policy, Role},
        admin::v1,
    };

    use super::*;

    #[test]
    fn an_unknown_field_is_found_wherever_it_is() {
        let role = Role {
            grants: vec![Grant::default(), Grant::default()],
        };
        let policy = Policy {
            roles: [("dev".to_owned(), role)].into(),
            ..Policy::default()
        };
        let request = v1::SetPolicyRequest {
            policy: Some(v1::AccessPolicy {
                name: "tenants/acme/policy".to_owned(),
                policy: Some(policy),
                ..v1::AccessPolicy::default()
            }),
        };
        assert_eq!(found(&request.encode_to_vec()), None);
        assert_eq!(found(&[]), None);
        let mut outer = request.encode_to_vec();
        outer.extend(UNKNOWN_FIELD);
        assert_eq!(found(&outer).as_deref(), Some("99"));
        // SetPolicyRequest.policy → AccessPolicy.policy → Policy.roles → value → Role.grants[0]
        let grant = nested(1, &UNKNOWN_FIELD);
        let entry = [nested(1, b"dev"), nested(2, &grant)].concat();
        let inner = nested(1, &nested(2, &nested(3, &entry)));
        assert_eq!(
            found(&inner).as_deref(),
            Some("policy.policy.roles.dev.grants[0].99")
        );
    }

    #[test]
    fn a_reserved_field_is_not_known_either() {
        let input = Inputs::from_descriptors();
        let input = &input.0["/aldgate.admin.v1.TenantService/CreateTenant"];
        let reserved = framed(&nested(3, b"x"));
        assert_eq!(unknown_in_frame(input, &reserved).as_deref(), Some("3"));
    }

    #[test]
    fn what_is_no_message_is_left_to_others() {
        let input = Inputs::from_descriptors();
        let input = &input.0["/aldgate.admin.v1.AccessService/SetPolicy"];
        for frame in [&[][..], &[0, 0], &[1, 0, 0, 0, 1, 9], &[0, 0, 0, 0, 1, 255]] {
            assert_eq!(
                unknown_in_frame(input, &Bytes::copy_from_slice(frame)),
                None
            );
        }
    }

    fn found(message: &[u8]) -> Option<String> {
        let inputs = Inputs::from_descriptors();
        let input = &inputs.0["/aldgate.admin.v1.AccessService/SetPolicy"];
        unknown_in_frame(input, &framed(message))
    }

    fn framed(message: &[u8]) -> Bytes {
        let length = u32::try_from(message.len()).unwrap().to_be_bytes();
        [&[0], &length[..], message].concat().into()
    }

    /// A field of this number that holds bytes.
    fn nested(number: u8, bytes: &[u8]) -> Vec<u8> {
        let length = u8::try_from(bytes.len()).unwrap();
        [&[number << 3 | 2, length], bytes].concat()
    }

    /// Number 99, varint 1.
    const UNKNOWN_FIELD: [u8; 3] = [0x98, 0x06, 1];
}
