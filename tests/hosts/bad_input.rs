//! Whatever goes wrong gets one clear error, and nothing is lost.

use std::{fs, os::unix::fs::PermissionsExt, process::Command};

use crate::{
    KAFKA, client,
    rig::{Host, Said, differences, start, trueup, until, wait, without_java},
};

/// Applies a spec that has to fail; the host's tree has to be as it was.
#[track_caller]
fn fails_and_loses_nothing(host: &Host, client: &str, code: i32) -> Said {
    let spec = host.spec(client);
    let names = |host: &Host| {
        let mut tree = host.tree();
        // A folder's own times change when something is made in it and removed again.
        tree.retain(|_, facts| !facts.starts_with('4'));
        tree
    };
    let before = names(host);
    let said = trueup(
        host,
        &["apply", spec.to_str().expect("text"), "--auto-approve"],
    )
    .code(code);
    assert_eq!(
        differences(&before, &names(host)),
        [] as [&str; 0],
        "something was left behind or lost"
    );
    said
}

/// The client without Java, with a URL part of the download site in place of `files`.
pub fn from(site: &str, resource: &str) -> String {
    let name = if resource == "kafka" {
        "kafka_2.12-2.8.1.tgz"
    } else {
        "aws-msk-iam-auth-1.1.5-all.jar"
    };
    without_java().replace(&format!("files/{name}"), &format!("{site}/{name}"))
}

#[test]
fn downloads_that_are_not_what_they_should_be() {
    let host = Host::start("amazon", &[]);
    for (site, text, help) in [
        (
            "html",
            "this is a web page, not the file",
            "check `url` and `sha512` in",
        ),
        (
            "truncate",
            "the download broke off",
            "run the command again",
        ),
        (
            "404",
            "the server has no such file, or refuses it",
            "check `url` and `sha512` in",
        ),
    ] {
        fails_and_loses_nothing(&host, &from(site, "kafka"), 5)
            .says("`client/kafka` was not applied")
            .says(text)
            .says(help)
            .says("no step was applied on client");
    }
    let wrong = from("files", "kafka")
        .replace("sha512: ", "sha512: 00")
        .replace("\nmsk", "XX\nmsk");
    let digest = wrong
        .lines()
        .find(|line| line.contains("sha512"))
        .expect("a line");
    let cut = format!(
        "  sha512: 00{}",
        &digest.trim_start_matches("  sha512: 00")[..126]
    );
    fails_and_loses_nothing(&host, &wrong.replace(digest, &cut), 5)
        .says("the spec pins 00")
        .says("no step was applied on client");

    // With the tree in place the jar's download is what fails, and says what is true by then.
    let spec = host.spec(&from("html", "jar"));
    trueup(
        &host,
        &["apply", spec.to_str().expect("text"), "--auto-approve"],
    )
    .code(5)
    .says("`client/msk_iam_auth` was not applied")
    .says("client/kafka")
    .says("2 steps were not reached");
    let libs = host.user(&format!("ls -A ~/{KAFKA}/libs"));
    assert!(
        !libs.contains("aws-msk-iam-auth") && !libs.contains(".trueup"),
        "{libs}"
    );
}

#[test]
fn ctrl_c_in_the_middle_of_a_download_leaves_nothing_behind() {
    // Debian's sh is dash, Amazon Linux's bash.
    let debian = Host::start("debian", &[]);
    let amazon = Host::start("amazon", &[]);
    for (host, site) in [(&amazon, "hang"), (&debian, "hang"), (&debian, "slow")] {
        let spec = host.spec(&from(site, "kafka"));
        let child = start(
            host.folder.path(),
            &["apply", spec.to_str().expect("text"), "--auto-approve"],
        );
        until("the download runs", || {
            host.run_as("root", "pgrep -x curl").code == 0
        });
        let pid = child.id().to_string();
        assert!(
            Command::new("kill")
                .args(["-INT", &pid])
                .status()
                .expect("kill runs")
                .success()
        );
        wait(child).code(130).says("stopp");
        assert_ne!(
            host.run_as("root", "pgrep -x curl").code,
            0,
            "the download goes on"
        );
        assert_eq!(
            host.user("ls -A ~ | grep -e trueup -e kafka || true; ls -A /tmp"),
            ""
        );
    }
}

#[test]
fn a_killed_client_is_no_harm() {
    let host = Host::start("amazon", &[]);
    let spec = host.spec(&from("slow", "kafka"));
    let mut child = start(
        host.folder.path(),
        &["apply", spec.to_str().expect("text"), "--auto-approve"],
    );
    until("the download runs", || {
        host.run_as("root", "pgrep -x curl").code == 0
    });
    child.kill().expect("killed");
    child.wait().expect("gone");
    // The lock goes when the step has ended; the step is the host's own until then.
    let spec = host.spec(&from("files", "kafka"));
    let spec = spec.to_str().expect("text");
    trueup(&host, &["plan", spec]).code(7).says("tester from");
    host.root("pkill -x curl");
    trueup(&host, &["apply", spec, "--auto-approve"])
        .code(0)
        .says("4 changes applied and verified");
    assert_eq!(host.user("ls -A ~ | grep trueup || true; ls -A /tmp"), "");
}

#[test]
fn one_apply_at_a_time() {
    let host = Host::start("amazon", &[]);
    let spec = host.spec(&from("slow", "kafka"));
    let spec = spec.to_str().expect("text");
    let child = start(host.folder.path(), &["apply", spec, "--auto-approve"]);
    until("the download runs", || {
        host.run_as("root", "pgrep -x curl").code == 0
    });
    for command in ["plan", "drift"] {
        let seen = trueup(&host, &[command, spec, "--format", "json"])
            .code(7)
            .json();
        assert_eq!(seen["complete"], false);
        let holder = seen["hosts"][0]["lock_holder"].as_str().unwrap_or_default();
        assert!(holder.starts_with("tester from "), "{seen}");
    }
    let before = host.tree();
    trueup(
        &host,
        &["apply", spec, "--auto-approve", "--lock-timeout", "1s"],
    )
    .code(7)
    .says("tester from");
    let part = |name: &str| name.contains(".trueup-") || name.contains("tmp");
    let moved: Vec<_> = differences(&before, &host.tree())
        .into_iter()
        .filter(|name| !part(name))
        .collect();
    assert_eq!(
        moved,
        [] as [&str; 0],
        "the one that waited wrote something"
    );
    let pid = child.id().to_string();
    assert!(
        Command::new("kill")
            .args(["-INT", &pid])
            .status()
            .expect("kill runs")
            .success()
    );
    wait(child).code(130);
}

#[test]
fn a_full_disk() {
    // Far too small: known at plan.
    let host = Host::start("amazon", &["--disk-mb", "48"]);
    fails_and_loses_nothing(&host, &from("files", "kafka"), 5)
        .says("MiB are free there, and Kafka 2.8.1 needs about")
        .says("make room on the host");
    // Too small for this archive's tree beside the archive; the log's disk is full, too.
    let host = Host::start("amazon", &["--disk-mb", "68"]);
    host.root("mkdir -m 1777 /home/tmp && mount --bind /home/tmp /tmp");
    fails_and_loses_nothing(&host, &from("files", "kafka"), 5)
        .says("`client/kafka` was not applied")
        .says("no room in /home/ec2-user: the tree takes")
        .says("make room on the host")
        .says("no step was applied on client");
}

/// Leaves so many KiB free on the disk that has the home and `/tmp`.
fn leave_free(host: &Host, kib: u64) {
    host.root(&format!(
        "rm -f /home/fill; free=$(df -Pk /home | awk 'NR == 2 {{ print $4 }}')
         [ $free -ge {kib} ] && head -c $(((free - {kib}) * 1024)) /dev/zero >/home/fill"
    ));
}

/// An apply that has to fail for want of room, and say so; it leaves nothing behind.
#[track_caller]
fn finds_no_room(host: &Host, spec: &str, place: &str) -> Said {
    let said = trueup(host, &["apply", spec, "--auto-approve"]);
    let left = host.user("find /home/ec2-user /tmp /dev/shm -name '.trueup-*'");
    assert_eq!(left, "", "{}{}", said.out, said.err);
    let said = said.code(5).says(place).says("`df -h`");
    let both = format!("{}{}", said.out, said.err);
    assert!(!both.contains("ended with status"), "{both}");
    let text = [
        "no room in",
        "MiB are free there",
        "No space left on device",
    ];
    assert!(text.iter().any(|text| both.contains(text)), "{both}");
    said
}

#[test]
fn too_little_room_of_any_size_is_said_with_its_place() {
    // The home and `/tmp` on one file system, as is ordinary.
    let host = Host::start("amazon", &["--disk-mb", "160"]);
    host.root("mkdir -m 1777 /home/tmp && mount --bind /home/tmp /tmp");
    let spec = host.spec(&from("files", "kafka"));
    let spec = spec.to_str().expect("text");
    let number = |text: &str| -> u64 { host.user(text).trim().parse().expect("a number") };
    let url = format!("{}/files/{KAFKA}.tgz", crate::rig::SITE);
    let archive = number(&format!("curl -fsS {url} | wc -c")) / 1024;
    let tree = number(&format!(
        "curl -fsS {url} | tar -tzv | awk '{{ kib += int(($3 + 4095) / 4096) * 4 }} END {{ print kib }}'"
    ));
    let least = archive + tree;
    let sizes = [
        0,
        4,
        300,
        archive - 1000,
        archive + 1000,
        51 * 1024,
        55 * 1024,
        least - 64,
        least - 4,
    ];
    for kib in sizes {
        leave_free(&host, kib);
        finds_no_room(&host, spec, KAFKA);
        assert!(!host.home(KAFKA).exists(), "{kib} KiB");
    }
    leave_free(&host, least + 1024);
    trueup(&host, &["apply", spec, "--auto-approve"])
        .code(0)
        .says("4 changes applied and verified");

    // What is smaller than the tree: the jar, and lines in files.
    let jar = format!("{KAFKA}/libs/aws-msk-iam-auth-1.1.5-all.jar");
    let size = number(&format!("stat -c %s ~/{jar}")) / 1024;
    host.user(&format!("rm ~/{jar}"));
    for kib in [0, 4, 300, size / 2, size - 4] {
        leave_free(&host, kib);
        finds_no_room(&host, spec, "/libs");
    }
    leave_free(&host, size + 1024);
    trueup(&host, &["apply", spec, "--auto-approve"]).code(0);
    host.user(&format!("rm ~/{KAFKA}/bin/client.properties"));
    leave_free(&host, 0);
    finds_no_room(
        &host,
        spec,
        &format!("no room in /home/ec2-user/{KAFKA}/bin"),
    );
    leave_free(&host, 300);
    trueup(&host, &["apply", spec, "--auto-approve"])
        .code(0)
        .says("1 change applied and verified");
    trueup(&host, &["drift", spec]).code(0);
}

#[test]
fn a_download_without_an_end_is_bounded() {
    // By the room that there is,
    let host = Host::start("amazon", &["--disk-mb", "160"]);
    let spec = host.spec(&from("endless", "kafka"));
    finds_no_room(&host, spec.to_str().expect("text"), "/home/ec2-user");
    // and by what no such file comes to.
    let host = Host::start("amazon", &[]);
    trueup(
        &host,
        &[
            "apply",
            host.spec(&from("files", "kafka")).to_str().expect("text"),
            "--auto-approve",
        ],
    )
    .code(0);
    let jar = format!("{KAFKA}/libs/aws-msk-iam-auth-1.1.5-all.jar");
    host.user(&format!("rm ~/{jar}"));
    let spec = host.spec(&from("endless", "jar"));
    trueup(
        &host,
        &["apply", spec.to_str().expect("text"), "--auto-approve"],
    )
    .code(5)
    .says("the download is larger than 128 MiB, which no such file is");
    let libs = host.user(&format!("ls -A ~/{KAFKA}/libs"));
    assert!(!libs.contains(".trueup"), "{libs}");
}

#[test]
fn no_sudo() {
    let host = Host::start("amazon", &["--no-sudo"]);
    fails_and_loses_nothing(&host, &client("1.8.0"), 5)
        .says("`client/java` was not applied")
        .says("sudo asks for a password")
        .says("4 steps were not reached");
}

#[test]
fn places_that_are_not_ours() {
    let host = Host::start("amazon", &[]);
    let client = from("files", "kafka");
    host.user(&format!(
        "mkdir ~/{KAFKA} && echo mine >~/{KAFKA}/notes.txt"
    ));
    fails_and_loses_nothing(&host, &client, 5)
        .says("is no kafka_2.12-2.8.1")
        .says("needs `client/kafka`");
    let spec = host.spec(&client);
    trueup(
        &host,
        &["plan", spec.to_str().expect("text"), "--detailed-exitcode"],
    )
    .code(2);
    assert_eq!(host.read(&format!("{KAFKA}/notes.txt")), "mine\n");

    let elsewhere = client.replace(
        "  version: 2.8.1\n  scala",
        "  home: /opt/kafka\n  version: 2.8.1\n  scala",
    );
    fails_and_loses_nothing(&host, &elsewhere, 5).says("`/opt` belongs to root");

    // A link that somebody else could turn elsewhere is not followed.
    host.user(&format!("rm -r ~/{KAFKA}"));
    host.root(&format!(
        "mkdir -m 1777 /shared && ln -s /etc /shared/{KAFKA}"
    ));
    let linked = client.replace(
        "  version: 2.8.1\n  scala",
        &format!("  home: /shared/{KAFKA}\n  version: 2.8.1\n  scala"),
    );
    fails_and_loses_nothing(&host, &linked, 5).says("is a link");
}

#[test]
fn hosts_that_cannot_be_reached() {
    let host = Host::start("amazon", &[]);
    let client = client("1.8.0");
    let plan = |way: &str| {
        let spec = host.spec_with(way, &client);
        trueup(
            &host,
            &["plan", spec.to_str().expect("text"), "--timeout", "5s"],
        )
    };
    let way = host.way();
    let address = host.get("address");
    plan(&way.replace("port: 22,", "port: 2222,"))
        .code(4)
        .says("refused");
    plan(&way.replace(address, "10.77.0.250"))
        .code(4)
        .says("10.77.0.250");
    plan(&way.replace(address, "no-such-host.invalid"))
        .code(4)
        .says("no-such-host.invalid");
    plan(&way.replace("user: ec2-user", "user: nobody"))
        .code(4)
        .says("nobody");

    let unknown = way.split(", host_key").next().expect("a way").to_owned() + " }";
    let before = host.seen_by_sshd();
    plan(&unknown).code(4).says("host key").says("pinned");
    let log = fs::read_to_string(host.get("log")).expect("a log");
    assert!(
        !log.contains("Accepted publickey") || before.1.is_empty(),
        "an unknown host got our login"
    );

    let other = "AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    let key = host
        .get("host_key")
        .split_whitespace()
        .nth(1)
        .expect("a key")
        .to_owned();
    plan(&way.replace(&key, other)).code(4).says("Host key");

    let path = host.folder.path().join("loose.pem");
    fs::copy(host.get("key"), &path).expect("copied");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).expect("a mode");
    plan(&way.replace(host.get("key"), path.to_str().expect("text")))
        .code(4)
        .says("chmod");
    plan(&way.replace(host.get("key"), "/not/there.pem"))
        .code(4)
        .says("/not/there.pem");
    let good = fs::read_to_string(host.get("key")).expect("the key");
    for (name, bytes, cause) in [
        ("crlf", good.replace('\n', "\r\n"), "has Windows line ends"),
        (
            "cut",
            good.trim_end().to_owned(),
            "has no line end after its last line",
        ),
        (
            "mark",
            format!("\u{feff}{good}"),
            "begins with a byte order mark",
        ),
        ("empty", String::new(), "is empty"),
    ] {
        let path = host.folder.path().join(name);
        fs::write(&path, bytes).expect("written");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("a mode");
        let said = plan(&way.replace(host.get("key"), path.to_str().expect("text")))
            .code(4)
            .says(cause);
        assert!(
            !said.err.contains("the machine refused") && !said.out.contains("the machine refused")
        );
    }

    // Cloud images answer root in place of a shell, on stdout; nologin does so likewise.
    let keys = host.home(".ssh/authorized_keys");
    let public = fs::read_to_string(&keys).expect("the public key");
    let forced = "echo 'Please login as the user \\\"ec2-user\\\"'; exit 142";
    fs::write(&keys, format!("command=\"{forced}\" {public}")).expect("written");
    let said = plan(&way)
        .code(4)
        .says("Please login as the user \"ec2-user\"")
        .says("ended with status 142");
    assert!(!said.out.contains("Code(") && !said.err.contains("Code("));
    fs::write(&keys, public).expect("written");

    // Taken on first use, said so, and refused when it changes.
    let accept =
        unknown.strip_suffix(" }").expect("an end").to_owned() + ", host_key: accept-new }";
    plan(&accept)
        .code(0)
        .says("was taken on first use")
        .says("SHA256:");
    let quiet = plan(&accept).code(0);
    assert!(!quiet.err.contains("first use"), "{}", quiet.err);
}

#[test]
fn no_terminal_and_no_approval() {
    let host = Host::start("amazon", &[]);
    let spec = host.spec(&client("1.8.0"));
    trueup(&host, &["apply", spec.to_str().expect("text")])
        .code(3)
        .says("--auto-approve");
    assert_eq!(host.seen_by_sshd().0, 0, "it connected before it refused");
}
