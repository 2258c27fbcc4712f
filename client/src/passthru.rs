//! Payload passthru mode: arguments packed into octets that routers do not look into (PPT-03).
//!
//! What this module cannot unpack, such as an encrypted payload, stays the one argument of octets that it came as; the
//! application has the details of the message, and the rest is its own.

use bytestring::ByteString;
use wamp_proto::dict::{
    CallOptions, ErrorDetails, EventDetails, InvocationDetails, PublishOptions, ResultDetails, YieldOptions,
};
use wamp_proto::{Payload, SerializerId, Value};

use crate::error::Error;

/// The serializer of the session.
const NATIVE: &str = "native";

/// How arguments are packed, so that no router between the peers looks into them (PPT-01, PPT-10). Peers of this crate
/// unpack them by themselves, and see no difference. They are packed, not encrypted.
///
/// ```
/// # trunkline_tests::example(async |client| {
/// use trunkline_client::{Args, Passthru, Reply, SerializerId};
///
/// let add = async |Args((a, b)): Args<(i64, i64)>| Reply(a + b);
/// client.register("com.example.add", add).passthru(Passthru::mqtt()).await?;
///
/// let packed = Passthru::mqtt_in(SerializerId::Cbor);
/// let sum: i64 = client.call("com.example.add", (2, 3)).passthru(packed).await?;
/// assert_eq!(sum, 5);
/// # Ok(()) });
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Passthru {
    scheme: ByteString,
    /// None for that of the session.
    serializer: Option<SerializerId>,
}

impl Passthru {
    /// The scheme `mqtt`, in the serializer of the session: for peers that have the same one.
    pub fn mqtt() -> Self {
        Self { scheme: "mqtt".into(), serializer: None }
    }

    /// The scheme `mqtt`, in that serializer.
    pub fn mqtt_in(serializer: SerializerId) -> Self {
        Self { serializer: Some(serializer), ..Self::mqtt() }
    }

    /// The scheme `x_name`, one of the application's own, in that serializer.
    ///
    /// ```
    /// # trunkline_tests::example(async |client| {
    /// use futures_util::StreamExt as _;
    /// use trunkline_client::{Passthru, SerializerId};
    ///
    /// let mut orders = client.subscribe::<String>("com.example.orders").await?;
    /// let packed = Passthru::custom("acme", SerializerId::Json);
    /// client.publish("com.example.orders", "tea").passthru(packed).exclude_me(false).await?;
    ///
    /// let event = orders.next().await.unwrap()?;
    /// assert_eq!(event.args, "tea");
    /// assert_eq!(event.details.ppt_scheme.as_deref(), Some("x_acme"));
    /// # Ok(()) });
    /// ```
    pub fn custom(name: &str, serializer: SerializerId) -> Self {
        Self { scheme: format!("x_{name}").into(), serializer: Some(serializer) }
    }

    /// Packs the arguments of a message on a session of that serializer, and says so in its options.
    pub(crate) fn pack(
        &self,
        options: &mut impl Packing,
        payload: &Payload,
        session: SerializerId,
    ) -> Result<Payload, Error> {
        let unreadable = |error| Error::Encode(serde::ser::Error::custom(error));
        let (args, kwargs) = payload.values().map_err(unreadable)?;
        let packed = Value::Dict(vec![
            ("args".to_owned(), Value::List(args)),
            ("kwargs".to_owned(), Value::Dict(kwargs)),
        ]);
        options.set_packing(&self.scheme, self.serializer.map_or(NATIVE, name));
        let octets = packed.encode(self.serializer.unwrap_or(session));
        Ok(Payload::new(session, &[Value::Bytes(octets)], &[]))
    }
}

/// Nothing packed goes to a router that does not say that it passes it on (PPT-06).
pub(crate) fn check_router(is_announced: bool) -> Result<(), Error> {
    if is_announced { Ok(()) } else { Err(Error::Feature("payload_passthru_mode")) }
}

/// The arguments of a message on a session of that serializer; as they came, if they are not packed, or nobody here can
/// unpack them.
pub(crate) fn unpacked(details: &impl Packing, payload: Payload, session: SerializerId) -> Payload {
    if !details.is_packed() {
        return payload;
    }
    unpack(details, &payload, session).unwrap_or(payload)
}

fn unpack(details: &impl Packing, payload: &Payload, session: SerializerId) -> Option<Payload> {
    let serializer = match details.plain_serializer()? {
        NATIVE => session,
        name => SerializerId::from_subprotocol(&format!("wamp.2.{name}"))?,
    };
    let (args, kwargs) = payload.values().ok()?;
    let ([Value::Bytes(octets)], []) = (&*args, &*kwargs) else { return None };
    let Value::Dict(entries) = Value::decode(serializer, octets).ok()? else { return None };
    let (mut args, mut kwargs) = (Vec::new(), Vec::new());
    for (key, value) in entries {
        match (&*key, value) {
            ("args", Value::List(list)) => args = list,
            ("kwargs", Value::Dict(dict)) => kwargs = dict,
            ("args" | "kwargs", Value::Null) => {}
            _ => return None,
        }
    }
    Some(Payload::new(session, &args, &kwargs))
}

/// The name of a serializer in `ppt_serializer`.
fn name(serializer: SerializerId) -> &'static str {
    serializer.subprotocol().trim_start_matches("wamp.2.")
}

/// Options or details that say whether, and how, the payload of their message is packed.
pub(crate) trait Packing {
    fn set_packing(&mut self, scheme: &ByteString, serializer: &str);

    fn is_packed(&self) -> bool;

    /// The serializer of a payload that is packed but not encrypted.
    fn plain_serializer(&self) -> Option<&str>;
}

macro_rules! packing {
    ($($name:ident)*) => {
        $(impl Packing for $name {
            fn set_packing(&mut self, scheme: &ByteString, serializer: &str) {
                self.ppt_scheme = Some(scheme.clone());
                self.ppt_serializer = Some(serializer.into());
            }

            fn is_packed(&self) -> bool {
                self.ppt_scheme.as_ref().is_some_and(|scheme| !scheme.is_empty())
            }

            fn plain_serializer(&self) -> Option<&str> {
                let is_plain = self.ppt_cipher.is_none();
                is_plain.then(|| self.ppt_serializer.as_deref().unwrap_or(NATIVE))
            }
        })*
    };
}

packing! { CallOptions PublishOptions YieldOptions ErrorDetails EventDetails InvocationDetails ResultDetails }
