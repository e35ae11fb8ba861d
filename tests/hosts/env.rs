//! Variables of login shells on real machines: set where the spec says, seen when they drift, put right, and
//! for the whole machine by root alone.

use std::{collections::BTreeMap, fs, path::PathBuf};

use crate::{
    rig::{Host, client, differences, trueup},
    root::with,
    seed::{Random, seed},
};

/// What a login shell has, over SSH.
fn terminal(host: &Host) -> Vec<String> {
    let said = host.ssh("exec bash -l -i -c 'exec env -0'", b"").code(0);
    said.out.split('\0').map(str::to_owned).collect()
}

fn has(host: &Host, line: &str) {
    let all = terminal(host);
    assert!(
        all.iter().any(|one| one == line),
        "{line} is not in {all:?}"
    );
}

#[test]
fn variables_are_set_kept_and_put_right() {
    for kind in ["amazon", "debian"] {
        let host = Host::start(kind, &[]);
        let declared = "env:\n  \
            OWN: { value: \"it's $HOME\" }\n  \
            SECOND: { value: \"a  b\", in: profile }\n  \
            MACHINE: { value: 'a \"b\" #1', in: profile.d, become: true }";
        let plan = |declared: &str| with(&host, declared, &["plan", "--detailed-exitcode"]);
        let alone = declared.replace(", become: true", "");
        plan(&alone).code(3).says("which only root can change");

        let before = host.tree();
        let first = plan(declared).code(2).says("a fresh shell has no `OWN`");
        let first = first.says("+ # trueup: env MACHINE, managed");
        first.says("a fresh shell has no `SECOND`; the spec wants `a  b`");
        assert_eq!(differences(&before, &host.tree()), [] as [&str; 0]);
        let one = ["apply", "--auto-approve", "--target", "env/OWN"];
        with(&host, declared, &one).code(0).says("1 change");
        with(&host, declared, &["apply", "--auto-approve"]).code(0);
        plan(declared).code(0);
        for line in ["OWN=it's $HOME", "SECOND=a  b", "MACHINE=a \"b\" #1"] {
            has(&host, line);
        }
        let trueup_sh = "/etc/profile.d/trueup.sh";
        assert_eq!(
            host.root(&format!(
                "stat -c '%a %U' {trueup_sh}; bash -l -c 'echo \"$MACHINE\"'"
            )),
            "644 root\na \"b\" #1\n"
        );
        let left = "ls -A /etc /etc/profile.d ~ec2-user | grep trueup- || :";
        assert_eq!(host.root(left), "");

        // Somebody changes the block, sets it after the block, and closes the machine's file.
        host.user("sed -i s/it/is/ .bashrc; echo 'export SECOND=mine' >>.bashrc");
        host.root(&format!("chmod 600 {trueup_sh}"));
        let drift = with(&host, declared, &["drift"]).code(2);
        let drift = drift.says("~/.bashrc").says("is `is");
        drift.says("a fresh shell has no `MACHINE`").says("0600");
        // What is set in ~/.bashrc may be read before the block of ~/.profile, or after it.
        with(&host, declared, &["apply", "--auto-approve"]);
        host.user("sed -i /SECOND=mine/d .bashrc");
        with(&host, declared, &["apply", "--auto-approve"]).code(0);
        with(&host, declared, &["drift"]).code(0);
        has(&host, "OWN=it's $HOME");

        // Something that is read later wins.
        host.user("printf '%s\\n' 'export OWN=late' >.late; for f in .bash_profile .profile; do [ ! -f $f ] || echo '. ~/.late' >>$f; done");
        let blocked = plan(declared).code(2);
        blocked.says("our block is the end of ~/.bashrc, and something read later wins");
        host.user("rm .late; for f in .bash_profile .profile; do [ ! -f $f ] || sed -i '/late/d' $f; done");
        plan(declared).code(0);

        // A saved plan, and what has moved since.
        let another = declared.replace("a \"b\" #1", "two");
        let saved = host.folder.path().join("plan.json");
        let saved = saved.to_str().expect("text");
        with(&host, &another, &["plan", "--out", saved]).code(0);
        let content = fs::read_to_string(host.path(trueup_sh)).expect("there");
        let moved = content.replace("a \"b\" #1", "three");
        host.root(&format!("cat >{trueup_sh} <<'END'\n{moved}END"));
        let stale = trueup(&host, &["apply", saved, "--auto-approve"]).code(6);
        stale.says("env/MACHINE");
        host.root(&format!("cat >{trueup_sh} <<'END'\n{content}END"));
        trueup(&host, &["apply", saved, "--auto-approve"]).code(0);
        has(&host, "MACHINE=two");

        // Who has to type a password has no root, and that is said.
        host.root("chmod 4755 /usr/bin/sudo; mv /etc/sudoers.d /etc/sudoers.away; mkdir -m 750 /etc/sudoers.d");
        plan(declared)
            .code(4)
            .says("`become` needs root, and `sudo -n` refuses");
    }
}

#[test]
fn etc_environment_is_what_pam_reads() {
    let host = Host::start("debian", &["--pam"]);
    let mut random = Random::new(seed());
    let mut value = || {
        let longest = 1 + random.below(40);
        let mut text: String = (0..longest)
            .map(|_| char::from(b' ' + u8::try_from(random.below(95)).expect("small")))
            .filter(|c| !"#\"\\".contains(*c))
            .collect();
        text.push_str(["é", "'", " ", "\t", "x"][random.below(5)]);
        text
    };
    let values: Vec<String> = (0..20).map(|_| value()).chain(["x".repeat(980)]).collect();
    let env: serde_json::Map<_, _> = values
        .iter()
        .enumerate()
        .map(|(n, value)| {
            let value = value.replace("${", "$${");
            let env = serde_json::json!({ "value": value, "in": "environment", "become": true });
            (format!("V{n}"), env)
        })
        .collect();
    let declared = format!("env: {}", serde_json::json!(env)).replace('\t', "\\t");
    host.root("printf '%s\\n' '# mine' 'LANG=\"C.UTF-8\"' 'V1=old' >/etc/environment");
    with(&host, &declared, &["plan", "--detailed-exitcode"])
        .code(2)
        .says("`V1` in /etc/environment, line 3, is `old`");
    with(&host, &declared, &["apply", "--auto-approve"]).code(0);
    let text = fs::read_to_string(host.path("/etc/environment")).expect("there");
    assert!(
        text.starts_with("# mine\nLANG=\"C.UTF-8\"\nV1=old\n# trueup: env V0, managed\n"),
        "{text}"
    );
    // sshd's own word for it, without any shell's start files.
    let said = host.ssh("exec env -0", b"").code(0);
    let all: Vec<&str> = said.out.split('\0').collect();
    for (n, value) in values.iter().enumerate() {
        let line = format!("V{n}={value}");
        assert!(all.contains(&&*line), "{line:?} is not in {all:?}");
    }
    with(&host, &declared, &["plan", "--detailed-exitcode"]).code(0);
    // Somebody's own line does as well as the block.
    host.root("sed -i -e '/env V1, managed/,/end/d' -e '/^V1=/d' /etc/environment");
    with(&host, &declared, &["drift"])
        .code(2)
        .says("a fresh shell has no `V1`");
    let v1 = values[1].replace('\'', "'\\''");
    host.root(&format!("printf '%s\\n' 'V1=\"{v1}\"' >>/etc/environment"));
    with(&host, &declared, &["drift"]).code(0);
}

#[test]
fn the_class_path_of_all_accounts() {
    let host = Host::start("amazon", &["--pam"]);
    let client = client("8");
    let of = |place: &str| {
        let classpath = format!("classpath: {{ in: {place}, become: true }}");
        let path = host.spec(&client.replace("classpath: {}", &classpath));
        path.to_str().expect("text").to_owned()
    };
    host.root("printf '%s\\n' 'CLASSPATH=/opt/a.jar' >/etc/environment");
    let jar = "/home/ec2-user/kafka_2.12-2.8.1/libs/aws-msk-iam-auth-1.1.5-all.jar";
    for (place, file, is) in [
        (
            "profile.d",
            "/etc/profile.d/trueup.sh",
            format!("CLASSPATH={jar}:/opt/a.jar"),
        ),
        (
            "environment",
            "/etc/environment",
            format!("CLASSPATH={jar}:/opt/a.jar"),
        ),
    ] {
        trueup(&host, &["apply", &of(place), "--auto-approve"]).code(0);
        let plan = ["plan", &of(place), "--detailed-exitcode"];
        trueup(&host, &plan).code(0);
        has(&host, &is);
        let bashrc = fs::read_to_string(host.home(".bashrc")).expect("there");
        assert!(!bashrc.contains("CLASSPATH"), "{bashrc}");
        // Somebody takes it away.
        host.root(&format!(
            "sed -i '/trueup: CLASSPATH/,/trueup: end/d' {file}"
        ));
        trueup(&host, &["drift", &of(place)])
            .code(2)
            .says("`CLASSPATH` in /etc/environment, line 1, names no auth jar");
        trueup(&host, &["apply", &of(place), "--auto-approve"]).code(0);
        trueup(&host, &["drift", &of(place)]).code(0);
        host.root("rm /etc/profile.d/trueup.sh 2>/dev/null || :");
    }

    // The block goes where the spec wants it, and stays nowhere else.
    host.root("rm /etc/environment");
    let own = |place: &str| {
        let path = of(place);
        let text = fs::read_to_string(&path).expect("there");
        fs::write(&path, text.replace(", become: true", "")).expect("written");
        path
    };
    trueup(&host, &["apply", &own("bashrc"), "--auto-approve"]).code(0);
    trueup(&host, &["plan", &own("profile"), "--detailed-exitcode"])
        .code(2)
        .says("our block for `CLASSPATH` is in ~/.bashrc; the spec wants it in ~/.bash_profile");
    trueup(&host, &["apply", &own("profile"), "--auto-approve"]).code(0);
    trueup(&host, &["plan", &own("profile"), "--detailed-exitcode"]).code(0);
    let bashrc = fs::read_to_string(host.home(".bashrc")).expect("there");
    assert!(!bashrc.contains("CLASSPATH"), "{bashrc}");
    has(&host, &format!("CLASSPATH={jar}"));
    let java = host
        .ssh("readlink -f \"$(command -v java)\"", b"")
        .code(0)
        .out;
    let home = java.trim().strip_suffix("/bin/java").expect("a JVM's home");
    host.user(&format!(
        "printf '%s\\n' '# trueup: JAVA_HOME, managed' 'export JAVA_HOME={home}' '# trueup: end' >>.bashrc"
    ));
    trueup(&host, &["plan", &own("profile"), "--detailed-exitcode"])
        .code(2)
        .says("our block for `JAVA_HOME` is in ~/.bashrc; the spec wants it in ~/.bash_profile");
    trueup(&host, &["apply", &own("profile"), "--auto-approve"]).code(0);
    trueup(&host, &["plan", &own("profile"), "--detailed-exitcode"]).code(0);
    assert_eq!(
        fs::read_to_string(host.home(".bashrc")).expect("there"),
        bashrc
    );
    has(&host, &format!("JAVA_HOME={home}"));
}

/// Nothing differs, but for what PAM writes at a login.
fn assert_untouched(before: &BTreeMap<PathBuf, String>, host: &Host) {
    let mut differing = differences(before, &host.tree());
    differing.retain(|path| !path.starts_with("run"));
    assert_eq!(differing, [] as [&str; 0]);
}

#[test]
fn a_variable_that_moves_to_another_file_leaves_no_block_behind() {
    for kind in ["amazon", "debian"] {
        let host = Host::start(kind, &["--pam"]);
        let of = |place: &str| format!("env: {{ MOVED: {{ value: 'a b', in: {place} }} }}");
        let plan = |place: &str| with(&host, &of(place), &["plan", "--detailed-exitcode"]);
        let apply = |place: &str| with(&host, &of(place), &["apply", "--auto-approve"]).code(0);
        let profile = match host.home(".bash_profile").is_file() {
            true => "~/.bash_profile",
            false => "~/.profile",
        };
        let own = |file: &str| fs::read_to_string(host.home(&file[2..])).expect("there");
        let before = [own("~/.bashrc"), own(profile)];
        apply("bashrc");
        // What comes behind the block is the account's own, with no newline at its end.
        host.user("printf 'alias l=ls' >>.bashrc");
        let mut from = "~/.bashrc".to_owned();
        for (place, file) in [
            ("profile", profile),
            ("profile.d, become: true", "/etc/profile.d/trueup.sh"),
            ("environment, become: true", "/etc/environment"),
        ] {
            let before = host.tree();
            plan(place)
                .code(2)
                .says(&format!(
                    "our block for `MOVED` is in {from}; the spec wants it in {file}"
                ))
                .says(&format!("remove   our block in {from}"));
            assert_untouched(&before, &host);
            apply(place);
            plan(place).code(0);
            has(&host, "MOVED=a b");
            let blocks = "grep -s -l 'trueup: env MOVED' /etc/environment /etc/profile.d/trueup.sh ~ec2-user/.[bp]* || :";
            let shown = file.replace('~', "/home/ec2-user");
            assert_eq!(host.root(blocks).trim(), shown, "{place}");
            from = file.to_owned();
        }
        assert_eq!(own("~/.bashrc"), format!("{}alias l=ls", before[0]));
        assert_eq!(own(profile), before[1]);
        assert_eq!(host.root("cat /etc/profile.d/trueup.sh"), "");

        // What root wrote, the account cannot take out; the value is right, and nothing is to do.
        plan("bashrc")
            .code(0)
            .says("a block of ours for `MOVED` is also in /etc/environment, where ec2-user cannot take it out");
    }
}

#[test]
fn a_shell_that_never_reads_profile_d_is_seen_beforehand() {
    let host = Host::start("debian", &["--pam"]);
    let of =
        |place: &str| format!("env: {{ SEEN: {{ value: 'a b', in: {place}, become: true }} }}");
    let plan = |place: &str| with(&host, &of(place), &["plan", "--detailed-exitcode"]);
    host.user("touch .zshrc");
    for shell in ["/usr/bin/zsh", "/usr/bin/fish"] {
        host.root(&format!("usermod -s {shell} ec2-user"));
        // A shell that is new makes folders of its own.
        plan("profile.d").code(2);
        let before = host.tree();
        plan("profile.d")
            .code(2)
            .says(&format!(
                "a login shell never reads /etc/profile.d/trueup.sh: the login shell is {shell}"
            ))
            .says("`in: environment`");
        with(&host, &of("profile.d"), &["apply", "--auto-approve"]).code(5);
        assert_untouched(&before, &host);
        with(&host, &of("environment"), &["apply", "--auto-approve"]).code(0);
        plan("environment").code(0);
        // It does not move to where it is not read; beside a line of somebody's it is there for other accounts.
        plan("profile.d").code(2).says("a login shell never reads");
        host.root("echo 'SEEN=\"a b\"' >/etc/environment");
        with(&host, &of("profile.d"), &["apply", "--auto-approve"]).code(0);
        plan("profile.d").code(0);
        assert_eq!(host.root("bash -l -c 'echo \"$SEEN\"'"), "a b\n");
        host.root("rm /etc/profile.d/trueup.sh /etc/environment");
    }
    // Where the machine has zsh read it, as some do, it is as in any shell.
    host.root("usermod -s /usr/bin/zsh ec2-user; echo \"emulate sh -c '. /etc/profile'\" >>/etc/zsh/zprofile");
    with(&host, &of("profile.d"), &["apply", "--auto-approve"]).code(0);
    plan("profile.d").code(0);
}
