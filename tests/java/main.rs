//! Java and Kafka as judges of what we read and write in a properties file: random files, read by
//! both (`tests/rig/broker/java/rig/Judge.java`), with the libraries of an old Kafka and a new one.
//!
//! The seed is printed; `TRUEUP_SEED` gives it back.

#[path = "../support/seed.rs"]
#[allow(dead_code, reason = "there are numbers of more bits here")]
mod seed;
mod version;

use std::{
    collections::BTreeMap,
    env,
    io::{BufRead, BufReader, Write},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    thread,
};

use base64::{
    Engine,
    engine::general_purpose::{STANDARD, STANDARD_NO_PAD},
};
use indexmap::IndexMap;
use trueup::{
    action::{Action, Mode, Value},
    facts::{Host, Section},
    jaas::{self, JaasLogin},
    kinds::{Resource, Verdict, client::properties as kind, declared::Inputs},
    properties,
    spec::{Given, Source, load},
};

use seed::seed;

const JAAS: &str = "sasl.jaas.config";

/// A JVM that says what clients see.
struct Judge {
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: BufReader<ChildStdout>,
}

/// UTF-16, as in Java.
type Text = Vec<u16>;
/// Module, flag and options.
type LoginSeen = (Text, Text, BTreeMap<Text, Text>);

/// What a client sees in a file.
#[derive(Debug, PartialEq, Eq)]
enum Seen {
    Refused,
    Entries {
        entries: BTreeMap<Vec<u16>, Vec<u16>>,
        #[expect(clippy::option_option, reason = "no line, and one that is refused")]
        login: Option<Option<LoginSeen>>,
    },
}

impl Judge {
    fn new(kafka: &str) -> Self {
        let program = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/rig/broker/judge.py");
        let mut child = Command::new(program)
            .arg(kafka)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("tests/rig/broker/judge.py runs");
        let stdin = child.stdin.take();
        let stdout = BufReader::new(child.stdout.take().expect("a pipe"));
        Self {
            child,
            stdin,
            stdout,
        }
    }

    fn see(&mut self, files: &[Vec<u8>]) -> Vec<Seen> {
        let mut stdin = self.stdin.take().expect("not yet closed");
        let questions: String = files
            .iter()
            .map(|file| STANDARD.encode(file) + "\n")
            .collect();
        // Both pipes fill up: one is written while the other is read.
        let writer = thread::spawn(move || stdin.write_all(questions.as_bytes()).map(|()| stdin));
        let answers = files.iter().map(|_| {
            let mut line = String::new();
            self.stdout.read_line(&mut line).expect("a pipe");
            assert!(line.ends_with('\n'), "the judge ended");
            seen(line.trim_end())
        });
        let answers = answers.collect();
        self.stdin = writer.join().expect("no panic").ok();
        answers
    }
}

impl Drop for Judge {
    fn drop(&mut self) {
        // It ends with its stdin.
        drop(self.stdin.take());
        let _ = self.child.wait();
    }
}

fn units(word: &str) -> Vec<u16> {
    let bytes = STANDARD_NO_PAD.decode(&word[1..]).expect("base64");
    let units = bytes.chunks(2);
    units
        .map(|pair| u16::from_be_bytes([pair[0], pair[1]]))
        .collect()
}

fn pairs<'w>(words: impl Iterator<Item = &'w str>) -> BTreeMap<Vec<u16>, Vec<u16>> {
    let pairs = words.filter_map(|word| word.split_once('='));
    // An option without a name is seen by nobody.
    let named = pairs.filter(|(name, _)| *name != "-");
    named
        .map(|(name, value)| (units(name), units(value)))
        .collect()
}

fn seen(line: &str) -> Seen {
    let words: Vec<&str> = line.split(' ').collect();
    match words[0] {
        "refused" => Seen::Refused,
        "read" => {
            let jaas = words.iter().position(|word| word.starts_with("jaas"));
            let (entries, login) = words.split_at(jaas.unwrap_or(words.len()));
            let login = match login {
                [] => None,
                ["jaas", module, flag, options @ ..] => {
                    let options = pairs(options.iter().copied());
                    Some(Some((units(module), units(flag), options)))
                }
                _ => Some(None),
            };
            Seen::Entries {
                entries: pairs(entries[1..].iter().copied()),
                login,
            }
        }
        other => panic!("the judge says {other}"),
    }
}

/// What we see in a file, as the judge says it. Half of a surrogate pair is no text of ours: then the
/// file is not compared in full.
fn ours(file: &[u8]) -> Seen {
    let Ok(entries) = properties::entries(file) else {
        return Seen::Refused;
    };
    let utf16 = |text: &str| text.encode_utf16().collect::<Vec<u16>>();
    let values: BTreeMap<&str, &str> = entries
        .iter()
        .map(|entry| (&*entry.key, &*entry.value))
        .collect();
    let login = values.get(JAAS).map(|line| {
        let login = jaas::read(line.trim_matches(|c| c <= ' ')).ok()?;
        let options = login.options.iter();
        let options = options.map(|(name, value)| (utf16(name), utf16(value)));
        Some((utf16(&login.module), utf16(&login.flag), options.collect()))
    });
    Seen::Entries {
        entries: values
            .iter()
            .map(|(key, value)| (utf16(key), utf16(value)))
            .collect(),
        login,
    }
}

/// With U+FFFD for each half of a surrogate pair, as we have it.
fn without_halves(seen: Seen) -> Seen {
    let whole =
        |text: Vec<u16>| -> Vec<u16> { String::from_utf16_lossy(&text).encode_utf16().collect() };
    let all = |map: BTreeMap<Vec<u16>, Vec<u16>>| -> BTreeMap<Vec<u16>, Vec<u16>> {
        map.into_iter()
            .map(|(key, value)| (whole(key), whole(value)))
            .collect()
    };
    match seen {
        Seen::Refused => Seen::Refused,
        Seen::Entries { entries, login } => Seen::Entries {
            entries: all(entries),
            login: login.map(|login| {
                login.map(|(module, flag, options)| (whole(module), whole(flag), all(options)))
            }),
        },
    }
}

/// A generator of no great quality and no memory: the same seed, the same cases.
struct Random(u64);

impl Random {
    fn seeded() -> Self {
        Self(seed())
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, most: usize) -> usize {
        usize::try_from(self.next() % most as u64).expect("less than that")
    }

    fn of<'a>(&mut self, all: &[&'a [u8]]) -> &'a [u8] {
        all[self.below(all.len())]
    }

    fn pieces(&mut self, all: &[&[u8]], most: usize) -> Vec<u8> {
        let count = self.below(most + 1);
        let mut out = Vec::new();
        for _ in 0..count {
            out.extend_from_slice(self.of(all));
        }
        out
    }

    fn text(&mut self, most: usize) -> String {
        let count = self.below(most + 1);
        let one = |random: &mut Self| loop {
            let below = [0x80, 0x100, 0x3000, 0x11_0000][random.below(4)];
            if let Some(c) = char::from_u32(u32::try_from(random.below(below)).expect("small")) {
                return c;
            }
        };
        (0..count).map(|_| one(self)).collect()
    }
}

/// What files are made of that try every rule of the format.
const SYNTAX: [&[u8]; 36] = [
    b"a",
    b"b",
    b"=",
    b":",
    b" ",
    b"\t",
    b"\x0c",
    b"\\",
    b"\\\\",
    b"\n",
    b"\r",
    b"\r\n",
    b"#",
    b"!",
    b"\\u0041",
    b"\\u00e9",
    b"\\ud83e\\udd80",
    b"\\ud83e",
    b"\\u12",
    b"\\uzzzz",
    b"\\n",
    b"\\t",
    b"\\f",
    b"\\r",
    b"\\=",
    b"\\#",
    b"\\ ",
    b"\\\n",
    b"\\\r\n",
    b"\xe9",
    b"\xc3\xa9",
    b"\xef\xbb\xbf",
    b"\0",
    b"key",
    b"\\q",
    b"\x85",
];

/// What jaas lines are made of.
const LINES: [&[u8]; 44] = [
    b" ",
    b"  ",
    b"a.M",
    b" required",
    b" Optional ",
    b" REQUISITE",
    b"=",
    b" = ",
    b";",
    b"; ",
    b"\"",
    b"'",
    b"\"x\"",
    b"'y'",
    b"\"a\\\"b\"",
    b"\"\\\\\"",
    b"\"\\\\101\\\\7\\\\400\"",
    b"\"\\\\n\\\\z\"",
    b"/",
    b"//",
    b"/* c */",
    b"/*",
    b"*/",
    b"#",
    b"3",
    b"-",
    b"-1",
    b".5",
    b"1.2.3",
    b"name",
    b" awsRoleArn=\"arn:aws:iam::111122223333:role/R\"",
    b" awsRoleArn=arn:aws:iam::111122223333:role/R",
    b"k",
    b" awsDebugCreds=true",
    b" awsMaxRetries=3",
    b" awsMaxRetries=\"3\"",
    b"\\n",
    b"\\r\\n",
    b"\\u00e9",
    b"\\u2028",
    b"\\u0085",
    b"_$-",
    b":",
    b"\\ud83e\\udd80",
];

/// A file around a jaas line that is often right.
fn line_file(random: &mut Random) -> Vec<u8> {
    let mut file = format!("{JAAS}=").into_bytes();
    if random.below(3) == 0 {
        file.extend(random.pieces(&LINES, 12));
        return file;
    }
    file.extend_from_slice(b"software.amazon.msk.auth.iam.IAMLoginModule");
    file.extend_from_slice(random.of(&[
        b" required",
        b" Required ",
        b" /* x */ required",
        b" optional",
    ]));
    for _ in 0..random.below(4) {
        if random.below(4) == 0 {
            file.extend(random.pieces(&LINES, 3));
        } else {
            file.extend_from_slice(random.of(&[b" a", b" awsRoleArn", b" b-c_d"]));
            file.extend_from_slice(random.of(&[b"=", b" = ", b"= "]));
            file.extend_from_slice(
                random.of(&[b"\"x/y\"", b"'x y'", b"word", b"x.y-z", b"\"\"", b"true"]),
            );
        }
    }
    file.extend_from_slice(random.of(&[
        b";",
        b" ;",
        b"; // all",
        b"; /",
        b"",
        b";;",
        b" ; \\\n  ",
    ]));
    file
}

#[test]
fn we_read_what_java_and_kafka_read() {
    let mut random = Random::seeded();
    let mut files: Vec<Vec<u8>> = (0..6000).map(|_| random.pieces(&SYNTAX, 14)).collect();
    files.extend((0..6000).map(|_| line_file(&mut random)));
    // Longer than a buffer of Java's.
    files.extend((0..20).map(|_| random.pieces(&SYNTAX, 20_000)));
    let mut seen = Vec::new();
    for kafka in ["2.8.1", "4.3.1"] {
        seen.push(Judge::new(kafka).see(&files));
    }
    let (old, new) = (seen.remove(0), seen.remove(0));
    let (mut refused, mut logins, mut no_logins) = (0, 0, 0);
    for ((file, old), new) in files.iter().zip(old).zip(new) {
        let shown = String::from_utf8_lossy(file);
        assert_eq!(old, new, "two Kafkas see another file in {shown:?}");
        match &new {
            Seen::Refused => refused += 1,
            Seen::Entries {
                login: Some(Some(_)),
                ..
            } => logins += 1,
            Seen::Entries {
                login: Some(None), ..
            } => no_logins += 1,
            Seen::Entries { .. } => {}
        }
        assert_eq!(ours(file), without_halves(new), "of {shown:?}");
    }
    // The cases are of all kinds.
    assert!(
        refused > 200 && logins > 500 && no_logins > 500,
        "{refused} {logins} {no_logins}"
    );
}

#[test]
fn java_and_kafka_read_what_we_write() {
    let mut random = Random::seeded();
    let mut wanted = Vec::new();
    let mut files = Vec::new();
    for _ in 0..6000 {
        let mut before = random.pieces(&SYNTAX, 14);
        if properties::entries(&before).is_err() {
            before.clear();
        }
        let login = JaasLogin {
            module: "a.M".into(),
            flag: "required".into(),
            options: (0..random.below(4))
                .map(|n| (format!("o{n}"), random.text(8)))
                .collect(),
        };
        let mut set = IndexMap::from([(JAAS.to_owned(), jaas::write(&login))]);
        set.insert(format!("k{}", random.text(6)), random.text(12));
        let values = set
            .iter()
            .map(|(key, value)| (key.clone(), value.as_str()))
            .collect();
        files.push(properties::edit(&before, &values, &["a".to_owned()]).expect("was readable"));
        wanted.push((before, set, login));
    }
    let seen = Judge::new("2.8.1").see(&files);
    let utf16 = |text: &str| text.encode_utf16().collect::<Vec<u16>>();
    for ((file, seen), (before, set, login)) in files.iter().zip(seen).zip(wanted) {
        let shown = String::from_utf8_lossy(file);
        let Seen::Entries {
            entries,
            login: read,
        } = seen
        else {
            panic!("Java refuses {shown:?}");
        };
        for (key, value) in &set {
            assert_eq!(
                entries.get(&utf16(key)),
                Some(&utf16(value)),
                "of {shown:?}"
            );
        }
        assert!(!entries.contains_key(&utf16("a")), "of {shown:?}");
        let options = login
            .options
            .iter()
            .map(|(name, value)| (utf16(name), utf16(value)));
        let meant = (utf16("a.M"), utf16("required"), options.collect());
        assert_eq!(read, Some(Some(meant)), "of {shown:?}");
        // What was there stays, but for the mark, and for an entry of nothing at the end.
        let before = properties::entries(properties::unmarked(&before)).expect("still readable");
        let stays = |entry: &&properties::Entry| {
            entry.key != "a"
                && !set.contains_key(&entry.key)
                && !entry.key.is_empty()
                && entry.whole
        };
        for entry in before.iter().filter(stays) {
            assert!(
                entries.contains_key(&utf16(&entry.key)),
                "{entry:?} of {shown:?}"
            );
        }
    }
}

/// A client whose file is as the walkthrough has it.
fn resource() -> Box<dyn Resource> {
    let arn = "arn:aws:iam::111122223333:role/R";
    let text = format!(
        "version: 1\nhosts: {{ c: {{ local: {{}} }} }}\nclient:\n  kafka: {{ version: 2.8.1, scala: 2.12 }}\n  \
         msk_iam_auth: {{ version: 1.1.5, role_arn: \"{arn}\" }}\n  properties: {{ extra: {{ client.id: \"\u{1f980}\" }} }}\n"
    );
    let source = Source {
        path: "x.yaml".into(),
        text,
    };
    let (spec, problems) = load(&source, &Given::default());
    let spec = spec.unwrap_or_else(|| panic!("{problems:?}"));
    let resources = spec.hosts[0].resources(&Inputs::default());
    resources.into_iter().last().expect("the properties")
}

fn assess(resource: &dyn Resource, file: &[u8]) -> Verdict {
    let entry = |key: &str, value: &str| (key.to_owned(), value.as_bytes().to_vec());
    let host = Host::read(&Section::new(vec![
        entry("user", "u"),
        entry("uid", "1000"),
        entry("home", "/home/u"),
    ]));
    let records = Section::new(vec![
        entry("kind", "file"),
        entry("real", "/home/u/p"),
        entry("folder", "/home/u"),
        entry("folder_writable", "yes"),
        entry("mode", "600"),
        entry("uid", "1000"),
        entry("owner", "u"),
        entry("readable", "yes"),
        entry("content", &STANDARD.encode(file)),
    ]);
    resource.assess(&records, &host).verdict
}

/// Lines of which one is the spec's, others mean the same, and others do not.
const CLIENTS: [&[&[u8]]; 5] = [
    &[b"security.protocol=SASL_SSL", b"security.protocol : SASL_SSL ", b"\xef\xbb\xbfsecurity.protocol=SASL_SSL", b"security.\\\n  protocol=SASL_\\u0053SL", b"security.protocol=PLAINTEXT"],
    &[b"sasl.mechanism=AWS_MSK_IAM", b"sasl.mechanism AWS_MSK_IAM", b"sasl.mechanism=\\\r\n AWS_MSK_IAM", b"#sasl.mechanism=AWS_MSK_IAM", b"sasl.mechanism=aws_msk_iam"],
    &[
        b"sasl.jaas.config=software.amazon.msk.auth.iam.IAMLoginModule required awsRoleArn=\"arn:aws:iam::111122223333:role/R\";",
        b"sasl.jaas.config = software.amazon.msk.auth.iam.IAMLoginModule Required awsRoleArn = 'arn:aws:iam::111122223333:role/R' ; // ours",
        b"sasl.jaas.config=software.amazon.msk.auth.iam.IAMLoginModule required \\\n awsRoleArn=\"arn:aws:iam::111122223333:role\\\\/R\";",
        b"sasl.jaas.config=software.amazon.msk.auth.iam.IAMLoginModule required awsRoleArn=arn:aws:iam::111122223333:role/R;",
        b"sasl.jaas.config=software.amazon.msk.auth.iam.IAMLoginModule required awsRoleArn=\"arn:aws:iam::111122223333:role/S\";",
        b"sasl.jaas.config=software.amazon.msk.auth.iam.IAMLoginModule required awsRoleArn=\"arn:aws:iam::111122223333:role/R\"",
    ],
    &[b"sasl.client.callback.handler.class=software.amazon.msk.auth.iam.IAMClientCallbackHandler", b"  sasl.client.callback.handler.class\tsoftware.amazon.msk.auth.iam.IAMClientCallbackHandler", b""],
    &[b"client.id=\\uD83E\\uDD80", b"client.id=\\ud83e", b"client.id=\xf0\x9f\xa6\x80", b"client.id=\\ud83e\\udd80 "],
];

#[test]
fn in_place_is_what_java_and_kafka_take_for_the_same() {
    let mut random = Random::seeded();
    let resource = resource();
    let files: Vec<Vec<u8>> = (0..1500)
        .map(|_| {
            let mut file = Vec::new();
            let often = random.below(3) > 0;
            for lines in CLIENTS {
                let line = if often && random.below(8) > 0 {
                    lines[0]
                } else {
                    random.of(lines)
                };
                file.extend_from_slice(line);
                file.extend_from_slice(random.of(&[b"\n", b"\r\n", b"\r"]));
            }
            file
        })
        .collect();
    let right = Judge::new("2.8.1").see(&[b"security.protocol=SASL_SSL\nsasl.mechanism=AWS_MSK_IAM\nsasl.jaas.config=software.amazon.msk.auth.iam.IAMLoginModule required awsRoleArn=\"arn:aws:iam::111122223333:role/R\";\nsasl.client.callback.handler.class=software.amazon.msk.auth.iam.IAMClientCallbackHandler\nclient.id=\\ud83e\\udd80\n".to_vec()]);
    let mut edited = Vec::new();
    let mut in_place = 0;
    for (file, seen) in files.iter().zip(Judge::new("2.8.1").see(&files)) {
        let shown = String::from_utf8_lossy(file);
        let same = same(&seen, &right[0]);
        match assess(resource.as_ref(), file) {
            Verdict::InPlace => {
                in_place += 1;
                assert!(same, "Java sees another client in {shown:?}");
            }
            Verdict::Change(work) => {
                assert!(!same, "{} {shown:?}", work.reason);
                for action in &work.actions {
                    let Action::EditProperties { set, remove, .. } = action else {
                        panic!("{action:?}");
                    };
                    let set = set
                        .iter()
                        .map(|(key, value)| (key.clone(), value.expose()))
                        .collect();
                    edited.push(properties::edit(file, &set, remove).expect("readable"));
                }
            }
            other => panic!("{other:?} {shown:?}"),
        }
    }
    assert!(
        in_place > 100 && edited.len() > 500,
        "{in_place} {}",
        edited.len()
    );
    for (file, seen) in edited.iter().zip(Judge::new("4.3.1").see(&edited)) {
        let shown = String::from_utf8_lossy(file);
        assert!(
            same(&seen, &right[0]),
            "Java sees another client in {shown:?}"
        );
        assert!(
            matches!(assess(resource.as_ref(), file), Verdict::InPlace),
            "{shown:?}"
        );
    }
}

/// Whether a client is the same: the values of its keys as Kafka trims them, and its login.
fn same(seen: &Seen, right: &Seen) -> bool {
    let (
        Seen::Entries { entries, login },
        Seen::Entries {
            entries: wanted,
            login: wanted_login,
        },
    ) = (seen, right)
    else {
        return false;
    };
    let text = |units: &Vec<u16>| {
        String::from_utf16(units)
            .ok()
            .map(|text| text.trim_matches(|c| c <= ' ').to_owned())
    };
    let jaas: Vec<u16> = JAAS.encode_utf16().collect();
    let values = wanted.iter().filter(|(key, _)| **key != jaas);
    let equal = |(key, value): (&Vec<u16>, &Vec<u16>)| {
        entries
            .get(key)
            .is_some_and(|found| text(found).is_some() && text(found) == text(value))
    };
    login == wanted_login && { values }.all(equal)
}

#[test]
fn a_mark_before_a_comment_is_no_difference() {
    let resource = kind::Wanted {
        path: "~/p".into(),
        set: [("a".to_owned(), Value::Plain("1".into()))].into(),
        absent: vec![],
        login: None,
        mode: Mode(0o600),
        in_kafka_home: false,
        in_archive: false,
    };
    let before = b"\xef\xbb\xbf# mine\na=1\n";
    assert!(matches!(assess(&resource, before), Verdict::InPlace));
    assert!(matches!(
        assess(&resource, b"\xef\xbb\xbfb=2\na=1\n"),
        Verdict::Change(_)
    ));
}
