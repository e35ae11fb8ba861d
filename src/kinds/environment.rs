//! `/etc/environment`, as pam_env reads it.

/// What `/etc/environment` makes of a variable, as pam_env reads it: the last line of its name counts, a `#` is
/// the line's end, quotes around the value are none of it.
pub fn value(content: &[u8], name: &str) -> Option<String> {
    let text = String::from_utf8_lossy(content);
    let value = |line: &str| {
        let line = line.trim_start_matches([' ', '\t']);
        let line = line.strip_prefix("export ").unwrap_or(line);
        let line = line.split('#').next().unwrap_or_default();
        let value = line.strip_prefix(name)?.strip_prefix('=')?;
        let Some(inner) = value.strip_prefix(['"', '\'']) else {
            return Some(value.to_owned());
        };
        Some(inner.strip_suffix(['"', '\'']).unwrap_or(inner).to_owned())
    };
    text.split('\n').rev().find_map(value)
}

/// The line of `/etc/environment` that sets a variable.
///
/// # Errors
/// Why there is none that all who read the file would read alike.
pub fn line(name: &str, value: &str) -> Result<String, &'static str> {
    // The oldest pam_env reads so much of a line, and of the rest of the file then nothing.
    const LONGEST: usize = 1000;
    let line = format!("{name}=\"{value}\"");
    if value.is_empty() {
        Err("an empty value takes a variable away there")
    } else if value.contains('#') {
        Err("there, `#` ends a value, in quotes too")
    } else if value.contains(['"', '\\']) {
        Err("those who read it disagree about `\"` and `\\` in a value")
    } else if value.chars().any(|c| c.is_control() && c != '\t') {
        Err("there, a value has no control characters")
    } else if line.len() > LONGEST {
        Err("a line of it has at most 1000 bytes")
    } else {
        Ok(line)
    }
}
