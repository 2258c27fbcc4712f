//! Application data: what Rust values are as positional and keyword arguments, and back.

use serde::Serialize;
use serde::de::DeserializeOwned;
use wamp_proto::{DecodeValueError, EncodeError, Payload, SerializerId};

/// What can be sent as the arguments of a call, an event, a result or an error.
///
/// - A tuple is the list of positional arguments: `(2, 3)`; so is an array.
/// - `()` is no argument at all.
/// - Any other value is the one positional argument: `5`, a struct (a dict on the wire), a `Vec` (a list).
/// - [`Kwargs`] is keyword arguments, [`ArgsKwargs`] both.
/// - [`Raw`] is a payload that is encoded already.
///
/// ```
/// use std::collections::HashMap;
/// use trunkline_client::{ArgsKwargs, IntoPayload, Kwargs, SerializerId};
///
/// fn json(args: impl IntoPayload) -> String {
///     let payload = args.into_payload(SerializerId::Json).unwrap();
///     String::from_utf8(payload.raw().to_vec()).unwrap()
/// }
///
/// assert_eq!(json((2, "two")), r#"[2,"two"]"#);
/// assert_eq!(json(vec![2, 3]), "[[2,3]]");
/// assert_eq!(json(()), "");
/// let unit = HashMap::from([("unit", "°C")]);
/// assert_eq!(json(Kwargs(&unit)), r#"[],{"unit":"°C"}"#);
/// assert_eq!(json(ArgsKwargs((21.5,), &unit)), r#"[21.5],{"unit":"°C"}"#);
/// ```
pub trait IntoPayload {
    /// Encodes the arguments, in that serializer if they are not encoded yet.
    ///
    /// # Errors
    /// If a value cannot be encoded.
    fn into_payload(self, serializer: SerializerId) -> Result<Payload, EncodeError>;
}

/// What arguments that came can be taken as; the mirror of [`IntoPayload`].
///
/// - A tuple takes the list of positional arguments, which has to be as long.
/// - `()` takes anything.
/// - Any other type takes the first positional argument, and leaves more unread.
/// - `Option` is `None` if there is no argument.
/// - [`Kwargs`] takes the keyword arguments, [`ArgsKwargs`] both, [`Raw`] the payload as it came.
///
/// ```
/// use trunkline_client::{FromPayload, IntoPayload, SerializerId};
///
/// let payload = (2, "two").into_payload(SerializerId::Cbor).unwrap();
/// assert_eq!(<(u8, String)>::from_payload(&payload).unwrap(), (2, "two".to_owned()));
/// assert_eq!(u8::from_payload(&payload).unwrap(), 2);
/// let error = <(u8,)>::from_payload(&payload).unwrap_err();
/// assert_eq!(error.to_string(), "expected 1 argument, found 2");
/// ```
pub trait FromPayload: Sized {
    /// Decodes the arguments.
    ///
    /// # Errors
    /// If they are something else.
    fn from_payload(payload: &Payload) -> Result<Self, NotDecoded>;
}

/// Arguments are not of the type that they were to be taken as.
///
/// It says which argument is wrong, and how:
///
/// ```
/// use trunkline_client::{FromPayload, IntoPayload, SerializerId};
///
/// let payload = (2, "two").into_payload(SerializerId::Cbor).unwrap();
/// let error = <(u8, u8)>::from_payload(&payload).unwrap_err();
/// assert_eq!(error.to_string(), "argument 2: invalid type: string \"two\", expected u8");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(transparent)]
pub struct NotDecoded(#[from] pub(crate) DecodeValueError);

impl<T: Serialize> IntoPayload for T {
    fn into_payload(self, serializer: SerializerId) -> Result<Payload, EncodeError> {
        Payload::from_args(serializer, &self)
    }
}

impl<T: DeserializeOwned> FromPayload for T {
    fn from_payload(payload: &Payload) -> Result<Self, NotDecoded> {
        Ok(payload.to_args()?)
    }
}

/// Keyword arguments: a struct, or a map with text as keys. A procedure can have it as a parameter.
///
/// ```
/// # trunkline_tests::example(async |client| {
/// use serde::{Deserialize, Serialize};
/// use trunkline_client::{Kwargs, Reply};
///
/// #[derive(Serialize, Deserialize)]
/// struct Size {
///     width: u32,
///     height: u32,
/// }
///
/// let area = async |Kwargs(size): Kwargs<Size>| Reply(size.width * size.height);
/// client.register("com.example.area", area).await?;
/// let area: u32 = client.call("com.example.area", Kwargs(Size { width: 4, height: 3 })).await?;
/// assert_eq!(area, 12);
/// # Ok(()) });
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Kwargs<T>(pub T);

impl<T: Serialize> IntoPayload for Kwargs<T> {
    fn into_payload(self, serializer: SerializerId) -> Result<Payload, EncodeError> {
        Payload::from_args_kwargs(serializer, &(), &self.0)
    }
}

impl<T: DeserializeOwned> FromPayload for Kwargs<T> {
    fn from_payload(payload: &Payload) -> Result<Self, NotDecoded> {
        Ok(Self(payload.to_kwargs()?))
    }
}

/// Positional arguments and keyword arguments. A procedure can have it as a parameter.
///
/// ```
/// # trunkline_tests::example(async |client| {
/// use std::collections::HashMap;
/// use trunkline_client::{ArgsKwargs, Reply};
///
/// type Units = HashMap<String, f64>;
/// let convert = async |ArgsKwargs((value,), units): ArgsKwargs<(f64,), Units>| Reply(value * units["factor"]);
/// client.register("com.example.convert", convert).await?;
///
/// let args = ArgsKwargs((2.0,), HashMap::from([("factor", 2.5)]));
/// assert_eq!(client.call::<f64>("com.example.convert", args).await?, 5.0);
/// # Ok(()) });
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ArgsKwargs<A, K>(pub A, pub K);

impl<A: Serialize, K: Serialize> IntoPayload for ArgsKwargs<A, K> {
    fn into_payload(self, serializer: SerializerId) -> Result<Payload, EncodeError> {
        Payload::from_args_kwargs(serializer, &self.0, &self.1)
    }
}

impl<A: DeserializeOwned, K: DeserializeOwned> FromPayload for ArgsKwargs<A, K> {
    fn from_payload(payload: &Payload) -> Result<Self, NotDecoded> {
        Ok(Self(payload.to_args()?, payload.to_kwargs()?))
    }
}

/// A payload as it is on the wire. Passing one on costs no decoding.
///
/// ```
/// # trunkline_tests::example(async |client| {
/// use trunkline_client::{Raw, Reply};
///
/// // Answers with what it is called with, whatever that is.
/// client.register("com.example.echo", async |Raw(payload): Raw| Reply(Raw(payload))).await?;
/// assert_eq!(client.call::<(u8, String)>("com.example.echo", (2, "two")).await?, (2, "two".to_owned()));
///
/// let Raw(payload) = client.call("com.example.echo", (2, "two")).await?;
/// let (args, _kwargs) = payload.values()?;
/// assert_eq!(args, [2.into(), "two".into()]);
/// # Ok(()) });
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Raw(pub Payload);

impl IntoPayload for Raw {
    fn into_payload(self, _: SerializerId) -> Result<Payload, EncodeError> {
        Ok(self.0)
    }
}

impl FromPayload for Raw {
    fn from_payload(payload: &Payload) -> Result<Self, NotDecoded> {
        Ok(Self(payload.clone()))
    }
}
