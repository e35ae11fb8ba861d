//! Files that are written beside their place, and get there whole or not at all.

use std::{
    fs::{self, File, Permissions},
    io::{self, Write},
    os::unix::fs::PermissionsExt,
    path::Path,
};

use tempfile::NamedTempFile;

/// The folder that a file is in.
pub(crate) fn folder(file: &Path) -> &Path {
    match file.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    }
}

/// Whether nothing stands at a path, not even a link that leads nowhere.
pub(crate) fn free(file: &Path) -> io::Result<()> {
    match fs::symlink_metadata(file) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
        Ok(_) => Err(io::ErrorKind::AlreadyExists.into()),
    }
}

/// Writes a file for nobody else to read, over what stands there.
pub(crate) fn replace(file: &Path, text: &str) -> io::Result<()> {
    let staged = staged(file, text, 0o600)?;
    staged.persist(file).map_err(|error| error.error)?;
    File::open(folder(file))?.sync_all()
}

/// Writes a file that is not there yet, readable for the account alone from its first byte on.
pub(crate) fn save_secret(file: &Path, text: &str) -> io::Result<()> {
    let staged = staged(file, text, 0o400)?;
    // Fails where anything stands there by now.
    staged.persist_noclobber(file)?;
    File::open(folder(file))?.sync_all()
}

fn staged(file: &Path, text: &str, mode: u32) -> io::Result<NamedTempFile> {
    let mut staged = tempfile::Builder::new()
        .prefix(".trueup-")
        .permissions(Permissions::from_mode(mode))
        .tempfile_in(folder(file))?;
    staged.write_all(text.as_bytes())?;
    staged.as_file().sync_all()?;
    Ok(staged)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_saved_for_the_account_alone_and_nothing_is_overwritten() {
        let folder = tempfile::tempdir().expect("a folder");
        let at = |name: &str| folder.path().join(name);
        save_secret(&at("key"), "text\n").expect("saved");
        let mode = fs::metadata(at("key")).expect("there").permissions().mode();
        assert_eq!(mode & 0o7777, 0o400);
        assert_eq!(fs::read_to_string(at("key")).expect("text"), "text\n");

        std::os::unix::fs::symlink(at("nowhere"), at("dangling")).expect("a link");
        std::os::unix::fs::symlink(at("key"), at("link")).expect("a link");
        fs::create_dir(at("folder")).expect("made");
        for name in ["key", "dangling", "link", "folder"] {
            for refused in [free(&at(name)), save_secret(&at(name), "other\n")] {
                let error = refused.expect_err(name);
                assert_eq!(error.kind(), io::ErrorKind::AlreadyExists, "{name}");
            }
        }
        assert!(!at("nowhere").exists());
        assert_eq!(fs::read_to_string(at("key")).expect("text"), "text\n");
        assert!(save_secret(&at("no/such/key"), "text\n").is_err());
        let left: Vec<_> = fs::read_dir(folder.path()).expect("there").collect();
        assert_eq!(left.len(), 4, "{left:?}");
    }
}
