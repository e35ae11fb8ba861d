//! A client as saved plans of version 1 have it: a few keys are called otherwise than in a spec.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _, ser::Error as _};
use serde_json::{Map, Value};

use crate::kinds::{client::Client, msk_iam_auth::Role, properties::mode as mode_of};

/// The role that a client takes.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum KeptRole {
    Own,
    Arn(String),
    Name(String),
}

/// For `serialize_with`.
pub fn serialize<S: Serializer>(client: &Client, serializer: S) -> Result<S::Ok, S::Error> {
    let plain = |value| serde_json::to_value(value).map_err(S::Error::custom);
    let mut value = serde_json::to_value(client).map_err(S::Error::custom)?;
    if let (Some(kept), Some(jar)) = (part(&mut value, "msk_iam_auth"), &client.msk_iam_auth) {
        kept.shift_remove("role_arn");
        kept.insert(
            "role".into(),
            plain(match jar.role() {
                Role::Own => KeptRole::Own,
                Role::Arn(arn) => KeptRole::Arn(arn.to_owned()),
                Role::Name(name) => KeptRole::Name(name.to_owned()),
            })?,
        );
        let options = jar.options.given().into_iter();
        kept.insert("options".into(), options.collect());
    }
    if let Some(kept) = part(&mut value, "classpath") {
        rename(kept, "in", "place");
    }
    if let (Some(kept), Some(file)) = (part(&mut value, "properties"), &client.properties) {
        kept.insert("mode".into(), file.mode().0.into());
    }
    value.serialize(serializer)
}

/// For `deserialize_with`. Fields that are not known are left aside, as readers of version 1 do.
pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Client, D::Error> {
    let mut value = Value::deserialize(deserializer)?;
    if let Some(kept) = part(&mut value, "msk_iam_auth") {
        let role = kept.shift_remove("role").unwrap_or_default();
        let (key, role) = match serde_json::from_value(role).map_err(D::Error::custom)? {
            KeptRole::Own => ("role", Value::Null),
            KeptRole::Arn(arn) => ("role_arn", arn.into()),
            KeptRole::Name(name) => ("role", name.into()),
        };
        kept.insert(key.into(), role);
    }
    if let Some(kept) = part(&mut value, "classpath") {
        rename(kept, "place", "in");
    }
    if let Some(mode) = part(&mut value, "properties").and_then(|kept| kept.get_mut("mode")) {
        let octal = u32::deserialize(&*mode).map(|mode| format!("{mode:04o}"));
        let octal = octal.map_err(D::Error::custom)?;
        mode_of(&octal).ok_or_else(|| D::Error::custom("`mode` is none of a file"))?;
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

fn rename(map: &mut Map<String, Value>, old: &str, new: &str) {
    if let Some(value) = map.shift_remove(old) {
        map.insert(new.to_owned(), value);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

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

    fn read(client: Value) -> Result<Client, serde_json::Error> {
        let host: Host = serde_json::from_value(json!({ "client": client }))?;
        Ok(host.client)
    }

    #[test]
    fn what_a_later_version_adds_is_left_aside_and_what_is_wrong_is_not() {
        let jar = |role: Value| {
            read(
                json!({ "later": 1, "msk_iam_auth": { "version": "1.1.5", "role": role, "later": 1 } }),
            )
        };
        assert!(jar(json!("own")).is_ok());
        for role in [
            json!(null),
            json!("other"),
            json!({}),
            json!({ "name": "r", "arn": "a" }),
        ] {
            assert!(jar(role.clone()).is_err(), "{role}");
        }
        let file = |mode: Value| read(json!({ "properties": { "path": "/p", "mode": mode } }));
        assert_eq!(
            file(json!(0o640))
                .expect("read")
                .properties
                .expect("there")
                .mode()
                .0,
            0o640
        );
        for mode in [json!(null), json!("0640"), json!(-1), json!(0o4755)] {
            assert!(file(mode.clone()).is_err(), "{mode}");
        }
    }

    #[test]
    fn a_path_that_starts_nowhere_is_refused() {
        let kafka = json!({ "kafka": { "version": "1", "scala": "2", "home": "x/y" } });
        let error = read(kafka).expect_err("a folder").to_string();
        assert!(
            error.contains("`x/y` does not say where it starts"),
            "{error}"
        );
        let properties = json!({ "properties": { "path": "-1", "mode": 384 } });
        assert!(read(properties).is_err());
        assert!(read(json!({ "properties": { "mode": 384 } })).is_err());
    }
}
