//! Files of this machine that are written whole or not at all: beside their place, synced, renamed.

use std::{
    fs::{File, Permissions},
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

/// The folder that a file is in.
pub fn folder(file: &Path) -> &Path {
    match file.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
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
    use std::fs;

    use super::*;

    #[test]
    fn it_is_there_whole_or_not_at_all() {
        let folder = tempfile::tempdir().expect("a folder");
        let place = folder.path().join("file");
        let beside = |mode| Whole::beside(&place, mode).expect("a file");
        let names = || fs::read_dir(folder.path()).expect("a folder").count();
        drop(beside(0o600));
        assert_eq!(names(), 0);
        beside(0o400).put_new(b"one").expect("written");
        let mode = fs::metadata(&place).expect("it is there").permissions();
        assert_eq!(mode.mode() & 0o777, 0o400);
        let there = beside(0o600).put_new(b"two").expect_err("one is there");
        assert_eq!(there.kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(fs::read(&place).expect("read"), b"one");
        beside(0o600).put(b"two").expect("written");
        assert_eq!(fs::read(&place).expect("read"), b"two");
        assert_eq!(names(), 1);
        assert!(Whole::beside(&place.join("below"), 0o600).is_err());
    }
}
