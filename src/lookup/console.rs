//! Host keys that the console output of an EC2 instance vouches for.

use std::time::{Duration, SystemTime};

use super::cloud::{Cloud, CloudError};
use crate::{
    hostkey::{
        PublicKey,
        console::{self, Error},
    },
    spec::Aws,
    text::escape_control,
};

/// EC2's copy of a console that is younger than this may still be renewed.
const FRESH: Duration = Duration::from_secs(15 * 60);

/// Asks for the keys of an instance. What EC2 kept of its boot is asked for first, because that is
/// where cloud-init prints them, and every instance has it; then what is on the console now, which
/// is there sooner after the boot, on Nitro instances.
///
/// # Errors
/// A message with a help: EC2's refusal, or why the console vouches for no key.
pub async fn host_keys(cloud: &dyn Cloud, aws: &Aws, id: &str) -> Result<Vec<PublicKey>, String> {
    let kept = cloud.console(aws, id, false).await;
    let kept = kept.map_err(|error| error.to_string())?;
    let error = match console::keys(&kept.text) {
        Ok(keys) => return Ok(keys),
        // Newer output does not mend this.
        Err(error) if !is_early(&error) => return Err(message(id, &error, None)),
        Err(error) => error,
    };
    let old = kept
        .at
        .as_deref()
        .filter(|at| is_old(at, SystemTime::now()));
    match cloud.console(aws, id, true).await {
        Ok(now) => console::keys(&now.text).map_err(|error| message(id, &error, old)),
        // Not a Nitro instance: there is nothing newer.
        Err(CloudError::Refused { help: None, .. }) => Err(message(id, &error, old)),
        Err(other) => Err(other.to_string()),
    }
}

/// Whether the keys may still come.
fn is_early(error: &Error) -> bool {
    matches!(error, Error::Empty | Error::None | Error::Unfinished)
}

/// Whether a console of that time is of a boot that is over.
fn is_old(at: &str, now: SystemTime) -> bool {
    let at = humantime::parse_rfc3339_weak(at);
    at.is_ok_and(|at| now.duration_since(at).is_ok_and(|age| age > FRESH))
}

fn message(id: &str, error: &Error, old: Option<&str>) -> String {
    let by_hand = "compare by hand with `trueup trust SPEC`, or pin the keys in the spec: `host_key: { \
                   pinned: […] }`";
    match (error, old) {
        (Error::Windows, _) => format!("{id}: {error}\n  help: name a Linux instance"),
        (Error::Empty, Some(at)) => format!(
            "{id}: the console output is empty (EC2's last is of {}): EC2 keeps it for some hours after \
             a boot, and host keys are printed at an instance's first boot alone\n  help: {by_hand}",
            escape_control(at)
        ),
        (Error::Unfinished, Some(at)) => format!(
            "{id}: the host keys in the console output are cut short, and no more came after {}\n  help: \
             {by_hand}",
            escape_control(at)
        ),
        (Error::None, Some(_)) => format!("{id}: {error}\n  help: {by_hand}"),
        (error, _) if is_early(error) => {
            format!("{id}: {error}\n  help: try again in some minutes, {by_hand}")
        }
        (error, _) => {
            format!("{id}: {error}\n  help: look at it (`aws ec2 get-console-output`), {by_hand}")
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use async_trait::async_trait;
    use secrecy::SecretString;

    use super::*;
    use crate::{
        hostkey::tests::{ED25519, key},
        lookup::{Caller, Console, Instance, InstanceQuery, MskCluster, Role},
        spec::Cluster,
    };

    /// A cloud that has consoles only.
    struct Memory {
        kept: Result<String, CloudError>,
        now: Result<String, CloudError>,
        asked: Mutex<Vec<bool>>,
    }

    fn refused() -> CloudError {
        CloudError::Refused {
            action: "ec2:GetConsoleOutput",
            message: "UnsupportedOperation".into(),
            help: None,
            context: Box::default(),
        }
    }

    #[async_trait]
    impl Cloud for Memory {
        async fn console(&self, _: &Aws, _: &str, latest: bool) -> Result<Console, CloudError> {
            self.asked.lock().expect("unpoisoned").push(latest);
            let text = if latest { &self.now } else { &self.kept };
            let text = text.clone()?;
            Ok(Console { text, at: None })
        }
        async fn instances(&self, _: &Aws, _: &InstanceQuery) -> Result<Vec<Instance>, CloudError> {
            Err(refused())
        }
        async fn key_pair_id(&self, _: &Aws, _: &str) -> Result<String, CloudError> {
            Err(refused())
        }
        async fn parameter(&self, _: &Aws, _: &str) -> Result<SecretString, CloudError> {
            Err(refused())
        }
        async fn role(&self, _: &Aws, _: &str) -> Result<Role, CloudError> {
            Err(refused())
        }
        async fn profile_roles(&self, _: &Aws, _: &str) -> Result<Vec<String>, CloudError> {
            Err(refused())
        }
        async fn cluster(&self, _: &Aws, _: &Cluster) -> Result<MskCluster, CloudError> {
            Err(refused())
        }
        async fn caller(&self, _: &Aws) -> Result<Caller, CloudError> {
            Err(refused())
        }
        async fn credentials(
            &self,
            _: &Aws,
        ) -> Result<crate::broker::credentials::Credentials, CloudError> {
            Err(refused())
        }
    }

    async fn ask(
        kept: Result<String, CloudError>,
        now: Result<String, CloudError>,
    ) -> (Result<Vec<PublicKey>, String>, Vec<bool>) {
        let asked = Mutex::default();
        let cloud = Memory { kept, now, asked };
        let answer = host_keys(&cloud, &Aws::default(), "i-0123456789abcdef0").await;
        (answer, cloud.asked.into_inner().expect("unpoisoned"))
    }

    fn block(keys: &[&str]) -> String {
        let lines: String = keys
            .iter()
            .map(|key| format!("{key} root@ip\r\n"))
            .collect();
        format!("-----BEGIN SSH HOST KEY KEYS-----\r\n{lines}-----END SSH HOST KEY KEYS-----\r\n")
    }

    #[test]
    fn an_old_console_is_not_waited_for() {
        let at = |text: &str| humantime::parse_rfc3339(text).expect("a time");
        let now = at("2026-11-28T12:00:00Z");
        assert!(is_old("2026-11-28T11:44:59Z", now) && is_old("2025-01-01T00:00:00.000Z", now));
        assert!(!is_old("2026-11-28T11:45:01Z", now) && !is_old("2026-11-28T13:00:00Z", now));
        assert!(!is_old("yesterday", now));
        for error in [Error::Empty, Error::None, Error::Unfinished] {
            let old = message("i-1", &error, Some("2025-01-01T00:00:00Z"));
            assert!(
                !old.contains("try again") && !old.contains("still"),
                "{old}"
            );
            assert!(old.contains("trueup trust"), "{old}");
            assert!(message("i-1", &error, None).contains("try again"));
        }
        let windows = "2021/01/01 00:00:00Z: Message: Windows is Ready to use\r\n";
        let error = console::keys(windows).expect_err("Windows");
        assert!(message("i-1", &error, None).contains("Windows machine"));
    }

    #[tokio::test]
    async fn the_boots_output_is_asked_first_then_what_is_there_now() {
        let good = || block(&[ED25519]);
        let keys = vec![PublicKey::parse(ED25519).expect("a key")];
        let (found, asked) = ask(Ok(good()), Err(refused())).await;
        assert_eq!((found, asked), (Ok(keys.clone()), vec![false]));
        for early in ["", "[ 0.0] Linux\r\n", &good()[..60]] {
            let (found, asked) = ask(Ok(early.into()), Ok(good())).await;
            assert_eq!((found, asked), (Ok(keys.clone()), vec![false, true]));
        }
        let (found, _) = ask(Ok(String::new()), Err(refused())).await;
        let message = found.expect_err("nothing");
        assert!(
            message.contains("still empty") && message.contains("try again"),
            "{message}"
        );
        // What is wrong in one place is not made good in another.
        let other = key("ssh-ed25519", &[&[7; 32]]);
        let both = block(&[ED25519]) + &block(&[&other]);
        let (found, asked) = ask(Ok(both), Ok(good())).await;
        assert!(found.expect_err("they disagree").contains("two sets"));
        assert_eq!(asked, [false]);
        let denied = CloudError::Denied {
            action: "ec2:GetConsoleOutput",
            message: "no".into(),
            help: "allow it".into(),
            grants: vec![],
            context: Box::default(),
        };
        let (found, _) = ask(Err(denied), Ok(good())).await;
        assert!(found.expect_err("denied").contains("ec2:GetConsoleOutput"));
    }
}
