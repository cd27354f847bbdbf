//! Copies that share their blocks (reflinks): whether a file system can do that, whether two files do it, and how they begin to.

use std::fs::File;
use std::io;
use std::path::Path;

/// How many bytes are shared in one call: file systems hold locks for its length, and btrfs takes no more.
#[cfg(target_os = "linux")]
const STEP: u64 = 16 << 20;

/// Lets `to` have the blocks of `from`, whose size is `size` as well. The kernel locks and compares each piece itself, so that
/// nobody can write in between. `false` where the bytes differ: what was equal until there is shared, which nobody can see.
/// After each piece `go_on` is asked, and told its length.
///
/// # Errors
/// What the system says; `ErrorKind::Unsupported` where the file system cannot do it.
#[cfg(target_os = "linux")]
pub fn share(from: &File, to: &File, size: u64, go_on: &mut dyn FnMut(u64) -> bool) -> io::Result<bool> {
    let mut at = 0;
    while at < size {
        let length = STEP.min(size - at);
        match super::sys::blocks::share(from, to, at, length).map_err(plain)? {
            Some(0) => return Err(io::ErrorKind::Unsupported.into()),
            Some(shared) => {
                at += shared;
                if !go_on(shared) {
                    return Err(io::ErrorKind::Interrupted.into());
                }
            }
            None => return Ok(false),
        }
    }
    Ok(true)
}

/// What file systems without the call answer differs: all of it means that there is none.
#[cfg(target_os = "linux")]
fn plain(error: io::Error) -> io::Error {
    use rustix::io::Errno;
    let none = [Errno::OPNOTSUPP, Errno::NOTTY, Errno::INVAL, Errno::NOSYS, Errno::XDEV];
    let lacks = none.iter().any(|errno| error.raw_os_error() == Some(errno.raw_os_error()));
    if lacks { io::ErrorKind::Unsupported.into() } else { error }
}

/// Whether the file system of the two can do it: asked for no byte at all, which changes nothing.
#[cfg(target_os = "linux")]
pub fn can_share(from: &File, to: &File) -> bool {
    super::sys::blocks::share(from, to, 0, 0).is_ok()
}

/// Whether two files of `size` bytes have their first, middle and last byte at one place on the disk.
#[cfg(target_os = "linux")]
pub fn are_shared(one: &File, other: &File, size: u64) -> bool {
    let place = super::sys::blocks::place;
    [0, size / 2, size.saturating_sub(1)].into_iter().all(|at| {
        let here = place(one, at);
        here.is_some() && here == place(other, at)
    })
}

/// Elsewhere there is no call that compares before it shares.
///
/// # Errors
/// Always.
#[cfg(not(target_os = "linux"))]
pub fn share(_: &File, _: &File, _: u64, _: &mut dyn FnMut(u64) -> bool) -> io::Result<bool> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Elsewhere there is no call that compares before it shares.
#[cfg(not(target_os = "linux"))]
pub fn can_share(_: &File, _: &File) -> bool {
    false
}

/// Elsewhere nobody says.
#[cfg(not(target_os = "linux"))]
pub fn are_shared(_: &File, _: &File, _: u64) -> bool {
    false
}

/// Whether the file system that `folder` lies on lets copies share their blocks, so that removing one frees less than it takes. Of XFS
/// only its name is known, and most can; a container's layers are on a file system whose name is not known here.
#[cfg(any(target_os = "linux", target_os = "macos"))]
pub fn may_share(folder: &Path) -> bool {
    rustix::fs::statfs(folder).is_ok_and(|found| shares(&found))
}

/// Windows' ReFS can; nobody asks there.
#[cfg(not(any(target_os = "linux", target_os = "macos")))]
pub fn may_share(_: &Path) -> bool {
    false
}

#[cfg(target_os = "linux")]
fn shares(found: &rustix::fs::StatFs) -> bool {
    /// As `<linux/magic.h>` and the file systems' own headers have them: btrfs, XFS, bcachefs, ZFS, OCFS2.
    const SHARING: [i128; 5] = [0x9123_683E, 0x5846_5342, 0xCA45_1A4E, 0x2FC1_2FC1, 0x7461_636F];
    // On some machines the type has 32 bits, and a sign.
    let kind = i128::from(found.f_type) & 0xFFFF_FFFF;
    SHARING.contains(&kind)
}

#[cfg(target_os = "macos")]
fn shares(found: &rustix::fs::StatFs) -> bool {
    let name = found.f_fstypename.iter().map(|letter| letter.to_ne_bytes()[0]);
    name.take_while(|letter| *letter != 0).eq("apfs".bytes())
}
