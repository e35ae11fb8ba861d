//! The JSON Schema of a plan: what `--format json` prints, and what `--out` saves.

use schemars::generate::SchemaSettings;
use serde_json::{Value, json};

use super::Plan;

/// The schema, from the types. A printed plan has no `desired` and no `checksum`; a saved one has.
pub fn schema() -> Value {
    let generator = SchemaSettings::draft2020_12()
        .for_serialize()
        .into_generator();
    let mut root = generator.into_root_schema_for::<Plan>().to_value();
    root["title"] = "trueup plan, version 1".into();
    root["properties"]["trueup_plan"] = json!({
        "description": "Marks a plan that `--out` saved.",
        "const": "saved",
    });
    root["properties"]["desired"] = json!({
        "description": "In a saved plan: what an apply needs beside it. For trueup alone.",
        "type": "object",
    });
    root["properties"]["checksum"] = json!({
        "description": "In a saved plan: sha256, in hexadecimal, of all the rest as JSON with \
                        sorted keys and no blanks. Against damage, not against people.",
        "type": "string",
    });
    root["properties"]["outcome"] = json!({
        "description": "After an apply: what became of it. After `prove`: `proofs`, what each client says.",
        "type": "object",
    });
    root
}
