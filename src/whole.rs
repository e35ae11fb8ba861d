//! Files of this machine that are written whole or not at all: beside their place, synced, renamed; and where
//! trueup has its own.

use std::{
    ffi::OsString,
    fs::{self, File, Permissions},
    io::{self, Write},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use tempfile::NamedTempFile;

/// A file beside its place, which goes where nothing is put into it. That it can be made shows that
/// its place can be written.
pub struct Whole {
    new: NamedTempFile,
    place: PathBuf,
}

impl Whole {
    /// Makes it, with what the umask leaves of a mode from its first byte on.
    ///
    /// # Errors
    /// When its folder is not there, or cannot be written.
    pub fn beside(place: &Path, mode: u32) -> io::Result<Self> {
        let new = tempfile::Builder::new()
            .prefix(".trueup-")
            .permissions(Permissions::from_mode(mode))
            .tempfile_in(folder(place))?;
        let place = place.to_owned();
        Ok(Self { new, place })
    }

    /// Puts a text in its place, instead of what is there.
    ///
    /// # Errors
    /// When it cannot be written; what was there is still there then.
    pub fn put(mut self, bytes: &[u8]) -> io::Result<()> {
        self.fill(bytes)?;
        self.new.persist(&self.place)?;
        sync(folder(&self.place))
    }

    /// Puts a text in its place, where nothing is there.
    ///
    /// # Errors
    /// When it cannot be written, or something is there.
    pub fn put_new(mut self, bytes: &[u8]) -> io::Result<()> {
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

/// The folder that a file is in.
pub fn folder(file: &Path) -> &Path {
    match file.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    }
}

/// Whether nothing stands at a path, not even a link that leads nowhere.
///
/// # Errors
/// When something does, or nobody can tell.
pub fn free(file: &Path) -> io::Result<()> {
    match fs::symlink_metadata(file) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
        Ok(_) => Err(io::ErrorKind::AlreadyExists.into()),
    }
}

fn sync(folder: &Path) -> io::Result<()> {
    match File::open(folder) {
        // It may be written, and not read: the file is there all the same.
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

        // What is not put anywhere leaves nothing, and what is there may be replaced.
        let beside = || Whole::beside(&at("key"), 0o600).expect("a file");
        drop(beside());
        beside().put(b"new").expect("written");
        assert_eq!(fs::read_to_string(at("key")).expect("text"), "new");
        let left: Vec<_> = fs::read_dir(folder.path()).expect("there").collect();
        assert_eq!(left.len(), 4, "{left:?}");
    }
}
