//! `--shard I/N`: one of N parts of a fleet. The shard of a host follows from its name alone, so that the N
//! machines need not coordinate, and a host that is added or removed moves no other.

use sha2::{Digest, Sha256};

/// A shard, from the command line or the CI engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Share {
    /// Its number, from 1.
    pub index: u32,
    /// How many there are.
    pub total: u32,
    /// The environment variables that it was read from; empty: the command line.
    pub by: Vec<&'static str>,
}

/// An engine that runs one command many times, with a number for each.
struct Engine {
    index: &'static str,
    /// The number of the first.
    first: First,
    total: Option<&'static str>,
}

enum First {
    Is(u32),
    /// In a variable, with another for the distance between two.
    In {
        first: &'static str,
        step: &'static str,
    },
}

const ENGINES: [Engine; 4] = [
    // GitLab's `parallel:`
    Engine {
        index: "CI_NODE_INDEX",
        first: First::Is(1),
        total: Some("CI_NODE_TOTAL"),
    },
    // An indexed Job of Kubernetes, without a total.
    Engine {
        index: "JOB_COMPLETION_INDEX",
        first: First::Is(0),
        total: None,
    },
    Engine {
        index: "SLURM_ARRAY_TASK_ID",
        first: First::In {
            first: "SLURM_ARRAY_TASK_MIN",
            step: "SLURM_ARRAY_TASK_STEP",
        },
        total: Some("SLURM_ARRAY_TASK_COUNT"),
    },
    Engine {
        index: "AWS_BATCH_JOB_ARRAY_INDEX",
        first: First::Is(0),
        total: Some("AWS_BATCH_JOB_ARRAY_SIZE"),
    },
];

/// Which of `total` shards a host is in, from 1: the first eight hexadecimal digits of its name's
/// sha256, modulo `total`, plus one.
pub fn of(host: &str, total: u32) -> u32 {
    let digest = Sha256::digest(host.as_bytes());
    let first = u32::from_be_bytes([digest[0], digest[1], digest[2], digest[3]]);
    first % total.max(1) + 1
}

impl Share {
    /// Whether a host is in it.
    pub fn has(&self, host: &str) -> bool {
        of(host, self.total) == self.index
    }

    /// Reads `--shard`, and for `auto` the environment.
    ///
    /// # Errors
    /// A sentence, with help.
    pub fn given(text: &str) -> Result<Self, String> {
        Self::parse(text, |name| std::env::var(name).ok())
    }

    /// As [`Share::given`], with any environment.
    ///
    /// # Errors
    /// A sentence, with help.
    pub fn parse(text: &str, environment: impl Fn(&str) -> Option<String>) -> Result<Self, String> {
        let (index, total) = match text.split_once('/') {
            Some((index, total)) => (index, Some(total)),
            None => (text, None),
        };
        let total = total.map(|total| number("N", total)).transpose()?;
        if index == "auto" {
            return Self::auto(total, environment);
        }
        let Some(total) = total else {
            return Err("expected I/N, such as 3/8, or `auto`".into());
        };
        Self::new(number("I", index)?, total, vec![])
    }

    fn new(index: u32, total: u32, by: Vec<&'static str>) -> Result<Self, String> {
        if total == 0 || index == 0 || index > total {
            return Err(format!(
                "there is no part {index} of {total}: they are counted from 1 on"
            ));
        }
        Ok(Self { index, total, by })
    }

    fn auto(
        given: Option<u32>,
        environment: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, String> {
        let set = |name: &str| environment(name).filter(|value| !value.is_empty());
        let read = |name: &str| set(name).map(|value| number(name, &value)).transpose();
        let mut engines = ENGINES.iter().filter(|one| set(one.index).is_some());
        let Some(engine) = engines.next() else {
            let names = ENGINES.map(|one| one.index).join(", ");
            return Err(format!(
                "`auto` takes the part from one of {names}, and none is set: say I/N"
            ));
        };
        if let Some(second) = engines.next() {
            let (one, second) = (engine.index, second.index);
            return Err(format!("{one} and {second} are both set: say I/N"));
        }
        let mut by = vec![engine.index];
        let (first, step) = match engine.first {
            First::Is(first) => (first, 1),
            First::In { first, step } => {
                by.push(first);
                (read(first)?.unwrap_or(0), read(step)?.unwrap_or(1).max(1))
            }
        };
        let total_of_engine = match engine.total {
            Some(name) => read(name)?.map(|total| (name, total)),
            None => None,
        };
        let total = match (given, total_of_engine) {
            (Some(given), Some((name, total_of_engine))) if given != total_of_engine => {
                return Err(format!(
                    "N is {given}, and {name} is {total_of_engine}: some hosts would be in no part; say I/N"
                ));
            }
            (Some(given), _) => given,
            (None, Some((name, total_of_engine))) => {
                by.push(name);
                total_of_engine
            }
            (None, None) => {
                return Err(format!(
                    "{} says which part, and nothing says of how many: say `auto/N`",
                    engine.index
                ));
            }
        };
        let index = read(engine.index)?.unwrap_or(0);
        let offset = index
            .checked_sub(first)
            .map(|from| (from / step, from % step));
        match offset {
            Some((position, 0)) if position < total => Self::new(position + 1, total, by),
            _ => Err(format!(
                "{} is {index}, which is none of {total} in a row: say I/N",
                engine.index
            )),
        }
    }

    /// For messages: which shard, and where that comes from.
    pub(crate) fn in_words(&self) -> String {
        let by = match self.by.as_slice() {
            [] => String::new(),
            names => format!(", by {}", names.join(" and ")),
        };
        format!("shard {} of {}{by}", self.index, self.total)
    }
}

fn number(name: &str, text: &str) -> Result<u32, String> {
    text.parse()
        .map_err(|_| format!("{name} is `{}`, which is no number", text.escape_default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str, environment: &[(&str, &str)]) -> Result<(u32, u32), String> {
        let of = |name: &str| {
            let mut all = environment.iter();
            all.find_map(|(own, value)| (*own == name).then(|| (*value).to_owned()))
        };
        Share::parse(text, of).map(|share| (share.index, share.total))
    }

    #[test]
    fn a_host_is_in_one_part_by_its_name_alone() {
        // The calculation of docs/scale.md: `printf %s web-1 | sha256sum`.
        assert_eq!(of("web-1", 8), 0xc471_9afa % 8 + 1);
        let names: Vec<String> = (0..1000)
            .map(|position| format!("c{position:04}"))
            .collect();
        let mut sizes = [0_u32; 8];
        for name in &names {
            let parts: Vec<u32> = (1..=8)
                .filter(|index| {
                    let share = Share::new(*index, 8, vec![]).expect("a part");
                    share.has(name)
                })
                .collect();
            assert_eq!(parts.len(), 1, "{name}: {parts:?}");
            sizes[parts[0] as usize - 1] += 1;
        }
        assert!(
            sizes.iter().all(|size| (80..170).contains(size)),
            "{sizes:?}"
        );
    }

    #[test]
    fn the_command_line_names_the_shard() {
        assert_eq!(parse("3/8", &[("CI_NODE_INDEX", "1")]), Ok((3, 8)));
        for invalid in [
            "",
            "3",
            "0/8",
            "9/8",
            "1/0",
            "a/8",
            "3/",
            "-1/8",
            "automatic",
        ] {
            assert!(parse(invalid, &[]).is_err(), "{invalid}");
        }
    }

    #[test]
    fn the_engine_names_the_shard_only_for_auto() {
        let gitlab = [("CI_NODE_INDEX", "2"), ("CI_NODE_TOTAL", "5")];
        assert_eq!(parse("auto", &gitlab), Ok((2, 5)));
        assert_eq!(parse("auto/5", &gitlab), Ok((2, 5)));
        let error = parse("auto/6", &gitlab).expect_err("another total");
        assert!(error.contains("CI_NODE_TOTAL is 5"), "{error}");
        let kubernetes = [("JOB_COMPLETION_INDEX", "0")];
        assert_eq!(parse("auto/4", &kubernetes), Ok((1, 4)));
        let error = parse("auto", &kubernetes).expect_err("no total");
        assert!(error.contains("`auto/N`"), "{error}");
        let mut slurm = vec![
            ("SLURM_ARRAY_TASK_ID", "14"),
            ("SLURM_ARRAY_TASK_MIN", "10"),
            ("SLURM_ARRAY_TASK_STEP", "2"),
            ("SLURM_ARRAY_TASK_COUNT", "3"),
        ];
        assert_eq!(parse("auto", &slurm), Ok((3, 3)));
        slurm[0].1 = "13";
        assert!(
            parse("auto", &slurm)
                .is_err_and(|total_of_engine| total_of_engine.contains("in a row"))
        );
        // One task of them once more: it is not the whole fleet.
        let once_more = [
            ("SLURM_ARRAY_TASK_ID", "3"),
            ("SLURM_ARRAY_TASK_MIN", "3"),
            ("SLURM_ARRAY_TASK_COUNT", "1"),
        ];
        assert!(parse("auto/8", &once_more).is_err());
        let batch = [("AWS_BATCH_JOB_ARRAY_INDEX", "7")];
        assert_eq!(parse("auto/8", &batch), Ok((8, 8)));
        assert!(parse("auto/7", &batch).is_err());
        let sized = [
            ("AWS_BATCH_JOB_ARRAY_INDEX", "7"),
            ("AWS_BATCH_JOB_ARRAY_SIZE", "9"),
        ];
        assert_eq!(parse("auto", &sized), Ok((8, 9)));
    }

    #[test]
    fn an_ambiguous_shard_is_an_error() {
        let error = parse("auto", &[("CI_NODE_TOTAL", "1")]).expect_err("no index");
        assert!(error.contains("none is set: say I/N"), "{error}");
        let two = [("CI_NODE_INDEX", "1"), ("SLURM_ARRAY_TASK_ID", "1")];
        assert!(
            parse("auto/2", &two)
                .is_err_and(|total_of_engine| total_of_engine.contains("both set"))
        );
        let hostile = [("CI_NODE_INDEX", "1\u{1b}[2J"), ("CI_NODE_TOTAL", "2")];
        let error = parse("auto", &hostile).expect_err("no number");
        assert!(!error.contains('\u{1b}'), "{error}");
    }
}
