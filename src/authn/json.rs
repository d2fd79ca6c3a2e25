//! Strict JSON: one object, no name twice, not too deep.
//!
//! [RFC 8259 §4] leaves duplicate names to the reader; two readers that differ are an attack. Names are compared as
//! they read after unescaping, at every depth.
//!
//! [RFC 8259 §4]: https://www.rfc-editor.org/rfc/rfc8259#section-4

use std::cell::Cell;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

/// The deepest nesting that is read; the outermost object counts as one.
pub(super) const MAX_DEPTH: usize = 32;

/// Why a text is not acceptable JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum JsonFault {
    /// It is not one JSON value in UTF-8, without a byte order mark.
    Syntax,
    /// It is something else than an object.
    NotObject,
    /// An object names a member twice.
    Duplicate,
    /// It is nested deeper than [`MAX_DEPTH`].
    TooDeep,
}

/// Reads `text` as one object.
pub(super) fn object(text: &[u8]) -> Result<Map<String, Value>, JsonFault> {
    let fault = Cell::new(JsonFault::Syntax);
    let mut reader = serde_json::Deserializer::from_slice(text);
    let strict = Strict { depth: 0, fault: &fault };
    let value = strict.deserialize(&mut reader).map_err(|_| fault.get())?;
    reader.end().map_err(|_| JsonFault::Syntax)?;
    if let Value::Object(members) = value { Ok(members) } else { Err(JsonFault::NotObject) }
}

#[derive(Clone, Copy)]
struct Strict<'fault> {
    depth: usize,
    fault: &'fault Cell<JsonFault>,
}

impl Strict<'_> {
    fn deeper<E: Error>(self) -> Result<Self, E> {
        if self.depth == MAX_DEPTH {
            return Err(self.refuse(JsonFault::TooDeep));
        }
        Ok(Self { depth: self.depth + 1, ..self })
    }

    fn refuse<E: Error>(self, fault: JsonFault) -> E {
        self.fault.set(fault);
        E::custom("refused")
    }
}

impl<'de> DeserializeSeed<'de> for Strict<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<Value, D::Error> {
        reader.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let inner = self.deeper()?;
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(inner)? {
            list.push(item);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let inner = self.deeper()?;
        let mut object = Map::new();
        while let Some(name) = members.next_key::<String>()? {
            if object.contains_key(&name) {
                return Err(self.refuse(JsonFault::Duplicate));
            }
            let value = members.next_value_seed(inner)?;
            object.insert(name, value);
        }
        Ok(Value::Object(object))
    }
}
