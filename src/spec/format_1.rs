//! What is declared, as saved plans of version 1 have it: `client` beside the others, and a few of its keys are
//! called otherwise than in a spec.

use indexmap::IndexMap;
use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{self, Error as _},
    ser,
};
use serde_json::{Map, Value};

use crate::{
    action::Mode,
    kinds::{
        client::{Client, msk_iam_auth::Role},
        declared::{Declaration, Declarations},
    },
};

/// What is declared, under the keys of version 1.
#[derive(Serialize, Deserialize)]
struct Kept {
    client: Value,
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    declared: IndexMap<String, Value>,
}

/// The role that a client takes.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum KeptRole {
    Own,
    Arn(String),
    Name(String),
}

/// For `serialize_with`.
pub(crate) fn serialize<S: Serializer>(
    all: &Declarations,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let none = Client::default();
    let client = all.get().unwrap_or(&none);
    let declared = all.iter().filter(|(key, _)| *key != Client::KEY);
    let kept = Kept {
        client: kept(client).map_err(ser::Error::custom)?,
        declared: declared
            .map(|(key, declared)| (key.to_owned(), declared.json()))
            .collect(),
    };
    kept.serialize(serializer)
}

/// For `deserialize_with`. Fields that are not known are left aside, as readers of version 1 do.
pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Declarations, D::Error> {
    let Kept {
        client,
        mut declared,
    } = Kept::deserialize(deserializer)?;
    let client = client_of(client).map_err(D::Error::custom)?;
    declared.insert(Client::KEY.to_owned(), client);
    Declarations::read(declared).map_err(D::Error::custom)
}

/// A client, with the keys of version 1.
fn kept(client: &Client) -> serde_json::Result<Value> {
    let mut value = serde_json::to_value(client)?;
    if let (Some(kept), Some(jar)) = (part(&mut value, "msk_iam_auth"), &client.msk_iam_auth) {
        kept.shift_remove("role_arn");
        let role = match jar.role() {
            Role::Own => KeptRole::Own,
            Role::Arn(arn) => KeptRole::Arn(arn.to_owned()),
            Role::Name(name) => KeptRole::Name(name.to_owned()),
        };
        kept.insert("role".into(), serde_json::to_value(role)?);
        let options = jar.options.given().into_iter();
        kept.insert("options".into(), options.collect());
    }
    if let Some(kept) = part(&mut value, "classpath") {
        rename(kept, "in", "place");
    }
    if let (Some(kept), Some(file)) = (part(&mut value, "properties"), &client.properties) {
        kept.insert("mode".into(), file.mode().0.into());
    }
    Ok(value)
}

/// A client, as a spec has it.
fn client_of(mut value: Value) -> serde_json::Result<Value> {
    if let Some(kept) = part(&mut value, "msk_iam_auth") {
        let role = kept.shift_remove("role").unwrap_or_default();
        let (key, role) = match serde_json::from_value(role)? {
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
        let octal = format!("{:04o}", u32::deserialize(&*mode)?);
        Mode::parse(&octal).ok_or_else(|| de::Error::custom("`mode` is none of a file"))?;
        *mode = octal.into();
    }
    Ok(value)
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
        #[serde(flatten, with = "super")]
        declared: Declarations,
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
        Ok(host.declared.get::<Client>().expect("a client").clone())
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
