//! A client as saved plans of version 1 have it: a few keys are called otherwise than in a spec.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _, ser::Error as _};
use serde_json::{Map, Value, json};

use crate::kinds::client::Client;

/// For `serialize_with`.
pub fn serialize<S: Serializer>(client: &Client, serializer: S) -> Result<S::Ok, S::Error> {
    let mut value = serde_json::to_value(client).map_err(S::Error::custom)?;
    if let Some(jar) = part(&mut value, "msk_iam_auth") {
        let (name, arn) = (jar.shift_remove("role"), jar.shift_remove("role_arn"));
        let role = match (given(name), given(arn)) {
            (_, Some(arn)) => json!({ "arn": arn }),
            (Some(name), None) => json!({ "name": name }),
            (None, None) => json!("own"),
        };
        jar.insert("role".into(), role);
        if let Some(options) = jar.get_mut("options").and_then(Value::as_object_mut) {
            options.retain(|_, value| !value.is_null());
        }
    }
    if let Some(classpath) = part(&mut value, "classpath") {
        rename(classpath, "in", "place");
    }
    if let Some(mode) = mode(&mut value) {
        let octal = mode
            .as_str()
            .and_then(|text| u32::from_str_radix(text, 8).ok());
        *mode = octal.into();
    }
    value.serialize(serializer)
}

/// For `deserialize_with`.
pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Client, D::Error> {
    let mut value = Value::deserialize(deserializer)?;
    if let Some(jar) = part(&mut value, "msk_iam_auth") {
        match jar.shift_remove("role") {
            Some(Value::Object(mut role)) => {
                for (old, new) in [("name", "role"), ("arn", "role_arn")] {
                    jar.extend(role.shift_remove(old).map(|it| (new.to_owned(), it)));
                }
            }
            Some(Value::String(own)) if own == "own" => {}
            _ => return Err(D::Error::custom("`role` is none")),
        }
    }
    if let Some(classpath) = part(&mut value, "classpath") {
        rename(classpath, "place", "in");
    }
    if let Some(mode) = mode(&mut value) {
        let octal = mode.as_u64().map(|mode| format!("{mode:04o}"));
        *mode = octal.into();
    }
    let client: Client = serde_json::from_value(value).map_err(D::Error::custom)?;
    client
        .filled()
        .ok_or_else(|| D::Error::custom("`properties` has no `path`"))
}

fn part<'v>(value: &'v mut Value, key: &str) -> Option<&'v mut Map<String, Value>> {
    value.get_mut(key)?.as_object_mut()
}

fn mode(value: &mut Value) -> Option<&mut Value> {
    part(value, "properties")?.get_mut("mode")
}

fn given(value: Option<Value>) -> Option<Value> {
    value.filter(|value| !value.is_null())
}

fn rename(map: &mut Map<String, Value>, old: &str, new: &str) {
    if let Some(value) = map.shift_remove(old) {
        map.insert(new.to_owned(), value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Serialize, Deserialize)]
    struct Host {
        #[serde(with = "super")]
        client: Client,
    }

    #[test]
    fn what_was_kept_comes_back_as_it_was() {
        for role in [
            json!("own"),
            json!({ "arn": "arn:aws:iam::1:role/r" }),
            json!({ "name": "r" }),
        ] {
            let kept = json!({ "client": {
                "java": { "version": "8", "package": null },
                "kafka": {
                    "version": "2.8.1", "scala": "2.12", "url": "https://x/k.tgz", "sha512": null, "home": "/opt/k",
                },
                "msk_iam_auth": {
                    "version": "1.1.5", "url": "https://x/a.jar", "sha256": "ab", "mechanism": "AWS_MSK_IAM",
                    "options": { "awsStsRegion": "eu-west-1" }, "role": role,
                },
                "classpath": { "place": "profile" },
                "properties": {
                    "path": "/opt/k/bin/client.properties", "extra": { "a": "1", "b": { "env": "B" } },
                    "absent": ["c"], "mode": 0o640,
                },
            } });
            let host: Host = serde_json::from_value(kept.clone()).expect("it is read");
            assert_eq!(serde_json::to_value(&host).expect("it is kept"), kept);
        }
    }

    #[test]
    fn a_path_that_starts_nowhere_is_refused() {
        let read = |client: Value| serde_json::from_value::<Host>(json!({ "client": client }));
        let kafka = json!({ "kafka": { "version": "1", "scala": "2", "home": "x/y" } });
        let error = read(kafka).err().expect("a folder").to_string();
        assert!(
            error.contains("`x/y` does not say where it starts"),
            "{error}"
        );
        let properties = json!({ "properties": { "path": "-1", "mode": 384 } });
        assert!(read(properties).is_err());
        assert!(read(json!({ "properties": { "mode": 384 } })).is_err());
    }
}
