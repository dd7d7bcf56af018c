//! One change at a time: of a lab, and of the cache that all labs share.

use std::fs::File;
use std::path::Path;

use crate::say::say;

use super::error::{At, LabError};

/// Held while a lab is brought up, reset or taken down, or the cache is filled.
///
/// The kernel releases it when the process ends, however it ends.
#[derive(Debug)]
pub(super) struct Lock {
    _file: File,
}

impl Lock {
    /// Waits until no other process changes what is in this folder.
    pub(super) fn acquire(folder: &Path) -> Result<Self, LabError> {
        std::fs::create_dir_all(folder).at("create", folder)?;
        let path = folder.join("lock");
        let file = File::create(&path).at("create", &path)?;
        if file.try_lock().is_err() {
            say(format_args!(
                "Waiting for the process that changes {}.",
                folder.display()
            ));
            file.lock().at("lock", &path)?;
        }
        Ok(Self { _file: file })
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    #[test]
    fn the_second_waits_for_the_first() {
        let folder = tempfile::tempdir().unwrap();
        let first = Lock::acquire(folder.path()).unwrap();
        let begun = Instant::now();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                std::thread::sleep(Duration::from_millis(100));
                drop(first);
            });
            Lock::acquire(folder.path()).unwrap();
        });
        assert!(begun.elapsed() >= Duration::from_millis(100));
    }
}
