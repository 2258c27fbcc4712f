//! stub
use crate::address::Address;
use bytes::Bytes;
use futures_util::{Sink, Stream};
use std::io;
use std::sync::Arc;
use std::time::Duration;
use wamp_proto::SerializerId;
/// t
pub trait Transport:
    Stream<Item = io::Result<Bytes>> + Sink<Bytes, Error = io::Error> + Send + Unpin
{
}
impl<T: Stream<Item = io::Result<Bytes>> + Sink<Bytes, Error = io::Error> + Send + Unpin> Transport for T {}
pub(crate) struct Opened {
    pub(crate) transport: Box<dyn Transport>,
    pub(crate) serializer: SerializerId,
    pub(crate) channel: Option<[u8; 32]>,
    pub(crate) cookie: Option<String>,
    pub(crate) send_max_bytes: usize,
}
pub(crate) struct TransportSettings {
    pub(crate) serializers: Vec<SerializerId>,
    pub(crate) message_max_bytes: usize,
    pub(crate) keep_alive: Option<Duration>,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) tls: Option<Tls>,
}
impl Default for TransportSettings {
    fn default() -> Self {
        Self {
            serializers: vec![SerializerId::Cbor],
            message_max_bytes: 1 << 24,
            keep_alive: None,
            headers: Vec::new(),
            tls: None,
        }
    }
}
#[derive(Clone, Debug, thiserror::Error)]
pub enum TransportError {
    #[error("io")]
    Io(Arc<io::Error>),
}
impl From<io::Error> for TransportError {
    fn from(e: io::Error) -> Self {
        Self::Io(Arc::new(e))
    }
}
#[derive(Clone, Debug)]
pub struct Tls;
#[derive(Clone, Debug)]
pub struct TlsError;
pub(crate) async fn open(
    _: &Address,
    _: &TransportSettings,
    _: Option<&str>,
) -> Result<Opened, TransportError> {
    Err(io::Error::from(io::ErrorKind::NotFound).into())
}
