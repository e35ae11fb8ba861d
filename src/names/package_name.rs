//! Names of packages.

use std::fmt;

use super::{WrongName, odd, quoted};

/// Longer than any name of Debian or Amazon Linux.
const LONGEST: usize = 200;

/// A package's plain name, which apt-get, yum and dnf do not read as a pattern, a file, a group, a
/// version, or a removal.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct PackageName(String);

impl PackageName {
    /// Reads it. Names of Debian are those of its policy, section 5.6.1; names of RPM packages have
    /// capital letters and `_`, too.
    ///
    /// # Errors
    /// When a package manager would read it as more than a name: `NAME-` is removed by apt-get and
    /// `NAME+` installed, `@NAME` is a group, `NAME.rpm` a file.
    pub fn parse(text: &str) -> Result<Self, WrongName> {
        let named = "name one package, such as `java-1.8.0-openjdk` or `openjdk-17-jre-headless`";
        let help = if text.is_empty() {
            named.into()
        } else if text.len() > LONGEST {
            format!("names of packages have at most {LONGEST} characters")
        } else if text.contains('=') {
            "leave the version out: the package's name says which Java it is".into()
        } else if let Some(c) = odd(text, ".+_-") {
            format!(
                "it has letters (a to z), digits, and `.`, `+`, `_`, `-`, and not {}: {named}",
                quoted(c)
            )
        } else if !text.starts_with(|c: char| c.is_ascii_alphanumeric()) {
            format!("it begins with a letter or a digit: {named}")
        } else if text.ends_with('-') {
            "apt-get removes what has a `-` at its end: leave it out".into()
        } else if text.ends_with('+') && !text.ends_with("++") {
            "apt-get reads a `+` at the end as an order: leave it out".into()
        } else if text.ends_with(".rpm") || text.ends_with(".deb") {
            format!("that is a file: {named}")
        } else {
            return Ok(Self(text.to_owned()));
        };
        Err(WrongName::new(text, "is no name of a package", help))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for PackageName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_names_are_accepted() {
        for name in [
            "java-1.8.0-openjdk",
            "java-17-amazon-corretto-headless",
            "openjdk-17-jre-headless",
            "libstdc++6",
            "g++",
            "ImageMagick",
            "python3.11",
            "7zip",
            "kernel_x",
        ] {
            assert_eq!(PackageName::parse(name).expect(name).as_str(), name);
        }
        let long = "a".repeat(201);
        for (name, help) in [
            ("", "name one package"),
            ("python3-", "removes"),
            ("python3+", "an order"),
            ("*", "not `*`"),
            ("java-*", "not `*`"),
            ("a\nb", "a line end"),
            ("a b", "a blank"),
            ("bash/stable", "not `/`"),
            ("/tmp/x", "not `/`"),
            ("./x.rpm", "not `/`"),
            ("x.rpm", "a file"),
            ("x.deb", "a file"),
            ("bash=5.2-1", "version"),
            ("@java", "not `@`"),
            ("-y", "begins with"),
            (".x", "begins with"),
            ("libc6:i386", "not `:`"),
            ("jürgen", "not `ü`"),
            ("java?", "not `?`"),
            ("^java$", "not `^`"),
            ("$(id)", "not `$`"),
            (&long, "200"),
        ] {
            let error = PackageName::parse(name).expect_err(name);
            assert!(error.help.contains(help), "{name}: {error}");
        }
    }
}
