//! The forms that people may write beside the API's own: short names, single values, bare lists. Each means
//! one thing only.

use prost_reflect::{EnumDescriptor, FieldDescriptor, Kind, MessageDescriptor};
use serde_json::{Map, Value};

/// Where the value of a key belongs.
pub(super) enum Place {
    /// The field of that name.
    Field(FieldDescriptor),
    /// The field, whose key may hold a single value (S4-45: `server` for `servers`).
    Short(FieldDescriptor),
    /// A field (the second) of the message in a field (the first).
    Inside(FieldDescriptor, FieldDescriptor),
}

impl Place {
    pub(super) fn field(&self) -> &FieldDescriptor {
        match self {
            Self::Field(field) | Self::Short(field) | Self::Inside(_, field) => field,
        }
    }

    /// Puts the value there.
    pub(super) fn put(&self, map: &mut Map<String, Value>, value: Value) -> Result<(), String> {
        match self {
            Self::Field(field) => {
                // What a short key has put inside stays.
                let before = map.insert(field.name().to_owned(), value);
                before.map_or(Ok(()), |before| merge(&mut map[field.name()], before))
            }
            Self::Short(field) => {
                map.insert(field.name().to_owned(), value);
                Ok(())
            }
            Self::Inside(outer, field) => {
                let inner = Map::from_iter([(field.name().to_owned(), value)]);
                let outer = map
                    .entry(outer.name())
                    .or_insert_with(|| Value::Object(Map::new()));
                merge(outer, inner.into())
            }
        }
    }
}

/// Adds the members of one object to another that has none of them.
fn merge(into: &mut Value, from: Value) -> Result<(), String> {
    let (Value::Object(into), Value::Object(from)) = (into, from) else {
        return Ok(());
    };
    for (name, value) in from {
        if into.insert(name.clone(), value).is_some() {
            return Err(format!("`{name}` is said twice, here and inside"));
        }
    }
    Ok(())
}

/// Where a key of this message belongs: by the name of the proto, or as proto JSON writes it.
pub(super) fn place(message: &MessageDescriptor, key: &str) -> Option<Place> {
    let field = |name: &str| message.get_field_by_name(name);
    match (message.full_name(), key) {
        (GRANT, "server") => field("servers").map(Place::Short),
        (CREATE_SERVER, "authenticators") => {
            let server = field("server")?;
            let Kind::Message(inner) = server.kind() else {
                return None;
            };
            let authenticators = inner.get_field_by_name("authenticators")?;
            Some(Place::Inside(server, authenticators))
        }
        _ => field(key)
            .or_else(|| message.get_field_by_json_name(key))
            .map(Place::Field),
    }
}

/// The keys that a message knows.
pub(super) fn known(message: &MessageDescriptor) -> Vec<String> {
    // What only says why it is refused is nothing to write.
    let fields = message.fields().filter(|field| field.name() != "provider");
    fields.map(|field| field.name().to_owned()).collect()
}

/// The field that a list in place of the message means.
pub(super) fn bare_list(message: &MessageDescriptor) -> Option<FieldDescriptor> {
    let name = match message.full_name() {
        "aldgate.access.v1.Role" => "grants",
        "aldgate.access.v1.Authenticators" => "list",
        "aldgate.admin.v1.StaticToken" => "headers",
        _ => return None,
    };
    message.get_field_by_name(name)
}

/// The value of an enum by its name, or by the part of it that tells it apart, as the flags have it.
pub(super) fn enum_value(kind: &EnumDescriptor, text: &str) -> Result<String, String> {
    if let Some(value) = kind.get_value_by_name(text) {
        return Ok(value.name().to_owned());
    }
    let zero = kind.default_value().name().to_owned();
    let prefix = zero.strip_suffix("UNSPECIFIED").unwrap_or_default();
    let long = format!("{prefix}{}", text.replace('-', "_").to_uppercase());
    let short = |name: &str| name.strip_prefix(prefix).unwrap_or(name).to_lowercase();
    match kind.get_value_by_name(&long) {
        Some(value) if value.number() != 0 => Ok(value.name().to_owned()),
        _ => {
            let values = kind.values().filter(|value| value.number() != 0);
            let known: Vec<_> = values.map(|value| short(value.name())).collect();
            Err(format!("must be one of {}", known.join(", ")))
        }
    }
}

const GRANT: &str = "aldgate.access.v1.Grant";
const CREATE_SERVER: &str = "aldgate.admin.v1.CreateServerRequest";
