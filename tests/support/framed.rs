//! Records as a host says them.

use trueup::frame::Record;

/// `SECTION KEY LENGTH:VALUE`, a line each.
pub fn framed(records: &[Record]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for Record {
        section,
        key,
        value,
    } in records
    {
        bytes.extend(format!("{section} {key} {}:", value.len()).into_bytes());
        bytes.extend(value);
        bytes.push(b'\n');
    }
    bytes
}
