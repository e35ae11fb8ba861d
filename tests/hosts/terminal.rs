//! What a person's terminal sees is what counts: a login through a pty is the judge of our reading, and
//! what keeps a terminal from our lines is named before anything is written.

use std::{
    fmt::Write as _,
    fs,
    io::Write as _,
    os::unix::fs::{PermissionsExt, symlink},
    process::{Command, Stdio},
};

use crate::{
    rig::{Host, trueup, until},
    seed::seed,
};

/// `CLASSPATH`, `JAVA_HOME` and the `java` of the PATH; empty where there is none.
type Seen = [String; 3];

/// Numbers that a seed gives (SplitMix64).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) % sides as u64).expect("a side")
    }

    fn one<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[self.roll(of.len())]
    }
}

/// What people write into start files of any kind of Bourne shell.
const LINES: [&str; 16] = [
    "export CLASSPATH=/a.jar",
    "export CLASSPATH=/b.jar:$CLASSPATH",
    "CLASSPATH=/not-exported.jar",
    "unset CLASSPATH",
    "export JAVA_HOME=$HOME/j8",
    "export JAVA_HOME=$HOME/j17",
    "unset JAVA_HOME",
    "PATH=$PATH:$HOME/j8/bin; export PATH",
    "PATH=$HOME/j17/bin:$PATH; export PATH",
    "PATH=$PATH:$HOME/j17/bin; export PATH",
    "java() { echo mine; }",
    "alias java='echo mine'",
    "echo 'Welcome; CLASSPATH=/no.jar'",
    "stty -ixon 2>/dev/null",
    "(sleep 60 >/dev/null 2>&1 </dev/null &)",
    "X='a\nb'; export X",
];

/// And what ends them early, here or there.
const EARLY: [&str; 12] = [
    "tty -s || return",
    "[ -t 0 ] || return",
    "[ -t 1 ] || return",
    "[ \"$TERM\" = dumb ] && return",
    "[ -n \"$SSH_TTY\" ] || return",
    "[ -n \"$SSH_CONNECTION\" ] || return",
    "[ -z \"$PS1\" ] && return",
    "case $- in *i*) ;; *) return ;; esac",
    "if [ ! -t 2 ]; then return; fi",
    "[ -n \"$LOADED\" ] && return; LOADED=1",
    "[ \"${SHLVL:-1}\" = 1 ] || return",
    "return",
];

fn text(dice: &mut Dice, sources: &[&str]) -> String {
    let mut lines: Vec<String> = (0..=dice.roll(4))
        .map(|_| dice.one(&LINES).into())
        .collect();
    if dice.roll(2) == 0 {
        lines.insert(dice.roll(lines.len() + 1), dice.one(&EARLY).into());
    }
    for source in sources {
        lines.insert(dice.roll(lines.len() + 1), (*source).into());
    }
    lines.join("\n") + "\n"
}

/// Start files at random, and the login shell that reads them.
fn case(dice: &mut Dice) -> (&'static str, Vec<(String, String)>) {
    let shell = dice.one(&[
        "/bin/bash",
        "/bin/bash",
        "/bin/bash",
        "/bin/dash",
        "/usr/bin/zsh",
        "/usr/local/bin/ash",
    ]);
    let mut files = Vec::new();
    let mut file = |name: &str, text: String| files.push((name.to_owned(), text));
    let profile = "if [ -f ~/.bashrc ]; then . ~/.bashrc; fi";
    match shell {
        "/bin/bash" => {
            let rc = text(dice, &[]);
            let end = match dice.roll(5) {
                0 => "case $- in *i*) exec zsh -l ;; esac\n",
                1 => "[ -t 0 ] && exec dash -i\n",
                _ => "",
            };
            file(".bashrc", rc + end);
            // Without it zsh asks a new user what to do.
            file(".zshrc", String::new());
            for name in [".bash_profile", ".bash_login", ".profile"] {
                if dice.roll(2) == 0 {
                    let sources: &[&str] = if dice.roll(4) > 0 { &[profile] } else { &[] };
                    file(name, text(dice, sources));
                }
            }
        }
        "/usr/bin/zsh" => {
            let mut none = true;
            for name in [".zshenv", ".zprofile", ".zshrc", ".zlogin"] {
                if dice.roll(2) == 0 {
                    file(name, text(dice, &[]));
                    none = false;
                }
            }
            // Without any of them zsh asks a new user what to do, and what is typed is the answer.
            if none {
                file(".zshrc", String::new());
            }
        }
        _ => {
            file(".profile", text(dice, &["ENV=$HOME/.shrc; export ENV"]));
            file(".shrc", text(dice, &[]));
        }
    }
    if dice.roll(3) == 0 {
        file("/etc/profile.d/site.sh", text(dice, &[]));
    }
    if dice.roll(3) == 0 {
        let line = dice.one(&[
            "CLASSPATH=/env.jar\n",
            "export JAVA_HOME=\"/opt/j\"\n",
            "# nothing\nCLASSPATH='/q.jar'\n",
        ]);
        file("/etc/environment", line.into());
    }
    (shell, files)
}

/// The judge: a login as people log in, where this is typed.
fn terminal(host: &Host) -> Option<Seen> {
    const ASK: &str = "sh -c 'printf \"<<%s>>|%s|%s|%s|\" ME \"$CLASSPATH\" \"$JAVA_HOME\" \"$(command -v java)\"'\n";
    let mut child = Command::new("ssh")
        .args([
            "-F",
            "none",
            "-tt",
            "-o",
            "BatchMode=yes",
            "-i",
            host.get("key"),
        ])
        .args([
            "-o",
            &format!("UserKnownHostsFile={}", host.get("known_hosts")),
        ])
        .args(["-l", host.get("user"), host.get("address")])
        .env("TERM", "xterm-256color")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("ssh runs");
    let mut stdin = child.stdin.take().expect("a pipe");
    // Typed ahead, as people do; a shell that is gone by then reads nothing.
    let _ = stdin.write_all(format!("{ASK}exit\nexit\n").as_bytes());
    let said = child.wait_with_output().expect("it ends");
    drop(stdin);
    let said = String::from_utf8_lossy(&said.stdout).into_owned();
    let (_, values) = said.split_once("<<ME>>|")?;
    let mut values = values.split('|').map(str::to_owned);
    Some([values.next()?, values.next()?, values.next()?])
}

/// Our reading; `None`: it says that no terminal gets to a prompt.
fn reading(host: &Host) -> Option<Seen> {
    let spec = host.spec("java: { version: 8 }");
    let facts = trueup(
        host,
        &["facts", spec.to_str().expect("text"), "--format", "json"],
    )
    .code(0);
    let facts: serde_json::Value = serde_json::from_str(&facts.out).expect("JSON");
    let login = facts.pointer("/0/facts/login/present")?;
    let value = |key: &str| login[key].as_str().unwrap_or_default().to_owned();
    Some([value("classpath"), value("java_home"), value("java")])
}

/// A reading without a terminal: what the judge has to catch.
fn without_terminal(host: &Host) -> Option<Seen> {
    let said = host.ssh(
        "env -i HOME=$HOME PATH=$PATH TERM=dumb $SHELL -l -i -c 'printf \"<<ME>>|%s|%s|%s|\" \"$CLASSPATH\" \"$JAVA_HOME\" \"$(command -v java)\"' 2>/dev/null",
        b"",
    );
    let (_, values) = said.out.split_once("<<ME>>|")?;
    let mut values = values.split('|').map(str::to_owned);
    Some([values.next()?, values.next()?, values.next()?])
}

fn fake_jvms(host: &Host) {
    for (name, version) in [("j8", "1.8.0_402"), ("j17", "17.0.2")] {
        let bin = host.home(name).join("bin");
        fs::create_dir_all(&bin).expect("made");
        jvm(&bin.join("java"), version);
        fs::write(
            host.home(name).join("release"),
            format!("JAVA_VERSION=\"{version}\"\n"),
        )
        .expect("written");
    }
}

/// Something that answers as a JVM does.
fn jvm(path: &std::path::Path, version: &str) {
    let text = format!(
        "#!/bin/sh\nhome=${{0%/bin/java}}\ncase \"$*\" in *XshowSettings*) printf '    java.home = %s\\n    java.version = {version}\\n' \"$home\" >&2 ;; esac\necho 'openjdk version \"{version}\"' >&2\n"
    );
    fs::write(path, text).expect("written");
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).expect("a mode");
}

fn start_files(host: &Host, shell: &str, files: &[(String, String)]) {
    host.root(&format!(
        "rm -f /home/ec2-user/.bash* /home/ec2-user/.profile /home/ec2-user/.z* /home/ec2-user/.shrc /etc/profile.d/site.sh
         : >/etc/environment
         sed -i 's|^\\(ec2-user:.*:\\)[^:]*$|\\1{shell}|' /etc/passwd"
    ));
    for (name, text) in files {
        let path = if name.starts_with('/') {
            host.path(name)
        } else {
            host.home(name)
        };
        fs::write(path, text).expect("written");
    }
}

#[test]
fn our_reading_is_what_a_terminal_sees() {
    let host = Host::start("debian", &["--pam"]);
    fake_jvms(&host);
    let seed = seed();
    let mut dice = Dice(seed);
    let (mut seen, mut caught) = (0, 0);
    for number in 0..14 {
        let (shell, files) = case(&mut dice);
        start_files(&host, shell, &files);
        let mut what = format!("TRUEUP_SEED={seed}, case {number}, {shell}\n");
        for (name, text) in &files {
            let _ = write!(what, "--- {name}\n{text}");
        }
        let judge = terminal(&host);
        match reading(&host) {
            Some(ours) => {
                assert_eq!(Some(&ours), judge.as_ref(), "{what}");
                seen += 1;
            }
            None => assert!(what.contains("exec "), "nothing seen: {what}"),
        }
        caught += usize::from(without_terminal(&host) != judge);
    }
    assert!(seen > 4, "TRUEUP_SEED={seed}: only {seen} were seen");
    // The planted break: who looks without a terminal is found out.
    let early = [
        (
            ".bashrc".to_owned(),
            "tty -s || return\nexport CLASSPATH=/a.jar\n".to_owned(),
        ),
        (".profile".to_owned(), ". ~/.bashrc\n".to_owned()),
    ];
    start_files(&host, "/bin/bash", &early);
    let judge = terminal(&host);
    assert_eq!(judge.as_ref().map(|seen| seen[0].as_str()), Some("/a.jar"));
    assert_eq!(reading(&host), judge);
    caught += usize::from(without_terminal(&host) != judge);
    assert!(caught > 0, "TRUEUP_SEED={seed}");
}

/// A client of which only the start file is missing: Java is there and runs.
fn client_with_java(host: &Host) -> String {
    host.root("mkdir -p /usr/lib/jvm/java-17/bin /usr/lib/jvm/java-1.8.0-openjdk-1.8.0.402.x86_64/jre/bin");
    for (home, version) in [
        ("java-17", "17.0.2"),
        ("java-1.8.0-openjdk-1.8.0.402.x86_64/jre", "1.8.0_402"),
    ] {
        let home = host.path("/usr/lib/jvm").join(home);
        jvm(&home.join("bin/java"), version);
        fs::write(
            home.join("release"),
            format!("JAVA_VERSION=\"{version}\"\n"),
        )
        .expect("written");
    }
    let jvms = host.path("/usr/lib/jvm");
    symlink(
        "/usr/lib/jvm/java-1.8.0-openjdk-1.8.0.402.x86_64/jre",
        jvms.join("jre-1.8.0"),
    )
    .expect("a link");
    symlink(
        "/usr/lib/jvm/java-1.8.0-openjdk-1.8.0.402.x86_64/jre",
        jvms.join("jre"),
    )
    .expect("a link");
    symlink("/usr/lib/jvm/java-17/bin/java", host.path("/usr/bin/java")).expect("a link");
    "java: { version: 1.8.0 }".into()
}

#[test]
fn another_java_is_the_default() {
    let host = Host::start("amazon", &[]);
    let spec = host.spec(&client_with_java(&host));
    let spec = spec.to_str().expect("text");
    let plan = trueup(&host, &["plan", spec, "--detailed-exitcode"]).code(2);
    plan.says("export JAVA_HOME=/usr/lib/jvm/jre-1.8.0");
    trueup(&host, &["apply", spec, "--auto-approve"])
        .code(0)
        .says("applied and verified");
    assert!(
        host.read(".bashrc")
            .ends_with("export JAVA_HOME=/usr/lib/jvm/jre-1.8.0\n# trueup: end\n")
    );
    trueup(&host, &["plan", spec, "--detailed-exitcode"]).code(0);
    let seen = terminal(&host).expect("a prompt");
    assert_eq!(seen[1], "/usr/lib/jvm/jre-1.8.0");

    // A line of the user's after it, and the block of the class path: both come to rest.
    let text = host.read(".bashrc");
    fs::write(
        host.home(".bashrc"),
        format!("{text}export JAVA_HOME=/usr/lib/jvm/java-17 SECRET=canary\n"),
    )
    .expect("written");
    let apply = trueup(&host, &["apply", spec, "--auto-approve"])
        .code(0)
        .says("applied and verified");
    assert!(
        !format!("{}{}", apply.out, apply.err).contains("canary"),
        "{apply:?}"
    );
    trueup(&host, &["plan", spec, "--detailed-exitcode"]).code(0);

    // A shim acts by the name that it is called by: what runs is asked.
    let shims = host.home(".mise/shims");
    fs::create_dir_all(&shims).expect("made");
    let mise = host.home(".mise/mise");
    fs::write(&mise, "#!/bin/sh\ncase ${0##*/} in java) exec /usr/lib/jvm/jre-1.8.0/bin/java \"$@\" ;; *) exit 1 ;; esac\n").expect("written");
    fs::set_permissions(&mise, fs::Permissions::from_mode(0o755)).expect("a mode");
    symlink("../mise", shims.join("java")).expect("a link");
    host.user("printf 'PATH=$HOME/.mise/shims:$PATH\\nexport PATH\\n' >~/.bashrc");
    trueup(&host, &["plan", spec, "--detailed-exitcode"]).code(0);
}

#[test]
fn a_java_that_comes_beside_another_is_the_shells_own_after_one_apply() {
    let host = Host::start("amazon", &[]);
    client_with_java(&host);
    host.root("rm -r /usr/lib/jvm/*1.8.0* /usr/lib/jvm/jre");
    host.user("printf 'PATH=/usr/lib/jvm/java-17/bin:$PATH\\n' >>~/.bashrc");
    let spec = host.spec("java: { version: 1.8.0 }");
    let spec = spec.to_str().expect("text");
    let saved = host.folder.path().join("saved.json");
    let saved = saved.to_str().expect("text");
    trueup(&host, &["plan", spec, "--out", saved])
        .code(0)
        .says("java-1.8.0-openjdk, with yum")
        .says("JAVA_HOME in ~/.bashrc, where the other Java stays the shell's own");
    let before = host.read(".bashrc");
    trueup(&host, &["apply", saved])
        .code(0)
        .says("applied and verified");
    assert!(
        host.read(".bashrc")
            .contains("export JAVA_HOME=/usr/lib/jvm/")
    );
    trueup(&host, &["plan", spec, "--detailed-exitcode"]).code(0);
    // Cut short between the two, the saved plan goes on.
    fs::write(host.home(".bashrc"), before).expect("written");
    trueup(&host, &["apply", saved])
        .code(0)
        .says("applied and verified");
    trueup(&host, &["plan", spec, "--detailed-exitcode"]).code(0);
}

#[test]
fn what_keeps_a_terminal_from_our_lines_is_named_before_anything_is_written() {
    let host = Host::start("amazon", &[]);
    let spec = host.spec(&client_with_java(&host));
    let spec = spec.to_str().expect("text");
    for (text, names) in [
        (
            "case $- in *i*) exec zsh -l ;; esac\n",
            "~/.bashrc, line 3 (`exec`)",
        ),
        ("[ -t 0 ] && exec fish\n", "~/.bashrc, line 3 (`exec`)"),
        (
            "case $- in *i*) exit 0 ;; esac\n",
            "~/.bashrc, line 3 (`exit`)",
        ),
        (
            "case $- in *i*) set -e; false ;; esac\n",
            "~/.bashrc, line 3",
        ),
        ("case $- in *i*) sleep 1000 ;; esac\n", "~/.bashrc, line 3"),
        ("export A='x\n", "line 3: unexpected EOF"),
        ("cat <<X\nhello\n", "here-document is still open"),
        ("if true; then\r\n  A=1\r\nfi\r\n", "line "),
        ("return\n", "returns at line 3"),
        (
            "f() {\n  return\n}\nf\n[ -z \"$NO\" ] && return\n",
            "returns at line 7",
        ),
    ] {
        host.user("printf '# mine\\nA=canary\\n' >~/.bashrc");
        let mut start = host.read(".bashrc");
        start.push_str(text);
        fs::write(host.home(".bashrc"), &start).expect("written");
        let said = trueup(
            &host,
            &["plan", spec, "--detailed-exitcode", "--timeout", "10s"],
        );
        assert_eq!(said.code, 2, "{text}: {said:?}");
        let said = said.says(names);
        assert!(!said.out.contains("canary"), "{said:?}");
        assert!(!said.out.contains("install"), "{said:?}");
        let apply = trueup(
            &host,
            &["apply", spec, "--auto-approve", "--timeout", "10s"],
        )
        .code(5);
        assert!(!apply.out.contains("verified"), "{apply:?}");
        assert_eq!(host.read(".bashrc"), start);
    }
    // Here the command itself is not reached, for looking and for the lock: both say so in time.
    for (text, command) in [
        ("exec cat\n", "plan"),
        ("exit 0\n", "plan"),
        ("read -p 'who? ' who\n", "apply"),
    ] {
        fs::write(host.home(".bashrc"), text).expect("written");
        let arguments = [command, spec, "--timeout", "4s", "--auto-approve"];
        let count = if command == "plan" { 4 } else { 5 };
        let said = trueup(&host, &arguments[..count]);
        assert!([4, 5].contains(&said.code), "{said:?}");
        said.says("~/.bashrc");
        assert_eq!(host.read(".bashrc"), text);
    }
}

/// A login shell is looked at twice where lines of ours would be added to a file: what the first one left running is
/// being ended while the second one runs.
#[test]
fn a_look_that_ends_does_not_end_the_next_one() {
    let host = Host::start("amazon", &[]);
    let spec = host.spec(&client_with_java(&host));
    let spec = spec.to_str().expect("text");
    // Such a one is asked to end, and given time.
    host.user("cp /bin/sleep ~/agent");
    let text = "case $- in *i*) trap '' TERM; ~/agent 1000 & trap - TERM ;; esac\nreturn\n";
    fs::write(host.home(".bashrc"), text).expect("written");
    for _ in 0..3 {
        trueup(&host, &["plan", spec, "--detailed-exitcode"])
            .code(2)
            .says("returns at line 2");
        until("all that start files left is gone", || {
            host.root("pgrep -x agent || :").is_empty()
        });
    }
}

/// Bash takes no `PS4` from root's environment.
#[test]
fn what_keeps_roots_terminal_from_our_lines_is_named_too() {
    let host = Host::start("debian", &[]);
    host.let_root_in();
    let way = host.way();
    let as_root = way.replace("user: ec2-user", "user: root");
    assert_ne!(way, as_root);
    let spec = host.spec_with(&as_root, "java: { version: 8 }");
    let text = fs::read_to_string(&spec).expect("written");
    let (hosts, _) = text.split_once("client:\n  java").expect("a client");
    fs::write(&spec, format!("{hosts}env: {{ X: {{ value: a }} }}\n")).expect("written");
    let spec = spec.to_str().expect("text");
    let bashrc = host.path("/root/.bashrc");
    host.root("printf '. ~/.bashrc\\n' >/root/.bash_profile");
    for (text, names) in [
        ("A=canary\nreturn\n", "returns at line 2"),
        (
            "f() {\n  return\n}\nf\n[ -z \"$NO\" ] && return\n",
            "returns at line 5",
        ),
        (
            "case $- in *i*) exit 0 ;; esac\n",
            "~/.bashrc, line 1 (`exit`)",
        ),
        (
            "case $- in *i*) exec cat ;; esac\n",
            "~/.bashrc, line 1 (`exec`)",
        ),
    ] {
        fs::write(&bashrc, text).expect("written");
        let said = trueup(
            &host,
            &["plan", spec, "--detailed-exitcode", "--timeout", "10s"],
        )
        .code(2)
        .says(names);
        assert!(!said.out.contains("canary"), "{said:?}");
    }
    fs::write(&bashrc, "[ -n \"$NO\" ] && return\n:\n").expect("written");
    trueup(&host, &["apply", spec, "--auto-approve"]).code(0);
    trueup(&host, &["plan", spec, "--detailed-exitcode"]).code(0);
}

#[test]
fn a_host_without_means_for_a_terminal_is_read_as_far_as_that_goes() {
    let host = Host::start("amazon", &[]);
    let spec = host.spec(&client_with_java(&host));
    let spec = spec.to_str().expect("text");
    host.root("rm -f /usr/bin/script /bin/script");
    // Nothing asks for a terminal: what is seen is what one would see.
    host.user(
        "printf 'export CLASSPATH=/x.jar\\nexport JAVA_HOME=/usr/lib/jvm/jre-1.8.0\\n' >~/.bashrc",
    );
    trueup(&host, &["plan", spec, "--detailed-exitcode"]).code(0);
    assert_eq!(reading(&host), terminal(&host));
    // What ends early without one may be right in one: it is named, and nothing is written.
    host.user(
        "printf 'A=1\\ntty -s || return\\nexport JAVA_HOME=/usr/lib/jvm/jre-1.8.0\\n' >~/.bashrc",
    );
    let start = host.read(".bashrc");
    trueup(&host, &["plan", spec, "--detailed-exitcode"])
        .code(2)
        .says("~/.bashrc, line 2, asks for a terminal")
        .says("install `script`");
    trueup(&host, &["apply", spec, "--auto-approve"]).code(5);
    assert_eq!(host.read(".bashrc"), start);
}

#[test]
fn a_plan_leaves_no_agent_and_no_file() {
    let host = Host::start("amazon", &[]);
    host.root("yum install -y -q java-1.8.0-openjdk");
    // A wrapper is asked what it runs, which starts a JVM.
    host.user("mkdir ~/bin; printf '#!/bin/sh\\nexec /usr/bin/java \"$@\"\\n' >~/bin/java; chmod 755 ~/bin/java");
    host.user("printf 'eval \"$(ssh-agent)\" >/dev/null\\n(setsid sleep 5000 >/dev/null 2>&1 &)\\nexport PATH=$HOME/bin:$PATH\\nexport JAVA_TOOL_OPTIONS=-XX:+UsePerfData\\n' >~/.bashrc");
    let spec = host.spec("java: { version: 1.8.0 }");
    let spec = spec.to_str().expect("text");
    let before = host.tree();
    for _ in 0..2 {
        trueup(&host, &["plan", spec, "--detailed-exitcode"]).code(0);
    }
    until("no agent is left", || {
        host.run_as("root", "pgrep -c ssh-agent").out.trim() == "0"
    });
    let after = host.tree();
    let moved: Vec<String> = crate::rig::differences(&before, &after)
        .into_iter()
        .filter(|line| !line.starts_with("var/log"))
        // The agents' folders came and went: of /tmp itself only the times are others.
        .filter(|line| !line.starts_with("tmp: "))
        .collect();
    assert_eq!(moved, [] as [&str; 0]);
}
