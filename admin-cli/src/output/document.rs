//! Machine-readable output: messages in canonical proto JSON, and the same as YAML. Fields that hold
//! their default are printed too, so that scripts find them.

use std::sync::LazyLock;

use prost::Message;
use prost_reflect::{DescriptorPool, DynamicMessage, SerializeOptions};
use serde::{Serialize, Serializer, ser::SerializeMap as _};

use super::{Resource, Shown};
use crate::operator_file::Written;

/// A message in canonical proto JSON.
pub(crate) struct Proto<'a, T>(pub(crate) &'a T);

impl<T: Shown> Serialize for Proto<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let options = SerializeOptions::new().skip_default_fields(false);
        dynamic(T::MESSAGE, self.0).serialize_with_options(serializer, &options)
    }
}

/// Messages under the name of their kind, as their `List…Response` has them.
pub(crate) struct List<'a, T>(pub(crate) &'a [T]);

impl<T: Resource> Serialize for List<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let items: Vec<_> = self.0.iter().map(Proto).collect();
        let mut map = serializer.serialize_map(Some(1))?;
        map.serialize_entry(T::PLURAL, &items)?;
        map.end()
    }
}

/// What an operator would write: YAML without defaults, with the names of the proto.
pub(crate) fn written<M: Written>(message: &M) -> String {
    let options = SerializeOptions::new().use_proto_field_name(true);
    let value = dynamic(M::MESSAGE, message)
        .serialize_with_options(serde_json::value::Serializer, &options)
        .expect("our documents have text keys and finite numbers");
    yaml(&value)
}

fn dynamic(name: &str, message: &impl Message) -> DynamicMessage {
    let descriptor = POOL
        .get_message_by_name(name)
        .expect("messages of ours are named");
    let mut dynamic = DynamicMessage::new(descriptor);
    dynamic
        .transcode_from(message)
        .expect("both forms are of one descriptor");
    dynamic
}

pub(super) fn json(document: &impl Serialize) -> String {
    let text = serde_json::to_string_pretty(document)
        .expect("our documents have text keys and finite numbers");
    text + "\n"
}

pub(super) fn yaml(document: &impl Serialize) -> String {
    serde_norway::to_string(document).expect("our documents have text keys and finite numbers")
}

/// The descriptors of the whole API.
pub(crate) static POOL: LazyLock<DescriptorPool> = LazyLock::new(|| {
    DescriptorPool::decode(proto::DESCRIPTORS).expect("the descriptors were made by the compiler")
});
