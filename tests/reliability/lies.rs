//! What a host may lie.

use std::{fmt, fs, sync::OnceLock};

use trueup::frame::Record;

use crate::{framed::framed, liar::Piece, sweep::Random};

#[derive(Debug, Clone, Default)]
pub enum Lie {
    /// It tells the truth.
    #[default]
    None,
    /// Each value ends in this.
    Everywhere(Vec<u8>),
    /// One value, by its place in the answer, is this; with `true` it ends in it.
    One(usize, Vec<u8>, bool),
    /// Records come to harm: by this seed.
    Records(u64),
    /// Bytes do.
    Bytes(u64),
    /// This comes in place of the answer, or before it (`true`).
    Says(Vec<u8>, bool),
    /// This comes without an end, at a place of the answer.
    Flood(Place, Vec<u8>),
    /// Nothing more comes from there on.
    Hang(Place),
    /// It complains, or without an end (`true`).
    Complains(Vec<u8>, bool),
    /// How it ends: a shell's text.
    Exit(String),
    /// What sshd says before the login.
    Banner(Vec<u8>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// Before the mark: the login shell.
    Noise,
    /// After it.
    Mark,
    /// In the middle of a record.
    Record,
    /// After the last one but one.
    LastButOne,
    /// In a step's answer.
    Step,
}

pub const PLACES: [Place; 5] = [
    Place::Noise,
    Place::Mark,
    Place::Record,
    Place::LastButOne,
    Place::Step,
];

/// A number is another one, or a text is, or it ends in something: what harms people, terminals, CI
/// systems, shells, Markdown, XML and parsers.
pub fn nasty(canary: &str) -> Vec<Vec<u8>> {
    let texts = [
        "\u{1b}[2J\u{1b}]0;title\u{7}\u{1b}[31m".to_owned(),
        "\r::error::of ours".to_owned(),
        "\n::error title=x::y\n::set-output name=a::b\n".to_owned(),
        "  ::add-mask::x".to_owned(),
        "\n##vso[task.setvariable variable=x]y ##[group]".to_owned(),
        "\u{202e}desrever\u{2066}\u{200f}\u{61c}".to_owned(),
        "\u{9b}31m\u{90}x\u{9c}\u{85}\u{2028}\u{2029}".to_owned(),
        "\u{feff}\u{200b}\u{e0041}\u{fffb}".to_owned(),
        "a\0b\u{8}\u{8}\u{7f}\t\u{b}\u{c}".to_owned(),
        format!(
            "$(touch {canary})`touch {canary}`';touch {canary};'\"|touch {canary}&\ntouch {canary}\n"
        ),
        format!("-oProxyCommand=touch\u{a0}{canary}"),
        "]]><failure message=\"x\">&#27;</testsuite>".to_owned(),
        "\n```\n</details> @octocat #1 [x](javascript:y) | a | b |\n".to_owned(),
        "../../../../etc/passwd".to_owned(),
        "~/$HOME/${kafka.home}/%s%n".to_owned(),
        "9".repeat(400),
        "-1".to_owned(),
        "18446744073709551615".to_owned(),
        "1e999 0x7f 2147483648".to_owned(),
        String::new(),
        "x".repeat(300_000),
        "y ".repeat(2_000),
        "z\n".repeat(20_000),
    ];
    let mut all: Vec<Vec<u8>> = texts.into_iter().map(String::into_bytes).collect();
    all.push(b"\xff\xfe\xc3( \xed\xa0\x80 \xf4\x90\x80\x80".to_vec());
    all
}

/// A file that is there once anything of all this was run: a name of this run's own.
pub fn canary() -> String {
    static ONCE: OnceLock<String> = OnceLock::new();
    let name = || {
        let folder = tempfile::tempdir().expect("a folder");
        format!("{}.canary", folder.path().display())
    };
    ONCE.get_or_init(name).clone()
}

/// Nothing of it was run; what was is taken away, for the next try.
#[track_caller]
pub fn nothing_was_run(told: &str) {
    let was_run = fs::remove_file(canary()).is_ok();
    assert!(!was_run, "something was run\n{told}");
}

impl Lie {
    /// An answer that begins with a mark: records, or lines.
    pub fn reply(
        &self,
        noise: &[u8],
        mark: &str,
        mut records: Vec<Record>,
        lines: &[u8],
    ) -> Vec<Piece> {
        let line = format!("{mark}\n").into_bytes();
        let before = [noise, &line].concat();
        match self {
            Self::Says(bytes, false) => return vec![Piece::Bytes(bytes.clone())],
            Self::Says(bytes, true) => {
                let all = [bytes.as_slice(), &before, &framed(&records), lines].concat();
                return vec![Piece::Bytes(all)];
            }
            Self::Flood(place, _) | Self::Hang(place) if *place != Place::Step => {
                let last = records.pop();
                let first = framed(&records[..records.len() / 2]);
                let cut = [first.as_slice(), b"host clock 10:12"].concat();
                let bytes = match place {
                    Place::Noise => vec![],
                    Place::Mark => before,
                    Place::Record => [before, cut].concat(),
                    Place::LastButOne | Place::Step => [before, framed(&records)].concat(),
                };
                drop(last);
                return vec![Piece::Bytes(bytes), self.without_end()];
            }
            _ => {}
        }
        let mut bytes = before;
        bytes.extend(self.records(records));
        bytes.extend(self.lines(lines));
        vec![Piece::Bytes(bytes)]
    }

    /// The answer of a step, and whether it is the last thing that the host says. A step that may take long
    /// has a quarter of an hour: what is half said there is waited for.
    pub fn step(&self, records: Vec<Record>, long: bool) -> (Vec<Piece>, bool) {
        let honest = |records: &[Record]| (vec![Piece::Bytes(framed(records))], false);
        match self {
            Self::Flood(Place::Step, _) => (
                vec![Piece::Bytes(framed(&records[..1])), self.without_end()],
                true,
            ),
            Self::Hang(Place::Step) if !long => {
                (vec![Piece::Bytes(framed(&records[..1])), Piece::Hang], true)
            }
            Self::Flood(..) | Self::Hang(_) => honest(&records),
            Self::Records(seed) | Self::Bytes(seed) if long && seed.is_multiple_of(2) => {
                honest(&records)
            }
            Self::Records(_) | Self::Bytes(_) => (vec![Piece::Bytes(self.records(records))], long),
            _ => (vec![Piece::Bytes(self.records(records))], false),
        }
    }

    fn without_end(&self) -> Piece {
        match self {
            Self::Flood(_, bytes) => Piece::Again(bytes.repeat(64 * 1024 / bytes.len().max(1) + 1)),
            _ => Piece::Hang,
        }
    }

    pub fn complaint(&self) -> Option<Vec<Piece>> {
        match self {
            Self::Complains(bytes, false) => Some(vec![Piece::Bytes(bytes.clone())]),
            Self::Complains(bytes, true) => Some(vec![Piece::Again(bytes.repeat(4096))]),
            _ => None,
        }
    }

    fn lines(&self, lines: &[u8]) -> Vec<u8> {
        let mut all: Vec<Vec<u8>> = lines
            .split_inclusive(|byte| *byte == b'\n')
            .map(<[u8]>::to_vec)
            .collect();
        if all.is_empty() {
            return vec![];
        }
        match self {
            Self::Everywhere(bytes) => all
                .iter_mut()
                .for_each(|line| drop(line.splice(..0, bytes.clone()))),
            Self::One(nth, bytes, _) => {
                let nth = nth % all.len();
                all[nth] = [bytes, &b"\n"[..]].concat();
            }
            Self::Records(seed) | Self::Bytes(seed) => {
                return harm_bytes(all.concat(), &mut Random::new(*seed));
            }
            _ => {}
        }
        all.concat()
    }

    fn records(&self, mut records: Vec<Record>) -> Vec<u8> {
        if records.is_empty() {
            return vec![];
        }
        match self {
            Self::Everywhere(bytes) => {
                for record in &mut records {
                    record.value.extend(bytes);
                }
                framed(&records)
            }
            Self::One(nth, bytes, ends) => {
                let count = records.len();
                let value = &mut records[nth % count].value;
                if !ends {
                    value.clear();
                }
                value.extend(bytes);
                framed(&records)
            }
            Self::Records(seed) => harm_records(records, &mut Random::new(*seed)),
            Self::Bytes(seed) => harm_bytes(framed(&records), &mut Random::new(*seed)),
            _ => framed(&records),
        }
    }
}

fn harm_records(mut records: Vec<Record>, random: &mut Random) -> Vec<u8> {
    let nasty = nasty(&canary());
    let mut lengths = vec![None; records.len()];
    for _ in 0..=random.below(5) {
        let at = random.below(records.len());
        let other = random.below(records.len());
        match random.below(9) {
            0 => records[at].value = nasty[random.below(nasty.len())].clone(),
            1 => records[at].value.extend(&nasty[random.below(nasty.len())]),
            2 => records[at].key = records[other].key.clone(),
            3 => records[at].section = records[other].section.clone(),
            4 => records[at].value = records[other].value.clone(),
            5 => records.swap(at, other),
            6 if records.len() > 1 => {
                records.remove(at);
                lengths.remove(at);
            }
            7 => {
                let many = records[at].clone();
                let times = [1, 2, 100, 60_000][random.below(4)];
                records.splice(at..at, std::iter::repeat_n(many, times));
                lengths.splice(at..at, std::iter::repeat_n(None, times));
            }
            _ => {
                let is = records[at].value.len();
                let wrong = [
                    format!("{}", is + 1),
                    format!("{}", is.saturating_sub(1)),
                    "-1".into(),
                    "00000".into(),
                    "4194304".into(),
                    "4194305".into(),
                    "18446744073709551615".into(),
                    "99999999999999999999999".into(),
                    format!("+{is}"),
                    String::new(),
                ];
                lengths[at] = Some(wrong[random.below(wrong.len())].clone());
            }
        }
    }
    let mut bytes = Vec::new();
    for (record, length) in records.iter().zip(lengths) {
        let mut one = framed(std::slice::from_ref(record));
        if let Some(length) = length {
            let head = format!("{} {} ", record.section, record.key);
            one.splice(
                head.len()..head.len() + record.value.len().to_string().len(),
                length.into_bytes(),
            );
        }
        bytes.extend(one);
    }
    bytes
}

fn harm_bytes(mut bytes: Vec<u8>, random: &mut Random) -> Vec<u8> {
    let byte = |random: &mut Random| u8::try_from(random.below(256)).expect("a byte");
    for _ in 0..=random.below(4) {
        let at = random.below(bytes.len().max(1));
        match random.below(4) {
            0 => bytes.truncate(at),
            1 => {
                if let Some(one) = bytes.get_mut(at) {
                    *one ^= 1 << random.below(8);
                }
            }
            2 => {
                let more: Vec<u8> = (0..random.below(40)).map(|_| byte(random)).collect();
                bytes.splice(at..at, more);
            }
            _ => {
                let end = bytes.len().min(at + random.below(40));
                bytes.drain(at..end);
            }
        }
    }
    bytes
}

impl fmt::Display for Lie {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self {
            Self::Everywhere(bytes) => format!("everywhere {}", bytes.escape_ascii()),
            Self::One(nth, bytes, ends) => {
                format!("record {nth}, {ends}: {}", bytes.escape_ascii())
            }
            Self::Says(bytes, first) => format!("says, {first}: {}", bytes.escape_ascii()),
            Self::Complains(bytes, again) => {
                format!("complains, {again}: {}", bytes.escape_ascii())
            }
            Self::Flood(place, bytes) => format!("flood at {place:?}: {}", bytes.escape_ascii()),
            Self::Banner(bytes) => format!("banner {}", bytes.escape_ascii()),
            other => format!("{other:?}"),
        };
        write!(f, "{text:.300}")
    }
}
