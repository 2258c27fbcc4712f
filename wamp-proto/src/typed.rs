//! stub
use crate::{Payload, SerializerId};
use serde::{Deserialize, Serialize};
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct EncodeError(String);
impl serde::ser::Error for EncodeError {
    fn custom<T: std::fmt::Display>(t: T) -> Self {
        Self(t.to_string())
    }
}
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct DecodeValueError(String);
impl Payload {
    pub fn from_args<A: Serialize + ?Sized>(_: SerializerId, _: &A) -> Result<Payload, EncodeError> {
        Ok(Payload::EMPTY)
    }
    pub fn from_args_kwargs<A: Serialize + ?Sized, K: Serialize + ?Sized>(
        _: SerializerId,
        _: &A,
        _: &K,
    ) -> Result<Payload, EncodeError> {
        Ok(Payload::EMPTY)
    }
    pub fn to_args<'de, T: Deserialize<'de>>(&'de self) -> Result<T, DecodeValueError> {
        Err(DecodeValueError(String::new()))
    }
    pub fn to_kwargs<'de, T: Deserialize<'de>>(&'de self) -> Result<T, DecodeValueError> {
        Err(DecodeValueError(String::new()))
    }
}
