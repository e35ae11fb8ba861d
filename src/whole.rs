//! Local files that are written completely or not at all: to a temporary file, synced, renamed; and the folder of
//! trueup's own state.

use std::{
    ffi::OsString,
    fs::{self, File, Permissions},
    io::{self, Write},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use tempfile::NamedTempFile;

/// A temporary file beside its destination, removed unless it is put there. That it can be created shows
/// that the folder can be written.
pub struct Whole {
    new: NamedTempFile,
    place: PathBuf,
}

impl Whole {
    /// Creates it with a mode (less the umask).
    ///
    /// # Errors
    /// When the folder is missing, or cannot be written.
    pub fn beside(place: &Path, mode: u32) -> io::Result<Self> {
        let new = tempfile::Builder::new()
            .prefix(".trueup-")
            .permissions(Permissions::from_mode(mode))
            .tempfile_in(folder(place))?;
        let place = place.to_owned();
        Ok(Self { new, place })
    }

    /// Writes it, replacing an existing file.
    ///
    /// # Errors
    /// When it cannot be written; an existing file is unchanged then.
    pub fn put(mut self, bytes: &[u8]) -> io::Result<()> {
        self.fill(bytes)?;
        self.new.persist(&self.place)?;
        sync(folder(&self.place))
    }

    /// Writes it as a new file.
    ///
    /// # Errors
    /// When it cannot be written, or the file exists.
    pub(crate) fn put_new(mut self, bytes: &[u8]) -> io::Result<()> {
        self.fill(bytes)?;
        self.new.persist_noclobber(&self.place)?;
        sync(folder(&self.place))
    }

    fn fill(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.new.write_all(bytes)?;
        self.new.as_file().sync_all()
    }
}

/// Where trueup keeps what one run leaves for the next: in `XDG_STATE_HOME`, else in `~/.local/state`. `None`
/// where the environment has neither; a relative path is ignored, as the specification of these folders asks.
pub(crate) fn state_folder(variable: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    let absolute = |name| {
        let path = variable(name).map(PathBuf::from);
        path.filter(|path| path.is_absolute())
    };
    let state = absolute("XDG_STATE_HOME");
    let state = state.or_else(|| Some(absolute("HOME")?.join(".local/state")));
    state.map(|state| state.join("trueup"))
}

/// The folder of a file.
pub fn folder(file: &Path) -> &Path {
    match file.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    }
}

/// Checks that nothing exists at a path, not even a dangling link.
///
/// # Errors
/// When something exists, or that is not known.
pub fn free(file: &Path) -> io::Result<()> {
    match fs::symlink_metadata(file) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
        Ok(_) => Err(io::ErrorKind::AlreadyExists.into()),
    }
}

fn sync(folder: &Path) -> io::Result<()> {
    match File::open(folder) {
        // The folder may be writable and not readable.
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Ok(()),
        folder => folder?.sync_all(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn save(file: &Path, text: &str) -> io::Result<()> {
        Whole::beside(file, 0o400)?.put_new(text.as_bytes())
    }

    #[test]
    fn a_key_is_saved_for_the_account_alone_and_nothing_is_overwritten() {
        let folder = tempfile::tempdir().expect("a folder");
        let at = |name: &str| folder.path().join(name);
        save(&at("key"), "text\n").expect("saved");
        let mode = fs::metadata(at("key")).expect("there").permissions().mode();
        assert_eq!(mode & 0o7777, 0o400);
        assert_eq!(fs::read_to_string(at("key")).expect("text"), "text\n");

        std::os::unix::fs::symlink(at("nowhere"), at("dangling")).expect("a link");
        std::os::unix::fs::symlink(at("key"), at("link")).expect("a link");
        fs::create_dir(at("folder")).expect("made");
        for name in ["key", "dangling", "link", "folder"] {
            for refused in [free(&at(name)), save(&at(name), "other\n")] {
                let error = refused.expect_err(name);
                assert_eq!(error.kind(), io::ErrorKind::AlreadyExists, "{name}");
            }
        }
        assert!(!at("nowhere").exists());
        assert_eq!(fs::read_to_string(at("key")).expect("text"), "text\n");
        assert!(save(&at("no/such/key"), "text\n").is_err());
        let left: Vec<_> = fs::read_dir(folder.path()).expect("there").collect();
        assert_eq!(left.len(), 4, "{left:?}");

        // A dropped file leaves nothing, and an existing one can be replaced.
        let beside = || Whole::beside(&at("key"), 0o600).expect("a file");
        drop(beside());
        beside().put(b"new").expect("written");
        assert_eq!(fs::read_to_string(at("key")).expect("text"), "new");
        let left: Vec<_> = fs::read_dir(folder.path()).expect("there").collect();
        assert_eq!(left.len(), 4, "{left:?}");
    }
}
