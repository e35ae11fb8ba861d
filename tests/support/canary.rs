//! A private key that must be found nowhere: in every form in which it could leak.

use std::{
    fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use base64::{Engine, engine::general_purpose::STANDARD};

use crate::sshd::run;

/// A secret, and the pieces of it that are looked for.
pub struct Canary {
    pub pem: String,
    pub public: String,
    needles: Vec<(&'static str, Vec<u8>)>,
    /// The two bytes that a needle begins with: most of what is searched is passed over by them.
    starts: Vec<bool>,
    made: SystemTime,
}

impl Canary {
    /// An RSA key in OpenSSL's format, as EC2 hands it out. It touches the disk only in a folder
    /// of this function's own, which is gone at its end.
    pub fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("canary");
        let args = [
            "-q", "-t", "rsa", "-b", "2048", "-m", "PEM", "-N", "", "-C", "", "-f",
        ];
        let mut all: Vec<&str> = args.to_vec();
        all.push(file.to_str().expect("text"));
        run("ssh-keygen", &all);
        let pem = fs::read_to_string(&file).expect("a key");
        let public = fs::read_to_string(file.with_extension("pub")).expect("a key");
        // What comes first in it is public: version, modulus, exponent.
        let private: Vec<&str> = pem
            .lines()
            .filter(|line| !line.starts_with('-'))
            .skip(8)
            .collect();
        assert!(private.len() > 12, "an RSA key has more lines");
        let mut needles = Vec::new();
        for line in &private[..private.len() - 1] {
            needles.push(("a line", line.as_bytes()[4..44].to_vec()));
        }
        let secret: String = private.concat();
        let binary = STANDARD
            .decode(&secret[..secret.len() / 4 * 4])
            .expect("base64");
        for chunk in binary.chunks_exact(32) {
            needles.push(("bytes", chunk.to_vec()));
            needles.push(("hex", hex(chunk)));
        }
        let escaped = serde_json::to_string(&pem).expect("text");
        let middle = escaped.len() / 2;
        needles.push(("JSON", escaped.as_bytes()[middle..middle + 90].to_vec()));
        needles.push((
            "Debug",
            format!("{pem:?}").as_bytes()[middle..middle + 90].to_vec(),
        ));
        // Base64 of the text itself, wherever it starts in what was encoded.
        for shift in 0..3 {
            let encoded = STANDARD.encode(format!("{}{pem}", &"   "[..shift]));
            let middle = encoded.len() * 3 / 4;
            needles.push(("base64", encoded.as_bytes()[middle..middle + 48].to_vec()));
        }
        let url: String = pem
            .bytes()
            .map(|byte| match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => char::from(byte).to_string(),
                other => format!("%{other:02X}"),
            })
            .collect();
        let middle = url.len() * 3 / 4;
        needles.push(("URL", url.as_bytes()[middle..middle + 60].to_vec()));
        let mut starts = vec![false; 1 << 16];
        for (_, needle) in &needles {
            starts[start(&needle[..2])] = true;
        }
        Self {
            pem,
            public: public.trim().to_owned(),
            needles,
            starts,
            // Clocks of file systems tick more slowly.
            made: SystemTime::now() - Duration::from_secs(2),
        }
    }

    /// In which form the bytes hold a piece of it.
    pub fn found_in(&self, bytes: &[u8]) -> Option<&'static str> {
        let places = bytes.windows(2).enumerate();
        let likely = places.filter(|(_, pair)| self.starts[start(pair)]);
        let found = |(at, _)| {
            let here = |(_, needle): &&(_, Vec<u8>)| bytes[at..].starts_with(needle);
            self.needles.iter().find(here)
        };
        likely
            .map(found)
            .find_map(|found| found.map(|(form, _)| *form))
    }

    /// The files that hold a piece of it, wherever programs leave files without being told to,
    /// and where ssh keeps its own.
    pub fn found_lying_about(&self) -> Vec<(PathBuf, &'static str)> {
        let home = std::env::var_os("HOME").map(PathBuf::from).expect("HOME");
        let places = ["/tmp", "/var/tmp", "/dev/shm", "/run"].map(PathBuf::from);
        let of_home = [".ssh", ".local", ".cache/trueup"].map(|name| home.join(name));
        let all = places.into_iter().chain(of_home);
        all.flat_map(|place| self.found_below(&place)).collect()
    }

    /// The files below a folder that hold a piece of it, of those that were written since it was
    /// made; not in what a build of ours leaves.
    pub fn found_below(&self, folder: &Path) -> Vec<(PathBuf, &'static str)> {
        let mut found = Vec::new();
        let Ok(entries) = fs::read_dir(folder) else {
            return found;
        };
        // The rig's folder has the disks of other machines.
        if folder.join("CACHEDIR.TAG").exists() || folder == Path::new("/run/trueup-rig") {
            return found;
        }
        for entry in entries.flatten() {
            let path = entry.path();
            // What goes away in the meantime holds nothing.
            let Ok(meta) = fs::symlink_metadata(&path) else {
                continue;
            };
            if meta.is_dir() {
                found.extend(self.found_below(&path));
            } else if meta.is_file()
                && meta.modified().is_ok_and(|at| at >= self.made)
                && let Some(form) = fs::read(&path).ok().and_then(|b| self.found_in(&b))
            {
                found.push((path, form));
            }
        }
        found
    }

    /// The processes whose arguments or environment hold a piece of it, and how many were looked
    /// at.
    pub fn found_in_processes(&self) -> (Vec<(PathBuf, &'static str)>, usize) {
        let (mut found, mut seen) = (Vec::new(), 0);
        for entry in fs::read_dir("/proc").expect("/proc").flatten() {
            let pid = entry.file_name();
            if !pid
                .to_string_lossy()
                .bytes()
                .all(|byte| byte.is_ascii_digit())
            {
                continue;
            }
            for what in ["cmdline", "environ"] {
                let path = entry.path().join(what);
                let Ok(bytes) = fs::read(&path) else { continue };
                seen += 1;
                if let Some(form) = self.found_in(&bytes) {
                    found.push((path, form));
                }
            }
        }
        (found, seen)
    }
}

fn start(pair: &[u8]) -> usize {
    usize::from(pair[0]) << 8 | usize::from(pair[1])
}

fn hex(bytes: &[u8]) -> Vec<u8> {
    let text: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    text.into_bytes()
}

/// A search that finds nothing says little if it could not find anything.
pub fn finds_what_is_planted(canary: &Canary) {
    use std::process::{Command, Stdio};
    let pem = &canary.pem;
    let folder = tempfile::tempdir().expect("a folder");
    let forms = [
        ("raw", pem.clone().into_bytes()),
        ("middle line", pem.lines().nth(15).expect("a line").into()),
        ("json", serde_json::json!({ "key": pem }).to_string().into()),
        ("debug", format!("{:?}", Some(pem)).into()),
        ("crlf", pem.replace('\n', "\r\n").into()),
        ("one line", pem.replace('\n', "").into()),
        ("base64", STANDARD.encode(pem).into()),
        ("base64 of more", STANDARD.encode(format!("k={pem}")).into()),
        (
            "url",
            pem.replace('\n', "%0A")
                .replace('/', "%2F")
                .replace('+', "%2B")
                .into(),
        ),
        (
            "binary",
            STANDARD
                .decode(
                    pem.lines()
                        .filter(|l| !l.starts_with('-'))
                        .collect::<String>(),
                )
                .expect("base64"),
        ),
    ];
    for (name, bytes) in &forms {
        fs::write(folder.path().join(name), bytes).expect("written");
    }
    fs::write(folder.path().join("public"), &canary.public).expect("written");
    let found = canary.found_below(folder.path());
    assert_eq!(found.len(), forms.len(), "{found:?}");
    let about = canary.found_lying_about();
    assert!(found.iter().all(|one| about.contains(one)), "{about:?}");

    for leak in ["argument", "environment"] {
        let mut command = Command::new("sh");
        // Until it has said so, /proc may not know its arguments yet.
        command.args(["-c", "echo here; read -r end", "sh"]);
        match leak {
            "argument" => command.arg(pem),
            _ => command.env("LEAK", pem),
        };
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("sh");
        let mut said = String::new();
        let out = child.stdout.take().expect("a pipe");
        BufReader::new(out).read_line(&mut said).expect("read");
        assert_eq!(said, "here\n");
        let (found, _) = canary.found_in_processes();
        let own = format!("/proc/{}/", child.id());
        assert!(
            found.iter().any(|(path, _)| path.starts_with(&own)),
            "{leak}: {found:?}"
        );
        drop(child.stdin.take());
        child.wait().expect("it ends");
    }
}
