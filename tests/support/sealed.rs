//! Saved plans with a checksum that fits, made another way than the program does.

use std::collections::BTreeMap;

use serde_json::Value;
use sha2::{Digest, Sha256};

/// The checksum of a value without one.
pub fn checksum(value: &Value) -> String {
    fn write(value: &Value, out: &mut String) {
        match value {
            Value::Object(map) => {
                let sorted: BTreeMap<_, _> = map.iter().collect();
                out.push('{');
                for (at, (key, value)) in sorted.into_iter().enumerate() {
                    if at > 0 {
                        out.push(',');
                    }
                    out.push_str(&format!("{}:", Value::from(key.as_str())));
                    write(value, out);
                }
                out.push('}');
            }
            Value::Array(items) => {
                out.push('[');
                for (at, value) in items.iter().enumerate() {
                    if at > 0 {
                        out.push(',');
                    }
                    write(value, out);
                }
                out.push(']');
            }
            other => out.push_str(&other.to_string()),
        }
    }
    let mut out = String::new();
    write(value, &mut out);
    let digest = Sha256::digest(out.as_bytes());
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A file's value with a checksum that fits.
pub fn sealed(mut value: Value) -> Vec<u8> {
    value.as_object_mut().expect("a map").remove("checksum");
    value["checksum"] = checksum(&value).into();
    value.to_string().into_bytes()
}
