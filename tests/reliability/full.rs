//! Full, broken or read-only disks, at any call: it is said where and why, each file is as it was or as
//! it is to be, and with the disk mended a plain apply makes what an undisturbed one makes.

use std::path::Path;

use serde_json::json;

use crate::{
    machine::{Ended, Machine, State, at_call, to_end},
    sweep::{Sweep, times},
    watch::Call,
};

/// Calls that make a file or a folder: they need an inode.
const MAKE: [&str; 10] = [
    "open",
    "openat",
    "mkdir",
    "mkdirat",
    "link",
    "linkat",
    "symlink",
    "symlinkat",
    "mknod",
    "mknodat",
];

/// Calls that need room.
const FILL: [&str; 9] = [
    "write",
    "pwrite64",
    "writev",
    "sendfile",
    "copy_file_range",
    "ftruncate",
    "fallocate",
    "fsync",
    "fdatasync",
];

/// Calls that change what is there.
const CHANGE: [&str; 14] = [
    "rename",
    "renameat",
    "renameat2",
    "chmod",
    "fchmod",
    "fchmodat",
    "fchmodat2",
    "chown",
    "fchown",
    "fchownat",
    "utimensat",
    "unlink",
    "unlinkat",
    "rmdir",
];

/// What is wrong with the disk.
#[derive(Clone, Copy)]
struct Fault {
    name: &'static str,
    errno: i32,
    /// What people are to read, in one of these words.
    words: [&'static str; 2],
    /// Calls that it comes to.
    calls: &'static [&'static [&'static str]],
    /// It stays so, for all of these calls.
    stays: bool,
}

const FAULTS: [Fault; 5] = [
    Fault {
        name: "ENOSPC",
        errno: 28,
        words: ["No space left on device", "no room"],
        calls: &[&MAKE, &FILL],
        stays: true,
    },
    Fault {
        name: "no inodes",
        errno: 28,
        words: ["No space left on device", "no room"],
        calls: &[&MAKE],
        stays: true,
    },
    Fault {
        name: "EDQUOT",
        errno: 122,
        words: ["Disk quota exceeded", "quota"],
        calls: &[&MAKE, &FILL],
        stays: false,
    },
    Fault {
        name: "EIO",
        errno: 5,
        words: ["Input/output error", "input/output error"],
        calls: &[&MAKE, &FILL, &CHANGE],
        stays: false,
    },
    Fault {
        name: "EROFS",
        errno: 30,
        words: ["Read-only file system", "read-only"],
        calls: &[&MAKE, &FILL, &CHANGE],
        stays: true,
    },
];

impl Fault {
    fn comes_to(&self, call: &Call) -> bool {
        let is_in = |set: &[&str]| set.contains(&call.name.as_str());
        // What is there already takes no room and no inode; and that it is there is said first.
        let opens = call.name.starts_with("open");
        let goes_well = match self.errno {
            5 => false,
            30 => call.there && is_in(&MAKE) && !opens,
            _ => call.there && is_in(&MAKE),
        };
        self.calls.iter().any(|set| is_in(set)) && !goes_well
    }

    fn at(&self, call: &Call) -> serde_json::Value {
        let mut fault = call.fault("errno");
        fault["errno"] = json!(self.errno);
        if self.stays {
            fault["from_here"] = json!(self.calls.concat());
        }
        fault
    }
}

/// The folders that a path is in, and itself, but for those that say nothing.
fn says_where(words: &str, path: &str) -> bool {
    let path = Path::new(path.trim_end_matches(" (deleted)"));
    path.ancestors()
        .filter(|place| place.components().count() > 1 && *place != Path::new("/home"))
        .any(|place| words.contains(place.to_str().expect("text")))
}

#[track_caller]
fn is_told_and_intact(machine: &Machine, fault: &Fault, call: &Call, ended: &Ended) {
    let (code, words) = (ended.said.code, ended.words());
    if code == 0 {
        // It was nothing that anybody needs: a log, or what is tidied up.
        machine.is_as_wanted_but_for_leftovers();
        return;
    }
    assert!([4, 5].contains(&code), "exit {code}: {words}");
    assert!(says_where(&words, &call.path), "no path is told: {words}");
    // The second time it goes well; and some do not say what went wrong the first time. Of our own folder
    // for logs the path has to do.
    let once: &[&str] = if fault.stays {
        &[]
    } else {
        &["write error", "cannot write the download", "I/O error"]
    };
    assert!(
        fault
            .words
            .iter()
            .chain(once)
            .any(|text| words.contains(text))
            || call.path.contains("/.trueup-step-"),
        "no reason is told: {words}"
    );
    machine.is_clean("after it");
    let mut wrong = machine.neither_old_nor_new();
    // Nothing can be taken away from a disk that cannot be written, nor by a call that fails.
    let stays = fault.errno == 30 || call.name.starts_with("unlink") || call.name == "rmdir";
    wrong.retain(|line| !(stays && line.contains(".trueup-") && line.contains("wanted nothing")));
    assert_eq!(wrong, [""; 0], "not as it was, and not as it is to be");
}

fn sweep_over(name: &'static str, kind: &str, state: State, few: usize) {
    let mut sweep = Sweep::of(name);
    let mut machine = Machine::of(kind, state);
    let mut tries = vec![];
    for fault in FAULTS {
        let calls = machine.calls_of("file");
        let calls = calls.into_iter().filter(|call| fault.comes_to(call));
        tries.extend(calls.map(|call| (fault, call)));
    }
    for (fault, call) in sweep.pick(tries, few) {
        let what = format!("{} at {}, {}", fault.name, call.key, call.nth);
        sweep.attempt(what, || {
            let ended = machine.spoilt(&fault.at(&call));
            let done = ended.said.code == 0;
            assert!(
                !(done && call.name.contains("sync")),
                "what is not on the disk was called done"
            );
            is_told_and_intact(&machine, &fault, &call, &ended);
            machine.converges();
        });
    }
    sweep.end();
}

#[test]
fn at_each_call_on_a_fresh_host() {
    sweep_over(
        "full: ENOSPC, no inodes, EDQUOT, EIO, EROFS at each call that it comes to, fresh host",
        "debian",
        State::Fresh,
        4,
    );
}

#[test]
fn at_each_call_on_an_older_host() {
    sweep_over(
        "full: ENOSPC, no inodes, EDQUOT, EIO, EROFS at each call that it comes to, older host",
        "amazon",
        State::Older,
        4,
    );
}

/// Not by us but by somebody else's files, on a disk of the home's own.
#[test]
fn homes_that_fill_up_meanwhile() {
    let mut sweep =
        Sweep::of("full: the home's disk fills up, or runs out of inodes, at random calls");
    let mut machine = Machine::of("debian", State::Fresh);
    let calls: Vec<Call> = machine
        .calls_of("file")
        .into_iter()
        .filter(|call| call.path.starts_with("/home/ec2-user/"))
        .collect();
    let full = FAULTS[0];
    for turn in 0..times(2, 100) {
        let call = calls[sweep.random.below(calls.len())].clone();
        let inodes = turn % 2 == 1;
        let what = if inodes { "inodes" } else { "bytes" };
        sweep.attempt(format!("{what}, at {}, {}", call.key, call.nth), || {
            let mut ended = None;
            machine.own_home();
            at_call(
                &mut machine,
                &call,
                |machine| machine.small_home("size=200m,nr_inodes=100"),
                |machine, client| {
                    machine.fill_home(inodes);
                    machine.watch().go();
                    ended = Some(Ended::new(to_end(client)));
                },
            );
            is_told_and_intact(&machine, &full, &call, &ended.expect("it has ended"));
            machine.grow_home();
            machine.converges();
        });
    }
    machine.own_home();
    sweep.end();
}
