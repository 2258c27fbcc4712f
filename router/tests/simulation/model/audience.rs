//! Whom a publication is for, by the lists in its options.

use wamp_proto::dict::PublishOptions;

use super::session::Session;

/// Whether a subscriber other than the publisher, or not excluded as such, gets the publication: it is in every list
/// of the eligible that there is, and in none of the excluded (BWL-02).
pub(super) fn includes(options: &PublishOptions, subscriber: &Session) -> bool {
    let Session { id, authid, role, .. } = subscriber;
    let mut may = true;
    if let Some(list) = &options.exclude {
        may &= !list.contains(&id.value());
    }
    if let Some(list) = &options.exclude_authid {
        may &= list.iter().all(|excluded| *excluded != **authid);
    }
    if let Some(list) = &options.exclude_authrole {
        may &= list.iter().all(|excluded| *excluded != **role);
    }
    if let Some(list) = &options.eligible {
        may &= list.contains(&id.value());
    }
    if let Some(list) = &options.eligible_authid {
        may &= list.iter().any(|eligible| *eligible == **authid);
    }
    if let Some(list) = &options.eligible_authrole {
        may &= list.iter().any(|eligible| *eligible == **role);
    }
    may
}
