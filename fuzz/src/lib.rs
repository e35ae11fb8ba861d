//! What becomes of bytes from elsewhere, and what has to hold whatever they are. Each target is one
//! function here: libFuzzer calls it with bytes that it makes up, `tests/offline/fuzz.rs` with those of
//! `fuzz/corpus`.

mod broker;
mod console;
#[path = "../../tests/support/framed.rs"]
mod framed;
mod frames;
mod jaas;
mod mysql;
mod plan_file;
mod probe;
mod properties;
#[path = "../../tests/support/sealed.rs"]
#[allow(dead_code, reason = "the tests of plan files use more of it")]
mod sealed;
mod shown;
mod spec;

pub use broker::broker;
pub use console::console;
pub use jaas::jaas;
pub use mysql::mysql;
pub use plan_file::plan_file;
pub use probe::probe;
pub use properties::properties;
pub use spec::spec;

/// What a target does with bytes.
pub type Target = fn(&[u8]);

/// All targets, by name: each has a file in `fuzz_targets`, and a folder in `corpus`.
pub const TARGETS: [(&str, Target); 8] = [
    ("spec", spec),
    ("probe", probe),
    ("properties", properties),
    ("jaas", jaas),
    ("console", console),
    ("plan_file", plan_file),
    ("broker", broker),
    ("mysql", mysql),
];

/// Calls, and holds the memory that the call has at once against what the size of its input
/// justifies: `times` its bytes, and a constant.
fn within<T>(input: usize, times: usize, beside: usize, call: impl FnOnce() -> T) -> T {
    let mut out = None;
    let taken = allocation_counter::measure(|| out = Some(call())).bytes_max;
    let most = times * input + beside;
    assert!(
        usize::try_from(taken).is_ok_and(|taken| taken <= most),
        "{taken} bytes of memory for {input} bytes; {most} are the most"
    );
    out.expect("it was called")
}

/// What the other side cannot know.
const PASSWORD: &str = "canary-7c2";

/// Whether the other side says it all the same: then it may be told what it said.
fn knows_the_password(said: &[u8]) -> bool {
    said.windows(PASSWORD.len())
        .any(|part| part == PASSWORD.as_bytes())
}
