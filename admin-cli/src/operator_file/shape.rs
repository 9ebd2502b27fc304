//! What may stand in a file: walks the descriptor along with the document, so that a key is refused where
//! it is read and the parser can say in which line. It makes proto JSON of the forms that people prefer.

mod form;

use std::{collections::BTreeSet, fmt};

use prost_reflect::{FieldDescriptor, Kind, MessageDescriptor};
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use self::form::Place;
use super::expand::Variables;

/// What one value must be.
#[derive(Clone)]
pub(super) struct Shape<'a> {
    wants: Wants,
    variables: &'a Variables<'a>,
}

#[derive(Clone)]
enum Wants {
    One(Kind),
    List(Kind),
    /// The same, or a single one of it.
    OneOrList(Kind),
    Map(Kind),
}

impl<'a> Shape<'a> {
    /// A whole message.
    pub(super) fn of(message: MessageDescriptor, variables: &'a Variables<'a>) -> Self {
        Self::new(Wants::One(Kind::Message(message)), variables)
    }

    fn new(wants: Wants, variables: &'a Variables<'a>) -> Self {
        Self { wants, variables }
    }

    fn of_place(&self, place: &Place) -> Self {
        let wants = match place {
            Place::Field(field) | Place::Inside(_, field) => Wants::of(field),
            Place::Short(field) => Wants::OneOrList(field.kind()),
        };
        Self::new(wants, self.variables)
    }

    /// The message of our own that is wanted, if one is.
    fn message(&self) -> Option<&MessageDescriptor> {
        match &self.wants {
            Wants::One(Kind::Message(message)) if !is_well_known(message) => Some(message),
            _ => None,
        }
    }

    fn refuse<E: Error>(&self) -> E {
        E::custom(format_args!("must be {}", self.wants))
    }

    /// A text, which is never put into an error: it may be secret.
    fn text<E: Error>(&self, text: &str) -> Result<Value, E> {
        let text = self.variables.expand(text);
        match &self.wants {
            // Bytes are Base64, as proto JSON has them.
            Wants::One(Kind::String | Kind::Bytes) => Ok(text.into()),
            Wants::OneOrList(Kind::String) => Ok(vec![text].into()),
            Wants::One(Kind::Message(message)) if is_well_known(message) => Ok(text.into()),
            Wants::One(Kind::Enum(kind)) => form::enum_value(kind, &text)
                .map(Value::from)
                .map_err(E::custom),
            _ => Err(self.refuse()),
        }
    }

    fn number<E: Error>(&self, number: impl Into<Value>) -> Result<Value, E> {
        match &self.wants {
            Wants::One(
                Kind::Int32
                | Kind::Int64
                | Kind::Uint32
                | Kind::Uint64
                | Kind::Double
                | Kind::Float,
            ) => Ok(number.into()),
            _ => Err(self.refuse()),
        }
    }
}

impl Wants {
    fn of(field: &FieldDescriptor) -> Self {
        match field.kind() {
            Kind::Message(entry) if field.is_map() => {
                Self::Map(entry.map_entry_value_field().kind())
            }
            kind if field.is_list() => Self::List(kind),
            kind => Self::One(kind),
        }
    }
}

impl fmt::Display for Wants {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::One(Kind::String) => "text in quotes",
            Self::One(Kind::Bytes) => "text in Base64",
            Self::One(Kind::Bool) => "true or false",
            Self::One(Kind::Enum(_)) => "one word",
            Self::One(Kind::Message(message)) if message.name() == "Duration" => {
                "a time in seconds, such as 90s"
            }
            Self::One(Kind::Message(message)) if is_well_known(message) => "text",
            Self::One(Kind::Message(_)) => "a mapping (`{}`, if it is empty)",
            Self::One(_) => "a number",
            Self::List(_) => "a list",
            Self::OneOrList(_) => "text or a list",
            Self::Map(_) => "a mapping of names",
        })
    }
}

impl<'de> DeserializeSeed<'de> for Shape<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Shape<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.wants, f)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Value, E> {
        self.text(text)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        match self.wants {
            Wants::One(Kind::Bool) => Ok(value.into()),
            _ => Err(self.refuse()),
        }
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        self.number(value)
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        self.number(value)
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        self.number(value)
    }

    fn visit_u128<E: Error>(self, _: u128) -> Result<Value, E> {
        Err(self.refuse())
    }

    fn visit_i128<E: Error>(self, _: i128) -> Result<Value, E> {
        Err(self.refuse())
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Err(E::custom(format_args!(
            "has no value; it must be {}",
            self.wants
        )))
    }

    fn visit_none<E: Error>(self) -> Result<Value, E> {
        self.visit_unit()
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let (kind, bare) = match &self.wants {
            Wants::List(kind) | Wants::OneOrList(kind) => (kind.clone(), None),
            _ => {
                let bare = self.message().and_then(form::bare_list);
                let field = bare.ok_or_else(|| self.refuse())?;
                (field.kind(), Some(field))
            }
        };
        let mut list = Vec::new();
        let item = Self::new(Wants::One(kind), self.variables);
        while let Some(value) = items.next_element_seed(item.clone())? {
            list.push(value);
        }
        Ok(match bare {
            Some(field) => Map::from_iter([(field.name().to_owned(), list.into())]).into(),
            None => list.into(),
        })
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut seen = BTreeSet::new();
        let mut map = Map::new();
        if let Wants::Map(kind) = &self.wants {
            let value = Self::new(Wants::One(kind.clone()), self.variables);
            while let Some(name) = entries.next_key_seed(Name(&mut seen))? {
                map.insert(name, entries.next_value_seed(value.clone())?);
            }
            return Ok(map.into());
        }
        let message = self.message().ok_or_else(|| self.refuse())?;
        while let Some(place) = entries.next_key_seed(Key {
            message,
            seen: &mut seen,
        })? {
            let value = entries.next_value_seed(self.of_place(&place))?;
            place.put(&mut map, value).map_err(A::Error::custom)?;
        }
        Ok(map.into())
    }
}

/// A key that the message must know, and that must not have come before.
struct Key<'a> {
    message: &'a MessageDescriptor,
    seen: &'a mut BTreeSet<String>,
}

impl<'de> DeserializeSeed<'de> for Key<'_> {
    type Value = Place;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Place, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl Visitor<'_> for Key<'_> {
    type Value = Place;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E: Error>(self, key: &str) -> Result<Place, E> {
        let place = form::place(self.message, key).ok_or_else(|| {
            let known = form::known(self.message).join(", ");
            E::custom(format_args!("unknown key `{key}`; known are {known}"))
        })?;
        let field = place.field();
        if !self.seen.insert(field.name().to_owned()) {
            return Err(E::custom(format_args!("`{key}` stands here twice")));
        }
        let alternatives = field.containing_oneof();
        if alternatives.is_some_and(|oneof| !self.seen.insert(format!("oneof {}", oneof.name()))) {
            let text =
                format_args!("`{key}` stands beside another kind; make it an entry of its own");
            return Err(E::custom(text));
        }
        Ok(place)
    }
}

/// A name that people choose, and that must not have come before.
struct Name<'a>(&'a mut BTreeSet<String>);

impl<'de> DeserializeSeed<'de> for Name<'_> {
    type Value = String;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<String, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl Visitor<'_> for Name<'_> {
    type Value = String;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name in quotes")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<String, E> {
        if !self.0.insert(name.to_owned()) {
            return Err(E::custom(format_args!("`{name}` stands here twice")));
        }
        Ok(name.to_owned())
    }
}

/// Whether it is a type of protobuf's own, which proto JSON writes as text.
fn is_well_known(message: &MessageDescriptor) -> bool {
    message.package_name() == "google.protobuf"
}
