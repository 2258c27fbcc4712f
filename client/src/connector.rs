//! The way to the router, gone each time that the client connects.

use std::io;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use wamp_proto::SerializerId;

use crate::address::Address;
use crate::transport::{self, Opened, Transport, TransportError, TransportSettings};

type Open = Box<dyn Fn() -> BoxFuture<'static, io::Result<Box<dyn Transport>>> + Send + Sync>;

pub(crate) enum Connector {
    /// To a URL.
    Address {
        address: Address,
        settings: TransportSettings,
        /// What the router gave the client to be known by.
        cookie: Option<String>,
    },
    /// However the application does it.
    Own { serializer: SerializerId, open: Open },
}

impl Connector {
    pub(crate) fn to(address: Address, settings: TransportSettings) -> Self {
        Self::Address { address, settings, cookie: None }
    }

    pub(crate) fn own<F, Fut, T>(serializer: SerializerId, open: F) -> Self
    where
        F: Fn() -> Fut + Send + Sync + 'static,
        Fut: Future<Output = io::Result<T>> + Send + 'static,
        T: Transport + 'static,
    {
        let open = move || {
            let transport = open();
            async move { Ok(Box::new(transport.await?) as Box<dyn Transport>) }.boxed()
        };
        Self::Own { serializer, open: Box::new(open) }
    }

    /// The serializer that is the most likely one.
    pub(crate) fn serializer(&self) -> SerializerId {
        match self {
            Self::Address { settings, .. } => {
                settings.serializers.first().copied().unwrap_or(SerializerId::ALL[0])
            }
            Self::Own { serializer, .. } => *serializer,
        }
    }

    pub(crate) async fn open(&mut self) -> Result<Opened, TransportError> {
        match self {
            Self::Address { address, settings, cookie } => {
                let opened = transport::open(address, settings, cookie.as_deref()).await?;
                if opened.cookie.is_some() {
                    cookie.clone_from(&opened.cookie);
                }
                Ok(opened)
            }
            Self::Own { serializer, open } => Ok(Opened {
                transport: open().await.map_err(transport::lost)?,
                serializer: *serializer,
                channel: None,
                cookie: None,
                send_max_bytes: usize::MAX,
            }),
        }
    }
}
