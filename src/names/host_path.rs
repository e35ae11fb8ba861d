//! Paths on a host.

use super::WrongName;

/// A path of a spec: absolute or below the account's home (`~/…`), normalized, and not `/` or `~` itself.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct HostPath(String);

impl HostPath {
    /// Parses the path of a folder; trailing slashes are dropped.
    ///
    /// # Errors
    /// When it is relative, goes through `.` or `..`, is `/` or a home itself, is in another account's
    /// home, or has a control character.
    pub fn folder(text: &str) -> Result<Self, WrongName> {
        Self::parse(text, "a folder")
    }

    /// Parses the path of a file.
    ///
    /// # Errors
    /// As [`HostPath::folder`], and when it ends in `/`.
    pub fn file(text: &str) -> Result<Self, WrongName> {
        let path = Self::parse(text, "a file")?;
        if text.ends_with('/') {
            return Err(WrongName::new(text, "is a folder", "name the file"));
        }
        Ok(path)
    }

    fn parse(text: &str, thing: &str) -> Result<Self, WrongName> {
        let trimmed = text.trim_end_matches('/');
        let of_home = text == "~" || text.starts_with("~/");
        let (what, help) = if text.chars().any(char::is_control) {
            ("has a control character in it", "use a plain path".into())
        } else if text.starts_with('~') && !of_home {
            (
                "is in the home of another account",
                "write the path in full".into(),
            )
        } else if !text.starts_with('/') && !of_home {
            (
                "does not say where it starts",
                "begin with `/`, `~/` or `${kafka.home}/`".into(),
            )
        } else if text.split('/').any(|part| part == ".." || part == ".") {
            ("goes through `.` or `..`", "write the path straight".into())
        } else if trimmed.is_empty() || trimmed == "~" {
            ("is everything", format!("name {thing} below it"))
        } else {
            return Ok(Self(trimmed.to_owned()));
        };
        Err(WrongName::new(text, what, help))
    }

    /// Whether both are the same path, ignoring repeated slashes.
    pub fn is(&self, other: &Self) -> bool {
        self.parts().eq(other.parts())
    }

    /// Whether it is the folder or below it.
    pub fn is_in(&self, folder: &Self) -> bool {
        let depth = folder.parts().count();
        self.parts().take(depth).eq(folder.parts())
    }

    fn parts(&self) -> impl Iterator<Item = &str> {
        self.0.split('/').filter(|part| !part.is_empty())
    }

    /// The path, without a slash at its end.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_says_where_it_starts_and_goes_straight() {
        for (text, path) in [
            ("/opt/kafka//", "/opt/kafka"),
            ("~/kafka", "~/kafka"),
            ("/opt/a b/ü", "/opt/a b/ü"),
            ("/...", "/..."),
        ] {
            assert_eq!(HostPath::folder(text).expect(text).as_str(), path);
        }
        for (text, what) in [
            ("", "does not say where it starts"),
            ("-1", "does not say where it starts"),
            ("kafka/x", "does not say where it starts"),
            ("./x", "does not say where it starts"),
            ("~root/x", "is in the home of another account"),
            ("/a/../etc", "goes through `.` or `..`"),
            ("/a/.", "goes through `.` or `..`"),
            ("//", "is everything"),
            ("~", "is everything"),
            ("~/", "is everything"),
            ("/a\nb", "has a control character in it"),
        ] {
            assert_eq!(
                HostPath::folder(text).expect_err(text).what,
                what,
                "{text:?}"
            );
            assert_eq!(HostPath::file(text).expect_err(text).what, what, "{text:?}");
        }
        assert_eq!(
            HostPath::file("/a/").expect_err("a folder").what,
            "is a folder"
        );
        assert_eq!(HostPath::file("/a/b").expect("a file").as_str(), "/a/b");
        let is = |one, other| {
            let [one, other] = [one, other].map(|text| HostPath::file(text).expect(text));
            one.is(&other)
        };
        assert!(is("/a//b", "/a/b") && is("//a/b", "/a/b") && !is("~/a/b", "/a/b"));
        let is_in = |one, other| {
            let [one, other] = [one, other].map(|text| HostPath::folder(text).expect(text));
            one.is_in(&other)
        };
        assert!(is_in("/a//b/c", "/a/b/") && is_in("/a/b", "/a/b") && !is_in("/a/bc", "/a/b"));
        assert!(!is_in("/a", "/a/b") && !is_in("~/a/b", "/a/b"));
    }
}
