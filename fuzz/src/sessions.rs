//! The state machines of both peers, under messages in any order.

use bytes::Bytes;
use wamp_proto::session::RouterInput;
use wamp_proto::{
    ClientSession, DecodeRules, Message, Profile, RouterSession, SerializerId, Violation, decode,
};

/// Each line is a message in JSON for both peers, or one octet that says what the router does: `?` CHALLENGE, `+` WELCOME,
/// `!` WELCOME under profile strict, `-` GOODBYE, `.` ABORT. What is over stays over.
pub(crate) fn session(octets: &[u8]) {
    act(octets, RouterSession::receive);
}

fn act(octets: &[u8], receive: fn(&mut RouterSession, Message) -> Result<RouterInput, Violation>) {
    let rules = DecodeRules::default();
    let (mut router, mut client) = (RouterSession::new(), ClientSession::new());
    for line in octets.split(|octet| *octet == b'\n') {
        let was_over = router.is_over();
        let has_acted = match line {
            b"?" => router.challenge(),
            b"+" => router.welcome(Profile::Default),
            b"!" => router.welcome(Profile::Strict),
            b"-" => {
                client.goodbye();
                router.goodbye()
            }
            b"." => {
                router.end();
                false
            }
            message => {
                let Ok(message) = decode(SerializerId::Json, &Bytes::copy_from_slice(message), &rules) else {
                    continue;
                };
                let was_open = client.is_open();
                if let Err(violation) = client.receive(message.clone()) {
                    assert!(!client.is_open(), "open after {violation}");
                } else if client.is_open() && !was_open {
                    assert_eq!(message.code(), wamp_proto::MessageCode::Welcome);
                }
                match receive(&mut router, message) {
                    Ok(RouterInput::Ignored) => false,
                    Ok(_) => true,
                    Err(violation) => {
                        assert!(router.is_over(), "not over after {violation}");
                        for serializer in SerializerId::ALL {
                            let abort: Message = violation.abort().into();
                            assert!(abort.encode(serializer).is_ok());
                        }
                        true
                    }
                }
            }
        };
        assert!(!(router.is_open() && router.is_over()));
        if was_over {
            assert!(router.is_over() && !has_acted, "a session that is over does nothing more");
        }
    }
}

/// The same check of a state machine that is wrong.
pub(crate) mod faulty {
    use super::*;

    /// Forgives those who broke the rules, and waits for their next HELLO.
    pub(crate) fn session(octets: &[u8]) {
        act(octets, |router, message| {
            let received = router.receive(message);
            if received.is_err() {
                *router = RouterSession::new();
            }
            received
        });
    }
}
