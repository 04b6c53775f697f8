//! What each operation does: plain functions of the service, the caller and the request. None of
//! them sees a socket.

pub(crate) mod approvals;
pub(crate) mod authority;
pub(crate) mod backup;
pub(crate) mod certificates;
pub(crate) mod keys;
pub(crate) mod login;
pub(crate) mod making;
pub(crate) mod people;
pub(crate) mod rotation;
pub(crate) mod seal;
pub(crate) mod session;
pub(crate) mod symmetric;
pub(crate) mod using;
pub(crate) mod wrapping;

use keyward_protocol::constants::MAX_FRAME_BYTES;
use prost::Message;

/// The most bytes of a list in one answer, which has other things beside it.
const LIST_BYTES: usize = MAX_FRAME_BYTES - 4096;

/// As many of a list as one answer takes, and whether there are more.
fn page<T: Message>(list: impl IntoIterator<Item = T>, most: usize) -> (Vec<T>, bool) {
    let (mut page, mut bytes) = (Vec::new(), 0);
    for one in list {
        // With the tag and the length before each.
        bytes += one.encoded_len() + 8;
        if page.len() == most || (bytes > LIST_BYTES && !page.is_empty()) {
            return (page, true);
        }
        page.push(one);
    }
    (page, false)
}
