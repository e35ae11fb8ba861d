//! `examples/cron/`: drift from a systemd timer and from cron, on a machine of its own whose PID 1 is systemd,
//! and by an account that may only read.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use serde_json::Value;

use crate::{
    KAFKA, client,
    rig::{Host, trueup},
};

/// A timer's period here, in seconds.
const PERIOD: &str = "5";

/// Polls until something is so. cron looks at the clock once a minute.
#[track_caller]
fn until(what: &str, mut so: impl FnMut() -> bool) {
    let limit = Instant::now() + Duration::from_secs(180);
    while !so() {
        assert!(Instant::now() < limit, "it never came: {what}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// The block of the guide that installs what is in `examples/cron/`.
fn block(heading: &str) -> String {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/pipeline.md");
    let page = fs::read_to_string(page).expect("the page");
    let (_, section) = page
        .split_once(&format!("\n## {heading}\n"))
        .expect("a section");
    let (_, text) = section.split_once("\n```sh\n").expect("a shell text");
    text.split_once("\n```\n").expect("its end").0.to_owned()
}

/// The machine that looks at others.
struct Boss(Host);

impl Boss {
    /// One with a spec and a key, on which the guide's words have been followed.
    fn start(spec: &str, key: &str) -> Self {
        let host = Host::start("debian", &["--systemd"]);
        let clone = host.path("root/clone");
        let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/cron");
        fs::create_dir_all(clone.join("examples/cron")).expect("made");
        fs::create_dir_all(clone.join("target/release")).expect("made");
        for entry in fs::read_dir(examples).expect("examples").flatten() {
            fs::copy(
                entry.path(),
                clone.join("examples/cron").join(entry.file_name()),
            )
            .expect("copied");
        }
        fs::copy(
            env!("CARGO_BIN_EXE_trueup"),
            clone.join("target/release/trueup"),
        )
        .expect("copied");
        fs::write(clone.join("fleet.yaml"), spec).expect("written");
        fs::copy(key, clone.join("id_ed25519")).expect("copied");
        let boss = Self(host);
        // What stands in for the mail system: a file a mail, there as a whole.
        let sendmail = "#!/bin/sh\nfile=$(mktemp /var/mails/.new.XXXXXX)\ncat >\"$file\"\n\
                        mv \"$file\" \"/var/mails/$(date +%s.%N)\"\n";
        let place = boss.0.path("usr/sbin/sendmail");
        fs::write(&place, sendmail).expect("written");
        fs::set_permissions(&place, fs::Permissions::from_mode(0o755)).expect("set");
        boss.0
            .root("mkdir -m 1777 /var/mails && systemctl is-system-running --wait || true");
        boss
    }

    /// Follows a part of the guide, as root in the clone.
    fn follow(&self, text: &str) {
        self.0.root(&format!("set -e; cd /root/clone; {text}"));
    }

    /// The mails that have come, in their order.
    fn mails(&self) -> Vec<String> {
        let entries = fs::read_dir(self.0.path("var/mails")).expect("mails");
        let mut files: Vec<PathBuf> = entries
            .map(|entry| entry.expect("an entry").path())
            .filter(|path| !path.ends_with(".new") && !path.to_string_lossy().contains(".new."))
            .collect();
        files.sort();
        files
            .iter()
            .map(|file| fs::read_to_string(file).expect("text"))
            .collect()
    }

    /// A mail that comes after so many others.
    #[track_caller]
    fn mail(&self, before: usize) -> String {
        until("a mail", || self.mails().len() > before);
        self.mails().swap_remove(before)
    }

    /// A report.
    fn left(&self, name: &str) -> String {
        fs::read_to_string(self.0.path("var/lib/trueup").join(name)).unwrap_or_default()
    }

    /// How many runs there were.
    fn runs(&self) -> usize {
        self.left(".local/state/trueup/history.jsonl")
            .lines()
            .count()
    }

    /// Waits until a whole run has come after now.
    #[track_caller]
    fn another_run(&self) {
        let before = self.runs();
        // The one that counts next may have begun before now.
        until("two runs", || self.runs() >= before + 2);
    }

    /// A sample of the metrics.
    fn metric(&self, name: &str) -> f64 {
        let text = self.left("fleet.prom");
        let samples = text.lines().filter(|line| line.starts_with(name));
        samples
            .filter_map(|line| line.rsplit_once(' ')?.1.parse::<f64>().ok())
            .sum()
    }
}

/// A spec of one file of properties on a host, looked at as the account of the timer does.
fn fleet(host: &Host, id: &str) -> String {
    let own = host.get("key");
    let way = host.way().replace(own, "/etc/trueup/id_ed25519");
    format!(
        "version: 1\nhosts: {{ client: {{ {way} }} }}\nclient: {{ properties: {{ path: ~/c.properties, extra: {{ \
         client.id: {id} }} }} }}\n"
    )
}

/// The host is as that spec says.
fn brought_about(host: &Host) {
    let own = host.spec("properties: { path: ~/c.properties, extra: { client.id: a } }");
    let own = own.to_str().expect("text");
    trueup(host, &["apply", own, "--auto-approve"]).code(0);
}

#[test]
fn a_fault_is_told_within_one_period_and_so_is_its_end() {
    let host = Host::start("amazon", &[]);
    brought_about(&host);
    let boss = Boss::start(&fleet(&host, "a"), host.get("key"));
    let period = format!(
        "[Timer]\nOnCalendar=\nOnCalendar=*:*:0/{PERIOD}\nRandomizedDelaySec=0\nAccuracySec=100ms\n"
    );
    let drop_in = boss.0.path("etc/systemd/system/trueup-drift@.timer.d");
    fs::create_dir_all(&drop_in).expect("made");
    fs::write(drop_in.join("period.conf"), period).expect("written");
    boss.follow(&block("On a timer"));

    let unit = "trueup-drift@fleet.service";
    let units = "trueup-drift@fleet.service trueup-drift@fleet.timer trueup-mail@fleet.service trueup-failed@fleet.service";
    let said = boss.0.root(&format!("systemd-analyze verify {units} 2>&1"));
    assert_eq!(said, "");
    let security = boss
        .0
        .root(&format!("systemd-analyze security --no-pager {unit}"));
    println!("{security}");
    let (_, exposure) = security
        .rsplit_once(&format!("level for {unit}: "))
        .expect("a verdict");
    let exposure: f64 = exposure
        .split_whitespace()
        .next()
        .expect("a number")
        .parse()
        .expect("a number");
    assert!(exposure < 2.0, "{security}");

    // All in sync: nobody hears of it.
    boss.another_run();
    assert_eq!(boss.mails(), [] as [&str; 0]);
    let is_active = || {
        boss.0
            .run_as("root", &format!("systemctl is-failed {unit}"))
            .out
    };
    assert_eq!(boss.metric("trueup_drift_addresses{"), 0.0);
    assert!(
        boss.left("fleet.xml")
            .contains("failures=\"0\" errors=\"0\""),
        "{}",
        boss.left("fleet.xml")
    );

    host.user("chmod 644 ~/c.properties");
    let mail = boss.mail(0);
    assert!(
        mail.contains("To: root\n") && mail.contains("Subject: [trueup] drift of fleet on"),
        "{mail}"
    );
    assert!(
        mail.contains("client/properties") && mail.contains("0644"),
        "{mail}"
    );
    assert!(mail.contains("since "), "{mail}");
    // That run has left all of it, and the next ones say nothing new.
    boss.another_run();
    assert_eq!(boss.mails().len(), 1, "{:#?}", boss.mails());
    assert!(
        boss.metric("trueup_drift_addresses{") >= 1.0,
        "{}",
        boss.left("fleet.prom")
    );
    assert!(
        boss.left("fleet.xml")
            .contains("failures=\"1\" errors=\"0\""),
        "{}",
        boss.left("fleet.xml")
    );
    let page = boss.left("fleet.html");
    assert!(
        page.contains("client/properties") && page.contains("since"),
        "{page}"
    );
    // Drift is what it looks for, and no failure of the unit.
    assert_ne!(is_active().trim(), "failed");

    brought_about(&host);
    let mail = boss.mail(1);
    assert!(mail.contains("in sync"), "{mail}");
    boss.another_run();
    assert_eq!(boss.mails().len(), 2, "{:#?}", boss.mails());
    assert_eq!(boss.metric("trueup_drift_addresses{"), 0.0);
    assert!(
        boss.left("fleet.xml")
            .contains("failures=\"0\" errors=\"0\"")
    );

    // A host that is away is said once, too.
    host.root("pkill -x sshd");
    let mail = boss.mail(2);
    assert!(mail.contains("unreachable"), "{mail}");
    assert_ne!(is_active().trim(), "failed");
    boss.another_run();
    assert_eq!(boss.mails().len(), 3, "{:#?}", boss.mails());

    // That nobody looks at all is a failure.
    fs::write(
        boss.0.path("etc/trueup/fleet.yaml"),
        "version: 1\nhosst: {}\n",
    )
    .expect("written");
    let mail = boss.mail(3);
    assert!(
        mail.contains("Subject: [trueup] drift of fleet: nobody looked on"),
        "{mail}"
    );
    assert!(
        mail.contains("did you mean `hosts`?") && mail.contains("status=3"),
        "{mail}"
    );
    assert_eq!(is_active().trim(), "failed");
}

#[test]
fn cron_mails_changes_alone() {
    let host = Host::start("amazon", &[]);
    brought_about(&host);
    let boss = Boss::start(&fleet(&host, "a"), host.get("key"));
    // The clock of cron has no seconds: a minute is its shortest period.
    let table = boss.0.path("root/clone/examples/cron/trueup.cron");
    let text = fs::read_to_string(&table).expect("the table");
    assert_eq!(text.matches("\n*/30 * * * * ").count(), 1, "{text}");
    fs::write(&table, text.replace("\n*/30 ", "\n* ")).expect("written");
    boss.follow(&block("With cron"));

    until("a run", || boss.runs() >= 1);
    host.user("chmod 644 ~/c.properties");
    let mail = boss.mail(0);
    assert!(
        mail.contains("To: root\n") && mail.contains("client/properties"),
        "{mail}"
    );
    assert!(mail.contains("Subject: Cron <trueup@"), "{mail}");
    // While one is at work there is no second one, and no word of that.
    boss.0
        .root("su -s /bin/sh trueup -c 'flock --nonblock /var/lib/trueup/fleet.lock sleep 61'");
    brought_about(&host);
    let mail = boss.mail(1);
    assert!(mail.contains("in sync"), "{mail}");
    assert_eq!(boss.mails().len(), 2, "{:#?}", boss.mails());
}

#[test]
fn an_account_that_may_only_read_says_what_it_cannot_see() {
    let host = Host::start("amazon", &[]);
    let spec = |client: &str, more: &str| {
        let path = host.spec(&client.replace(
            "properties: {}",
            "properties: { path: /home/ec2-user/client.properties, mode: \"0640\" }",
        ));
        let text = fs::read_to_string(&path).expect("the spec");
        let text = text.replace("user: ec2-user", "user: \"${account}\"");
        let text = text.replace(
            "scala: 2.12\n",
            &format!("scala: 2.12\n    home: /home/ec2-user/{KAFKA}\n"),
        );
        fs::write(
            &path,
            format!("{text}vars: {{ account: ec2-user }}\n{more}"),
        )
        .expect("written");
        path.display().to_string()
    };
    let more = "files: { motd: { path: /etc/motd, content: \"hello\\n\", become: true } }\n";
    let path = spec(&client("1.8.0"), more);
    trueup(&host, &["apply", &path, "--auto-approve"]).code(0);
    trueup(&host, &["drift", &path]).code(0);

    // As the guide says.
    host.root(&block("An account that reads"));
    host.root(
        "install -d -m 700 -o trueup ~trueup/.ssh && install -m 600 -o trueup ~ec2-user/.ssh/authorized_keys ~trueup/.ssh/ && \
         usermod -p '*' trueup && sed -i 's/AllowUsers ec2-user/AllowUsers ec2-user trueup/' /etc/ssh/sshd_config && \
         pkill -HUP -x -o sshd",
    );
    let reads = [
        "drift",
        path.as_str(),
        "--var",
        "account=trueup",
        "--format",
        "json",
    ];
    let seen = || -> Vec<(String, String)> {
        let mut said = trueup(&host, &reads);
        // sshd takes its own place.
        crate::rig::until("sshd is there again", || {
            said = trueup(&host, &reads);
            said.json()["hosts"][0]["steps"].is_array()
        });
        let steps = said.json()["hosts"][0]["steps"]
            .as_array()
            .expect("steps")
            .clone();
        let of = |step: &Value, key: &str| step[key].as_str().expect("text").to_owned();
        let steps = steps
            .iter()
            .map(|step| (of(step, "address"), of(step, "action")));
        steps.collect()
    };
    let all = seen();
    println!("{all:?}");
    let with = |action: &str| -> Vec<&str> {
        let some = all.iter().filter(|(_, own)| own == action);
        some.map(|(address, _)| address.as_str()).collect()
    };
    assert_eq!(
        with("none"),
        [
            "client/java",
            "client/kafka",
            "client/msk_iam_auth",
            "client/properties"
        ]
    );
    // What root alone sees, and what the other account's start files say.
    assert_eq!(with("unknown"), ["files/motd"]);
    assert_eq!(with("create"), ["client/classpath"]);
    let said = trueup(&host, &reads[..4]).code(4);
    said.says("exit 4: not everything could be seen");
    let left_out = [
        &reads[..4],
        &["--exclude", "client/classpath", "--exclude", "files/motd"],
    ]
    .concat();
    trueup(&host, &left_out).code(0).says("in sync");

    // It is not in sync where the account is not let in any more, and it changes nothing.
    let before = host.tree();
    host.user("chmod 600 ~/client.properties");
    trueup(&host, &left_out)
        .code(4)
        .says("cannot read `/home/ec2-user/client.properties`");
    host.user("chmod 640 ~/client.properties && chmod 700 ~");
    trueup(&host, &left_out)
        .code(4)
        .says(&format!("cannot look at `/home/ec2-user/{KAFKA}`"));
    trueup(
        &host,
        &["apply", &path, "--auto-approve", "--var", "account=trueup"],
    )
    .code(5);
    let changed = crate::rig::differences(&before, &host.tree());
    let expected = ["home/ec2-user", "home/ec2-user/client.properties"];
    let names: Vec<&str> = changed
        .iter()
        .filter_map(|line| line.split(": ").next())
        .collect();
    let others: Vec<&&str> = names
        .iter()
        .filter(|name| !expected.contains(name) && !name.starts_with("home/trueup"))
        .collect();
    assert!(others.is_empty(), "{changed:?}");
}
