//! Real package managers judge: what would remove or downgrade something is not done, and one that is
//! busy is waited for.

use std::{
    fs,
    io::{BufRead, BufReader},
    path::Path,
    process::Command,
};

use crate::rig::{Host, start, trueup, until, wait};

/// Runs a tool of the rig's machine, which has to succeed.
#[track_caller]
fn tool(folder: &Path, text: &str) {
    let done = Command::new("sh")
        .args(["-ec", text])
        .current_dir(folder)
        .output()
        .expect("sh runs");
    let said = String::from_utf8_lossy(&done.stderr).into_owned();
    assert!(done.status.success(), "{said}");
}

/// Puts a folder's files into `/srv/repo` of a host.
fn publish(host: &Host, folder: &Path) {
    let place = host.path("/srv/repo");
    fs::create_dir_all(&place).expect("made");
    let copied = Command::new("cp")
        .args(["-rT", folder.to_str().expect("text")])
        .arg(&place)
        .status();
    assert!(copied.expect("cp runs").success());
}

fn apply_package(host: &Host, package: &str, more: &[&str]) -> crate::rig::Said {
    let spec = host.spec(&format!("java: {{ version: 21, package: {package} }}"));
    let mut arguments = vec!["apply", spec.to_str().expect("text"), "--auto-approve"];
    arguments.extend(more);
    trueup(host, &arguments)
}

#[test]
fn apt_removes_nothing_takes_no_pattern_and_is_waited_for() {
    let host = Host::start("debian", &[]);
    let folder = tempfile::tempdir().expect("a folder");
    tool(
        folder.path(),
        r#"
        deb() {
          mkdir -p "w/$1/DEBIAN" repo
          printf 'Package: %s\nVersion: 1\nArchitecture: all\nMaintainer: x <x@example.com>\nDescription: x\n%s' "$1" "$2" >"w/$1/DEBIAN/control"
          if [ -n "$3" ]; then printf '#!/bin/sh\n%s\n' "$3" >"w/$1/DEBIAN/postinst"; chmod 755 "w/$1/DEBIAN/postinst"; fi
          dpkg-deb -b "w/$1" "repo/$1.deb"
        }
        deb old '' ''; deb plain '' ''; deb new "Conflicts: old
" ''
        deb many 'Depends: plain, slow
' ''; deb torn 'Depends: nowhere
' ''
        for name in slow slower; do deb $name '' "until [ -e /tmp/go.$name ]; do sleep 0.1; done"; done
        cd repo; apt-ftparchive packages . >Packages; apt-ftparchive release . >Release
        "#,
    );
    publish(&host, &folder.path().join("repo"));
    fs::write(
        host.path("/etc/apt/sources.list.d/x.list"),
        "deb [trusted=yes] file:/srv/repo ./\n",
    )
    .expect("written");
    host.root("apt-get update -q && apt-get install -y -q old");
    let installed = |name: &str| host.run_as("root", &format!("dpkg -s {name}")).code == 0;

    // A plan says what comes along and what would go, for any account, and changes nothing.
    let plan = |package: &str, code| {
        let spec = host.spec(&format!("java: {{ version: 21, package: {package} }}"));
        trueup(&host, &["plan", spec.to_str().expect("text")]).code(code)
    };
    let before = host.tree();
    plan("many", 0).says("2 more packages come with it: plain, slow");
    plan("new", 5)
        .says("apt-get would remove something for new: old")
        .says("blocked");
    plan("torn", 5).says("apt-get cannot install torn: ");
    plan("nosuch", 0).says("apt-get does not know nosuch yet: its lists are renewed first");
    plan("plai.", 0).says("does not know plai. yet");
    assert_eq!(
        crate::rig::differences(&before, &host.tree()),
        [] as [&str; 0]
    );

    apply_package(&host, "new", &[])
        .code(5)
        .says("apt-get would remove something for new: old")
        .says("nothing is removed unasked");
    assert!(installed("old") && !installed("new"));
    // What the step itself takes care of, where the plan could not tell: the package is known by then only.
    host.root("mv /etc/apt/sources.list.d/x.list /root/ && apt-get update -q");
    host.root("mv /root/x.list /etc/apt/sources.list.d/");
    apply_package(&host, "new", &[])
        .code(5)
        .says("apt-get would remove something for new: old")
        .says("nothing is removed unasked");
    assert!(installed("old") && !installed("new"));
    apply_package(&host, "plai.", &[])
        .code(5)
        .says("knows no such package");
    assert!(!installed("plain"));

    // A second Ctrl-C leaves, though the package manager goes on.
    let spec = host.spec("java: { version: 21, package: slow }");
    let spec = spec.to_str().expect("text");
    let mut child = start(host.folder.path(), &["apply", spec, "--auto-approve"]);
    let errors = child.stderr.take().expect("a pipe");
    let running = "pgrep -f slow[.]postinst";
    until("the package's script runs", || {
        host.run_as("root", running).code == 0
    });
    let pid = child.id().to_string();
    let press = || {
        let sent = Command::new("kill").args(["-INT", &pid]).status();
        assert!(sent.expect("kill runs").success());
    };
    press();
    let mut seen = String::new();
    for line in BufReader::new(errors).lines() {
        seen.push_str(&line.expect("readable"));
        if seen.contains("leaves it to the host") {
            break;
        }
    }
    assert!(seen.contains("leaves it to the host"), "{seen}");
    press();
    wait(child).code(5).says("left behind by Ctrl-C");
    assert_eq!(
        host.run_as("root", running).code,
        0,
        "it was not left alone"
    );

    host.root("touch /tmp/go.slow");
    until("the first is done", || {
        host.run_as("root", "pgrep -x apt-get").code != 0
    });

    host.root("setsid apt-get install -y -q slower </dev/null >/dev/null 2>&1 &");
    until("somebody else's apt-get runs", || {
        host.run_as("root", "pgrep -f slower[.]postinst").code == 0
    });
    apply_package(&host, "plain", &["--lock-timeout", "500ms"])
        .code(5)
        .says("the package manager is busy: apt-get, process")
        .says("--lock-timeout");
    assert!(!installed("plain"));
    host.root("touch /tmp/go.slower");
    apply_package(&host, "plain", &[])
        .code(5)
        .says("client/java");
    assert!(installed("plain"));
}

#[test]
fn yum_replaces_and_downgrades_nothing() {
    let host = Host::start("amazon", &[]);
    let folder = tempfile::tempdir().expect("a folder");
    tool(
        folder.path(),
        r#"
        rpm() {
          printf 'Name: %s\nVersion: %s\nRelease: 1\nSummary: x\nLicense: x\nBuildArch: noarch\n%s\n%%description\nx\n%s\n%%files\n' "$1" "$2" "$3" "$4" >s.spec
          rpmbuild -bb --quiet --define "_topdir $PWD/w" --define "_rpmdir $PWD/repo" s.spec
        }
        rpm old 1 ''; rpm new 1 'Obsoletes: old < 2'; rpm against 1 'Conflicts: old'
        rpm slow 1 'Provides: /bin/sh' "%post
touch /srv/runs; until [ -e /srv/go ]; do sleep 0.1; done"
        rpm spare 1 ''; rpm plain 1 ''; rpm plain 2 ''; rpm down 1 'Requires: plain = 1'
        createrepo_c -q repo
        "#,
    );
    publish(&host, &folder.path().join("repo"));
    fs::write(
        host.path("/etc/yum.repos.d/x.repo"),
        "[x]\nname=x\nbaseurl=file:///srv/repo\nenabled=1\ngpgcheck=0\n",
    )
    .expect("written");
    host.root("rpm -i /srv/repo/noarch/old-1-1.noarch.rpm /srv/repo/noarch/plain-2-1.noarch.rpm");
    let before = host.root("rpm -qa | sort");
    for (package, reason) in [
        (
            "new",
            "yum would remove or downgrade something for new: old",
        ),
        (
            "down",
            "yum would remove or downgrade something for down: plain",
        ),
        (
            "against",
            "yum would remove or downgrade something for against: old",
        ),
        ("nosuch", "yum could not install nosuch"),
    ] {
        apply_package(&host, package, &[]).code(5).says(reason);
        assert_eq!(host.root("rpm -qa | sort"), before, "{package}");
    }

    // Who is waited for is named.
    host.root("setsid yum install -y -q slow </dev/null >/dev/null 2>&1 &");
    until("somebody else's yum runs", || {
        host.path("/srv/runs").exists()
    });
    let said = apply_package(&host, "spare", &["--lock-timeout", "500ms"]).code(5);
    let said = said.says("the package manager is busy: ");
    assert!(
        said.err.contains(", process ") || said.out.contains(", process "),
        "{said:?}"
    );
    host.root("touch /srv/go");
    until("it is done", || {
        host.run_as("root", "rpm -q slow && ! pgrep -x yum").code == 0
    });
}
