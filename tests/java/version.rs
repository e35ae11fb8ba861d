//! The version of a Java without a `release` file, which no package tells: as Java itself says it, and without
//! a JVM where its launcher knows.

use std::{fs, os::unix::fs::PermissionsExt, path::Path, process::Command};

const PROBE: &str = include_str!("../../src/kinds/client/java/probe.sh");

/// A program in the place of `bin/java`, which notes what it was asked.
fn planted(home: &Path, text: &str) -> String {
    let program = home.join("bin/java");
    fs::create_dir_all(home.join("bin")).expect("a folder");
    let log = home.join("asked").display().to_string();
    let text = format!("#!/bin/sh\nprintf '%s\\n' \"$*\" >>'{log}'\n{text}\n");
    fs::write(&program, text).expect("written");
    fs::set_permissions(&program, PermissionsExt::from_mode(0o755)).expect("a mode");
    program.display().to_string()
}

/// What the probe reads, and what it asked for that.
fn read(shell: &[&str], text: &str) -> (String, String) {
    let home = tempfile::tempdir().expect("a folder");
    let program = planted(home.path(), text);
    let script = format!("NEWLINE='\n'\n{PROBE}\njava_version \"$1\"; printf %s \"$VERSION\"");
    let said = Command::new(shell[0])
        .args(&shell[1..])
        .args(["-c", &script, "probe", &program])
        .output()
        .expect("a shell");
    let asked = fs::read_to_string(home.path().join("asked")).expect("asked");
    (String::from_utf8_lossy(&said.stdout).into_owned(), asked)
}

#[test]
fn the_launcher_says_what_its_jvm_says() {
    let said = Command::new("java").arg("-version").output();
    let said = said.expect("a Java").stderr;
    let said = String::from_utf8_lossy(&said);
    let (_, version) = said.split_once("version \"").expect("a version");
    let (version, _) = version.split_once('"').expect("its end");
    for shell in [&["dash"][..], &["bash"], &["busybox", "sh"]] {
        let (read, asked) = read(shell, "exec java \"$@\"");
        assert_eq!((read.as_str(), asked.as_str()), (version, "-fullversion\n"));
        let samples = [
            ("openjdk full version \"1.8.0_412-b08\"", "1.8.0_412"),
            (
                "openjdk full version \"1.8.0_392-8u392-ga-1~deb9u1-b08\"",
                "1.8.0_392",
            ),
            ("java full version \"1.8.0_40-ea-b05\"", "1.8.0_40-ea"),
            ("openjdk full version \"21-ea+35-2513\"", "21-ea"),
            ("openjdk full version \"11.0.20+8-LTS\"", "11.0.20"),
        ];
        for (full, version) in samples {
            let said = self::read(shell, &format!("echo '{full}' >&2"));
            assert_eq!(said, (version.to_owned(), "-fullversion\n".to_owned()));
        }
        // One that knows none, or an older word for it, is asked as people ask.
        let other = "case $1 in -fullversion) echo 'java full version \"JRE 1.8.0 IBM\"' ;; \
                     *) echo 'java version \"1.8.0_361\"' ;; esac >&2";
        let (read, asked) = self::read(shell, other);
        assert_eq!(read, "1.8.0_361");
        assert_eq!(asked, "-fullversion\n-XX:-UsePerfData -version\n");
    }
}
