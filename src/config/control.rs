//! Section `[control]`: where `serve` and the command line meet.

use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use crate::settings::Section;
use crate::store::StoreUrl;

/// The kernel takes socket names of up to 107 bytes; a few are needed while the socket is being made.
const MAX_SOCKET_PATH_BYTES: usize = 103;

/// Takes the keys of `[control]`. Without them, the socket is beside the store file; with Redis there is none.
pub(super) fn read(mut section: Section<'_>, store: &StoreUrl) -> Option<PathBuf> {
    let named = section.text("listen");
    let path = match &named {
        Some(text) => text.strip_prefix("unix:").filter(|path| !path.is_empty()).map(|path| section.base().join(path)),
        None => beside(store),
    };
    if named.is_some() && path.is_none() {
        section.fault("listen", "must be a socket such as \"unix:/run/orgpass/control.sock\"");
    }
    let length = path.as_deref().map_or(0, |path: &Path| path.as_os_str().as_bytes().len());
    if length > MAX_SOCKET_PATH_BYTES {
        let message = format_args!(
            "the socket's path has {length} bytes and may have {MAX_SOCKET_PATH_BYTES}; name a shorter one here, \
             such as \"unix:/run/orgpass/control.sock\""
        );
        section.fault("listen", message);
    }
    section.finish();
    path
}

fn beside(store: &StoreUrl) -> Option<PathBuf> {
    let StoreUrl::File(file) = store else { return None };
    let mut path = OsString::from(file);
    path.push(".sock");
    Some(path.into())
}
