//! Other accounts, and people who are at work meanwhile: they get no secret, and put nothing in.

use std::{
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt, symlink},
    path::Path,
    process::Command,
};

use super::{SHELLS, Sandbox};

/// Ends with the test.
struct Ended(std::process::Child);

impl Drop for Ended {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Somebody else who can write in the folder swaps all that appears there for what is theirs.
fn swapper(folder: &Path, theirs: &Path) -> Ended {
    let text = r#"import os, sys
folder, theirs = sys.argv[1:]
print("ready", flush=True)
while os.path.isdir(folder):
    for name in os.listdir(folder):
        if not name.startswith(".trueup-"):
            continue
        path = f"{folder}/{name}"
        try:
            if os.path.islink(path) or os.lstat(path).st_uid == os.getuid():
                continue
            os.rename(path, f"{theirs}/moved")
            os.symlink(f"{theirs}/taken", path)
        except OSError:
            pass
"#;
    let mut child = Command::new("runuser")
        .args(["-u", "nobody", "--", "python3", "-c", text])
        .args([folder, theirs])
        .stdout(std::process::Stdio::piped())
        .spawn()
        .expect("python3 runs");
    let mut line = String::new();
    let stdout = child.stdout.take().expect("a pipe");
    std::io::BufRead::read_line(&mut std::io::BufReader::new(stdout), &mut line)
        .expect("it says so");
    assert_eq!(line, "ready\n");
    Ended(child)
}

#[test]
fn what_a_link_leads_to_is_given_to_nobody() {
    let sandbox = Sandbox::new();
    let (secret, plain) = (sandbox.at("outside/secret"), sandbox.at("home/plain"));
    let is = |path: &Path| {
        let meta = fs::metadata(path).expect("there");
        (meta.permissions().mode() & 0o7777, meta.uid())
    };
    let before = is(&secret);
    symlink(sandbox.at("outside"), sandbox.at("home/folder")).expect("made");
    symlink(&secret, sandbox.at("home/link")).expect("made");
    for shell in SHELLS {
        let own = |path: &Path, mode: &str, owner: &str| {
            sandbox.step(shell, "step_own", &[path, mode.as_ref(), owner.as_ref()])
        };
        for (path, why) in [
            ("home/link", "no plain file"),
            ("home/folder/secret", "at work"),
        ] {
            let (done, reply) = own(&sandbox.at(path), "0666", "nobody");
            assert!(
                !done.status.success() && reply.contains(why),
                "{shell:?}: {reply}"
            );
            assert_eq!(is(&secret), before, "{shell:?}");
        }
        fs::write(&plain, "").expect("written");
        fs::set_permissions(&plain, fs::Permissions::from_mode(0o600)).expect("set");
        for (mode, owner, then) in [
            ("0644", "", (0o644, 0)),
            ("", "daemon", (0o644, 1)),
            ("0400", "root:root", (0o400, 0)),
        ] {
            let (done, reply) = own(&plain, mode, owner);
            assert!(done.status.success(), "{shell:?}: {reply}");
            assert_eq!(is(&plain), then, "{shell:?}");
        }
    }
}

#[test]
fn who_can_write_in_the_folder_gets_no_secret_and_puts_nothing_in() {
    const CANARY: &str = "canary-5d20\n";
    let sandbox = Sandbox::new();
    let (folder, theirs) = (sandbox.at("open"), sandbox.at("theirs"));
    for path in [&folder, &theirs] {
        fs::create_dir(path).expect("made");
        fs::set_permissions(path, fs::Permissions::from_mode(0o777)).expect("open");
    }
    fs::set_permissions(sandbox.folder.path(), fs::Permissions::from_mode(0o755)).expect("open");
    fs::write(theirs.join("taken"), "").expect("written");
    fs::set_permissions(theirs.join("taken"), fs::Permissions::from_mode(0o666)).expect("open");
    let payload = sandbox.at("payload");
    fs::write(&payload, CANARY).expect("written");
    let file = folder.join("client.properties");
    let _swapper = swapper(&folder, &theirs);
    for round in 0..60 {
        let shell = SHELLS[round % SHELLS.len()];
        let _ = fs::remove_file(&file);
        let values: [&Path; 5] = [
            &file,
            "absent".as_ref(),
            "600".as_ref(),
            "".as_ref(),
            &payload,
        ];
        let (done, reply) = sandbox.step(shell, "step_write", &values);
        let taken = fs::read_to_string(theirs.join("taken")).expect("there");
        assert_eq!(taken, "", "{shell:?}: the secret is theirs: {reply}");
        if done.status.success() {
            let meta = fs::symlink_metadata(&file).expect("there");
            assert!(
                meta.is_file() && meta.permissions().mode() & 0o7777 == 0o600,
                "{shell:?}"
            );
            assert_eq!(
                fs::read_to_string(&file).expect("ours"),
                CANARY,
                "{shell:?}"
            );
        } else {
            assert!(reply.contains("failed"), "{shell:?}: {reply}");
        }
    }

    // A download: what is checked is what comes into place.
    let source = sandbox.at("source");
    fs::write(&source, "good\n").expect("written");
    fs::write(theirs.join("taken"), "evil\n").expect("written");
    let digest = crate::text::hex(&<sha2::Sha256 as sha2::Digest>::digest(b"good\n"));
    let file = folder.join("a.bin");
    for round in 0..30 {
        let shell = SHELLS[round % SHELLS.len()];
        let _ = fs::remove_file(&file);
        let url = format!("file://{}", source.display());
        let values: [&Path; 6] = [
            url.as_ref(),
            &file,
            "sha256".as_ref(),
            digest.as_ref(),
            "644".as_ref(),
            "20".as_ref(),
        ];
        let (done, reply) = sandbox.step(shell, "step_fetch", &values);
        if done.status.success() {
            assert_eq!(
                fs::read_to_string(&file).expect("there"),
                "good\n",
                "{shell:?}: {reply}"
            );
        }
        let taken = fs::read_to_string(theirs.join("taken")).expect("there");
        assert_eq!(taken, "evil\n", "{shell:?}: {reply}");
    }
}

#[test]
fn a_secret_is_nobody_elses_while_it_is_written() {
    let sandbox = Sandbox::new();
    let payload = sandbox.at("payload");
    let made = Command::new("mkfifo").arg(&payload).status();
    assert!(made.expect("mkfifo runs").success());
    let file = sandbox.at("home/client.properties");
    let new = sandbox.at("home/.trueup-client.properties");
    for shell in SHELLS {
        let values: [&Path; 5] = [
            &file,
            "absent".as_ref(),
            "640".as_ref(),
            "".as_ref(),
            &payload,
        ];
        let mode = |path: &Path| Some(fs::metadata(path).ok()?.permissions().mode() & 0o7777);
        std::thread::scope(|scope| {
            let step = scope.spawn(|| sandbox.step(shell, "step_write", &values));
            // It has made its file before it reads.
            let pipe = fs::OpenOptions::new().write(true).open(&payload);
            let meanwhile = mode(&new);
            std::io::Write::write_all(&mut pipe.expect("a reader"), b"secret\n").expect("written");
            let (done, reply) = step.join().expect("no panic");
            assert!(done.status.success(), "{shell:?}: {reply}");
            assert_eq!(meanwhile, Some(0o600), "{shell:?}");
        });
        assert_eq!(mode(&file), Some(0o640), "{shell:?}");
        fs::remove_file(&file).expect("there");
    }
}

#[test]
fn what_somebody_changed_meanwhile_is_not_written_over() {
    let sandbox = Sandbox::new();
    let (file, payload) = (sandbox.at("home/.bashrc"), sandbox.at("payload"));
    fs::write(&payload, "ours\n").expect("written");
    let sha256 = |text: &str| crate::text::hex(&<sha2::Sha256 as sha2::Digest>::digest(text));
    for shell in SHELLS {
        let write = |expected: &str| {
            let values: [&Path; 5] = [&file, expected.as_ref(), "".as_ref(), "".as_ref(), &payload];
            sandbox.step(shell, "step_write", &values)
        };
        for expected in ["absent", &sha256("before\n")] {
            fs::write(&file, "theirs\n").expect("written");
            let (done, reply) = write(expected);
            assert!(!done.status.success(), "{shell:?}: {reply}");
            assert!(
                reply.contains("has changed in the meantime"),
                "{shell:?}: {reply}"
            );
            assert_eq!(fs::read_to_string(&file).expect("there"), "theirs\n");
            let rest = fs::read_dir(sandbox.at("home")).expect("a folder").count();
            assert_eq!(rest, 1, "{shell:?}: something is left beside it");
        }
        // Gone meanwhile.
        fs::remove_file(&file).expect("there");
        let (done, reply) = write(&sha256("before\n"));
        assert!(
            !done.status.success() && !file.exists(),
            "{shell:?}: {reply}"
        );
        fs::write(&file, "before\n").expect("written");
        let (done, reply) = write(&sha256("before\n"));
        assert!(done.status.success(), "{shell:?}: {reply}");
        assert_eq!(fs::read_to_string(&file).expect("there"), "ours\n");
    }
}

#[test]
fn a_block_is_taken_out_and_no_other_byte_changes() {
    const BLOCK: &str = "# trueup: env A, managed\nexport A=1\n# trueup: end\n";
    let sandbox = Sandbox::new();
    let file = sandbox.at("home/start");
    for shell in SHELLS {
        for (before, after) in [
            (format!("a\0b\n{BLOCK}no newline"), "a\0b\nno newline"),
            (BLOCK.to_owned(), ""),
            // Nothing of somebody's goes with a block whose end somebody removed.
            (
                "# trueup: env A, managed\nexport B=1\n".to_owned(),
                "export B=1\n",
            ),
            (
                format!("# trueup: env AB, managed\nx\n# trueup: end\n{BLOCK}"),
                "# trueup: env AB, managed\nx\n# trueup: end\n",
            ),
            ("export A=1".to_owned(), "export A=1"),
        ] {
            fs::write(&file, &before).expect("written");
            fs::set_permissions(&file, fs::Permissions::from_mode(0o604)).expect("set");
            let (done, reply) = sandbox.step(shell, "step_unblock", &[&file, "env A".as_ref()]);
            assert!(done.status.success(), "{shell:?}: {reply}");
            let now = fs::read_to_string(&file).expect("text");
            assert_eq!(now, after, "{shell:?}: {before:?}");
            let mode = fs::metadata(&file).expect("there").permissions().mode();
            assert_eq!(mode & 0o777, 0o604, "{shell:?}");
        }
    }
}
