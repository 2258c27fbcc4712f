//! WAMP IDs: integers in [1, 2^53], one type per scope (ID-01).

use std::fmt;

/// The largest ID, 2^53: every integer up to it is exact in an IEEE double.
pub const MAX_ID: u64 = 1 << 53;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(u64);

        impl $name {
            /// The ID of that number, if it is in [1, 2^53].
            pub const fn new(id: u64) -> Option<Self> {
                if id >= 1 && id <= MAX_ID { Some(Self(id)) } else { None }
            }

            /// An ID from any 64 random or hashed bits, uniform over the whole range (ID-02).
            pub const fn from_bits(bits: u64) -> Self {
                Self((bits & (MAX_ID - 1)) + 1)
            }

            /// The number on the wire.
            pub const fn value(self) -> u64 {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

id!(
    /// A session: global scope, random.
    SessionId
);
id!(
    /// A publication: global scope, random, the same in PUBLISHED and every EVENT (ID-08).
    PublicationId
);
id!(
    /// A subscription: router scope, shared by its subscribers (ID-03).
    SubscriptionId
);
id!(
    /// A registration: router scope, shared by its callees (ID-03).
    RegistrationId
);
id!(
    /// A request: session scope, sequential per direction (ID-04, ID-05).
    RequestId
);

impl RequestId {
    /// The first request ID of a session.
    pub const FIRST: Self = Self(1);

    /// The request ID that follows, 1 after 2^53 (ID-04).
    #[must_use]
    pub const fn next(self) -> Self {
        Self(if self.0 == MAX_ID { 1 } else { self.0 + 1 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn id_01_ids_are_integers_from_1_to_2_pow_53() {
        assert_eq!(SessionId::new(0), None);
        assert_eq!(SessionId::new(1).map(SessionId::value), Some(1));
        assert_eq!(SessionId::new(9_007_199_254_740_992).map(SessionId::value), Some(MAX_ID));
        assert_eq!(SessionId::new(9_007_199_254_740_993), None);
        assert_eq!(SessionId::from_bits(0).value(), 1);
        assert_eq!(SessionId::from_bits(u64::MAX).value(), MAX_ID);
    }

    #[test]
    fn id_04_request_ids_wrap_from_2_pow_53_to_1() {
        assert_eq!(RequestId::FIRST.next().value(), 2);
        assert_eq!(RequestId::new(MAX_ID).map(|id| id.next().value()), Some(1));
    }
}
