//! What histories keep, and what a query finds in them. Time begins at 2026-11-22T12:00:00Z.

use bytes::Bytes;
use expect_test::expect;
use wamp_proto::{DecodeRules, MatchPolicy, Message, Payload, SerializerId, SubscriptionId, Value, decode};

use super::super::store::Query;
use super::{RealmSettings, Request, Rulings, Stage, StoreLimits, World, settings, split};

const MANY: StoreLimits = StoreLimits { events: 100, max_bytes: 1 << 20, max_age: None };

fn histories(limits: StoreLimits) -> RealmSettings {
    let histories = [
        ("com.acme.tick", MatchPolicy::Exact),
        ("com.acme.", MatchPolicy::Prefix),
        ("com..tick", MatchPolicy::Wildcard),
    ];
    let histories = histories.map(|(topic, policy)| (topic.to_owned(), policy, limits));
    RealmSettings { histories: histories.into(), ..settings() }
}

/// A realm in which that happened.
fn after(limits: StoreLimits, script: &str) -> Stage {
    let mut stage = Stage::new(histories(limits));
    stage.play(script);
    stage
}

/// The subscriptions that have histories, as sub#1, sub#2 and sub#3: somebody subscribes to learn their IDs.
fn name_them(stage: &mut Stage) {
    stage.play(
        r#"
            who> SUBSCRIBE 1 {} com.acme.tick
            who> SUBSCRIBE 2 {"match":"prefix"} com.acme.
            who> SUBSCRIBE 3 {"match":"wildcard"} com..tick
            who> leave
        "#,
    );
}

fn numbers(stage: &Stage, text: &str) -> String {
    let ids = &stage.cast.ids.borrow().publications;
    // From behind, since pub#1 is the beginning of pub#10.
    let places = (1..=ids.len()).rev();
    places.fold(text.to_owned(), |text, at| text.replace(&format!("pub#{at}"), &ids[at - 1].to_string()))
}

fn kwargs(text: &str) -> Vec<(String, Value)> {
    let frame = Bytes::from(format!(r#"[48,1,{{}},"com.acme.x",[],{text}]"#));
    let message = decode(SerializerId::Json, &frame, &DecodeRules::default()).expect("a CALL");
    let Message::Call(call) = message else { panic!("48 is CALL") };
    call.payload.values().expect("values").1
}

/// What somebody finds in a history: an event a line, or why not.
fn find_events(stage: &mut Stage, name: &str, subscription: &str, query: &str) -> String {
    let query = match Query::parse(&kwargs(&numbers(stage, query))) {
        Ok(query) => query,
        Err(refusal) => return format!("{refusal:?}\n"),
    };
    let id = SubscriptionId::new(stage.id(subscription)).expect("an ID");
    let key = stage.key(name);
    let history = match stage.realm.broker.read().history(id, &query, stage.applicant(key), stage.cast.now())
    {
        Ok(history) => history,
        Err(refusal) => return format!("{refusal:?}\n"),
    };
    let values: Vec<_> = history.values().collect();
    assert_eq!(values.len(), history.events.len());
    let payload = Payload::new(SerializerId::Json, &values, &[]);
    let json = std::str::from_utf8(payload.raw()).expect("JSON is UTF-8");
    let ids = stage.cast.ids.borrow();
    let mut text = json.replace(&id.to_string(), subscription);
    for (at, publication) in ids.publications.iter().enumerate() {
        text = text.replace(&publication.to_string(), &format!("pub#{}", at + 1));
    }
    let list = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or_default();
    split(list, ',').iter().map(|event| format!("{event}\n")).collect()
}

/// The same, but only the publications.
fn find(stage: &mut Stage, name: &str, subscription: &str, query: &str) -> String {
    let events = find_events(stage, name, subscription, query);
    let publication = |event: &str| {
        let Some((_, rest)) = event.split_once(r#""publication":"#) else { return event.to_owned() };
        rest.split_once(',').expect("more entries").0.to_owned()
    };
    events.lines().map(publication).collect::<Vec<_>>().join(" ")
}

/// Five events, a second apart.
fn five() -> Stage {
    let mut stage = after(
        MANY,
        r#"
            bob> PUBLISH 1 {"acknowledge":true} com.acme.tick [1]
            1000 ms later
            bob> PUBLISH 2 {"acknowledge":true} com.acme.tock [2]
            1000 ms later
            bob> PUBLISH 3 {"acknowledge":true} com.acme.tick [3]
            1000 ms later
            bob> PUBLISH 4 {"acknowledge":true} com.acme.tick [4]
            1000 ms later
            bob> PUBLISH 5 {"acknowledge":true} com.acme.tick [5]
        "#,
    );
    name_them(&mut stage);
    stage
}

fn check_queries(name: &str, subscription: &str, queries: &[(&str, &str)]) {
    let mut stage = five();
    for (query, expected) in queries {
        assert_eq!(find(&mut stage, name, subscription, query), *expected, "{query}");
    }
    stage.clear();
}

#[test]
fn his_01_an_event_of_a_history_says_when_and_what() {
    let mut stage = after(
        MANY,
        r#"
            bob is robert in role sensor
            bob> PUBLISH 1 {"acknowledge":true,"disclose_me":true} com.acme.tick [1,"two"] {"three":3}
            1234 ms later
            carol> PUBLISH 1 {"acknowledge":true} com.acme.tick
            carol> PUBLISH 2 {"acknowledge":true,"ppt_scheme":"x_mine","ppt_keyid":"k1"} com.acme.tick ["\u0000q83v"]
            carol> PUBLISH 3 {"acknowledge":true,"enc_algo":"cryptobox"} com.acme.tock [] {"four":4}
        "#,
    );
    name_them(&mut stage);
    let found = find_events(&mut stage, "alice", "sub#2", "{}");
    expect![[r#"
        {"timestamp":"2026-11-22T12:00:00.000Z","subscription":sub#2,"publication":pub#1,"details":{"topic":"com.acme.tick","publisher":1,"trustlevel":3,"publisher_authid":"robert","publisher_authrole":"sensor"},"args":[1,"two"],"kwargs":{"three":3}}
        {"timestamp":"2026-11-22T12:00:01.234Z","subscription":sub#2,"publication":pub#2,"details":{"topic":"com.acme.tick"}}
        {"timestamp":"2026-11-22T12:00:01.234Z","subscription":sub#2,"publication":pub#3,"details":{"topic":"com.acme.tick","ppt_scheme":"x_mine","ppt_keyid":"k1"},"args":["\u0000q83v"]}
        {"timestamp":"2026-11-22T12:00:01.234Z","subscription":sub#2,"publication":pub#4,"details":{"topic":"com.acme.tock","enc_algo":"cryptobox"},"args":[],"kwargs":{"four":4}}
    "#]].assert_eq(&found);
    let exact = find_events(&mut stage, "alice", "sub#1", r#"{"limit":1}"#);
    expect![[r#"
        {"timestamp":"2026-11-22T12:00:00.000Z","subscription":sub#1,"publication":pub#1,"details":{"publisher":1,"trustlevel":3,"publisher_authid":"robert","publisher_authrole":"sensor"},"args":[1,"two"],"kwargs":{"three":3}}
    "#]].assert_eq(&exact);
    stage.clear();
}

/// As subscribers with other serializers do not get it either.
#[test]
fn his_01_an_event_that_is_no_value_is_left_out() {
    let mut stage = after(
        MANY,
        r#"
            bob> PUBLISH 1 {"acknowledge":true} com.acme.tick ["\ud800"]
            bob> PUBLISH 2 {"acknowledge":true} com.acme.tick [2]
        "#,
    );
    name_them(&mut stage);
    let id = SubscriptionId::new(stage.id("sub#1")).expect("an ID");
    let key = stage.key("alice");
    let query = Query::default();
    let history = stage.realm.broker.read().history(id, &query, stage.applicant(key), stage.cast.now());
    let history = history.expect("a history");
    let publications: Vec<_> =
        history.values().filter_map(|event| event.get("publication").and_then(Value::as_i64)).collect();
    assert_eq!(history.events.len(), 2);
    assert_eq!(publications, [i64::try_from(stage.id("pub#2")).expect("an ID")]);
    stage.clear();
}

#[test]
fn his_02_time_filters() {
    check_queries(
        "alice",
        "sub#2",
        &[
            (r#"{"from_time":"2026-11-22T12:00:03Z"}"#, "pub#4 pub#5"),
            (r#"{"after_time":"2026-11-22T12:00:03Z"}"#, "pub#5"),
            (r#"{"before_time":"2026-11-22T12:00:01.000Z"}"#, "pub#1"),
            (r#"{"until_time":"2026-11-22T13:00:01+01:00"}"#, "pub#1 pub#2"),
            (r#"{"after_time":"2026-11-22T12:00:00Z","until_time":"2026-11-22T12:00:02Z"}"#, "pub#2 pub#3"),
            (r#"{"from_time":"2026-11-22T12:00:03Z","before_time":"2026-11-22T12:00:03Z"}"#, ""),
        ],
    );
}

#[test]
fn his_03_publication_filters_go_by_the_order_of_events() {
    check_queries(
        "alice",
        "sub#2",
        &[
            (r#"{"from_publication":pub#4}"#, "pub#4 pub#5"),
            (r#"{"after_publication":pub#4}"#, "pub#5"),
            (r#"{"before_publication":pub#2}"#, "pub#1"),
            (r#"{"until_publication":pub#2}"#, "pub#1 pub#2"),
            (r#"{"after_publication":pub#1,"before_publication":pub#4}"#, "pub#2 pub#3"),
            (r#"{"after_publication":pub#4,"before_publication":pub#2}"#, ""),
            (r#"{"after_publication":pub#5}"#, ""),
        ],
    );
}

#[test]
fn his_03_a_publication_that_is_not_there_bounds_nothing() {
    check_queries(
        "alice",
        // Without pub#2, which went to another topic.
        "sub#1",
        &[
            (r#"{"from_publication":pub#2}"#, ""),
            (r#"{"after_publication":pub#2}"#, ""),
            (r#"{"before_publication":pub#2}"#, ""),
            (r#"{"until_publication":1}"#, ""),
        ],
    );
}

#[test]
fn his_04_filters_are_and() {
    check_queries(
        "alice",
        "sub#2",
        &[
            (r#"{"topic":"com.acme.tock"}"#, "pub#2"),
            (r#"{"topic":"com.acme"}"#, ""),
            (
                r#"{"topic":"com.acme.tick","after_publication":pub#2,"before_time":"2026-11-22T12:00:04Z"}"#,
                "pub#3 pub#4",
            ),
            (r#"{"reverse":true,"topic":"com.acme.tick"}"#, "pub#5 pub#4 pub#3 pub#1"),
            (r#"{"reverse":false,"limit":null,"x_unknown":7}"#, "pub#1 pub#2 pub#3 pub#4 pub#5"),
        ],
    );
}

#[test]
fn his_04_an_argument_that_does_not_fit_is_named() {
    let wrong = [
        r#"{"reverse":1}"#,
        r#"{"limit":0}"#,
        r#"{"limit":-1}"#,
        r#"{"limit":1.5}"#,
        r#"{"topic":7}"#,
        r#"{"from_time":"yesterday"}"#,
        r#"{"until_time":1763812800}"#,
        r#"{"after_publication":"7"}"#,
        r#"{"until_publication":0}"#,
        r#"{"before_publication":9007199254740993}"#,
    ];
    let mut stage = five();
    let found: String = wrong.iter().map(|query| find_events(&mut stage, "alice", "sub#1", query)).collect();
    expect![[r#"
        Refusal { error: "wamp.error.invalid_argument", explanation: "reverse has to be a boolean", over: None }
        Refusal { error: "wamp.error.invalid_argument", explanation: "limit has to be a positive integer", over: None }
        Refusal { error: "wamp.error.invalid_argument", explanation: "limit has to be a positive integer", over: None }
        Refusal { error: "wamp.error.invalid_argument", explanation: "limit has to be a positive integer", over: None }
        Refusal { error: "wamp.error.invalid_argument", explanation: "topic has to be a URI", over: None }
        Refusal { error: "wamp.error.invalid_argument", explanation: "from_time has to be a time as in RFC 3339", over: None }
        Refusal { error: "wamp.error.invalid_argument", explanation: "until_time has to be a time as in RFC 3339", over: None }
        Refusal { error: "wamp.error.invalid_argument", explanation: "after_publication has to be a publication ID", over: None }
        Refusal { error: "wamp.error.invalid_argument", explanation: "until_publication has to be a publication ID", over: None }
        Refusal { error: "wamp.error.invalid_argument", explanation: "before_publication has to be a publication ID", over: None }
    "#]].assert_eq(&found);
}

#[test]
fn his_05_a_limit_counts_from_where_the_query_begins() {
    check_queries(
        "alice",
        "sub#2",
        &[
            (r#"{"limit":2}"#, "pub#1 pub#2"),
            (r#"{"limit":2,"after_publication":pub#2}"#, "pub#3 pub#4"),
            (r#"{"limit":2,"reverse":true}"#, "pub#5 pub#4"),
            (r#"{"limit":2,"reverse":true,"before_publication":pub#4}"#, "pub#3 pub#2"),
            (
                r#"{"limit":2,"topic":"com.acme.tick","reverse":true,"before_publication":pub#4}"#,
                "pub#3 pub#1",
            ),
            // wampy.js writes large integers as floats.
            (r#"{"limit":1.0}"#, "pub#1"),
        ],
    );
}

#[test]
fn his_06_each_subscription_has_a_history_of_its_own() {
    let mut stage = after(
        MANY,
        r#"
            bob> PUBLISH 1 {"acknowledge":true} com.acme.tick
            bob> PUBLISH 2 {"acknowledge":true} com.acme.tock
            bob> PUBLISH 3 {"acknowledge":true} com.other.tick
            bob> PUBLISH 4 {"acknowledge":true} com.other.tock
            who> SUBSCRIBE 4 {} com.other.tock
        "#,
    );
    stage.play(r#"bob> PUBLISH 5 {"acknowledge":true} com.other.tock"#);
    assert_eq!(find(&mut stage, "alice", "sub#1", "{}"), "", "no history is configured");
    stage.play("who> leave");
    name_them(&mut stage);
    assert_eq!(find(&mut stage, "alice", "sub#2", "{}"), "pub#1", "exact");
    assert_eq!(find(&mut stage, "alice", "sub#3", "{}"), "pub#1 pub#2", "prefix");
    assert_eq!(find(&mut stage, "alice", "sub#4", "{}"), "pub#1 pub#3", "wildcard");
    stage.clear();
}

#[test]
fn his_07_lists_are_for_the_history_too() {
    let mut stage = after(
        MANY,
        r#"
            bob> PUBLISH 1 {"acknowledge":true,"exclude":[77]} com.acme.open.a ["never"]
            bob> PUBLISH 2 {"acknowledge":true,"eligible":[1,2,3,4]} com.acme.open.a ["never"]
            bob> PUBLISH 3 {"acknowledge":true,"exclude_authid":["alice"]} com.acme.open.a
            bob> PUBLISH 4 {"acknowledge":true,"eligible_authid":["alice","bob"]} com.acme.open.a
            bob> PUBLISH 5 {"acknowledge":true,"eligible_authrole":["sensor"]} com.acme.open.a
            bob> PUBLISH 6 {"acknowledge":true,"exclude_authrole":["sensor"]} com.acme.open.a
            bob> PUBLISH 7 {"acknowledge":true,"exclude":[]} com.acme.open.a
            carol is carol in role sensor
        "#,
    );
    name_them(&mut stage);
    assert_eq!(find(&mut stage, "alice", "sub#2", "{}"), "pub#4 pub#6 pub#7");
    assert_eq!(find(&mut stage, "carol", "sub#2", "{}"), "pub#3 pub#5 pub#7");
    assert_eq!(find(&mut stage, "dave", "sub#2", "{}"), "pub#3 pub#6 pub#7");
    assert_eq!(
        find(&mut stage, "alice", "sub#2", r#"{"limit":1,"reverse":true,"before_publication":pub#6}"#),
        "pub#4"
    );
    // The publisher may see what it published.
    assert_eq!(find(&mut stage, "bob", "sub#2", r#"{"limit":2}"#), "pub#3 pub#4");
    stage.clear();
}

#[test]
fn his_08_who_may_not_subscribe_gets_no_history() {
    let mut stage = after(MANY, "carol is carol in role guest");
    name_them(&mut stage);
    expect![[r#"
        Refusal { error: "wamp.error.not_authorized", explanation: "role \"guest\" may not subscribe \"com.acme.tick\"", over: None }
    "#]].assert_eq(&find_events(&mut stage, "carol", "sub#1", "{}"));
    expect![[r#"
        Refusal { error: "wamp.error.not_authorized", explanation: "role \"guest\" may not subscribe \"com.acme.\"", over: None }
    "#]].assert_eq(&find_events(&mut stage, "carol", "sub#2", "{}"));
    stage.play("who> SUBSCRIBE 4 {} com.other.tock");
    stage.play("who> leave");
    let gone = find_events(&mut stage, "alice", "sub#4", "{}");
    assert!(gone.contains("wamp.error.no_such_subscription"), "{gone}");
    stage.clear();
}

/// Conformance: HIS-06
#[test]
fn his_09_a_history_needs_no_subscriber() {
    let mut stage = after(
        MANY,
        r#"
            bob> PUBLISH 1 {"acknowledge":true} com.acme.tick ["nobody is there"]
            alice> SUBSCRIBE 1 {} com.acme.tick
            bob> PUBLISH 2 {"acknowledge":true} com.acme.tick ["alice is there"]
            alice> UNSUBSCRIBE 2 sub#1
            bob> PUBLISH 3 {"acknowledge":true} com.acme.tick ["nobody is there any more"]
        "#,
    );
    assert_eq!(find(&mut stage, "alice", "sub#1", "{}"), "pub#1 pub#2 pub#3");
    stage.play("alice> SUBSCRIBE 3 {} com.acme.tick");
    assert_eq!(stage.realm.holdings().subscriptions, 1, "with subscribers");
    stage.clear();
}

#[test]
fn what_is_kept_keeps_no_frame_alive() {
    let mut stage = Stage::new(histories(MANY));
    let bob = stage.key("bob");
    let options =
        r#"{"retain":true,"disclose_me":true,"ppt_scheme":"x_mine","ppt_keyid":"k1","exclude_authid":["x"]}"#;
    let frame = Bytes::from(format!(r#"[16,1,{options},"com.acme.tick",["payload"],{{"key":1}}]"#));
    let message = decode(SerializerId::Json, &frame, &DecodeRules::default()).expect("a PUBLISH");
    let Message::Publish(publish) = message else { panic!("16 is PUBLISH") };
    assert!(!frame.is_unique(), "until it is routed");
    stage.realm.handle(bob, Request::Publish(publish), &Rulings::NONE, &stage.cast).expect("no violation");
    assert!(frame.is_unique());
    let played = stage.play(r#"alice> SUBSCRIBE 1 {"get_retained":true} com.acme.tick"#);
    assert!(played.contains(r#""ppt_keyid":"k1"} ["payload"] {"key":1}"#), "{played}");
    assert_eq!(find_events(&mut stage, "alice", "sub#1", "{}").lines().count(), 1);
    stage.clear();
}

#[test]
fn histories_keep_no_more_events_than_allowed() {
    let publish = |number: u64| format!("bob> PUBLISH {number} {{\"acknowledge\":true}} com.acme.tick\n");
    let mut stage = after(StoreLimits { events: 2, ..MANY }, &(1..=4).map(publish).collect::<String>());
    name_them(&mut stage);
    assert_eq!(find(&mut stage, "alice", "sub#1", "{}"), "pub#3 pub#4");
    stage.clear();
}

#[test]
fn histories_keep_no_more_octets_than_allowed() {
    let text = "x".repeat(1000);
    let publish =
        |number: u64| format!("bob> PUBLISH {number} {{\"acknowledge\":true}} com.acme.tick [\"{text}\"]\n");
    let limits = StoreLimits { max_bytes: 3000, ..MANY };
    let mut stage = after(limits, &(1..=4).map(publish).collect::<String>());
    name_them(&mut stage);
    assert_eq!(find(&mut stage, "alice", "sub#1", "{}"), "pub#3 pub#4");
    // One that has no room even alone leaves the others where they are.
    stage.play(&publish(5).replace(&text, &"x".repeat(3000)));
    assert_eq!(find(&mut stage, "alice", "sub#1", "{}"), "pub#3 pub#4");
    stage.clear();
}

#[test]
fn histories_keep_no_event_longer_than_allowed() {
    let limits = StoreLimits { max_age: Some(std::time::Duration::from_secs(2)), ..MANY };
    let mut stage = after(
        limits,
        r#"
            bob> PUBLISH 1 {"acknowledge":true} com.acme.tick
            1000 ms later
            bob> PUBLISH 2 {"acknowledge":true} com.acme.tick
            1000 ms later
        "#,
    );
    name_them(&mut stage);
    assert_eq!(find(&mut stage, "alice", "sub#1", "{}"), "pub#1 pub#2");
    stage.play("1 ms later");
    assert_eq!(find(&mut stage, "alice", "sub#1", "{}"), "pub#2");
    stage.clear();
}
