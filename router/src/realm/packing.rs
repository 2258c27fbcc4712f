//! The keys that say how a payload is packed: payload passthru mode (PPT-02), and Autobahn's transparent form.
//! They go with the payload from message to message.

use wamp_proto::Uri;

/// Whether Options say that the payload is packed in either way.
macro_rules! is_packed {
    ($options:expr) => {
        $crate::realm::packing::is_passthru(&$options.ppt_scheme) || $options.enc_algo.is_some()
    };
}

/// Copies the keys from the Options of one message to the Details of the next. Texts get allocations of their own:
/// slices of the sender's frame would keep the frame alive.
macro_rules! carry_packing {
    ($options:expr => $details:expr) => {{
        use $crate::realm::packing::{copied, is_passthru};
        if is_passthru(&$options.ppt_scheme) {
            $details.ppt_scheme = copied(&$options.ppt_scheme);
            $details.ppt_serializer = copied(&$options.ppt_serializer);
            $details.ppt_cipher = copied(&$options.ppt_cipher);
            $details.ppt_keyid = copied(&$options.ppt_keyid);
        }
        if let Some(algorithm) = &$options.enc_algo {
            $details.enc_algo = Some(algorithm.detached());
            $details.enc_serializer = copied(&$options.enc_serializer);
            $details.enc_key = copied(&$options.enc_key);
        }
    }};
}

pub(super) use {carry_packing, is_packed};

/// Whether that scheme switches payload passthru mode on (PPT-01).
pub(super) fn is_passthru(scheme: &Option<Uri>) -> bool {
    scheme.as_ref().is_some_and(|scheme| !scheme.is_empty())
}

pub(super) fn copied(text: &Option<Uri>) -> Option<Uri> {
    text.as_deref().map(Uri::from)
}
