//! Where the store is: whether what was opened is still what is found there.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::error::{Code, Diagnostic, Error};

/// The files of a store that is open: the one that it is named by, and the one beside it with what was written last. As long as the
/// store is open, SQLite replaces neither.
#[derive(Debug)]
pub(super) struct Place(Vec<(PathBuf, FileId)>);

impl Place {
    /// Of a store that is open already.
    pub(super) fn of(file: &Path) -> Result<Place, Error> {
        let found = || -> io::Result<Place> {
            // SQLite too follows links before it adds to the name.
            let mut beside = file.canonicalize()?.into_os_string();
            beside.push("-wal");
            let beside = PathBuf::from(beside);
            let mut files = vec![(file.to_owned(), FileId::of(file)?)];
            // There is none where somebody has chosen another journal for the file.
            files.extend(FileId::of(&beside).ok().map(|id| (beside, id)));
            Ok(Place(files))
        };
        let cannot = |error| Diagnostic::error(Code::Io, format!("cannot look at `{}`: {error}", file.display()));
        Ok(found().map_err(cannot)?)
    }

    /// SQLite goes on with a file that was deleted or moved away, or has another in its place; whoever looks for what is written
    /// there finds nothing. A file that comes back is the store again.
    pub(super) fn expect(&self) -> Result<(), Error> {
        for (file, opened) in &self.0 {
            let why = match FileId::of(file) {
                Ok(found) if found == *opened => continue,
                Ok(_) => "it is another file than the one that was opened".to_owned(),
                Err(error) => error.to_string(),
            };
            let message = format!("the store's `{}` is not in its place: {why}", file.display());
            return Err(Diagnostic::error(Code::Io, message).into());
        }
        Ok(())
    }
}

/// Which file a path leads to. By its metadata alone: to open and close the file beside SQLite would lift the locks that this
/// process has on it (POSIX).
#[derive(Debug, PartialEq, Eq)]
struct FileId(#[cfg(unix)] (u64, u64));

impl FileId {
    #[cfg(unix)]
    fn of(file: &Path) -> io::Result<FileId> {
        use std::os::unix::fs::MetadataExt as _;

        fs::metadata(file).map(|found| FileId((found.dev(), found.ino())))
    }

    /// Where a file that is open cannot be replaced, it is there or not.
    #[cfg(not(unix))]
    fn of(file: &Path) -> io::Result<FileId> {
        fs::metadata(file).map(|_| FileId())
    }
}
