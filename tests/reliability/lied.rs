//! A host that lies, floods and hangs: trueup ends in time with an exit code of its table, takes little,
//! runs nothing of it, and shows nothing that could move a terminal or command a CI system.

use std::{
    collections::BTreeMap,
    fs,
    io::Read,
    net::TcpListener,
    sync::OnceLock,
    thread,
    time::{Duration, Instant},
};

use crate::{
    bench::Files,
    here::{Ended, Here, finish, until_gone},
    liar::Liar,
    lies::{Lie, PLACES, Place, canary, nasty, nothing_was_run},
    rig::{KAFKA, Said},
    sweep::{Random, Sweep},
};

/// What the commands are given, and how much later they may end. This deadline is what is promised.
const TIMEOUT: Duration = Duration::from_secs(5);
const GRACE: Duration = Duration::from_secs(5);
/// More memory than an honest answer costs, in KiB, and bytes on the disk.
const MEMORY: u64 = 64 * 1024;
const DISK: u64 = 1024 * 1024;

const COMMANDS: [&str; 6] = ["plan", "apply", "drift", "facts", "facts json", "prove"];
const FORMATS: [&str; 5] = ["json", "jsonl", "markdown", "junit", "html"];

/// A host that lies, and somebody who asks it.
pub struct Desk {
    pub folder: tempfile::TempDir,
    here: Here,
    pub liar: Liar,
    pub spec: String,
}

impl Desk {
    pub fn new() -> Self {
        let folder = tempfile::Builder::new()
            .prefix("tt")
            .tempdir_in("/tmp")
            .expect("a folder");
        // It differs from the spec in all that can differ.
        let home = folder.path().join("home");
        fs::create_dir(&home).expect("made");
        let files = Files::of_site();
        let unpacked = std::process::Command::new("tar")
            .args(["-xzf", "-"])
            .current_dir(&home)
            .stdin(std::process::Stdio::piped())
            .spawn();
        let mut unpacked = unpacked.expect("tar runs");
        let mut pipe = unpacked.stdin.take().expect("a pipe");
        std::io::Write::write_all(&mut pipe, &files.archive).expect("written");
        drop(pipe);
        assert!(unpacked.wait().expect("it ends").success());
        let put = |name: &str, text: &str| fs::write(home.join(name), text).expect("written");
        put(".bashrc", "# a line\nexport CLASSPATH=/opt/another.jar\n");
        put(&format!("{KAFKA}/libs/slf4j-api-1.7.30.jar"), "damaged");
        put(
            &format!("{KAFKA}/libs/aws-msk-iam-auth-1.1.1-all.jar"),
            "old",
        );
        put(".bash_profile", ". ~/.bashrc\n");
        put(
            &format!("{KAFKA}/bin/client.properties"),
            "security.protocol = SSL\nssl.truststore.location=/nowhere\n",
        );
        let liar = Liar::start(folder.path(), &home);
        let desk = folder.path().join("desk");
        fs::create_dir(&desk).expect("made");
        let spec = folder.path().join("spec.yaml");
        let client = format!("java: {{ version: 17 }}\n{}", files.client()).replace('\n', "\n  ");
        fs::write(
            &spec,
            format!(
                "version: 1\nhosts:\n  client:\n    {}\nclient:\n  {client}\n",
                liar.way()
            ),
        )
        .expect("written");
        Self {
            here: Here::below(&desk),
            spec: spec.to_str().expect("text").to_owned(),
            folder,
            liar,
        }
    }

    /// The most memory that an honest answer costs a command, in KiB; the same for all tests.
    fn honest(&self, command: &str) -> u64 {
        static ONCE: OnceLock<BTreeMap<&str, u64>> = OnceLock::new();
        let all = ONCE.get_or_init(|| {
            self.liar.tell(&Lie::None);
            // What a real machine answers is asked once, and may take its time.
            for command in ["plan", "apply", "prove"] {
                self.run_for("60s", command, &self.spec, false);
            }
            let of = COMMANDS.map(|command| {
                let ended = self.run(command, &self.spec, false);
                let wanted = match command {
                    "drift" => 2,
                    // What it says when it is read again is what it said before.
                    "apply" | "prove" => 5,
                    _ => 0,
                };
                assert_eq!(ended.said.code, wanted, "{command}: {:?}", ended.said);
                (command, ended.peak)
            });
            BTreeMap::from(of)
        });
        let of = if command == "show" { "plan" } else { command };
        all[of]
    }

    pub fn run(&self, command: &'static str, spec: &str, verbose: bool) -> Ended {
        let timeout = format!("{}s", TIMEOUT.as_secs());
        self.run_for(&timeout, command, spec, verbose)
    }

    fn run_for(&self, timeout: &str, command: &'static str, spec: &str, verbose: bool) -> Ended {
        let mut words: Vec<String> = command.split(' ').take(1).map(str::to_owned).collect();
        words.push(spec.to_owned());
        if command != "show" {
            words.extend(["--timeout", timeout].map(str::to_owned));
        }
        let more = |words: &mut Vec<String>, all: &[&str]| {
            words.extend(all.iter().map(|word| (*word).to_owned()));
        };
        match command {
            "facts" => {}
            "facts json" => more(&mut words, &["--format", "json"]),
            "prove" => more(&mut words, &["--bootstrap-server", "127.0.0.1:1"]),
            _ => {
                more(&mut words, &["--format", "human"]);
                for format in FORMATS {
                    let file = self.folder.path().join(format);
                    let _ = fs::remove_file(&file);
                    let format = format!("{format}={}", file.display());
                    more(&mut words, &["--format", &format]);
                }
            }
        }
        if command == "apply" {
            more(&mut words, &["--lock-timeout", "1s"]);
        }
        // A saved plan asks nobody.
        if command == "apply" && spec.ends_with(".yaml") {
            more(&mut words, &["--auto-approve"]);
        }
        if verbose {
            more(&mut words, &["-vv"]);
        }
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        self.run_words(&words)
    }

    /// Runs trueup to its end; its files are counted.
    pub fn run_words(&self, words: &[&str]) -> Ended {
        let mut most = 0;
        let ended = finish(self.here.begin(words), || {
            most = most.max(self.here.bytes());
        });
        assert!(most <= DISK, "{most} bytes of files");
        ended
    }

    /// All that was put out, by what it is.
    fn texts(&self, said: &Said) -> Vec<(&'static str, String)> {
        let files = FORMATS.iter().filter_map(|format| {
            let bytes = fs::read(self.folder.path().join(format)).ok()?;
            let text = String::from_utf8(bytes).unwrap_or_else(|_| panic!("{format}: no text"));
            Some((*format, text))
        });
        let own = [("stdout", said.out.clone()), ("stderr", said.err.clone())];
        own.into_iter().chain(files).collect()
    }

    fn attempt(&self, command: &'static str, lie: &Lie, verbose: bool) {
        // Before the lie: it is asked then.
        self.honest(command);
        self.liar.tell(lie);
        let ended = self.run(command, &self.spec, verbose);
        let codes: &[i32] = match command {
            "facts" | "facts json" => &[0, 4, 7],
            "drift" => &[0, 2, 4, 7],
            _ => &[0, 4, 5, 7],
        };
        self.judge(command, codes, &ended, self.liar.since());
    }

    #[track_caller]
    pub fn judge(
        &self,
        command: &'static str,
        codes: &[i32],
        ended: &Ended,
        since: Option<Instant>,
    ) {
        let said = &ended.said;
        let told = format!("exit {}\n{:.3000}\n{:.3000}", said.code, said.out, said.err);
        assert!(codes.contains(&said.code), "{told}");
        assert!(!said.err.contains("panicked"), "{told}");
        if let Some(since) = since {
            // The host ends the client of a `prove`, and we wait for that.
            let longest = if command == "prove" {
                TIMEOUT * 2
            } else {
                TIMEOUT
            } + GRACE;
            let took = ended.at.saturating_duration_since(since);
            assert!(took <= longest, "{:.1} s\n{told}", took.as_secs_f64());
        }
        let more = ended.peak.saturating_sub(self.honest(command));
        assert!(
            more <= MEMORY,
            "{more} KiB more than an honest answer\n{told}"
        );
        for (format, text) in self.texts(said) {
            harmless(format, &text);
        }
        nothing_was_run(&told);
        until_gone(|| [self.here.left(), self.liar.running()].concat());
    }
}

/// Nothing in it moves a terminal, turns the reading direction or is taken for a command; and it is what
/// it should be.
#[track_caller]
pub fn harmless(format: &str, text: &str) {
    let odd = |c: char| {
        (c.is_control() && c != '\n')
            || matches!(c, '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
    };
    if let Some(at) = text.find(odd) {
        let from = text.floor_char_boundary(at.saturating_sub(200));
        panic!(
            "{format}: {:?}",
            &text[from..text.ceil_char_boundary(at + 100)]
        );
    }
    for line in text.lines() {
        assert!(!line.trim_start().starts_with("::"), "{format}: {line}");
        for (at, _) in line.match_indices("##") {
            let rest = line[at + 2..].trim_start_matches(|c: char| c.is_ascii_alphanumeric());
            assert!(!rest.starts_with('['), "{format}: {line:.500}");
        }
    }
    match format {
        "json" => drop(serde_json::from_str::<serde_json::Value>(text).expect(format)),
        "jsonl" => text
            .lines()
            .for_each(|line| drop(serde_json::from_str::<serde_json::Value>(line).expect(line))),
        "junit" => {
            let mut reader = quick_xml::Reader::from_str(text);
            loop {
                match reader.read_event() {
                    Ok(quick_xml::events::Event::Eof) => break,
                    Ok(_) => {}
                    Err(error) => panic!("{error}: {text:.3000}"),
                }
            }
        }
        "markdown" => assert!(text.chars().count() <= 65_000, "{} bytes", text.len()),
        _ => {}
    }
}

fn sweep(
    fault: &'static str,
    few: usize,
    lies: impl FnOnce(&mut Random) -> Vec<(&'static str, Lie)>,
) {
    let mut sweep = Sweep::of(fault);
    let desk = Desk::new();
    let mut all = lies(&mut sweep.random);
    sweep.random.shuffle(&mut all);
    for (nth, (command, lie)) in sweep.pick(all, few).into_iter().enumerate() {
        let verbose = nth.is_multiple_of(3);
        sweep.attempt(format!("{command}, {lie}"), || {
            desk.attempt(command, &lie, verbose);
        });
    }
    sweep.end();
}

/// Each lie told to some command, in turn.
fn in_turn(lies: Vec<Lie>, commands: &[&'static str]) -> Vec<(&'static str, Lie)> {
    let commands = commands.iter().copied().cycle();
    commands.zip(lies).collect()
}

#[test]
fn values() {
    sweep("lied to: a host's values, each and all", 8, |random| {
        // Every control character, those beyond ASCII, bytes that are no text, directions.
        let ascii = (0..0x20).chain([0x7f]).map(|byte| vec![byte]);
        let beyond = (0x80..0xa0_u32)
            .chain([0x61c])
            .chain(0x200b..0x2010)
            .chain(0x2028..0x202f);
        let beyond = beyond
            .chain(0x2060..0x2070)
            .chain([0xfeff, 0xfff9, 0xe0041]);
        let beyond = beyond.map(|code| {
            char::from_u32(code)
                .expect("a character")
                .to_string()
                .into_bytes()
        });
        let bytes = (0x80..=0xff_u8).map(|byte| vec![byte]);
        let mut strings: Vec<Vec<u8>> = ascii.chain(beyond).chain(bytes).collect();
        strings.extend(nasty(&canary()));
        let everywhere = strings.into_iter().map(Lie::Everywhere);
        let mut all: Vec<_> = everywhere
            .flat_map(|lie| ["plan", "apply"].map(|command| (command, lie.clone())))
            .collect();
        // One at a time: the others are as they should be, and it gets far.
        let strings = nasty(&canary());
        let mut ones = Vec::new();
        for nth in 0..200 {
            for _ in 0..6 {
                let bytes = strings[random.below(strings.len())].clone();
                ones.push(Lie::One(nth, bytes, random.below(2) == 0));
            }
        }
        all.extend(in_turn(
            ones,
            &[
                "plan",
                "apply",
                "plan",
                "drift",
                "facts",
                "facts json",
                "prove",
            ],
        ));
        all
    });
}

#[test]
fn records() {
    sweep(
        "lied to: a host's records and bytes, at random",
        8,
        |random| {
            let mut seed = || u64::try_from(random.below(1 << 30)).expect("small");
            let mut lies: Vec<Lie> = (0..600).map(|_| Lie::Records(seed())).collect();
            lies.extend((0..400).map(|_| Lie::Bytes(seed())));
            in_turn(
                lies,
                &["plan", "apply", "facts", "plan", "drift", "apply", "prove"],
            )
        },
    );
}

#[test]
fn floods() {
    sweep("lied to: a host that says without an end", 1, |_| {
        let floods: [&[u8]; 6] = [
            b"x",
            b"\n",
            b"host os_name 3:abc\n",
            b"client/kafka damaged 4:a/b\x1b\n",
            b"apply line 20:\x1b[2J::error::xxxxxxx\n",
            b"apply progress 3:1 2\n",
        ];
        let mut all = Vec::new();
        for place in PLACES {
            for flood in floods {
                all.push(Lie::Flood(place, flood.to_vec()));
            }
        }
        all.extend(
            [&b"\x1b[2J::error::x"[..], b"x\n", b"\0\xff"]
                .map(|said| Lie::Complains(said.to_vec(), true)),
        );
        all.into_iter()
            .flat_map(|lie| ["plan", "apply", "prove"].map(|command| (command, lie.clone())))
            .collect()
    });
}

#[test]
fn hangs() {
    sweep("lied to: a host that hangs, at each phase", 1, |_| {
        let mut all: Vec<Lie> = PLACES.into_iter().map(Lie::Hang).collect();
        // It has said all, and does not end; or it ends otherwise.
        for exit in [
            "exec >&- 2>&-; sleep 30",
            "sleep 30",
            "kill -9 $$",
            "exit 255",
            "exit 1",
        ] {
            all.push(Lie::Exit(exit.to_owned()));
        }
        let commands = ["plan", "apply", "drift", "facts", "prove"];
        all.into_iter()
            .flat_map(|lie| commands.map(|command| (command, lie.clone())))
            .filter(|(command, lie)| *command == "apply" || !matches!(lie, Lie::Hang(Place::Step)))
            .collect()
    });
}

#[test]
fn words() {
    sweep(
        "lied to: what a host says in place of an answer, before it and beside it",
        4,
        |_| {
            let mut all = Vec::new();
            for bytes in nasty(&canary()) {
                all.push(Lie::Says(bytes.clone(), false));
                all.push(Lie::Says(bytes.clone(), true));
                all.push(Lie::Banner(bytes.clone()));
                all.push(Lie::Complains(bytes, false));
            }
            all.into_iter()
                .flat_map(|lie| ["plan", "apply", "prove"].map(|command| (command, lie.clone())))
                .collect()
        },
    );
}

/// What a server says where sshd should greet.
fn greetings(random: &mut Random) -> Vec<(Vec<u8>, bool)> {
    let mut all: Vec<(Vec<u8>, bool)> = Vec::new();
    for bytes in nasty(&canary()) {
        for greeting in [
            bytes.clone(),
            [b"SSH-2.0-", bytes.as_slice(), b"\r\n"].concat(),
            [bytes.as_slice(), b"\r\nSSH-2.0-OpenSSH_9.2\r\n"].concat(),
        ] {
            all.extend([(greeting.clone(), false), (greeting, true)]);
        }
    }
    for text in [
        "",
        "SSH-2.0-OpenSSH_9.2\r\n",
        "SSH-1.5-old\r\n",
        "HTTP/1.1 400 Bad Request\r\n\r\n",
    ] {
        all.extend([(text.into(), false), (text.into(), true)]);
        for _ in 0..20 {
            let junk =
                (0..random.below(3000)).map(|_| u8::try_from(random.below(256)).expect("a byte"));
            all.push((
                [text.as_bytes(), &junk.collect::<Vec<u8>>()].concat(),
                random.below(2) == 0,
            ));
        }
    }
    all
}

#[test]
fn greeted() {
    let mut sweep = Sweep::of("lied to: what is no sshd, and what hangs as one");
    let desk = Desk::new();
    let all = greetings(&mut sweep.random);
    for (greeting, hangs) in sweep.pick(all, 2) {
        let shown = format!("{:.200}, {hangs}", greeting.escape_ascii().to_string());
        sweep.attempt(shown, || {
            let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
            let port = listener.local_addr().expect("bound").port();
            let (met, when) = std::sync::mpsc::channel();
            thread::spawn(move || {
                for mut guest in listener.incoming().map_while(Result::ok) {
                    let _ = std::io::Write::write_all(&mut guest, &greeting);
                    let _ = met.send(Instant::now());
                    while hangs && matches!(guest.read(&mut [0; 4096]), Ok(1..)) {}
                }
            });
            let spec = fs::read_to_string(&desk.spec).expect("readable");
            let (before, after) = spec.split_once("port: ").expect("a port");
            let (_, after) = after.split_once(',').expect("its end");
            let other = desk.folder.path().join("greeted.yaml");
            fs::write(&other, format!("{before}port: {port},{after}")).expect("written");
            let ended = desk.run("plan", other.to_str().expect("text"), true);
            let since = when.try_recv().ok();
            assert!(since.is_some(), "it did not connect");
            desk.judge("plan", &[4], &ended, since);
        });
    }
    sweep.end();
}
