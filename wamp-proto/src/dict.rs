//! Options and Details: typed dicts that keep the keys they do not know (MSG-06, MSG-07).
//!
//! An empty dict, by far the most frequent one, is a null pointer; the rest live on the heap.

#![expect(
    private_bounds,
    private_interfaces,
    reason = "readers and writers stay inside the crate: the traits that name them are sealed"
)]

use std::fmt;
use std::ops::{Deref, DerefMut};

use bytestring::ByteString;

use crate::id::{MAX_ID, PublicationId, RegistrationId, RequestId, SessionId, SubscriptionId};
use crate::payload::Frame;
use crate::serializer::decode::{DecodeError, DecodeRules};
use crate::serializer::token::{Kind, Reader, Scalar, SyntaxError, Writer};
use crate::serializer::transcode::{read_value, write_value};
use crate::uri::MatchPolicy;
use crate::value::{Value, footprint_of_entries};

/// Unknown keys that one dict may have: extensions have a handful, an attacker would like thousands.
const EXTRA_MAX: usize = 64;

/// A dict of known keys `T` that costs nothing while it is empty.
pub struct Dict<T>(Option<Box<T>>);

/// The known keys of one Options or Details dict. Implemented by this crate's dicts only.
pub trait Keys: Default + Clone + PartialEq + fmt::Debug + Sized + sealed::Keys + 'static {
    #[doc(hidden)]
    fn empty() -> &'static Self;
    #[doc(hidden)]
    fn extra(&self) -> &[(String, Value)];
}

pub(crate) mod sealed {
    use super::*;

    #[expect(unnameable_types, reason = "that is what seals the trait")]
    pub trait Keys: Sized {
        fn read_key<'a, R: Reader<'a>>(
            &mut self,
            key: &str,
            reader: &mut R,
            context: &Context<'_>,
        ) -> Result<(), DecodeError>;
        fn count(&self) -> usize;
        fn write_entries<W: Writer>(&self, writer: &mut W);
        fn text_bytes(&self) -> usize;
    }
}

/// What reading an element needs besides the reader.
pub(crate) struct Context<'a> {
    pub(crate) frame: Frame<'a>,
    pub(crate) rules: &'a DecodeRules,
}

impl Context<'_> {
    /// Whether what began at `start`, part of a dict, can be part of a dict that is not too large.
    fn check_size<'a, R: Reader<'a>>(&self, start: usize, reader: &R) -> Result<(), DecodeError> {
        let max = self.rules.dict_max_bytes;
        if reader.offset() - start > max { Err(DecodeError::DictTooLarge(max)) } else { Ok(()) }
    }
}

impl<T: Keys> Dict<T> {
    /// A dict without keys.
    pub const fn new() -> Self {
        Self(None)
    }

    /// Octets of memory that the dict takes, apart from text that is a slice of its frame.
    pub fn footprint(&self) -> usize {
        match &self.0 {
            None => 0,
            Some(keys) => size_of::<T>() + footprint_of_entries(keys.extra()),
        }
    }

    /// Octets of the texts of known keys, which [`footprint`](Self::footprint) leaves out; texts in lists and in
    /// other dicts not counted.
    pub fn text_bytes(&self) -> usize {
        self.0.as_ref().map_or(0, |keys| keys.text_bytes())
    }

    /// Whether there is no key, so that the dict is `{}` on the wire.
    pub fn is_empty(&self) -> bool {
        self.0.as_ref().is_none_or(|keys| keys.count() == 0)
    }
}

impl<T: Keys> From<T> for Dict<T> {
    fn from(keys: T) -> Self {
        Self(Some(Box::new(keys)))
    }
}

impl<T: Keys> Default for Dict<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T: Keys> Clone for Dict<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T: Keys> PartialEq for Dict<T> {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl<T: Keys> fmt::Debug for Dict<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<T: Keys> Deref for Dict<T> {
    type Target = T;

    fn deref(&self) -> &T {
        match &self.0 {
            Some(keys) => keys,
            None => T::empty(),
        }
    }
}

impl<T: Keys> DerefMut for Dict<T> {
    fn deref_mut(&mut self) -> &mut T {
        self.0.get_or_insert_default()
    }
}

/// A value that can stand in a message or dict.
pub(crate) trait Field: Sized {
    fn read<'a, R: Reader<'a>>(reader: &mut R, context: &Context<'_>) -> Result<Self, DecodeError>;
    fn write<W: Writer>(&self, writer: &mut W);
    /// Octets of the text in it.
    fn text_bytes(&self) -> usize {
        0
    }
}

impl<T: Keys> Field for Dict<T> {
    fn read<'a, R: Reader<'a>>(reader: &mut R, context: &Context<'_>) -> Result<Self, DecodeError> {
        let mut dict = Self::new();
        // wampy.js sends nil or undefined where the specification has an empty dict.
        if context.rules.nil_is_empty_dict && reader.peek()? == Kind::Null {
            reader.skip()?;
            return Ok(dict);
        }
        let start = reader.position();
        let mut items = reader.map()?;
        while reader.more(&mut items)? {
            let key = reader.text_key()?;
            dict.read_key(&key, reader, context)?;
            context.check_size(start, reader)?;
        }
        Ok(dict)
    }

    fn write<W: Writer>(&self, writer: &mut W) {
        match &self.0 {
            None => writer.map(0),
            Some(keys) => {
                writer.map(keys.count());
                keys.write_entries(writer);
            }
        }
        writer.end_map();
    }
}

impl Field for bool {
    fn read<'a, R: Reader<'a>>(reader: &mut R, _: &Context<'_>) -> Result<Self, DecodeError> {
        const EXPECTED: DecodeError = DecodeError::Syntax(SyntaxError::Type("a boolean"));
        match reader.peek()? {
            Kind::Scalar => match reader.scalar()? {
                Scalar::Bool(value) => Ok(value),
                _ => Err(EXPECTED),
            },
            _ => Err(EXPECTED),
        }
    }

    fn write<W: Writer>(&self, writer: &mut W) {
        writer.bool(*self);
    }
}

impl Field for u64 {
    fn read<'a, R: Reader<'a>>(reader: &mut R, context: &Context<'_>) -> Result<Self, DecodeError> {
        Ok(read_unsigned(reader, context)?)
    }

    fn write<W: Writer>(&self, writer: &mut W) {
        writer.unsigned(*self);
    }
}

impl Field for ByteString {
    fn read<'a, R: Reader<'a>>(reader: &mut R, context: &Context<'_>) -> Result<Self, DecodeError> {
        let text = reader.text()?;
        Ok(context.frame.own(text))
    }

    fn write<W: Writer>(&self, writer: &mut W) {
        writer.text(self);
    }

    fn text_bytes(&self) -> usize {
        self.len()
    }
}

impl Field for Value {
    fn read<'a, R: Reader<'a>>(reader: &mut R, context: &Context<'_>) -> Result<Self, DecodeError> {
        // Passed over first: a tree is many times the size of its octets.
        let start = reader.position();
        reader.skip()?;
        context.check_size(start, reader)?;
        reader.rewind(start);
        Ok(read_value(reader)?)
    }

    fn write<W: Writer>(&self, writer: &mut W) {
        write_value(self, writer);
    }
}

impl<T: Field> Field for Vec<T> {
    fn read<'a, R: Reader<'a>>(reader: &mut R, context: &Context<'_>) -> Result<Self, DecodeError> {
        let start = reader.position();
        let mut items = reader.array()?;
        let mut list = Self::new();
        while reader.more(&mut items)? {
            list.push(T::read(reader, context)?);
            // Here too, so that a list in a dict is not built beyond the dict's limit.
            context.check_size(start, reader)?;
        }
        Ok(list)
    }

    fn write<W: Writer>(&self, writer: &mut W) {
        writer.array(self.len());
        for item in self {
            item.write(writer);
        }
        writer.end_array();
    }
}

/// Reads an ID, or another unsigned integer of a message.
pub(crate) fn read_unsigned<'a, R: Reader<'a>>(
    reader: &mut R,
    context: &Context<'_>,
) -> Result<u64, SyntaxError> {
    let start = reader.position();
    let expected = match reader.unsigned() {
        Err(SyntaxError::Type(expected)) if context.rules.float_is_integer && !R::SERIALIZER.is_text() => {
            expected
        }
        other => return other,
    };
    // wampy.js writes integers above 2^32 as floats in MessagePack and CBOR. Up to 2^53 they are exact.
    reader.rewind(start);
    match reader.peek()? {
        Kind::Scalar => match reader.scalar()? {
            Scalar::Float(id) if id.fract() == 0.0 && (0.0..=MAX_ID as f64).contains(&id) => Ok(id as u64),
            _ => Err(SyntaxError::Type(expected)),
        },
        _ => Err(SyntaxError::Type(expected)),
    }
}

macro_rules! id_fields {
    ($($id:ident)*) => {
        $(impl Field for $id {
            fn read<'a, R: Reader<'a>>(
                reader: &mut R,
                context: &Context<'_>,
            ) -> Result<Self, DecodeError> {
                Self::new(read_unsigned(reader, context)?)
                    .ok_or(DecodeError::Syntax(SyntaxError::Type("an ID in [1, 2^53]")))
            }

            fn write<W: Writer>(&self, writer: &mut W) {
                writer.unsigned(self.value());
            }
        })*
    };
}

id_fields!(SessionId PublicationId SubscriptionId RegistrationId RequestId);

macro_rules! words {
    ($($(#[$doc:meta])* $name:ident ($expected:literal) { $($(#[$variant_doc:meta])* $variant:ident = $word:literal,)* })*) => {
        $($(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $name {
            $($(#[$variant_doc])* $variant,)*
        }

        impl $name {
            /// The word on the wire.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)*
                }
            }

            /// What a word on the wire means.
            pub fn parse(word: &str) -> Option<Self> {
                match word {
                    $($word => Some(Self::$variant),)*
                    _ => None,
                }
            }
        }

        word_field!($name, $expected);)*
    };
}

macro_rules! word_field {
    ($name:ident, $expected:literal) => {
        impl Field for $name {
            fn read<'a, R: Reader<'a>>(reader: &mut R, _: &Context<'_>) -> Result<Self, DecodeError> {
                let word = reader.text()?;
                Self::parse(&word).ok_or(DecodeError::Syntax(SyntaxError::Type($expected)))
            }

            fn write<W: Writer>(&self, writer: &mut W) {
                writer.text(self.as_str());
            }
        }
    };
}

word_field!(MatchPolicy, "one of \"exact\", \"prefix\", \"wildcard\"");

words! {
    /// How a CALL is given to one of several callees (`REGISTER.Options.invoke`, SHR-01); `all` and `leastbusy`
    /// are Trunkline's.
    InvocationPolicy ("one of \"single\", \"roundrobin\", \"random\", \"first\", \"last\", \"all\", \"leastbusy\"") {
        /// One callee only.
        Single = "single",
        /// Each callee in turn.
        RoundRobin = "roundrobin",
        /// Any callee.
        Random = "random",
        /// The callee that registered first.
        First = "first",
        /// The callee that registered last.
        Last = "last",
        /// Every callee, and the caller gets the answers of all.
        All = "all",
        /// The callee with the fewest open invocations.
        LeastBusy = "leastbusy",
    }

    /// What CANCEL does to the callee and to the caller (`CANCEL.Options.mode`, CAN-01).
    CancelMode ("one of \"skip\", \"kill\", \"killnowait\"") {
        /// The caller is answered at once, the callee is left alone.
        Skip = "skip",
        /// The callee is interrupted, and answers.
        Kill = "kill",
        /// The callee is interrupted, and the caller answered at once.
        KillNoWait = "killnowait",
    }
}

/// The algorithm of a payload in Autobahn's transparent form: `null`, `cryptobox`, `mqtt`, `xbr`, or one of
/// somebody's own that begins with `x_`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PayloadAlgorithm(ByteString);

impl PayloadAlgorithm {
    /// The algorithm of that name, if it may be one.
    pub fn new(name: ByteString) -> Option<Self> {
        let is_known = matches!(&*name, "null" | "cryptobox" | "mqtt" | "xbr") || name.starts_with("x_");
        is_known.then_some(Self(name))
    }

    /// The name on the wire.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The same in an allocation of its own, which keeps no frame alive.
    pub fn detached(&self) -> Self {
        Self(ByteString::from(&*self.0))
    }
}

impl Field for PayloadAlgorithm {
    fn read<'a, R: Reader<'a>>(reader: &mut R, context: &Context<'_>) -> Result<Self, DecodeError> {
        const EXPECTED: &str = "one of \"null\", \"cryptobox\", \"mqtt\", \"xbr\", or \"x_…\"";
        let name = ByteString::read(reader, context)?;
        Self::new(name).ok_or(DecodeError::Syntax(SyntaxError::Type(EXPECTED)))
    }

    fn write<W: Writer>(&self, writer: &mut W) {
        writer.text(&self.0);
    }

    fn text_bytes(&self) -> usize {
        self.0.len()
    }
}

macro_rules! dicts {
    ($($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $key:literal $field:ident: $type:ty,)* })*) => {
        $($(#[$doc])*
        #[derive(Clone, Debug, Default, PartialEq)]
        pub struct $name {
            $($(#[$field_doc])* pub $field: Option<$type>,)*
            /// Keys that are not known here, in the order of the wire.
            pub extra: Vec<(String, Value)>,
        }

        impl Keys for $name {
            fn empty() -> &'static Self {
                static EMPTY: $name = $name { $($field: None,)* extra: Vec::new() };
                &EMPTY
            }

            fn extra(&self) -> &[(String, Value)] {
                &self.extra
            }
        }

        impl sealed::Keys for $name {
            fn read_key<'a, R: Reader<'a>>(
                &mut self,
                key: &str,
                reader: &mut R,
                context: &Context<'_>,
            ) -> Result<(), DecodeError> {
                match key {
                    $($key => read_known(&mut self.$field, key, reader, context),)*
                    _ => read_extra(&mut self.extra, key, reader, context),
                }
            }

            fn count(&self) -> usize {
                0 $(+ usize::from(self.$field.is_some()))* + self.extra.len()
            }

            fn text_bytes(&self) -> usize {
                0 $(+ self.$field.as_ref().map_or(0, Field::text_bytes))*
            }

            fn write_entries<W: Writer>(&self, writer: &mut W) {
                $(if let Some(value) = &self.$field {
                    writer.key($key);
                    value.write(writer);
                })*
                for (key, value) in &self.extra {
                    writer.key(key);
                    write_value(value, writer);
                }
            }
        })*
    };
}

fn read_known<'a, R: Reader<'a>, T: Field>(
    field: &mut Option<T>,
    key: &str,
    reader: &mut R,
    context: &Context<'_>,
) -> Result<(), DecodeError> {
    if field.is_some() {
        return Err(DecodeError::DuplicateKey(key.to_owned()));
    }
    if context.rules.nil_is_empty_dict && reader.peek()? == Kind::Null {
        reader.skip()?;
        return Ok(());
    }
    match T::read(reader, context) {
        Ok(value) => *field = Some(value),
        Err(DecodeError::Syntax(SyntaxError::Type(expected))) => {
            return Err(DecodeError::Key { key: key.to_owned(), expected });
        }
        Err(error) => return Err(error),
    }
    Ok(())
}

fn read_extra<'a, R: Reader<'a>>(
    extra: &mut Vec<(String, Value)>,
    key: &str,
    reader: &mut R,
    context: &Context<'_>,
) -> Result<(), DecodeError> {
    if extra.iter().any(|(other, _)| other == key) {
        // It came from a stranger, so that it may be long.
        return Err(DecodeError::DuplicateKey(key.chars().take(64).collect()));
    }
    if extra.len() == EXTRA_MAX {
        return Err(DecodeError::TooManyKeys(EXTRA_MAX));
    }
    extra.push((key.to_owned(), Value::read(reader, context)?));
    Ok(())
}

/// A list of routers that a message came through; set by routers only (R2R-02).
pub type ForwardFor = Vec<Dict<Forwarder>>;

dicts! {
    /// HELLO.Details.
    HelloDetails {
        /// Name and version of the client (SES-04).
        "agent" agent: ByteString,
        /// The roles that the client takes (SES-02).
        "roles" roles: Dict<ClientRoles>,
        /// Authentication methods, the preferred first (AUTH-GEN-01).
        "authmethods" authmethods: Vec<ByteString>,
        /// Who the client claims to be.
        "authid" authid: ByteString,
        /// The role that the client asks for.
        "authrole" authrole: ByteString,
        /// Whatever the authentication method needs.
        "authextra" authextra: Value,
    }

    /// HELLO.Details.roles.
    ClientRoles {
        /// It publishes.
        "publisher" publisher: Dict<PublisherRole>,
        /// It subscribes.
        "subscriber" subscriber: Dict<SubscriberRole>,
        /// It calls.
        "caller" caller: Dict<CallerRole>,
        /// It registers.
        "callee" callee: Dict<CalleeRole>,
    }

    /// HELLO.Details.roles.publisher.
    PublisherRole {
        /// What it can.
        "features" features: Dict<PublisherFeatures>,
    }

    /// HELLO.Details.roles.subscriber.
    SubscriberRole {
        /// What it can.
        "features" features: Dict<SubscriberFeatures>,
    }

    /// HELLO.Details.roles.caller.
    CallerRole {
        /// What it can.
        "features" features: Dict<CallerFeatures>,
    }

    /// HELLO.Details.roles.callee.
    CalleeRole {
        /// What it can.
        "features" features: Dict<CalleeFeatures>,
    }

    /// Features of a publisher (FEAT-03).
    PublisherFeatures {
        /// May be disclosed to subscribers.
        "publisher_identification" publisher_identification: bool,
        /// Uses `exclude_me`.
        "publisher_exclusion" publisher_exclusion: bool,
        /// Uses the black- and whitelists.
        "subscriber_blackwhite_listing" subscriber_blackwhite_listing: bool,
        /// Sends resource keys (SHS-01; the specification's spelling).
        "shareded_subscriptions" sharded_subscriptions: bool,
        /// Sends payload passthru mode.
        "payload_passthru_mode" payload_passthru_mode: bool,
    }

    /// Features of a subscriber (FEAT-04).
    SubscriberFeatures {
        /// Understands who published.
        "publisher_identification" publisher_identification: bool,
        /// Uses pattern subscriptions.
        "pattern_based_subscription" pattern_based_subscription: bool,
        /// Understands trust levels.
        "publication_trustlevels" publication_trustlevels: bool,
        /// Understands UNSUBSCRIBED of the router's own accord.
        "subscription_revocation" subscription_revocation: bool,
        /// Sends node keys (SHS-01; the specification's spelling).
        "shareded_subscriptions" sharded_subscriptions: bool,
        /// Understands payload passthru mode.
        "payload_passthru_mode" payload_passthru_mode: bool,
    }

    /// Features of a caller (FEAT-05).
    CallerFeatures {
        /// May be disclosed to callees.
        "caller_identification" caller_identification: bool,
        /// Sends CANCEL.
        "call_canceling" call_canceling: bool,
        /// Takes progressive results.
        "progressive_call_results" progressive_call_results: bool,
        /// Sends progressive invocations.
        "progressive_call_invocations" progressive_call_invocations: bool,
        /// Uses call timeouts.
        "call_timeout" call_timeout: bool,
        /// Calls by resource key (SRD-01).
        "sharded_registration" sharded_registration: bool,
        /// Sends payload passthru mode.
        "payload_passthru_mode" payload_passthru_mode: bool,
    }

    /// Features of a callee (FEAT-06).
    CalleeFeatures {
        /// Understands who called.
        "caller_identification" caller_identification: bool,
        /// Understands INTERRUPT.
        "call_canceling" call_canceling: bool,
        /// The same, as the text of progressive invocations spells it (FEAT-07).
        "call_cancelling" call_cancelling: bool,
        /// Understands timeouts.
        "call_timeout" call_timeout: bool,
        /// Understands trust levels.
        "call_trustlevels" call_trustlevels: bool,
        /// Sends progressive results.
        "progressive_call_results" progressive_call_results: bool,
        /// Takes progressive invocations.
        "progressive_call_invocations" progressive_call_invocations: bool,
        /// Uses pattern registrations.
        "pattern_based_registration" pattern_based_registration: bool,
        /// Uses shared registrations.
        "shared_registration" shared_registration: bool,
        /// Is one of several shards (SRD-01).
        "sharded_registration" sharded_registration: bool,
        /// Has calls that it cannot attend to given to another callee (RRT-01).
        "call_reroute" call_reroute: bool,
        /// Understands UNREGISTERED of the router's own accord.
        "registration_revocation" registration_revocation: bool,
        /// Understands payload passthru mode.
        "payload_passthru_mode" payload_passthru_mode: bool,
    }

    /// WELCOME.Details (AUTH-GEN-03).
    WelcomeDetails {
        /// Name and version of the router.
        "agent" agent: ByteString,
        /// The roles of the router, each with `features` (SES-03).
        "roles" roles: Dict<RouterRoles>,
        /// The realm joined.
        "realm" realm: ByteString,
        /// The authid in force.
        "authid" authid: ByteString,
        /// The role in force.
        "authrole" authrole: ByteString,
        /// The method that was used.
        "authmethod" authmethod: ByteString,
        /// Who vouched.
        "authprovider" authprovider: ByteString,
        /// What the authentication method gave.
        "authextra" authextra: Value,
    }

    /// WELCOME.Details.roles.
    RouterRoles {
        /// It brokers.
        "broker" broker: Dict<BrokerRole>,
        /// It deals.
        "dealer" dealer: Dict<DealerRole>,
    }

    /// WELCOME.Details.roles.broker.
    BrokerRole {
        /// What it can.
        "features" features: Dict<BrokerFeatures>,
    }

    /// WELCOME.Details.roles.dealer.
    DealerRole {
        /// What it can.
        "features" features: Dict<DealerFeatures>,
    }

    /// Features of a broker (FEAT-01). A key is there only from the change that implements it.
    BrokerFeatures {
        /// Discloses publishers that ask for it (PID).
        "publisher_identification" publisher_identification: bool,
        /// Honours `exclude_me`.
        "publisher_exclusion" publisher_exclusion: bool,
        /// Honours black- and whitelists.
        "subscriber_blackwhite_listing" subscriber_blackwhite_listing: bool,
        /// Takes patterns of topics.
        "pattern_based_subscription" pattern_based_subscription: bool,
        /// Says how far a publisher is trusted (TRL-01).
        "publication_trustlevels" publication_trustlevels: bool,
        /// Has the meta API of subscriptions (META-SUB).
        "subscription_meta_api" subscription_meta_api: bool,
        /// Has the meta API of sessions (META-SES).
        "session_meta_api" session_meta_api: bool,
        /// Keeps what was published to configured topics (HIS).
        "event_history" event_history: bool,
        /// Keeps the last event of a topic for those who subscribe later (RET).
        "event_retention" event_retention: bool,
        /// Says so when it revokes a subscription (SRV).
        "subscription_revocation" subscription_revocation: bool,
        /// Deals events out by resource key (SHS-01; the specification's spelling).
        "shareded_subscriptions" sharded_subscriptions: bool,
        /// Passes packed payloads through (PPT).
        "payload_passthru_mode" payload_passthru_mode: bool,
        /// The same in the form of Autobahn.
        "payload_transparency" payload_transparency: bool,
    }

    /// Features of a dealer (FEAT-02). A key is there only from the change that implements it.
    DealerFeatures {
        /// Passes progressive results on (PCR).
        "progressive_call_results" progressive_call_results: bool,
        /// Passes calls in several chunks on (PCI).
        "progressive_call_invocations" progressive_call_invocations: bool,
        /// Lets callers cancel (CAN).
        "call_canceling" call_canceling: bool,
        /// Ends calls that take too long (TMO).
        "call_timeout" call_timeout: bool,
        /// Discloses callers that ask for it (CID).
        "caller_identification" caller_identification: bool,
        /// Says how far a caller is trusted (TRL-01).
        "call_trustlevels" call_trustlevels: bool,
        /// Takes patterns of procedures.
        "pattern_based_registration" pattern_based_registration: bool,
        /// Takes several callees for one procedure.
        "shared_registration" shared_registration: bool,
        /// Calls the callee that a resource key belongs to (SRD-01).
        "sharded_registration" sharded_registration: bool,
        /// Says so when it revokes a registration.
        "registration_revocation" registration_revocation: bool,
        /// Has the meta API of registrations (META-REG).
        "registration_meta_api" registration_meta_api: bool,
        /// Has the meta API of sessions (META-SES).
        "session_meta_api" session_meta_api: bool,
        /// Publishes what sessions leave behind (TST).
        "testament_meta_api" testament_meta_api: bool,
        /// Gives calls that a callee cannot attend to to another one (RRT).
        "call_reroute" call_reroute: bool,
        /// Passes packed payloads through (PPT).
        "payload_passthru_mode" payload_passthru_mode: bool,
        /// The same in the form of Autobahn.
        "payload_transparency" payload_transparency: bool,
        /// Has the invocation policy `all`, which is Trunkline's.
        "_invoke_all" invoke_all: bool,
        /// Has the invocation policy `leastbusy`, which is Trunkline's.
        "_invoke_leastbusy" invoke_leastbusy: bool,
    }

    /// ABORT.Details.
    AbortDetails {
        /// For people.
        "message" message: ByteString,
    }

    /// CHALLENGE.Extra.
    ChallengeExtra {
    }

    /// AUTHENTICATE.Extra.
    AuthenticateExtra {
    }

    /// GOODBYE.Details.
    GoodbyeDetails {
        /// For people.
        "message" message: ByteString,
    }

    /// ERROR.Details.
    ErrorDetails {
        /// Payload passthru mode (PPT-02).
        "ppt_scheme" ppt_scheme: ByteString,
        /// Serializer of the passed payload.
        "ppt_serializer" ppt_serializer: ByteString,
        /// Cipher of the passed payload.
        "ppt_cipher" ppt_cipher: ByteString,
        /// Key of the passed payload.
        "ppt_keyid" ppt_keyid: ByteString,
        /// Algorithm of a payload in Autobahn's transparent form.
        "enc_algo" enc_algo: PayloadAlgorithm,
        /// Serializer of that payload.
        "enc_serializer" enc_serializer: ByteString,
        /// Key of that payload.
        "enc_key" enc_key: ByteString,
        /// Routers that the message came through.
        "forward_for" forward_for: ForwardFor,
    }

    /// PUBLISH.Options.
    PublishOptions {
        /// The publisher wants PUBLISHED (PUB-02).
        "acknowledge" acknowledge: bool,
        /// Whether the publisher is left out; it is unless this is false (EXC-01).
        "exclude_me" exclude_me: bool,
        /// Sessions left out.
        "exclude" exclude: Vec<u64>,
        /// Authids left out.
        "exclude_authid" exclude_authid: Vec<ByteString>,
        /// Roles left out.
        "exclude_authrole" exclude_authrole: Vec<ByteString>,
        /// The only sessions.
        "eligible" eligible: Vec<u64>,
        /// The only authids.
        "eligible_authid" eligible_authid: Vec<ByteString>,
        /// The only roles.
        "eligible_authrole" eligible_authrole: Vec<ByteString>,
        /// Kept as the topic's retained event (RET-01).
        "retain" retain: bool,
        /// The publisher asks to be disclosed (PID-01).
        "disclose_me" disclose_me: bool,
        /// Routing key (SHS-01).
        "rkey" rkey: ByteString,
        /// Hash of a transaction; in the official test vectors only.
        "transaction_hash" transaction_hash: ByteString,
        /// Payload passthru mode (PPT-01).
        "ppt_scheme" ppt_scheme: ByteString,
        /// Serializer of the passed payload.
        "ppt_serializer" ppt_serializer: ByteString,
        /// Cipher of the passed payload.
        "ppt_cipher" ppt_cipher: ByteString,
        /// Key of the passed payload.
        "ppt_keyid" ppt_keyid: ByteString,
        /// Algorithm of a payload in Autobahn's transparent form.
        "enc_algo" enc_algo: PayloadAlgorithm,
        /// Serializer of that payload.
        "enc_serializer" enc_serializer: ByteString,
        /// Key of that payload.
        "enc_key" enc_key: ByteString,
        /// Routers that the message came through.
        "forward_for" forward_for: ForwardFor,
    }

    /// SUBSCRIBE.Options.
    SubscribeOptions {
        /// How the topic is matched (PBS-01).
        "match" match_policy: MatchPolicy,
        /// The subscriber wants the retained event (RET-02).
        "get_retained" get_retained: bool,
        /// Node key (SHS-01).
        "nkey" nkey: ByteString,
        /// Routers that the message came through.
        "forward_for" forward_for: ForwardFor,
    }

    /// UNSUBSCRIBED.Details: the subscription that was revoked (SRV-01).
    UnsubscribedDetails {
        /// The subscription.
        "subscription" subscription: SubscriptionId,
        /// Why.
        "reason" reason: ByteString,
    }

    /// EVENT.Details.
    EventDetails {
        /// Session of the publisher (PID-01).
        "publisher" publisher: SessionId,
        /// Authid of the publisher.
        "publisher_authid" publisher_authid: ByteString,
        /// Role of the publisher.
        "publisher_authrole" publisher_authrole: ByteString,
        /// The topic published to, where the subscription is a pattern (PBS-05).
        "topic" topic: ByteString,
        /// Trust level (TRL-01).
        "trustlevel" trustlevel: u64,
        /// It is a retained event (RET-02).
        "retained" retained: bool,
        /// Hash of a transaction; in the official test vectors only.
        "transaction_hash" transaction_hash: ByteString,
        /// The broker wants to know that the event arrived; in the official test vectors only.
        "x_acknowledged_delivery" x_acknowledged_delivery: bool,
        /// Payload passthru mode (PPT-02).
        "ppt_scheme" ppt_scheme: ByteString,
        /// Serializer of the passed payload.
        "ppt_serializer" ppt_serializer: ByteString,
        /// Cipher of the passed payload.
        "ppt_cipher" ppt_cipher: ByteString,
        /// Key of the passed payload.
        "ppt_keyid" ppt_keyid: ByteString,
        /// Algorithm of a payload in Autobahn's transparent form.
        "enc_algo" enc_algo: PayloadAlgorithm,
        /// Serializer of that payload.
        "enc_serializer" enc_serializer: ByteString,
        /// Key of that payload.
        "enc_key" enc_key: ByteString,
        /// Routers that the message came through.
        "forward_for" forward_for: ForwardFor,
    }

    /// CALL.Options.
    CallOptions {
        /// Milliseconds until the call is canceled, 0 for none (TMO-01).
        "timeout" timeout: u64,
        /// The caller takes progressive results (PCR-01).
        "receive_progress" receive_progress: bool,
        /// More chunks of the invocation follow (PCI-01).
        "progress" progress: bool,
        /// The caller asks to be disclosed (CID-01).
        "disclose_me" disclose_me: bool,
        /// Routing key (SRD-01).
        "rkey" rkey: ByteString,
        /// Run mode (SRD-01).
        "runmode" runmode: ByteString,
        /// Payload passthru mode (PPT-01).
        "ppt_scheme" ppt_scheme: ByteString,
        /// Serializer of the passed payload.
        "ppt_serializer" ppt_serializer: ByteString,
        /// Cipher of the passed payload.
        "ppt_cipher" ppt_cipher: ByteString,
        /// Key of the passed payload.
        "ppt_keyid" ppt_keyid: ByteString,
        /// Algorithm of a payload in Autobahn's transparent form.
        "enc_algo" enc_algo: PayloadAlgorithm,
        /// Serializer of that payload.
        "enc_serializer" enc_serializer: ByteString,
        /// Key of that payload.
        "enc_key" enc_key: ByteString,
        /// Routers that the message came through.
        "forward_for" forward_for: ForwardFor,
    }

    /// CANCEL.Options.
    CancelOptions {
        /// What is done to the callee and to the caller.
        "mode" mode: CancelMode,
        /// Routers that the message came through.
        "forward_for" forward_for: ForwardFor,
    }

    /// RESULT.Details.
    ResultDetails {
        /// More results follow (PCR-02).
        "progress" progress: bool,
        /// Payload passthru mode (PPT-02).
        "ppt_scheme" ppt_scheme: ByteString,
        /// Serializer of the passed payload.
        "ppt_serializer" ppt_serializer: ByteString,
        /// Cipher of the passed payload.
        "ppt_cipher" ppt_cipher: ByteString,
        /// Key of the passed payload.
        "ppt_keyid" ppt_keyid: ByteString,
        /// Algorithm of a payload in Autobahn's transparent form.
        "enc_algo" enc_algo: PayloadAlgorithm,
        /// Serializer of that payload.
        "enc_serializer" enc_serializer: ByteString,
        /// Key of that payload.
        "enc_key" enc_key: ByteString,
        /// Routers that the message came through.
        "forward_for" forward_for: ForwardFor,
    }

    /// REGISTER.Options.
    RegisterOptions {
        /// How the procedure is matched (PBR-01).
        "match" match_policy: MatchPolicy,
        /// How a callee is chosen (SHR-01).
        "invoke" invoke: InvocationPolicy,
        /// Open invocations that this callee takes at once (CON-01).
        "concurrency" concurrency: u64,
        /// Every caller is disclosed (CID-02).
        "disclose_caller" disclose_caller: bool,
        /// The callee minds timeouts itself (TMO-03).
        "forward_timeout" forward_timeout: bool,
        /// Takes the registration over (CON-08).
        "force_reregister" force_reregister: bool,
        /// Routers that the message came through.
        "forward_for" forward_for: ForwardFor,
    }

    /// UNREGISTERED.Details: the registration that was revoked (RRV-01).
    UnregisteredDetails {
        /// The registration.
        "registration" registration: RegistrationId,
        /// Why.
        "reason" reason: ByteString,
    }

    /// INVOCATION.Details.
    InvocationDetails {
        /// Milliseconds that the callee has (TMO-03).
        "timeout" timeout: u64,
        /// Progressive results are welcome (PCR-01).
        "receive_progress" receive_progress: bool,
        /// More chunks follow (PCI-01).
        "progress" progress: bool,
        /// Session of the caller (CID-01).
        "caller" caller: SessionId,
        /// Authid of the caller.
        "caller_authid" caller_authid: ByteString,
        /// Role of the caller.
        "caller_authrole" caller_authrole: ByteString,
        /// Trust level (TRL-01).
        "trustlevel" trustlevel: u64,
        /// The procedure called, where the registration is a pattern (PBR-05).
        "procedure" procedure: ByteString,
        /// Payload passthru mode (PPT-02).
        "ppt_scheme" ppt_scheme: ByteString,
        /// Serializer of the passed payload.
        "ppt_serializer" ppt_serializer: ByteString,
        /// Cipher of the passed payload.
        "ppt_cipher" ppt_cipher: ByteString,
        /// Key of the passed payload.
        "ppt_keyid" ppt_keyid: ByteString,
        /// Algorithm of a payload in Autobahn's transparent form.
        "enc_algo" enc_algo: PayloadAlgorithm,
        /// Serializer of that payload.
        "enc_serializer" enc_serializer: ByteString,
        /// Key of that payload.
        "enc_key" enc_key: ByteString,
        /// Routers that the message came through.
        "forward_for" forward_for: ForwardFor,
    }

    /// INTERRUPT.Options.
    InterruptOptions {
        /// What the callee does.
        "mode" mode: CancelMode,
        /// Why.
        "reason" reason: ByteString,
        /// Routers that the message came through.
        "forward_for" forward_for: ForwardFor,
    }

    /// YIELD.Options.
    YieldOptions {
        /// More results follow (PCR-02).
        "progress" progress: bool,
        /// Payload passthru mode (PPT-01).
        "ppt_scheme" ppt_scheme: ByteString,
        /// Serializer of the passed payload.
        "ppt_serializer" ppt_serializer: ByteString,
        /// Cipher of the passed payload.
        "ppt_cipher" ppt_cipher: ByteString,
        /// Key of the passed payload.
        "ppt_keyid" ppt_keyid: ByteString,
        /// Algorithm of a payload in Autobahn's transparent form.
        "enc_algo" enc_algo: PayloadAlgorithm,
        /// Serializer of that payload.
        "enc_serializer" enc_serializer: ByteString,
        /// Key of that payload.
        "enc_key" enc_key: ByteString,
        /// Routers that the message came through.
        "forward_for" forward_for: ForwardFor,
    }

    /// One router of `forward_for`.
    Forwarder {
        /// Session of the forwarder.
        "session" session: u64,
        /// Authid of the forwarder.
        "authid" authid: ByteString,
        /// Role of the forwarder.
        "authrole" authrole: ByteString,
    }
}
