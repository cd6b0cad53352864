//! Sockets that the system has no means for.

use std::io;

/// Whether the system has run out of a resource that every socket needs.
pub(crate) fn is_lack_of_ours(error: &io::Error) -> bool {
    // On Linux: too many open files, in the system and in the process, and no buffer space.
    const ENFILE: i32 = 23;
    const EMFILE: i32 = 24;
    const ENOBUFS: i32 = 105;
    error.kind() == io::ErrorKind::OutOfMemory || matches!(error.raw_os_error(), Some(ENFILE | EMFILE | ENOBUFS))
}
