//! Archives of any kind: the same is refused, and a tree comes into place as a whole, or not at all.

use std::{fs, path::Path, process::Command};

use super::{SECRET, SHELLS, Sandbox, archives::REFUSED};
use crate::text::hex;

/// More archives: `python3 - FOLDER OUTSIDE`. The names' ends say how they are packed.
const MAKE: &str = r#"import io, stat, sys, tarfile, zipfile
folder, outside = sys.argv[1:]
FILE, LINK, HARD, DIR = tarfile.REGTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE

def tar(name, entries, mode="w:gz"):
    with tarfile.open(f"{folder}/{name}", mode, format=tarfile.PAX_FORMAT) as archive:
        for path, kind, text in entries:
            made = tarfile.TarInfo(path)
            made.type, made.mode = kind, 0o755 if kind == DIR else 0o644
            if kind == FILE:
                made.size = len(text)
            else:
                made.linkname = text
            archive.addfile(made, io.BytesIO(text.encode()) if kind == FILE else None)

def zipped(name, entries):
    with zipfile.ZipFile(f"{folder}/{name}", "w") as archive:
        for path, kind, text in entries:
            made = zipfile.ZipInfo(path)
            made.create_system = 3
            made.external_attr = (kind | 0o644) << 16
            archive.writestr(made, text)

tree = [("t/bin/run", FILE, "new\n"), ("t/LICENSE", FILE, "new\n"), ("t/soft", LINK, "bin/run"), ("beside", FILE, "new\n")]
for end, mode in (("tar", "w"), ("tgz", "w:gz"), ("bz2.tar", "w:bz2"), ("xz.tar", "w:xz")):
    tar(f"tree.{end}", tree, mode)
tar("dotted.tgz", [("./", DIR, ""), ("./t/", DIR, ""), ("./t/bin/run", FILE, "new\n"), ("./t/LICENSE", FILE, "new\n"),
    ("./t/hard", HARD, "./t/LICENSE"), ("./t/soft", LINK, "bin/run")])
tar("several.tgz", [("a/one", FILE, "new\n"), ("b/two", FILE, "new\n"), ("b/.hidden", FILE, "new\n"), ("c", LINK, "a")])
tar("twice.tgz", [("a/one", FILE, "new\n"), ("b/one", FILE, "new\n")])
tar("flat.tgz", [("one", FILE, "new\n")])
tar("folders.tgz", [("a/", DIR, "")])
tar("ours.tgz", [(".trueup/manifest", FILE, "")])
tar("ours below.tgz", [("a/.trueup/manifest", FILE, "")])
tar("root.tgz", [("./", LINK, outside)])
tar("below a dotted link.tgz", [("./out", LINK, outside), ("out/evil", FILE, "")])
tar("hard, out of dots.tgz", [("./hard", HARD, "./../secret")])
F, L, C = stat.S_IFREG, stat.S_IFLNK, stat.S_IFCHR
zipped("tree.zip", [("t/bin/run", F, "new\n"), ("t/LICENSE", F, "new\n"), ("t/soft", L, "bin/run"), ("beside", F, "new\n"),
    ("t/gr\u00fcn", F, "new\n")])
zipped("link out.zip", [("out", L, outside), ("a", F, "")])
zipped("below a link.zip", [("out", L, outside), ("out/evil", F, "")])
zipped("dots.zip", [("a/../../evil", F, "")])
zipped("absolute.zip", [(outside + "/evil", F, "")])
zipped("device.zip", [("null", C, "")])
zipped("newline.zip", [("a\nb", F, "")])
"#;

impl Sandbox {
    fn with_more() -> Self {
        let sandbox = Self::new();
        let made = Command::new("python3")
            .args(["-c", MAKE])
            .args([sandbox.at("archives"), sandbox.at("outside")])
            .output()
            .expect("python3 runs");
        let stderr = String::from_utf8_lossy(&made.stderr).into_owned();
        assert!(made.status.success(), "{stderr}");
        sandbox
    }

    /// Stages an archive and brings its tree to `home/t`.
    fn extract(&self, shell: &[&str], archive: &str, strip: u8) -> Result<String, String> {
        self.extract_as(shell, archive, strip, "sha256:unpinned")
    }

    fn extract_as(
        &self,
        shell: &[&str],
        archive: &str,
        strip: u8,
        digest: &str,
    ) -> Result<String, String> {
        let (to, label) = (self.at("home/t"), format!("x.tgz strip:{strip} {digest}"));
        let strip = strip.to_string();
        let values: [&Path; 3] = [&to, strip.as_ref(), label.as_ref()];
        self.staged(shell, "step_extract", archive, &values)
    }

    fn manifest(&self) -> Vec<String> {
        let text = fs::read_to_string(self.at("home/t/.trueup/manifest")).expect("a manifest");
        text.lines().map(str::to_owned).collect()
    }
}

/// What is refused of any archive, without its upper folder, with the reasons.
const MORE: &[(&str, &str)] = &[
    ("ours.tgz", "holds something of trueup's"),
    ("root.tgz", "points outside of itself"),
    ("below a dotted link.tgz", "has a file below a link"),
    ("hard, out of dots.tgz", "has a link to what is not in it"),
    ("flat.tgz 1", "holds no file below 1 folders"),
    ("folders.tgz", "holds no file"),
    ("twice.tgz 1", "holds one in several of its folders"),
    ("ours below.tgz 1", "holds something of trueup's"),
    ("link out.zip", "holds links that lead out of it"),
    ("below a link.zip", "has a file below a link"),
    ("dots.zip", "points outside of itself"),
    ("absolute.zip", "points outside of itself"),
    ("device.zip", "holds a device or the like"),
];

#[test]
fn what_leads_out_of_any_archive_is_refused_and_the_tree_stays() {
    let sandbox = Sandbox::with_more();
    // What is right where any folder may be at the top.
    let right = [
        "the top is a link",
        "two tops",
        "two tops, alike",
        "a file beside",
    ];
    let shared = REFUSED.iter().filter(|(name, _)| !right.contains(name));
    let shared = shared.map(|(name, reason)| (format!("{name}.tgz 1"), *reason));
    let own = MORE
        .iter()
        .map(|(name, reason)| ((*name).to_owned(), *reason));
    let all: Vec<_> = shared.chain(own).collect();
    sandbox
        .extract(SHELLS[0], "flat.tgz", 0)
        .expect("a tree of ours");
    let before = sandbox.all();
    for (archive, reason) in all {
        let (name, strip) = archive
            .rsplit_once(' ')
            .filter(|(_, strip)| *strip == "1")
            .map_or((&*archive, 0), |(name, _)| (name, 1));
        for shell in SHELLS {
            let about = format!("{archive}, {shell:?}");
            let busybox = shell[0] == "busybox";
            if busybox && name.ends_with(".zip") {
                continue;
            }
            if busybox && reason == "points outside of itself" {
                // Its tar takes away from a name what leads out, and shows what is left.
                let _ = sandbox.extract(shell, name, strip);
                let outside = fs::read_dir(sandbox.at("outside")).expect("a folder");
                assert_eq!(outside.count(), 1, "{about}");
                sandbox.extract(shell, "flat.tgz", 0).expect("as before");
                continue;
            }
            let reply = match sandbox.extract(shell, name, strip) {
                Err(reply) => reply,
                Ok(reply) => panic!("{about}: it was unpacked: {reply}: {:#?}", sandbox.all()),
            };
            // busybox has a tar of its own, which shows names otherwise.
            let own = busybox && reply.contains("the archive ");
            assert!(
                own || reply.contains(&format!("the archive {reason}")),
                "{about}: {reply}"
            );
            assert_eq!(sandbox.all(), before, "{about}");
        }
    }
}

#[test]
fn archives_of_any_kind_come_into_place_without_their_upper_folders() {
    let sandbox = Sandbox::with_more();
    for shell in SHELLS {
        for (archive, strip, names) in [
            ("tree.tar", 0, "beside t/LICENSE t/bin/run t/soft"),
            ("tree.tar", 1, "LICENSE bin/run soft"),
            ("tree.tgz", 1, "LICENSE bin/run soft"),
            ("tree.bz2.tar", 1, "LICENSE bin/run soft"),
            ("tree.xz.tar", 1, "LICENSE bin/run soft"),
            ("tree.tar", 2, "run"),
            ("dotted.tgz", 0, "t/LICENSE t/bin/run t/hard t/soft"),
            ("dotted.tgz", 1, "LICENSE bin/run hard soft"),
            ("several.tgz", 1, ".hidden one two"),
            // unzip makes one line of a name of two.
            ("newline.zip", 0, "ab"),
            ("tree.zip", 1, "LICENSE bin/run gr\u{fc}n soft"),
            (
                "tree.zip",
                0,
                "beside t/LICENSE t/bin/run t/gr\u{fc}n t/soft",
            ),
        ] {
            let other = [".zip", "bz2.tar", "xz.tar"];
            if shell[0] == "busybox" && other.iter().any(|end| archive.ends_with(end)) {
                continue;
            }
            let about = format!("{archive}, {strip}, {shell:?}");
            let reply = sandbox.extract(shell, archive, strip);
            let reply = reply.unwrap_or_else(|reply| panic!("{about}: {reply}"));
            assert_eq!(reply, "", "{about}");
            let manifest = sandbox.manifest();
            let listed = manifest[1..]
                .iter()
                .filter_map(|line| line.splitn(3, ' ').nth(2));
            let listed: Vec<&str> = listed.collect();
            assert_eq!(listed.join(" "), names, "{about}");
            let bytes = fs::read(sandbox.at("archives").join(archive)).expect("there");
            let digest = hex(&<sha2::Sha256 as sha2::Digest>::digest(&bytes));
            // A digest that nobody knew before is that of the download.
            let label = format!("# trueup manifest 1: x.tgz strip:{strip} sha256:{digest}");
            assert_eq!(manifest[0], label, "{about}");
            let own = fs::read_dir(sandbox.at("home")).expect("a folder").count();
            assert_eq!(own, 1, "{about}: something is left beside it");
            // It is unpacked as it is checked, and in the place of the one before.
            let right = format!("sha256:{digest}");
            let reply = sandbox.extract_as(shell, archive, strip, &right);
            assert!(reply.is_ok(), "{about}: {reply:?}");
            let reply = sandbox.extract_as(shell, "flat.tgz", 0, &right);
            let reply = reply.expect_err("another one");
            assert!(
                reply.contains("is not the one that was checked"),
                "{about}: {reply}"
            );
            assert_eq!(sandbox.manifest()[0], label, "{about}");
        }
    }
    let secret = fs::read_to_string(sandbox.at("outside/secret")).expect("there");
    assert_eq!(secret, SECRET);
}

#[test]
fn what_is_no_tree_of_ours_is_not_replaced() {
    let sandbox = Sandbox::with_more();
    let to = sandbox.at("home/t");
    for shell in SHELLS {
        // An empty folder is nothing.
        fs::create_dir(&to).expect("made");
        sandbox.extract(shell, "flat.tgz", 0).expect("unpacked");
        fs::remove_dir_all(&to).expect("there");

        let files = [
            ("mine", "text"),
            (
                ".trueup/manifest",
                "# trueup manifest 1: kafka.tgz sha512:unpinned\n",
            ),
        ];
        for (name, text) in files {
            let file = to.join(name);
            fs::create_dir_all(file.parent().expect("a folder")).expect("made");
            fs::write(file, text).expect("written");
            let before = sandbox.all();
            let reply = sandbox.extract(shell, "flat.tgz", 0).expect_err("theirs");
            assert!(
                reply.contains("is of no archive of trueup's"),
                "{shell:?}: {reply}"
            );
            assert_eq!(sandbox.all(), before, "{shell:?}");
        }
        fs::remove_dir_all(&to).expect("there");

        std::os::unix::fs::symlink(sandbox.at("outside"), &to).expect("linked");
        let before = sandbox.all();
        let reply = sandbox.extract(shell, "flat.tgz", 0).expect_err("a link");
        assert!(reply.contains("is a link"), "{shell:?}: {reply}");
        assert_eq!(sandbox.all(), before, "{shell:?}");
        fs::remove_file(&to).expect("there");
    }
}
