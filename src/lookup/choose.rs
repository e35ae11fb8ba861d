//! Which instance, and by which of its names it is reached. Pure.

use super::cloud::{Instance, InstanceQuery};
use crate::{
    spec::{Ec2, Via},
    text::{columns, escape_control, padded},
};

/// The query of a spec's `ec2`.
pub fn query(ec2: &Ec2) -> InstanceQuery {
    match (&ec2.instance_id, &ec2.name) {
        (Some(id), _) => InstanceQuery::Id(id.clone()),
        (None, Some(name)) => InstanceQuery::Tags(vec![("Name".into(), name.clone())]),
        (None, None) => {
            let tags = ec2.tags.iter();
            InstanceQuery::Tags(
                tags.map(|(key, value)| (key.clone(), value.clone()))
                    .collect(),
            )
        }
    }
}

/// The instances for a host, out of those that match: one, or with `all` as many as there
/// are.
///
/// # Errors
/// A message with what was found and a help, when that is none, or several without `all`.
pub fn chosen<'i>(ec2: &Ec2, found: &'i [Instance]) -> Result<Vec<&'i Instance>, String> {
    let reference = ec2.reference();
    let region = match &ec2.region {
        Some(region) => format!(" in {region}"),
        None => String::new(),
    };
    match found {
        [] => Err(format!(
            "no instance is {reference}{region}, but for terminated ones\n  help: see its tags and its \
             region (`ec2: {{ region: … }}`), and whose account is asked (`aws: {{ profile: … }}`)"
        )),
        [one] => Ok(vec![one]),
        many if ec2.all => Ok(many.iter().collect()),
        many => Err(format!(
            "{} instances are {reference}{region}, and one is asked for\n{}\n  help: name one with \
             `instance_id: …`, give `tags` that only one has, or take them all: `all: true`",
            many.len(),
            table(many)
        )),
    }
}

/// Ids, names and states, aligned; not without end.
fn table(instances: &[Instance]) -> String {
    const MOST: usize = 20;
    let name = |one: &Instance| escape_control(one.name.as_deref().unwrap_or("-"));
    let width = |text: &dyn Fn(&Instance) -> usize| instances.iter().map(text).max().unwrap_or(0);
    let ids = width(&|one| one.id.len());
    let names = width(&|one| columns(&name(one)));
    let mut lines: Vec<String> = instances
        .iter()
        .take(MOST)
        .map(|one| {
            let name = padded(&name(one), names);
            format!("  {:ids$}  {name}  {}", one.id, one.state)
        })
        .collect();
    if instances.len() > MOST {
        lines.push(format!("  … and {} more", instances.len() - MOST));
    }
    lines.join("\n")
}

/// The name or address that is handed to ssh.
///
/// # Errors
/// A message with a help, when the instance does not run, or has no such name.
pub fn address(instance: &Instance, via: Via) -> Result<String, String> {
    let called = called(instance);
    if instance.windows {
        return Err(format!(
            "{called} runs Windows, and what a spec asks for is for Linux\n  help: name a Linux instance"
        ));
    }
    match instance.state.as_str() {
        "running" => {}
        "stopped" | "stopping" => {
            return Err(format!(
                "{called} is {}\n  help: start it: `aws ec2 start-instances --instance-ids {}`",
                instance.state, instance.id
            ));
        }
        "pending" => {
            return Err(format!(
                "{called} is still starting\n  help: try again in a minute"
            ));
        }
        state => {
            return Err(format!(
                "{called} is {}\n  help: name the instance that has taken its place",
                escape_control(state)
            ));
        }
    }
    if via == Via::InstanceId {
        return Ok(instance.id.clone());
    }
    let names = [
        (Via::PublicDns, "public_dns", &instance.public_dns),
        (Via::PublicIp, "public_ip", &instance.public_ip),
        (Via::PrivateIp, "private_ip", &instance.private_ip),
        (Via::PrivateDns, "private_dns", &instance.private_dns),
        (Via::Ipv6, "ipv6", &instance.ipv6),
    ];
    let found = names.iter().find(|(one, ..)| *one == via);
    if let Some((.., Some(address))) = found {
        return Ok(address.clone());
    }
    let what = match via {
        Via::PublicDns => "public DNS name",
        Via::PublicIp => "public address",
        Via::PrivateIp => "private address",
        Via::PrivateDns => "private DNS name",
        Via::Ipv6 => "IPv6 address",
        Via::InstanceId => "id",
    };
    let others: Vec<String> = names
        .iter()
        .filter_map(|(_, key, address)| Some(format!("`via: {key}` ({})", address.as_ref()?)))
        .collect();
    let others = match others.as_slice() {
        [] => String::new(),
        some => format!("{}, or ", some.join(", ")),
    };
    Err(format!(
        "{called} has no {what}\n  help: say {others}`via: instance_id` with a `Host i-*` block of \
         your own in ~/.ssh/config"
    ))
}

/// An instance's id and name, for people.
pub fn called(instance: &Instance) -> String {
    match &instance.name {
        Some(name) => format!("the instance {} ({})", instance.id, escape_control(name)),
        None => format!("the instance {}", instance.id),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn instance(id: &str, state: &str) -> Instance {
        Instance {
            id: id.into(),
            name: Some("kafka-client".into()),
            state: state.into(),
            private_ip: Some("10.0.0.5".into()),
            private_dns: Some("ip-10-0-0-5.ec2.internal".into()),
            ..Instance::default()
        }
    }

    fn ec2() -> Ec2 {
        Ec2 {
            region: Some("us-east-1".into()),
            instance_id: None,
            name: Some("kafka-client".into()),
            tags: Default::default(),
            all: false,
            via: Via::PublicDns,
        }
    }

    #[test]
    fn states_stand_in_one_column_whatever_the_names_are() {
        let named = |name: &str| Instance {
            name: Some(name.into()),
            ..instance("i-1", "running")
        };
        // Wide characters, combining ones, and one that is shown as its number.
        let table = table(&["鍵盤", "cafe\u{301}", "a\u{1b}b", "kafka-client"].map(named));
        let before = |line: &str| line.strip_suffix("running").map(columns);
        let all: Vec<_> = table.lines().map(before).collect();
        assert_eq!(all, [Some(21); 4], "{table}");
    }

    #[test]
    fn none_and_several_say_what_was_found() {
        let none = chosen(&ec2(), &[]).expect_err("none");
        assert!(none.contains("Name=kafka-client in us-east-1"), "{none}");
        let mut odd = instance("i-22", "stopped");
        odd.name = Some("a\u{1b}[2Jb".into());
        let two = [instance("i-1", "running"), odd];
        let several = chosen(&ec2(), &two).expect_err("several");
        assert!(
            several.contains("2 instances are Name=kafka-client"),
            "{several}"
        );
        assert!(
            several.contains("\n  i-1   kafka-client  running\n  i-22  a"),
            "{several}"
        );
        assert!(!several.contains('\u{1b}'));
        let all = Ec2 { all: true, ..ec2() };
        assert_eq!(chosen(&all, &two).expect("both").len(), 2);
        assert_eq!(chosen(&ec2(), &two[..1]).expect("one")[0].id, "i-1");
        let many: Vec<Instance> = (0..50)
            .map(|n| instance(&format!("i-{n}"), "running"))
            .collect();
        let several = chosen(&ec2(), &many).expect_err("several");
        assert!(several.contains("… and 30 more") && several.lines().count() < 25);
    }

    #[test]
    fn what_does_not_run_is_not_dialled() {
        for (state, word) in [
            ("stopped", "start-instances --instance-ids i-1"),
            ("stopping", "is stopping"),
            ("pending", "still starting"),
            ("terminated", "taken its place"),
            ("shutting-down", "is shutting-down"),
        ] {
            for via in [Via::PrivateIp, Via::InstanceId] {
                let error = address(&instance("i-1", state), via).expect_err(state);
                assert!(
                    error.contains(word) && error.contains("i-1 (kafka-client)"),
                    "{error}"
                );
            }
        }
    }

    #[test]
    fn a_windows_machine_is_no_client() {
        let mut one = instance("i-1", "running");
        one.windows = true;
        let error = address(&one, Via::PrivateIp).expect_err("Windows");
        assert!(error.contains("i-1 (kafka-client) runs Windows"), "{error}");
    }

    #[test]
    fn a_name_that_is_not_there_names_those_that_are() {
        let one = instance("i-1", "running");
        assert_eq!(address(&one, Via::PrivateIp).as_deref(), Ok("10.0.0.5"));
        assert_eq!(address(&one, Via::InstanceId).as_deref(), Ok("i-1"));
        let error = address(&one, Via::PublicDns).expect_err("none");
        assert!(error.contains("has no public DNS name"), "{error}");
        assert!(error.contains("`via: private_ip` (10.0.0.5)"), "{error}");
        assert!(!error.contains("via: ipv6"), "{error}");
    }
}
