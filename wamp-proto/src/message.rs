//! Every message of the Basic and Advanced Profile, one struct each, in the order of the specification.
//!
//! Field names are the specification's element names. See [`decode`](crate::decode) and [`Message::encode`].

use std::fmt;
use std::ops::Deref;

use bytes::Bytes;
use bytestring::ByteString;

use crate::dict::{
    AbortDetails, AuthenticateExtra, CallOptions, CancelOptions, ChallengeExtra, Context, Dict, ErrorDetails,
    EventDetails, Field, GoodbyeDetails, HelloDetails, InterruptOptions, InvocationDetails, Keys,
    PublishOptions, RegisterOptions, ResultDetails, SubscribeOptions, UnregisteredDetails,
    UnsubscribedDetails, WelcomeDetails, YieldOptions, read_unsigned,
};
use crate::id::{PublicationId, RegistrationId, RequestId, SessionId, SubscriptionId};
use crate::payload::{Arity, Payload};
use crate::serializer::SerializerId;
use crate::serializer::decode::DecodeError;
use crate::serializer::token::{Items, Reader, SyntaxError, Writer};
use crate::serializer::transcode::RecodeError;
use crate::serializer::with_writer;
use crate::uri::Uri;

/// Room for what stands before the payload in nearly every message, so that encoding allocates once.
const HEAD_CAPACITY: usize = 64;

// `payload under options` says whose `enc_algo` makes the payload opaque.
macro_rules! messages {
    ($($(#[$doc:meta])* $name:ident $code:literal $label:literal {
        $($(#[$field_doc:meta])* $field:ident $element:literal: $type:ty,)*
    } $($payload:ident $(under $dict:ident)?)?;)*) => {
        /// The type codes of messages (MSG-02 to MSG-04, MSG-09).
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u8)]
        pub enum MessageCode {
            $(#[doc = $label] $name = $code,)*
        }

        impl MessageCode {
            /// The specification's name, in capitals.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $label,)*
                }
            }

            /// The message of that number.
            pub const fn from_number(number: u64) -> Option<Self> {
                match number {
                    $($code => Some(Self::$name),)*
                    _ => None,
                }
            }
        }

        /// Any message.
        #[derive(Clone, Debug, PartialEq)]
        pub enum Message {
            $(#[doc = $label] $name($name),)*
        }

        impl Message {
            /// Which message this is.
            pub const fn code(&self) -> MessageCode {
                match self {
                    $(Self::$name(_) => MessageCode::$name,)*
                }
            }

            /// The payload, in messages that can have one.
            pub fn payload(&self) -> Option<&Payload> {
                match self {
                    $($(Self::$name(message) => Some(&message.$payload),)?)*
                    _ => None,
                }
            }

            fn payload_mut(&mut self) -> Option<&mut Payload> {
                match self {
                    $($(Self::$name(message) => Some(&mut message.$payload),)?)*
                    _ => None,
                }
            }

            pub(crate) fn read<'a, R: Reader<'a>>(
                code: MessageCode,
                reader: &mut R,
                items: &mut Items,
                context: &Context<'_>,
            ) -> Result<Self, DecodeError> {
                match code {
                    $(MessageCode::$name => {
                        let message = MessageCode::$name;
                        $(let $field: $type = element(message, $element, reader, items, context)?;)*
                        $(
                            let is_transparent = || false $(|| $dict.enc_algo.is_some())?;
                            let $payload =
                                Payload::scan(message, reader, items, context.frame.octets, is_transparent)?;
                        )?
                        if !has_payload!($($payload)?) {
                            end(message, reader, items)?;
                        }
                        Ok($name { $($field,)* $($payload)? }.into())
                    })*
                }
            }

            /// Writes the message; returns where its payload begins.
            fn write<W: Writer>(&self, writer: &mut W) -> Result<usize, RecodeError> {
                match self {
                    $(Self::$name(message) => {
                        let len = 1 $(+ message.$field.len())* $(+ message.$payload.arity().elements())?;
                        writer.array(len);
                        writer.unsigned($code);
                        $(message.$field.write_element(writer);)*
                        #[allow(unused_assignments, unused_mut, reason = "no payload, no beginning")]
                        let mut start = 0;
                        $(start = message.$payload.write(writer)?;)?
                        writer.end_array();
                        Ok(start)
                    })*
                }
            }
        }

        $($(#[$doc])*
        #[derive(Clone, Debug, PartialEq)]
        pub struct $name {
            $($(#[$field_doc])* pub $field: $type,)*
            $(/// Arguments and ArgumentsKw.
            pub $payload: Payload,)?
        }

        impl From<$name> for Message {
            fn from(message: $name) -> Self {
                Self::$name(message)
            }
        })*
    };
}

macro_rules! has_payload {
    () => {
        false
    };
    ($payload:ident) => {
        true
    };
}

messages! {
    /// A client asks to join a realm.
    Hello 1 "HELLO" {
        /// The realm.
        realm "Realm": Uri,
        /// Roles, features, authentication.
        details "Details": Dict<HelloDetails>,
    };

    /// The router opens the session.
    Welcome 2 "WELCOME" {
        /// The session's ID.
        session "Session": SessionId,
        /// Roles, features, identity.
        details "Details": Dict<WelcomeDetails>,
    };

    /// Either peer ends the session at once, without an answer (SES-11).
    Abort 3 "ABORT" {
        /// `message` for people.
        details "Details": Dict<AbortDetails>,
        /// Why.
        reason "Reason": Uri,
    } payload;

    /// The router wants proof of identity.
    Challenge 4 "CHALLENGE" {
        /// The authentication method.
        authmethod "AuthMethod": Uri,
        /// What the method needs.
        extra "Extra": Dict<ChallengeExtra>,
    };

    /// The client's proof.
    Authenticate 5 "AUTHENTICATE" {
        /// The proof.
        signature "Signature": Signature,
        /// What the method needs.
        extra "Extra": Dict<AuthenticateExtra>,
    };

    /// Either peer ends the session and waits for the other's GOODBYE (SES-07).
    Goodbye 6 "GOODBYE" {
        /// `message` for people.
        details "Details": Dict<GoodbyeDetails>,
        /// Why.
        reason "Reason": Uri,
    };

    /// A request failed.
    Error 8 "ERROR" {
        /// Type code of the request; any number here, its validity depends on the receiver (PV-05).
        request_type "REQUEST.Type": u64,
        /// The request.
        request "REQUEST.Request": RequestId,
        /// Details.
        details "Details": Dict<ErrorDetails>,
        /// What went wrong.
        error "Error": Uri,
    } payload under details;

    /// A publisher publishes an event.
    Publish 16 "PUBLISH" {
        /// The request.
        request "Request": RequestId,
        /// Acknowledgement, exclusion, retention, …
        options "Options": Dict<PublishOptions>,
        /// The topic.
        topic "Topic": Uri,
    } payload under options;

    /// The broker took the event.
    Published 17 "PUBLISHED" {
        /// The request.
        request "PUBLISH.Request": RequestId,
        /// The publication, the same in every EVENT (ID-08).
        publication "Publication": PublicationId,
    };

    /// A subscriber wants the events of a topic.
    Subscribe 32 "SUBSCRIBE" {
        /// The request.
        request "Request": RequestId,
        /// Match policy, retained events, …
        options "Options": Dict<SubscribeOptions>,
        /// The topic, or a pattern of topics.
        topic "Topic": Uri,
    };

    /// The broker subscribed the session.
    Subscribed 33 "SUBSCRIBED" {
        /// The request.
        request "SUBSCRIBE.Request": RequestId,
        /// The subscription.
        subscription "Subscription": SubscriptionId,
    };

    /// A subscriber gives a subscription up.
    Unsubscribe 34 "UNSUBSCRIBE" {
        /// The request.
        request "Request": RequestId,
        /// The subscription.
        subscription "SUBSCRIBED.Subscription": SubscriptionId,
    };

    /// The broker unsubscribed the session; of its own accord if `revoked` is there (SRV-01).
    Unsubscribed 35 "UNSUBSCRIBED" {
        /// The request, or a revocation.
        request "UNSUBSCRIBE.Request": Answered,
        /// The subscription revoked.
        revoked "Details": Option<Dict<UnsubscribedDetails>>,
    };

    /// The broker gives a subscriber an event.
    Event 36 "EVENT" {
        /// The subscription that matched.
        subscription "SUBSCRIBED.Subscription": SubscriptionId,
        /// The publication.
        publication "PUBLISHED.Publication": PublicationId,
        /// Publisher, topic, …
        details "Details": Dict<EventDetails>,
    } payload under details;

    /// A caller calls a procedure.
    Call 48 "CALL" {
        /// The request.
        request "Request": RequestId,
        /// Timeout, progress, disclosure, …
        options "Options": Dict<CallOptions>,
        /// The procedure.
        procedure "Procedure": Uri,
    } payload under options;

    /// A caller wants no result any more.
    Cancel 49 "CANCEL" {
        /// The request of the CALL.
        request "CALL.Request": RequestId,
        /// Mode.
        options "Options": Dict<CancelOptions>,
    };

    /// The dealer gives the caller a result.
    CallResult 50 "RESULT" {
        /// The request of the CALL.
        request "CALL.Request": RequestId,
        /// Progress, …
        details "Details": Dict<ResultDetails>,
    } payload under details;

    /// A callee offers a procedure.
    Register 64 "REGISTER" {
        /// The request.
        request "Request": RequestId,
        /// Match policy, invocation policy, concurrency, …
        options "Options": Dict<RegisterOptions>,
        /// The procedure, or a pattern of procedures.
        procedure "Procedure": Uri,
    };

    /// The dealer registered the session.
    Registered 65 "REGISTERED" {
        /// The request.
        request "REGISTER.Request": RequestId,
        /// The registration.
        registration "Registration": RegistrationId,
    };

    /// A callee takes a registration back.
    Unregister 66 "UNREGISTER" {
        /// The request.
        request "Request": RequestId,
        /// The registration.
        registration "REGISTERED.Registration": RegistrationId,
    };

    /// The dealer unregistered the session; of its own accord if `revoked` is there (RRV-01).
    Unregistered 67 "UNREGISTERED" {
        /// The request, or a revocation.
        request "UNREGISTER.Request": Answered,
        /// The registration revoked.
        revoked "Details": Option<Dict<UnregisteredDetails>>,
    };

    /// The dealer has a callee work.
    Invocation 68 "INVOCATION" {
        /// The request, in the scope of the callee's session (ID-05).
        request "Request": RequestId,
        /// The registration called.
        registration "REGISTERED.Registration": RegistrationId,
        /// Caller, procedure, timeout, …
        details "Details": Dict<InvocationDetails>,
    } payload under details;

    /// The dealer has a callee stop.
    Interrupt 69 "INTERRUPT" {
        /// The request of the INVOCATION.
        request "INVOCATION.Request": RequestId,
        /// Mode, reason.
        options "Options": Dict<InterruptOptions>,
    };

    /// A callee answers.
    Yield 70 "YIELD" {
        /// The request of the INVOCATION.
        request "INVOCATION.Request": RequestId,
        /// Progress, …
        options "Options": Dict<YieldOptions>,
    } payload under options;
}

/// What UNSUBSCRIBED and UNREGISTERED answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answered {
    /// That request.
    Request(RequestId),
    /// None: the router revokes (0 on the wire, ID-01).
    Revocation,
}

impl Field for Answered {
    fn read<'a, R: Reader<'a>>(reader: &mut R, context: &Context<'_>) -> Result<Self, DecodeError> {
        match read_unsigned(reader, context)? {
            0 => Ok(Self::Revocation),
            number => RequestId::new(number)
                .map(Self::Request)
                .ok_or(DecodeError::Syntax(SyntaxError::Type("an ID in [0, 2^53]"))),
        }
    }

    fn write<W: Writer>(&self, writer: &mut W) {
        writer.unsigned(match self {
            Self::Request(request) => request.value(),
            Self::Revocation => 0,
        });
    }
}

/// What AUTHENTICATE proves identity with. It may be a ticket, and that is a secret (AUTH-TKT-01): it is not shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Signature(ByteString);

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Signature(…)")
    }
}

impl Deref for Signature {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl<T: Into<ByteString>> From<T> for Signature {
    fn from(text: T) -> Self {
        Self(text.into())
    }
}

impl Field for Signature {
    fn read<'a, R: Reader<'a>>(reader: &mut R, context: &Context<'_>) -> Result<Self, DecodeError> {
        ByteString::read(reader, context).map(Self)
    }

    fn write<W: Writer>(&self, writer: &mut W) {
        self.0.write(writer);
    }

    fn text_bytes(&self) -> usize {
        self.0.text_bytes()
    }
}

/// One element of a message, or one that may be left out at its end.
trait Element: Sized {
    fn read_element<'a, R: Reader<'a>>(
        reader: &mut R,
        items: &mut Items,
        context: &Context<'_>,
    ) -> Result<Option<Self>, DecodeError>;
    fn write_element<W: Writer>(&self, writer: &mut W);
    fn len(&self) -> usize;
}

impl<T: Field> Element for T {
    fn read_element<'a, R: Reader<'a>>(
        reader: &mut R,
        items: &mut Items,
        context: &Context<'_>,
    ) -> Result<Option<Self>, DecodeError> {
        if reader.more(items)? { T::read(reader, context).map(Some) } else { Ok(None) }
    }

    fn write_element<W: Writer>(&self, writer: &mut W) {
        self.write(writer);
    }

    fn len(&self) -> usize {
        1
    }
}

impl<T: Keys> Element for Option<Dict<T>> {
    fn read_element<'a, R: Reader<'a>>(
        reader: &mut R,
        items: &mut Items,
        context: &Context<'_>,
    ) -> Result<Option<Self>, DecodeError> {
        if reader.more(items)? {
            Dict::read(reader, context).map(|dict| Some(Some(dict)))
        } else {
            Ok(Some(None))
        }
    }

    fn write_element<W: Writer>(&self, writer: &mut W) {
        if let Some(dict) = self {
            dict.write(writer);
        }
    }

    fn len(&self) -> usize {
        usize::from(self.is_some())
    }
}

fn element<'a, R: Reader<'a>, T: Element>(
    message: MessageCode,
    element: &'static str,
    reader: &mut R,
    items: &mut Items,
    context: &Context<'_>,
) -> Result<T, DecodeError> {
    match T::read_element(reader, items, context) {
        Ok(Some(value)) => Ok(value),
        Ok(None) => Err(DecodeError::Arity(message)),
        Err(DecodeError::Syntax(SyntaxError::Type(expected))) => {
            Err(DecodeError::Element { message, element, expected })
        }
        Err(error) => Err(error),
    }
}

fn end<'a, R: Reader<'a>>(
    message: MessageCode,
    reader: &mut R,
    items: &mut Items,
) -> Result<(), DecodeError> {
    if reader.more(items)? { Err(DecodeError::Arity(message)) } else { Ok(()) }
}

impl Message {
    /// The message's octets in that serializer.
    ///
    /// The payload is spliced unchanged if it is in that serializer already, and transcoded otherwise.
    ///
    /// # Errors
    /// If the payload cannot be carried to that serializer (SER-09).
    pub fn encode(&self, serializer: SerializerId) -> Result<Bytes, RecodeError> {
        self.encode_with_payload_start(serializer).map(|(body, _)| body.into())
    }

    /// Encodes the message in its payload's own serializer, and makes the payload a slice of the result,
    /// so that the frame from which the payload came can be freed.
    ///
    /// Without a payload, `serializer` is used.
    ///
    /// # Errors
    /// Never in fact: equal serializers splice.
    pub fn encode_and_rehome(
        &mut self,
        serializer: SerializerId,
    ) -> Result<(SerializerId, Bytes), RecodeError> {
        let serializer = match self.payload() {
            Some(payload) if payload.arity() > Arity::None => payload.serializer(),
            _ => serializer,
        };
        let (body, start) = self.encode_with_payload_start(serializer)?;
        let body = Bytes::from(body);
        if let Some(payload) = self.payload_mut()
            && payload.arity() > Arity::None
        {
            let end = start + payload.raw().len();
            payload.rehome(body.slice(start..end));
        }
        Ok((serializer, body))
    }

    fn encode_with_payload_start(&self, serializer: SerializerId) -> Result<(Vec<u8>, usize), RecodeError> {
        fn encode<W: Writer>(message: &Message) -> Result<(Vec<u8>, usize), RecodeError> {
            let payload = message.payload().map_or(0, |payload| payload.raw().len());
            let mut writer = W::with_capacity(HEAD_CAPACITY + payload);
            let start = message.write(&mut writer)?;
            Ok((writer.into_vec(), start))
        }
        with_writer!(serializer, Serializer => encode::<Serializer>(self))
    }
}
