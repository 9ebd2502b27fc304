//! Machine-readable output: messages in canonical proto JSON, and the same as YAML. Fields that hold
//! their default are printed too, so that scripts find them.

use std::sync::LazyLock;

use prost_reflect::{DescriptorPool, DynamicMessage, SerializeOptions};
use serde::{Serialize, Serializer, ser::SerializeMap as _};

use super::Resource;

/// A message in canonical proto JSON.
pub(crate) struct Proto<'a, T>(pub(crate) &'a T);

impl<T: Resource> Serialize for Proto<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let descriptor = POOL
            .get_message_by_name(T::MESSAGE)
            .expect("resources name messages of ours");
        let mut message = DynamicMessage::new(descriptor);
        message
            .transcode_from(self.0)
            .expect("both forms are of one descriptor");
        let options = SerializeOptions::new().skip_default_fields(false);
        message.serialize_with_options(serializer, &options)
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

pub(super) fn json(document: &impl Serialize) -> String {
    let text = serde_json::to_string_pretty(document)
        .expect("our documents have text keys and finite numbers");
    text + "\n"
}

pub(super) fn yaml(document: &impl Serialize) -> String {
    serde_norway::to_string(document).expect("our documents have text keys and finite numbers")
}

static POOL: LazyLock<DescriptorPool> = LazyLock::new(|| {
    DescriptorPool::decode(proto::DESCRIPTORS).expect("the descriptors were made by the compiler")
});
