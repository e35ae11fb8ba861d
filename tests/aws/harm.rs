//! Real answers of each service that come to harm at random, on their way: see `HARMS` in cloud.py.

use std::{collections::BTreeSet, thread};

use regex::Regex;

use crate::{
    spoiled::{ROLE, account, all_of_it, desk, is_clean},
    sweep::{Sweep, times},
    world::{Front, text},
};

const HARMS: [&str; 7] = ["cut", "short", "flip", "lose", "twice", "media", "status"];

/// All answers, some, and few: what is asked last is asked only where the first answers were good.
const SHARES: [u32; 3] = [100, 50, 20];

#[test]
fn answers_that_came_to_harm_are_said_in_our_words() {
    let mut sweep = Sweep::of("lied to: AWS's answers, harmed at random");
    let of = account();
    for _ in 0..times(1, 10) {
        let seed = u64::try_from(sweep.random.below(1 << 30)).expect("small");
        // Each harm, with and without a role.
        sweep.count(HARMS.len() * (SHARES.len() + 1) - 1);
        sweep.attempt(format!("seed {seed}"), || harmed(seed, &of));
    }
    sweep.end();
}

fn harmed(seed: u64, of: &str) {
    let failed =
        Regex::new("`[a-z0-9]+:[A-Z][A-Za-z0-9]+`(?: failed: HTTP| got no answer from AWS)");
    let failed = failed.expect("a pattern");
    let hole = Regex::new(r"\w  \w| is ?$|``").expect("a pattern");
    let one = |harm: &str, share: u32, aws: &str| -> BTreeSet<String> {
        let front = Front::new();
        front.spoil(seed, harm, share);
        let words = ["facts", "--timeout", "10s", "-vv"];
        let said = desk(&front).run(&all_of_it(of, aws), &words);
        let what = format!("seed {seed}: {share} % {harm}, `{aws}`");
        is_clean(&said, &what);
        // What is missing in an answer leaves no hole in a sentence.
        let mut sentences = said.err.lines().filter(|line| !line.starts_with("call: "));
        let found = sentences.find(|line| hole.is_match(line));
        assert_eq!(found, None, "{what}\n{}", said.err);
        // Nobody listens where the instance is; else a look-up has failed.
        assert_eq!(said.code, 4, "{what}\n{}\n{}", said.out, said.err);
        let flat = said.flat();
        let endpoint = front.url.strip_prefix("http://").expect("a URL");
        let mut starts = failed
            .find_iter(&flat)
            .map(|found| found.start())
            .peekable();
        while let Some(start) = starts.next() {
            let end = starts.peek().copied().unwrap_or(flat.len());
            let place = format!("({endpoint}");
            assert!(
                flat[start..end].contains(&place),
                "{what}: no endpoint in\n{}",
                said.err
            );
        }
        let calls = front.record();
        let harmed = calls.iter().filter(|call| call.get("harm").is_some());
        harmed.map(|call| text(&call["action"])).collect()
    };
    let met: BTreeSet<String> = thread::scope(|scope| {
        let all = SHARES.map(|share| {
            scope.spawn(move || {
                let of_share = HARMS.iter().flat_map(|harm| {
                    // A role that cannot be assumed is the end of all else.
                    let aws = if share == 50 { "" } else { ROLE };
                    one(harm, share, aws).into_iter().chain(match share {
                        100 => one(harm, share, ""),
                        _ => BTreeSet::new(),
                    })
                });
                of_share.collect::<BTreeSet<_>>()
            })
        });
        all.into_iter()
            .flat_map(|share| {
                share
                    .join()
                    .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
            })
            .collect()
    });
    for action in [
        "ec2:DescribeInstances",
        "iam:GetRole",
        "kafka:ListClustersV2",
        "ssm:GetParameter",
        "sts:AssumeRole",
        "sts:GetCallerIdentity",
    ] {
        assert!(
            met.contains(action),
            "seed {seed}: {action} is not among {met:?}"
        );
    }
}
