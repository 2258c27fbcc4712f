//! The session state machine, row by row: what the router takes from a client, and a client from the router.

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "support/frames.rs"]
mod frames;

use frames::{json, read};
use wamp_proto::session::{ClientInput, RouterInput};
use wamp_proto::{
    ClientSession, DecodeError, DecodeRules, MessageCode, Profile, RouterSession, SerializerId, Violation,
};

const HELLO: &str =
    r#"[1,"com.acme.realm",{"roles":{"publisher":{},"subscriber":{},"caller":{},"callee":{}}}]"#;
const WELCOME: &str = r#"[2,9,{"roles":{"broker":{},"dealer":{}}}]"#;
const ABORT: &str = r#"[3,{},"com.acme.error.enough"]"#;
const CHALLENGE: &str = r#"[4,"ticket",{}]"#;
const AUTHENTICATE: &str = r#"[5,"s3cr3t",{}]"#;
const GOODBYE: &str = r#"[6,{},"wamp.close.close_realm"]"#;

/// What only a client sends once the session is open, with the request ID 1.
const REQUESTS: [&str; 6] = [
    r#"[16,1,{},"com.acme.tick"]"#,
    r#"[32,1,{},"com.acme.tick"]"#,
    "[34,1,7]",
    r#"[48,1,{},"com.acme.add"]"#,
    r#"[64,1,{},"com.acme.add"]"#,
    "[66,1,7]",
];
/// What a client sends besides, without an ID of its own.
const FOLLOW_UPS: [&str; 3] = ["[49,1,{}]", "[70,1,{}]", r#"[8,68,1,{},"com.acme.error.odd"]"#];
/// What only a router sends once the session is open.
const ANSWERS: [&str; 6] = ["[17,1,7]", "[33,1,7]", "[35,1]", "[50,1,{}]", "[65,1,7]", "[67,1]"];
const DELIVERIES: [&str; 3] = ["[36,7,8,{}]", "[68,1,7,{}]", "[69,1,{}]"];

fn router(profile: Profile) -> RouterSession {
    let mut session = RouterSession::new();
    session.receive(json(HELLO)).unwrap();
    session.welcome(profile);
    session
}

fn client() -> ClientSession {
    let mut session = ClientSession::new();
    session.receive(json(WELCOME)).unwrap();
    session
}

/// The violation that a message is in that state of the router's side; nothing counts behind it.
#[track_caller]
fn router_refuses(mut session: RouterSession, text: &str) -> Violation {
    let violation = session.receive(json(text)).expect_err(text);
    assert_eq!(violation.abort().reason, "wamp.error.protocol_violation");
    assert!(session.is_over() && !session.is_open());
    assert!(matches!(session.receive(json(HELLO)), Ok(RouterInput::Ignored)));
    violation
}

#[track_caller]
fn client_refuses(mut session: ClientSession, text: &str) -> Violation {
    let violation = session.receive(json(text)).expect_err(text);
    assert_eq!(violation.abort().reason, "wamp.error.protocol_violation");
    assert!(!session.is_open());
    assert!(matches!(session.receive(json(WELCOME)), Ok(ClientInput::Ignored)));
    violation
}

/// A GOODBYE after which the session is closing on our side.
fn closing_router() -> RouterSession {
    let mut session = router(Profile::Strict);
    assert!(session.goodbye());
    session
}

fn closing_client() -> ClientSession {
    let mut session = client();
    assert!(session.goodbye());
    session
}

#[test]
fn ses_01_hello_comes_first() {
    let mut session = RouterSession::new();
    assert!(!session.is_open());
    let Ok(RouterInput::Hello(hello)) = session.receive(json(HELLO)) else { panic!("HELLO is legal") };
    assert_eq!(hello.realm, "com.acme.realm");
    assert!(!session.is_open());
    session.welcome(Profile::Strict);
    assert!(session.is_open());
}

#[test]
fn ses_01_welcome_challenge_or_abort_comes_first_from_the_router() {
    let mut session = ClientSession::new();
    assert!(!session.is_open());
    assert!(matches!(session.receive(json(CHALLENGE)), Ok(ClientInput::Challenge(_))));
    assert!(!session.is_open());
    assert!(matches!(session.receive(json(WELCOME)), Ok(ClientInput::Welcome(_))));
    assert!(session.is_open());
    let mut session = ClientSession::new();
    let Ok(ClientInput::Aborted(abort)) = session.receive(json(ABORT)) else { panic!("ABORT is legal") };
    assert_eq!(abort.reason, "com.acme.error.enough");
    assert!(!session.is_open());
}

#[test]
fn ses_02_hello_names_a_role() {
    for role in ["publisher", "subscriber", "caller", "callee"] {
        let hello = format!(r#"[1,"r",{{"roles":{{"{role}":{{}}}}}}]"#);
        assert!(matches!(RouterSession::new().receive(json(&hello)), Ok(RouterInput::Hello(_))));
    }
    for hello in [
        r#"[1,"r",{}]"#,
        r#"[1,"r",{"agent":"x"}]"#,
        r#"[1,"r",{"roles":{}}]"#,
        r#"[1,"r",{"roles":{"broker":{}}}]"#,
        r#"[1,"r",{"roles":null}]"#,
    ] {
        assert_eq!(router_refuses(RouterSession::new(), hello), Violation::NoRoles, "{hello}");
    }
}

#[test]
fn ses_02_roles_is_a_dict_of_dicts() {
    for (hello, key) in [
        (r#"[1,"r",{"roles":["caller"]}]"#, "roles"),
        (r#"[1,"r",{"roles":"caller"}]"#, "roles"),
        (r#"[1,"r",{"roles":{"caller":true}}]"#, "caller"),
        (r#"[1,"r",{"roles":{"caller":[]}}]"#, "caller"),
    ] {
        let error = read(SerializerId::Json, hello.as_bytes()).unwrap_err();
        assert_eq!(error, DecodeError::Key { key: key.to_owned(), expected: "a dict" });
    }
}

/// Conformance: SES-04
#[test]
fn ses_02_unknown_roles_and_an_absent_agent_do_no_harm() {
    let hello = r#"[1,"r",{"roles":{"caller":{"features":{"x_acme":true}},"oracle":{"age":7}}}]"#;
    let Ok(RouterInput::Hello(hello)) = RouterSession::new().receive(json(hello)) else {
        panic!("it is legal")
    };
    assert_eq!(hello.details.agent, None);
}

#[test]
fn ses_07_a_goodbye_of_the_client_is_answered_once() {
    let mut session = router(Profile::Strict);
    let Ok(RouterInput::Leave(goodbye)) = session.receive(json(GOODBYE)) else { panic!("GOODBYE is legal") };
    assert_eq!(goodbye.reason, "wamp.close.close_realm");
    assert!(session.is_over());
    // Neither one of our own beside the answer, nor an answer to a second one.
    assert!(!session.goodbye());
    assert!(matches!(session.receive(json(GOODBYE)), Ok(RouterInput::Ignored)));
}

#[test]
fn ses_07_a_goodbye_of_the_router_is_answered_once() {
    let mut session = client();
    assert!(matches!(session.receive(json(GOODBYE)), Ok(ClientInput::Leave(_))));
    assert!(!session.is_open());
    assert!(!session.goodbye());
    assert!(matches!(session.receive(json(GOODBYE)), Ok(ClientInput::Ignored)));
}

#[test]
fn ses_07_the_answer_to_a_goodbye_is_not_answered_whatever_its_reason() {
    for reason in ["wamp.close.goodbye_and_out", "wamp.close.normal", "com.acme.whatever"] {
        let answer = format!(r#"[6,{{}},"{reason}"]"#);
        let mut session = closing_router();
        assert!(matches!(session.receive(json(&answer)), Ok(RouterInput::Left)));
        assert!(session.is_over());
        assert!(matches!(session.receive(json(&answer)), Ok(RouterInput::Ignored)));
        let mut session = closing_client();
        assert!(matches!(session.receive(json(&answer)), Ok(ClientInput::Left)));
        assert!(matches!(session.receive(json(&answer)), Ok(ClientInput::Ignored)));
    }
}

#[test]
fn ses_07_only_an_open_session_is_closed_and_only_once() {
    assert!(!RouterSession::new().goodbye());
    assert!(!ClientSession::new().goodbye());
    assert!(!closing_router().goodbye());
    assert!(!closing_client().goodbye());
    let mut session = router(Profile::Strict);
    session.end();
    assert!(!session.goodbye());
}

#[test]
fn ses_08_a_closing_peer_ignores_all_but_goodbye() {
    let mut session = closing_router();
    for text in REQUESTS.iter().chain(&FOLLOW_UPS).chain(&ANSWERS).chain(&[HELLO, WELCOME, AUTHENTICATE]) {
        assert!(matches!(session.receive(json(text)), Ok(RouterInput::Ignored)), "{text}");
    }
    assert!(!session.is_open() && !session.is_over());
    assert!(matches!(session.receive(json(GOODBYE)), Ok(RouterInput::Left)));

    let mut session = closing_client();
    for text in ANSWERS.iter().chain(&DELIVERIES).chain(&REQUESTS).chain(&[HELLO, WELCOME, CHALLENGE]) {
        assert!(matches!(session.receive(json(text)), Ok(ClientInput::Ignored)), "{text}");
    }
    assert!(!session.is_open());
    assert!(matches!(session.receive(json(GOODBYE)), Ok(ClientInput::Left)));
}

#[test]
fn ses_09_goodbyes_that_cross_are_each_others_answer() {
    let (mut router, mut client) = (router(Profile::Strict), client());
    assert!(router.goodbye() && client.goodbye());
    assert!(matches!(router.receive(json(GOODBYE)), Ok(RouterInput::Left)));
    assert!(matches!(client.receive(json(GOODBYE)), Ok(ClientInput::Left)));
    assert!(router.is_over() && !router.goodbye() && !client.goodbye());
}

#[test]
fn ses_11_abort_ends_a_session_in_every_state() {
    let mut joining = RouterSession::new();
    joining.receive(json(HELLO)).unwrap();
    for abort in [ABORT, r#"[3,{},"x",["a"]]"#, r#"[3,{"message":"m"},"x",["a"],{"b":1}]"#] {
        for mut session in [RouterSession::new(), router(Profile::Strict), closing_router()] {
            // Not Leave: nothing asks for an answer.
            assert!(matches!(session.receive(json(abort)), Ok(RouterInput::Aborted)));
            assert!(session.is_over());
            for text in [ABORT, HELLO, GOODBYE, REQUESTS[0]] {
                assert!(matches!(session.receive(json(text)), Ok(RouterInput::Ignored)));
            }
        }
        for mut session in [ClientSession::new(), client(), closing_client()] {
            assert!(matches!(session.receive(json(abort)), Ok(ClientInput::Aborted(_))));
            assert!(!session.is_open());
            assert!(matches!(session.receive(json(abort)), Ok(ClientInput::Ignored)));
        }
    }
    assert!(matches!(joining.receive(json(ABORT)), Ok(RouterInput::Aborted)));
}

#[test]
fn ses_11_an_abort_of_our_own_ends_the_session() {
    let mut session = router(Profile::Strict);
    session.end();
    assert!(session.is_over());
    assert!(matches!(session.receive(json(ABORT)), Ok(RouterInput::Ignored)));
}

#[test]
fn ses_12_a_client_may_give_up_while_it_joins() {
    let mut session = RouterSession::new();
    session.receive(json(HELLO)).unwrap();
    assert!(matches!(session.receive(json(ABORT)), Ok(RouterInput::Aborted)));
    assert!(session.is_over());
}

#[test]
fn ses_13_authenticate_without_a_challenge() {
    let message = MessageCode::Authenticate;
    let violation = router_refuses(RouterSession::new(), AUTHENTICATE);
    assert_eq!(violation, Violation::State { message, state: "before HELLO" });
    let mut joining = RouterSession::new();
    joining.receive(json(HELLO)).unwrap();
    assert_eq!(router_refuses(joining, AUTHENTICATE), Violation::State { message, state: "before WELCOME" });
}

#[test]
fn msg_10_what_a_router_sends_is_not_for_a_router() {
    for text in ANSWERS.iter().chain(&DELIVERIES).chain(&[WELCOME, CHALLENGE]) {
        let violation = router_refuses(router(Profile::Default), text);
        assert_eq!(violation, Violation::Direction(json(text).code()), "{text}");
        router_refuses(RouterSession::new(), text);
    }
}

#[test]
fn msg_10_what_a_client_sends_is_not_for_a_client() {
    for text in REQUESTS.iter().chain(&FOLLOW_UPS[..2]).chain(&[HELLO, AUTHENTICATE]) {
        let violation = client_refuses(client(), text);
        assert_eq!(violation, Violation::Direction(json(text).code()), "{text}");
        client_refuses(ClientSession::new(), text);
    }
}

#[test]
fn msg_10_every_message_is_for_one_of_the_two() {
    for text in REQUESTS.iter().chain(&FOLLOW_UPS) {
        assert!(router(Profile::Strict).receive(json(text)).is_ok(), "{text}");
    }
    for text in ANSWERS {
        assert!(matches!(client().receive(json(text)), Ok(ClientInput::Answer(_))), "{text}");
    }
    let mut session = client();
    assert!(matches!(session.receive(json(DELIVERIES[0])), Ok(ClientInput::Event(_))));
    assert!(matches!(session.receive(json(DELIVERIES[1])), Ok(ClientInput::Invocation(_))));
    assert!(matches!(session.receive(json(DELIVERIES[2])), Ok(ClientInput::Interrupt(_))));
}

#[test]
fn pv_01_hello_or_authenticate_in_an_open_session() {
    for (text, message) in [(HELLO, MessageCode::Hello), (AUTHENTICATE, MessageCode::Authenticate)] {
        let violation = router_refuses(router(Profile::Default), text);
        assert_eq!(violation, Violation::State { message, state: "in an open session" });
    }
    let mut joining = RouterSession::new();
    joining.receive(json(HELLO)).unwrap();
    router_refuses(joining, HELLO);
}

#[test]
fn pv_02_welcome_or_challenge_in_an_open_session() {
    for (text, message) in [(WELCOME, MessageCode::Welcome), (CHALLENGE, MessageCode::Challenge)] {
        let violation = client_refuses(client(), text);
        assert_eq!(violation, Violation::State { message, state: "in an open session" });
    }
}

#[test]
fn pv_03_goodbye_or_error_before_the_session_is_open() {
    for text in [GOODBYE, FOLLOW_UPS[2], r#"[8,48,1,{},"x"]"#] {
        let message = json(text).code();
        let violation = router_refuses(RouterSession::new(), text);
        assert_eq!(violation, Violation::State { message, state: "before HELLO" });
        let mut joining = RouterSession::new();
        joining.receive(json(HELLO)).unwrap();
        assert_eq!(router_refuses(joining, text), Violation::State { message, state: "before WELCOME" });
        let violation = client_refuses(ClientSession::new(), text);
        assert_eq!(violation, Violation::State { message, state: "before WELCOME" });
    }
}

#[test]
fn pv_04_requests_before_the_session_is_open() {
    for text in REQUESTS.iter().chain(&FOLLOW_UPS) {
        let message = json(text).code();
        let violation = router_refuses(RouterSession::new(), text);
        assert_eq!(violation, Violation::State { message, state: "before HELLO" }, "{text}");
        let mut joining = RouterSession::new();
        joining.receive(json(HELLO)).unwrap();
        let violation = router_refuses(joining, text);
        assert_eq!(violation, Violation::State { message, state: "before WELCOME" }, "{text}");
    }
}

#[test]
fn pv_04_answers_before_the_session_is_open() {
    for text in ANSWERS.iter().chain(&DELIVERIES) {
        let message = json(text).code();
        let violation = client_refuses(ClientSession::new(), text);
        assert_eq!(violation, Violation::State { message, state: "before WELCOME" }, "{text}");
    }
}

#[test]
fn pv_05_a_router_takes_error_for_invocations_only() {
    for number in (0..=256).chain([337, u64::MAX]) {
        let text = format!(r#"[8,{number},1,{{}},"com.acme.error.odd"]"#);
        if number == 68 {
            let Ok(RouterInput::Error(error)) = router(Profile::Default).receive(json(&text)) else {
                panic!("{text} is legal");
            };
            assert_eq!(error.error, "com.acme.error.odd");
        } else {
            assert_eq!(router_refuses(router(Profile::Default), &text), Violation::ErrorType(number));
        }
    }
}

#[test]
fn pv_05_a_client_takes_error_for_its_requests_only() {
    for number in (0..=256).chain([337, u64::MAX]) {
        let text = format!(r#"[8,{number},1,{{}},"com.acme.error.odd"]"#);
        // The last is of YIELD: a packed result for a caller that takes none (PPT-08).
        if [16, 32, 34, 48, 64, 66, 70].contains(&number) {
            assert!(matches!(client().receive(json(&text)), Ok(ClientInput::Error(_))), "{text}");
        } else {
            assert_eq!(client_refuses(client(), &text), Violation::ErrorType(number));
        }
    }
}

/// A request of that kind (one of six) with that ID.
fn request(kind: usize, id: u64) -> String {
    REQUESTS[kind % REQUESTS.len()].replacen(",1,", &format!(",{id},"), 1)
}

/// Feeds a session requests of changing kinds with these IDs; the last is refused after that ID.
#[track_caller]
fn refused_after(profile: Profile, ids: &[u64], last: u64) {
    let (found, accepted) = ids.split_last().unwrap();
    for kind in 0..REQUESTS.len() {
        let mut session = router(profile);
        for (at, id) in accepted.iter().enumerate() {
            session.receive(json(&request(kind + at, *id))).unwrap();
        }
        let violation = router_refuses(session, &request(kind, *found));
        assert_eq!(violation, Violation::RequestId { found: *found, last });
    }
}

const MAX: u64 = 1 << 53;

#[test]
fn pv_07_one_sequence_for_all_six_requests() {
    for profile in [Profile::Default, Profile::Strict, Profile::Crossbar] {
        let mut session = router(profile);
        for id in 1..=18 {
            session.receive(json(&request(id as usize, id))).unwrap();
            // What has no ID of its own takes none.
            for text in FOLLOW_UPS {
                session.receive(json(text)).unwrap();
            }
        }
    }
}

#[test]
fn pv_07_a_repeated_id_is_a_violation_in_every_profile() {
    for profile in [Profile::Default, Profile::Strict, Profile::Crossbar] {
        refused_after(profile, &[1, 1], 1);
        refused_after(profile, &[1, 2, 2], 2);
        refused_after(profile, &[1, 2, 1], 2);
        refused_after(profile, &[1, 2, 3, 2], 3);
    }
}

#[test]
fn pv_07_a_gap_is_a_violation_in_profile_strict() {
    refused_after(Profile::Strict, &[2], 0);
    refused_after(Profile::Strict, &[123], 0);
    refused_after(Profile::Strict, &[1, 3], 1);
    refused_after(Profile::Strict, &[1, MAX], 1);
}

#[test]
fn pv_07_a_gap_is_legal_in_the_other_profiles() {
    for profile in [Profile::Default, Profile::Crossbar] {
        let mut session = router(profile);
        for (at, id) in [123, 124, 789, MAX].into_iter().enumerate() {
            session.receive(json(&request(at, id))).unwrap();
        }
        refused_after(profile, &[123, 789, 124], 789);
        refused_after(profile, &[123, 1], 123);
    }
}

/// Conformance: ID-04
#[test]
fn pv_07_the_sequence_wraps_from_2_pow_53_to_1() {
    let mut session = router(Profile::Default);
    for (at, id) in [MAX - 1, MAX, 1, 2].into_iter().enumerate() {
        session.receive(json(&request(at, id))).unwrap();
    }
    refused_after(Profile::Default, &[MAX, MAX], MAX);
}

#[test]
fn pv_12_options_of_features_that_were_not_announced_are_read_over() {
    let mut session = router(Profile::Strict);
    for text in [
        r#"[16,1,{"exclude_me":false,"exclude":[1],"retain":true,"disclose_me":true},"com.acme.tick"]"#,
        r#"[32,2,{"match":"prefix","get_retained":true},"com.acme."]"#,
        r#"[48,3,{"timeout":7,"receive_progress":true},"com.acme.add"]"#,
        r#"[64,4,{"match":"wildcard","invoke":"random"},"com..add"]"#,
    ] {
        assert!(session.receive(json(text)).is_ok(), "{text}");
    }
}

/// A session of a client that announced these roles.
fn router_with(profile: Profile, roles: &str) -> RouterSession {
    let mut session = RouterSession::new();
    session.receive(json(&format!(r#"[1,"com.acme.realm",{{"roles":{roles}}}]"#))).unwrap();
    session.welcome(profile);
    session
}

const PROFILES: [Profile; 3] = [Profile::Default, Profile::Strict, Profile::Crossbar];
const PROGRESSIVE: &str =
    r#"{"publisher":{},"caller":{"features":{"progressive_call_invocations":true}},"callee":{}}"#;

/// Conformance: PV-12
#[test]
fn pci_03_progress_in_a_call_needs_the_feature_of_the_caller() {
    let call = r#"[48,1,{"progress":true},"com.acme.add"]"#;
    let violation =
        Violation::NotAnnounced { message: MessageCode::Call, feature: "progressive_call_invocations" };
    assert!(violation.to_string().contains("progressive_call_invocations"));
    for profile in PROFILES {
        for roles in [
            r#"{"caller":{}}"#,
            r#"{"caller":{"features":{}}}"#,
            r#"{"caller":{"features":{"progressive_call_invocations":false}}}"#,
            r#"{"caller":{"features":{"progressive_call_results":true}}}"#,
            r#"{"caller":{},"callee":{"features":{"progressive_call_invocations":true}}}"#,
        ] {
            if profile == Profile::Strict {
                assert_eq!(router_refuses(router_with(profile, roles), call), violation, "{roles}");
            } else {
                // wampy.js begins so. From there on, its session goes by the rules of chunks.
                let mut session = router_with(profile, roles);
                assert!(matches!(session.receive(json(call)), Ok(RouterInput::Call(_))), "{roles}");
                assert!(matches!(session.receive(json(call)), Ok(RouterInput::Chunk(_))), "{roles}");
            }
            // That there is no further chunk may be said by anybody.
            let whole = r#"[48,1,{"progress":false},"com.acme.add"]"#;
            assert!(matches!(router_with(profile, roles).receive(json(whole)), Ok(RouterInput::Call(_))));
        }
        let announced = router_with(profile, PROGRESSIVE).receive(json(call));
        assert!(matches!(announced, Ok(RouterInput::Call(_))));
    }
}

#[test]
fn pv_12_progress_in_a_yield_needs_nothing_that_hello_says() {
    let mut session = router_with(Profile::Strict, r#"{"callee":{}}"#);
    assert!(matches!(session.receive(json(r#"[70,1,{"progress":true}]"#)), Ok(RouterInput::Yield(_))));
}

/// What the router makes of CALLs and other requests with these IDs in one session.
#[track_caller]
fn calls(session: &mut RouterSession, texts: &[&str]) -> String {
    let kind = |text: &&str| match session.receive(json(text)).expect(text) {
        RouterInput::Call(_) => 'n',
        RouterInput::Chunk(_) => 'c',
        _ => '.',
    };
    texts.iter().map(kind).collect()
}

const FIRST: &str = r#"[48,1,{"progress":true},"com.acme.add"]"#;
const SECOND: &str = r#"[48,2,{},"com.acme.add"]"#;
const LAST: &str = r#"[48,1,{},"com.acme.add"]"#;

/// Conformance: PCI-02
#[test]
fn pci_09_the_id_behind_the_watermark_is_a_new_call() {
    for profile in PROFILES {
        let mut session = router_with(profile, PROGRESSIVE);
        let third = r#"[48,3,{},"com.acme.add"]"#;
        // A chunk takes no ID, whatever came between.
        assert_eq!(calls(&mut session, &[FIRST, FIRST, SECOND, FIRST, LAST, third]), "ncnccn");
        // Requests of other kinds take theirs.
        let (publish, fifth) = (r#"[16,4,{},"com.acme.tick"]"#, r#"[48,5,{},"com.acme.add"]"#);
        assert_eq!(calls(&mut session, &[publish, fifth]), ".n");
    }
}

#[test]
fn pci_09_a_gap_before_a_call_is_a_violation_in_every_profile() {
    for profile in PROFILES {
        let mut session = router_with(profile, PROGRESSIVE);
        assert_eq!(calls(&mut session, &[FIRST, SECOND]), "nn");
        let violation = router_refuses(session, r#"[48,4,{},"com.acme.add"]"#);
        assert_eq!(violation, Violation::RequestId { found: 4, last: 2 });
        let violation = router_refuses(router_with(profile, PROGRESSIVE), SECOND);
        assert_eq!(violation, Violation::RequestId { found: 2, last: 0 });
    }
    // The rule is one of CALL: other requests of such a session skip forward as in any session.
    let mut session = router_with(Profile::Default, PROGRESSIVE);
    let (publish, call) = (r#"[16,7,{},"com.acme.tick"]"#, r#"[48,8,{},"com.acme.add"]"#);
    assert_eq!(calls(&mut session, &[publish, call]), ".n");
    let violation = router_refuses(session, r#"[16,8,{},"com.acme.tick"]"#);
    assert_eq!(violation, Violation::RequestId { found: 8, last: 8 });
}

/// The dealer knows which calls are open, and how they began.
#[test]
fn pci_10_an_id_up_to_the_watermark_is_a_chunk_for_the_dealer() {
    let mut session = router_with(Profile::Strict, PROGRESSIVE);
    assert_eq!(calls(&mut session, &[FIRST, SECOND]), "nn");
    let chunk = r#"[48,1,{"progress":true},"com.acme.add",[7],{"k":8}]"#;
    let Ok(RouterInput::Chunk(call)) = session.receive(json(chunk)) else { panic!("1 was used before") };
    assert_eq!((call.request.value(), call.options.progress), (1, Some(true)));
    assert_eq!(call.payload.raw(), br#"[7],{"k":8}"#.as_slice());
    // 2 had no progress; what the dealer then says ends the session as any violation does.
    let Ok(RouterInput::Chunk(call)) = session.receive(json(SECOND)) else { panic!("2 was used before") };
    let violation = Violation::NotProgressive { request: call.request.value() };
    assert_eq!(violation.to_string(), "CALL continues call 2, which was not started with progress");
    assert_eq!(violation.abort().reason, "wamp.error.protocol_violation");
}

/// Conformance: PCI-12
#[test]
fn pci_11_a_chunk_of_a_call_that_is_over_is_no_violation_here() {
    for profile in PROFILES {
        let mut session = router_with(profile, PROGRESSIVE);
        let publish = r#"[16,2,{},"com.acme.tick"]"#;
        // 2 was never a call at all.
        assert_eq!(calls(&mut session, &[FIRST, publish, LAST, LAST, SECOND]), "n.ccc");
        assert!(session.is_open());
    }
}

#[test]
fn pv_07_a_repeated_call_is_a_violation_without_progressive_invocations() {
    for profile in PROFILES {
        let mut session = router_with(profile, r#"{"caller":{}}"#);
        assert_eq!(calls(&mut session, &[LAST]), "n");
        assert_eq!(router_refuses(session, LAST), Violation::RequestId { found: 1, last: 1 });
    }
}

/// Conformance: PV-12
#[test]
fn ppt_05_a_passed_payload_needs_the_feature_of_its_senders_role() {
    let passed = [
        (r#"[48,1,{"ppt_scheme":"x_acme"},"com.acme.add",["packed"]]"#, "caller"),
        (r#"[16,1,{"ppt_scheme":"x_acme"},"com.acme.tick",["packed"]]"#, "publisher"),
        (r#"[70,1,{"ppt_scheme":"x_acme"},["packed"]]"#, "callee"),
    ];
    let roles_with = |able: &str| {
        let role =
            |role: &str| format!(r#""{role}":{{"features":{{"payload_passthru_mode":{}}}}}"#, role == able);
        format!("{{{}}}", ["publisher", "subscriber", "caller", "callee"].map(role).join(","))
    };
    for profile in PROFILES {
        for (text, needed) in passed {
            let message = json(text).code();
            for able in ["publisher", "subscriber", "caller", "callee"] {
                let mut session = router_with(profile, &roles_with(able));
                if able == needed {
                    assert!(session.receive(json(text)).is_ok(), "{text}");
                } else {
                    let violation = Violation::NotAnnounced { message, feature: "payload_passthru_mode" };
                    assert_eq!(router_refuses(session, text), violation, "{text} of {able}");
                }
            }
            // No scheme, no passthru mode.
            let none = text.replace(r#""ppt_scheme":"x_acme""#, r#""ppt_scheme":"","ppt_serializer":"cbor""#);
            assert!(router(profile).receive(json(&none)).is_ok(), "{none}");
        }
    }
}

#[test]
fn a_request_needs_the_role_that_was_announced() {
    let roles = ["publisher", "subscriber", "subscriber", "caller", "callee", "callee"];
    for (text, needed) in REQUESTS.into_iter().zip(roles) {
        for role in ["publisher", "subscriber", "caller", "callee"] {
            let mut session = RouterSession::new();
            session.receive(json(&format!(r#"[1,"r",{{"roles":{{"{role}":{{}}}}}}]"#))).unwrap();
            session.welcome(Profile::Default);
            if role == needed {
                assert!(session.receive(json(text)).is_ok());
            } else {
                let message = json(text).code();
                assert_eq!(router_refuses(session, text), Violation::Role { message, role: needed });
            }
        }
    }
}

#[test]
fn id_04_one_counter_from_1_in_steps_of_1() {
    let mut session = client();
    let ids: Vec<u64> = (0..5).map(|_| session.next_request().value()).collect();
    assert_eq!(ids, [1, 2, 3, 4, 5]);
    // The router takes them in strict, whatever the requests are.
    let mut strict = router(Profile::Strict);
    for (at, id) in ids.into_iter().enumerate() {
        strict.receive(json(&request(at, id))).unwrap();
    }
}

#[test]
fn id_07_a_second_session_on_the_transport_counts_from_1_again() {
    let mut first = router(Profile::Strict);
    for id in 1..=3 {
        first.receive(json(&request(0, id))).unwrap();
    }
    assert!(matches!(first.receive(json(GOODBYE)), Ok(RouterInput::Leave(_))));
    let mut second = router(Profile::Strict);
    assert!(second.receive(json(&request(0, 1))).is_ok());
    refused_after(Profile::Strict, &[4], 0);

    let mut first = client();
    first.next_request();
    assert_eq!((first.next_request().value(), client().next_request().value()), (2, 1));
}

#[test]
fn profiles_differ_in_what_the_decoder_takes() {
    let lenient = DecodeRules::new(Profile::Default);
    let strict = DecodeRules::new(Profile::Strict);
    let crossbar = DecodeRules::new(Profile::Crossbar);
    assert!(lenient.nil_is_empty_dict && crossbar.nil_is_empty_dict && !strict.nil_is_empty_dict);
    assert!(lenient.float_is_integer && crossbar.float_is_integer && !strict.float_is_integer);
    assert_eq!((strict.max_depth, strict.dict_max_bytes), (64, 16 * 1024));
}

/// Conformance: PV-08
#[test]
fn ser_08_what_cannot_be_decoded_is_answered_with_abort() {
    for frame in [&b"[16,1"[..], b"[]", b"[99]", b"\xff", b"[34,0,1]", br#"[16,1,{"retain":1},"x"]"#] {
        let violation = Violation::from(read(SerializerId::Json, frame).unwrap_err());
        let abort = violation.abort();
        assert_eq!(abort.reason, "wamp.error.protocol_violation");
        assert_eq!(abort.details.message.as_deref(), Some(violation.to_string().as_str()));
        assert!(abort.payload.raw().is_empty());
    }
}
