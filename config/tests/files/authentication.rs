//! Who gets in: what the tables become, what is said about their mistakes, and that no secret is shown.

use std::path::Path;
use std::time::Duration;

use expect_test::expect;
use trunkline_config::scram::{Dialect, Kdf};
use trunkline_config::{
    AuthMethod, Authentication, CertificateName, Config, JwtAlgorithm, JwtKey, RealmRules, WampcraCredential,
};

use super::{FILE, MadeUp, parse};

const HASH: &str =
    "$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHRzb21lc2FsdA$TMPJ9JYB0wwmJVt1XzSHFZlF1wQvGdAe1rP5xqG4j4M";
const PUBLIC_KEY: &str = "4d009094773be72533e7c933d230bc5fa60fe47a743d4667c6b4c4d6eb917877";
const OTHER_PUBLIC_KEY: &str = "545efb0a2192db8d43f118e9bf9aee081466e1ef36c708b96ee6f62dddad9122";
const DERIVED: &str = "key = 'Eu7CQLfR+/Ffb+275A4s9/6H/RGKYxM4s6IMrsNKzC8=', salt = 'salt123'";
const KEYS: &str = "salt = 'c29tZXNhbHQ=', stored_key = 'AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=', \
                    server_key = 'AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE='";

/// A realm with a role and these tables.
fn realm(tables: &str) -> String {
    format!("[[realms]]\nname = 'realm1'\nroles = [{{ name = 'user' }}]\n{tables}\n")
}

/// A realm with one principal that has these keys.
fn principal(keys: &str) -> String {
    realm(&format!("[[realms.principals]]\nauthid = 'joe'\nrole = 'user'\n{keys}"))
}

fn rules(text: &str) -> RealmRules {
    parse(text).unwrap_or_else(|problems| panic!("{problems}")).realms[0].rules.clone()
}

/// Each is one problem, with words of its own.
fn check_single(text: &str, words: &str) {
    let problems = parse(text).expect_err(text);
    assert_eq!(problems.len(), 1, "{problems}");
    assert!(problems.to_string().contains(words), "no {words:?} in:\n{problems}");
}

#[test]
fn a_principal_has_the_credentials_that_it_is_given() {
    let text = principal(&format!(
        "tickets = ['{HASH}']\n\
         wampcra = [{{ {DERIVED} }}, {{ {DERIVED}, iterations = 1000, keylen = 32 }}]\n\
         scram = [\n\
         {{ dialect = 'wamp-scram', kdf = 'argon2id13', iterations = 2, memory = 64, {KEYS} }},\n\
         {{ dialect = 'scram', kdf = 'argon2id13', iterations = 3, memory = 64, {KEYS} }},\n]\n\
         cryptosign = ['{PUBLIC_KEY}', '{OTHER_PUBLIC_KEY}']\n\
         certificates = ['dns:Joe.Example.COM', 'uri:spiffe://Example/joe', 'email:joe@example.com', 'ip:0:0::1']\n"
    ));
    let RealmRules { principals, .. } = rules(&text);
    let [joe] = &principals[..] else { panic!("{principals:?}") };
    assert_eq!((joe.authid.as_str(), joe.role.as_str()), ("joe", "user"));
    assert_eq!(joe.tickets[0].0, HASH);
    let WampcraCredential::Derived { key, salt, iterations, keylen } = &joe.wampcra[0] else { panic!() };
    assert_eq!(key.0, "Eu7CQLfR+/Ffb+275A4s9/6H/RGKYxM4s6IMrsNKzC8=");
    assert_eq!((salt.as_str(), *iterations, *keylen), ("salt123", 1000, 32));
    assert_eq!(joe.wampcra[0], joe.wampcra[1]);
    let [wamp, autobahn] = &joe.scram[..] else { panic!("{joe:?}") };
    assert_eq!((wamp.dialect, wamp.kdf), (Dialect::Wamp, Kdf::Argon2id13 { iterations: 2, memory: 64 }));
    assert_eq!(
        (autobahn.dialect, autobahn.kdf),
        (Dialect::Autobahn, Kdf::Argon2id13 { iterations: 3, memory: 64 })
    );
    assert_eq!((&wamp.salt[..], wamp.stored_key, wamp.server_key), (&b"somesalt"[..], [0; 32], [1; 32]));
    assert_eq!(joe.cryptosign[0][..4], [0x4d, 0x00, 0x90, 0x94]);
    let names = ["dns:joe.example.com", "uri:spiffe://Example/joe", "email:joe@example.com", "ip:::1"];
    assert_eq!(joe.certificates, names.map(|name| CertificateName::AlternativeName(name.to_owned())));
    let mut methods: Vec<_> = joe.methods().collect();
    methods.sort_unstable();
    use AuthMethod::{Cryptosign, Scram, Ticket, Tls, WampScram, Wampcra};
    assert_eq!(methods, [Ticket, Wampcra, WampScram, Scram, Cryptosign, Tls]);

    let plain = rules(&principal("wampcra = [{ secret = 'jane-secret' }]"));
    let WampcraCredential::Secret(secret) = &plain.principals[0].wampcra[0] else { panic!() };
    assert_eq!(secret.0, "jane-secret");
}

#[test]
fn a_fingerprint_is_read_as_other_programs_print_it() {
    let fingerprint = |digits: &str| format!("sha256:{digits}").parse::<CertificateName>();
    let octets: [u8; 32] = std::array::from_fn(|index| 0xa0 + index as u8);
    let pairs = octets.map(|octet| format!("{octet:02X}"));
    for digits in [pairs.join(":"), pairs.concat(), pairs.concat().to_lowercase()] {
        assert_eq!(fingerprint(&digits), Ok(CertificateName::Fingerprint(octets)));
    }
    for digits in ["", "a", &pairs[1..].concat(), &format!("{}00", pairs.concat()), &"zz".repeat(32)] {
        assert!(fingerprint(digits).is_err(), "{digits}");
    }
}

#[test]
fn those_who_are_asked_have_the_settings_that_they_are_given() {
    let RealmRules { authenticators, jwt, authorizer, .. } = rules(&realm(
        "[[realms.authenticators]]\nmethods = ['ticket', 'wamp-scram']\nprocedure = 'com.example.who'\n\
         [[realms.authenticators]]\nmethods = ['tls']\nprocedure = 'com.example.who'\nrealm = 'realm1'\ntimeout_ms = 7\n\
         [[realms.jwt]]\nsecret = 'hs256'\nrole = 'user'\n\
         [[realms.jwt]]\npublic_key_file = 'key.pem'\nalgorithm = 'EdDSA'\nrole_claim = 'roles'\n\
         [[realms.jwt]]\njwks_file = '/run/jwks.json'\nissuer = 'i'\naudience = ['a', 'b']\nauthid_claim = 'email'\nrole = 'user'\n\
         [realms.authorizer]\nprocedure = 'com.example.may'\n",
    ));
    assert_eq!(authenticators[0].methods, [AuthMethod::Ticket, AuthMethod::WampScram]);
    assert_eq!(
        (authenticators[0].realm.as_deref(), authenticators[0].timeout),
        (None, Duration::from_secs(5))
    );
    assert_eq!(authenticators[1].realm.as_deref(), Some("realm1"));
    assert_eq!(authenticators[1].timeout, Duration::from_millis(7));
    assert!(matches!(&jwt[0].key, JwtKey::Secret(secret) if secret.0 == "hs256"));
    assert_eq!((jwt[0].authid_claim.as_str(), jwt[0].role.as_deref()), ("sub", Some("user")));
    let file = Path::new("etc/key.pem").to_owned();
    assert_eq!(jwt[1].key, JwtKey::PublicKeyFile { file, algorithm: JwtAlgorithm::EdDsa });
    assert_eq!((jwt[1].role_claim.as_deref(), jwt[1].role.as_deref()), (Some("roles"), None));
    assert_eq!(jwt[2].key, JwtKey::JwksFile("/run/jwks.json".into()));
    assert_eq!((jwt[2].issuer.as_deref(), jwt[2].authid_claim.as_str()), (Some("i"), "email"));
    assert_eq!(jwt[2].audience, ["a", "b"]);
    let authorizer = authorizer.expect("an authorizer");
    assert_eq!((authorizer.timeout, authorizer.cache_age), (Duration::from_secs(5), Duration::from_secs(60)));
    assert_eq!(authorizer.cache_max, 10_000);
}

#[test]
fn a_listener_has_the_methods_and_the_cookie_that_it_is_given() {
    let listener = |keys: &str| {
        let config = parse(&format!("listeners = [{{ {keys} }}]\nrealms = [{{ name = 'a' }}]")).unwrap();
        config.listeners[0].clone()
    };
    assert_eq!((listener("").authmethods, listener("").cookie), (None, None));
    let methods = "authmethods = ['anonymous', 'cookie', 'scram']";
    let with_cookie = listener(&format!("{methods}, cookie = {{}}"));
    assert!(with_cookie.takes(AuthMethod::Scram) && !with_cookie.takes(AuthMethod::WampScram));
    let cookie = with_cookie.cookie.unwrap();
    assert_eq!((cookie.max_age, cookie.cookies_max), (Duration::from_secs(604_800), 100_000));
    let cookie = listener("cookie = { max_age_s = 60, cookies_max = 5 }").cookie.unwrap();
    assert_eq!((cookie.max_age, cookie.cookies_max), (Duration::from_secs(60), 5));
}

#[test]
fn authentication_costs_what_the_file_says() {
    let text = "[authentication]\nhashes_max = 1\nfailures_free = 0\nfailures_free_per_address = 4\n\
                failure_delay_ms = 5\nfailure_delay_max_ms = 6\nrouter_key = 'file:seed'\n[[realms]]\nname = 'a'\n";
    let seed = "0123456789abcdefABCDEF01234567890123456789abcdef0123456789abcdef";
    let files = [("etc/seed".into(), format!("{seed}\n").into_bytes())].into();
    let environment = MadeUp { files, ..MadeUp::default() };
    let config = Config::parse(text, Path::new(FILE), &environment).unwrap().authentication;
    let expected = Authentication {
        hashes_max: 1,
        failures_free: 0,
        failures_free_per_address: 4,
        failure_delay: Duration::from_millis(5),
        failure_delay_max: Duration::from_millis(6),
        router_key: Some(trunkline_config::Secret(seed.to_owned())),
    };
    assert_eq!(config, expected);
}

#[test]
fn tickets_are_hashed_at_a_cost_that_a_router_can_bear() {
    let ticket = |hash: &str| principal(&format!("tickets = ['{hash}']"));
    check_single(&ticket("joe-ticket"), "a ticket must be hashed: `trunkline passwd`");
    let costs = |costs: &str| ticket(&HASH.replace("m=64,t=1,p=1", costs));
    for good in ["m=1048576,t=1,p=1", "m=64,t=100,p=1", "m=128,t=1,p=16"] {
        parse(&costs(good)).unwrap_or_else(|problems| panic!("{problems}"));
    }
    for dear in ["m=1048577,t=1,p=1", "m=64,t=101,p=1", "m=256,t=1,p=17"] {
        check_single(&costs(dear), "this would cost the router too much");
    }
    for (from, to) in [
        ("argon2id", "argon2i"),
        ("argon2id", "scrypt"),
        ("v=19", "v=16"),
        ("v=19$", ""),
        ("m=64", "m=0"),
        ("$TMPJ9JYB0wwmJVt1XzSHFZlF1wQvGdAe1rP5xqG4j4M", ""),
        ("$c29tZXNhbHRzb21lc2FsdA", ""),
        (HASH, "$"),
    ] {
        check_single(&ticket(&HASH.replace(from, to)), "`tickets` must be the argon2id hash of a ticket");
    }
    check_single(&principal("tickets = []"), "at least 1 expected");
}

#[test]
fn credentials_fit_together() {
    let secret = "secret = 'jane-secret'";
    for keys in [
        "",
        "salt = 'salt123'",
        DERIVED.split_once(',').unwrap().0,
        &format!("{secret}, {DERIVED}"),
        &format!("{secret}, iterations = 1000"),
        &format!("{secret}, keylen = 32"),
    ] {
        check_single(&principal(&format!("wampcra = [{{ {keys} }}]")), "neither a secret nor a derived key");
    }
    for (keys, words) in [
        ("secret = ''", "a secret that is not empty"),
        (&format!("{DERIVED}, iterations = 1000001"), "from 1 to 1000000"),
        (&format!("{DERIVED}, keylen = 65"), "from 1 to 64"),
        (&format!("{DERIVED}, keylen = 16"), "not the base64 of `keylen` octets"),
    ] {
        check_single(&principal(&format!("wampcra = [{{ {keys} }}]")), words);
    }
    let scram = |keys: &str| principal(&format!("scram = [{{ dialect = 'scram', {keys} }}]"));
    for costs in [
        "kdf = 'argon2id13', iterations = 2",
        "kdf = 'argon2id13', iterations = 10001, memory = 8",
        "kdf = 'argon2id13', iterations = 17, memory = 1048576",
        "kdf = 'pbkdf2', iterations = 4095",
        "kdf = 'pbkdf2', iterations = 4096, memory = 64",
    ] {
        check_single(&scram(&format!("{costs}, {KEYS}")), "no client would take these costs");
    }
    for (from, to) in [
        ("c29tZXNhbHQ=", "c29tZXNhbA=="),
        ("c29tZXNhbHQ=", "som salt"),
        ("AAAAAAAA", ""),
        ("AQEBAQEB", "!!!!!!!!"),
    ] {
        let keys = KEYS.replacen(from, to, 1);
        let text = scram(&format!("kdf = 'argon2id13', iterations = 2, memory = 64, {keys}"));
        check_single(&text, "salt or keys are not what they must be");
    }
    let text = scram(&format!("kdf = 'pbkdf2', iterations = 4096, {KEYS}"));
    check_single(&text, "the dialect \"scram\" has no \"pbkdf2\"");
    let text = scram("kdf = 'scrypt', iterations = 1, salt = 'a', stored_key = 'b', server_key = 'c'");
    check_single(&text, "one of \"argon2id13\", \"pbkdf2\"");
    for (keys, words) in [
        ("cryptosign = ['4d']", "an Ed25519 public key"),
        ("certificates = ['joe']", "the name of a certificate"),
        ("certificates = ['sha256:00']", "the name of a certificate"),
        ("certificates = ['dns:']", "the name of a certificate"),
        ("certificates = ['ip:example.com']", "the name of a certificate"),
        ("", "a principal without any credential"),
        ("wampcra = []", "a principal without any credential"),
    ] {
        check_single(&principal(keys), words);
    }
}

#[test]
fn principals_are_told_apart_and_have_one_salt() {
    let problems = parse(&format!(
        r#"
[[realms]]
name = "realm1"
roles = [{{ name = "user" }}]

[[realms.principals]]
authid = "joe"
role = "usr"
wampcra = [
    {{ {DERIVED} }},
    {{ {DERIVED}, iterations = 999 }},
    {{ secret = "joe-secret" }},
]
cryptosign = ["{PUBLIC_KEY}"]
certificates = ["dns:joe.example.com"]

[[realms.principals]]
authid = "joe"
role = "user"
cryptosign = ["{}"]
certificates = ["dns:JOE.example.com"]

[[realms.principals.scram]]
dialect = "wamp-scram"
kdf = "pbkdf2"
iterations = 4096
{}

[[realms.principals.scram]]
dialect = "wamp-scram"
kdf = "pbkdf2"
iterations = 5000
{}
"#,
        PUBLIC_KEY.to_uppercase(),
        KEYS.replace(", ", "\n"),
        KEYS.replace(", ", "\n"),
    ))
    .expect_err("mistakes");
    expect![[r#"
        error: the realm has no role of this name
         --> etc/trunkline.toml:8:8
          |
        8 | role = "usr"
          |        ^^^^^ no such role
          |
          = help: it must be the `name` of one of the realm's `roles`

        error: two secrets of one principal that are salted differently
          --> etc/trunkline.toml:11:5
           |
        10 |     { key = '********************************************', salt = 'salt123' },
           |     -------------------------------------------------------------------------- first here
        11 |     { key = '********************************************', salt = 'salt123', iterations = 999 },
           |     ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ another salting
           |
           = help: a client is told one salt: give all the same `salt`, `iterations` and `keylen`, or none

        error: two secrets of one principal that are salted differently
          --> etc/trunkline.toml:12:5
           |
        10 |     { key = '********************************************', salt = 'salt123' },
           |     -------------------------------------------------------------------------- first here
        11 |     { key = '********************************************', salt = 'salt123', iterations = 999 },
        12 |     { secret = "**********" },
           |     ^^^^^^^^^^^^^^^^^^^^^^^^^ another salting
           |
           = help: a client is told one salt: give all the same `salt`, `iterations` and `keylen`, or none

        error: a principal is described twice
          --> etc/trunkline.toml:18:10
           |
         7 | authid = "joe"
           |          ----- first here
        ...
        18 | authid = "joe"
           |          ^^^^^ here again
           |
           = help: put all credentials of the principal into one table

        error: a public key stands twice
          --> etc/trunkline.toml:20:15
           |
        14 | cryptosign = ["4d009094773be72533e7c933d230bc5fa60fe47a743d4667c6b4c4d6eb917877"]
           |               ------------------------------------------------------------------ first here
        ...
        20 | cryptosign = ["4D009094773BE72533E7C933D230BC5FA60FE47A743D4667C6B4C4D6EB917877"]
           |               ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ here again
           |
           = help: it must say who has it: leave one out

        error: a certificate stands twice
          --> etc/trunkline.toml:21:17
           |
        15 | certificates = ["dns:joe.example.com"]
           |                 --------------------- first here
        ...
        21 | certificates = ["dns:JOE.example.com"]
           |                 ^^^^^^^^^^^^^^^^^^^^^ here again
           |
           = help: it must say who has it: leave one out

        error: two passwords of one principal for the same dialect
          --> etc/trunkline.toml:32:11
           |
        24 | dialect = "wamp-scram"
           |           ------------ first here
        ...
        32 | dialect = "wamp-scram"
           |           ^^^^^^^^^^^^ here again
           |
           = help: a dialect has one: leave one out

        etc/trunkline.toml: 7 problems"#]].assert_eq(&problems.to_string());
    // Elsewhere, somebody else may have the same name and the same key.
    let one = principal(&format!("cryptosign = ['{PUBLIC_KEY}']"));
    parse(&format!("{one}{}", one.replace("'realm1'", "'realm2'"))).unwrap();
}

#[test]
fn those_who_are_asked_are_there() {
    let authenticator = |keys: &str| realm(&format!("[[realms.authenticators]]\n{keys}"));
    let asked = "methods = ['ticket']\nprocedure = 'com.example.who'\n";
    for (keys, words) in [
        ("procedure = 'com.example.who'".to_owned(), "`methods` is missing"),
        ("methods = []\nprocedure = 'a'".to_owned(), "at least 1 expected"),
        ("methods = ['cookie']\nprocedure = 'a'".to_owned(), "must be one of"),
        ("methods = ['ticket']\nprocedure = 'wamp.session.count'".to_owned(), "nobody can register this"),
        ("methods = ['ticket']\nprocedure = 'a..b'".to_owned(), "this is not a URI"),
        (format!("{asked}realm = 'realm2'"), "no realm of this name"),
        (format!("{asked}timeout_ms = 0"), "too small"),
        (format!("{asked}[[realms.authenticators]]\n{asked}"), "two authenticators for one method"),
    ] {
        check_single(&authenticator(&keys), words);
    }
    let authorizer = |keys: &str| realm(&format!("[realms.authorizer]\n{keys}"));
    check_single(&authorizer(""), "`procedure` is missing");
    check_single(&authorizer("procedure = 'wamp.a'"), "nobody can register this");
    check_single(&authorizer("procedure = 'a'\nrealm = 'realm2'"), "no realm of this name");
    let jwt = |keys: &str| realm(&format!("[[realms.jwt]]\n{keys}"));
    for keys in [
        "",
        "secret = 'a'\njwks_file = 'b'",
        "public_key_file = 'a'",
        "algorithm = 'ES256'",
        "secret = 'a'\nalgorithm = 'RS256'",
    ] {
        check_single(&jwt(&format!("{keys}\nrole = 'user'")), "what verifies the tokens?");
    }
    check_single(&jwt("secret = 'a'"), "no token would have a role");
    check_single(&jwt("secret = 'a'\nrole = 'usr'"), "no role of this name");
    // A template has its own roles, and a realm of the file to ask in.
    let template = "[[realm_templates]]\nuri = 'a.'\nroles = [{ name = 'guest' }]\n\
                    [[realm_templates.authenticators]]\nmethods = ['tls']\nprocedure = 'a'\nrealm = 'realm1'\n\
                    [[realm_templates.jwt]]\nsecret = 'a'\nrole = ";
    parse(&realm(&format!("{template}'guest'"))).unwrap();
    check_single(&realm(&format!("{template}'user'")), "no role of this name");
}

#[test]
fn only_where_there_is_an_authorizer_can_it_be_asked() {
    let permission = |keys: &str, tables: &str| {
        format!(
            "[[realms]]\nname = 'a'\n[[realms.roles]]\nname = 'user'\n[[realms.roles.permissions]]\nuri = 'b'\n{keys}\n{tables}"
        )
    };
    let authorizer = "[realms.authorizer]\nprocedure = 'com.example.may'\n";
    check_single(&permission("ask = ['call']", ""), "`ask` without an authorizer");
    check_single(&permission("ask = ['call']", "[realms.authorizer]\nprocedure = 1\n"), "this is an integer");
    check_single(
        &permission("ask = ['call']\nallow = ['call']", authorizer),
        "two permissions for the same action",
    );
    check_single(&permission("ask = []", authorizer), "allows and denies nothing");
    let permission = permission("ask = ['call']\ndeny = ['register']\ndisclose = 'always'", authorizer);
    assert_eq!(rules(&permission).roles[0].permissions[0].ask, [trunkline_config::Action::Call]);
}

#[test]
fn the_methods_of_a_listener_and_its_cookie_agree() {
    let listener = |keys: &str| format!("listeners = [{{ {keys} }}]\nrealms = [{{ name = 'a' }}]");
    for (keys, words) in [
        ("authmethods = []", "at least 1"),
        ("authmethods = ['tickets']", "did you mean \"ticket\"?"),
        ("authmethods = ['tls', 'tls']", "a method is named twice"),
        ("authmethods = ['cookie']", "the method \"cookie\" without `cookie`"),
        ("authmethods = ['tls'], cookie = {}", "`cookie` without the method \"cookie\""),
        ("cookie = { max_age_s = 0 }", "too small"),
    ] {
        check_single(&listener(keys), words);
    }
}

/// Wherever it stands, and whatever is wrong about it.
#[test]
fn secrets_of_the_file_itself_are_never_shown() {
    const SECRET: &str = "hunter2-hunter2";
    for text in [
        format!("tickets = ['{SECRET}']"),
        format!("tickets = '{SECRET}'"),
        format!("tickets = [['{SECRET}']]"),
        format!("ticket = ['{SECRET}']"),
        format!("tickets = ['{HASH}', '''\n{SECRET}''']"),
        format!("wampcra = [{{ secret = '{SECRET}', salt = 'a' }}]"),
        format!("wampcra = {{ secret = '{SECRET}' }}"),
        format!("wampcra = ['{SECRET}']"),
        format!("wampcra = '{SECRET}'"),
        format!("wampcr = [{{ secret = '{SECRET}' }}]"),
        format!("wampcra = [{{ key = '{SECRET}' }}]"),
        format!("wampcra = [{{ secrets = '{SECRET}' }}]"),
        format!("wampcra = [{{ secret = {{ a = '{SECRET}' }} }}]"),
        format!("wampcra = [{{ {DERIVED} }}, {{ secret = '{SECRET}' }}]"),
        format!("scram = [{{ stored_key = '{SECRET}', server_key = '{SECRET}', dialect = 'scam' }}]"),
        format!("password = '{SECRET}'"),
        // Not TOML.
        format!("tickets = ['{SECRET}"),
        format!("tickets = [{SECRET}]"),
        format!("tickets = {SECRET}"),
        format!("tickets {SECRET}"),
        format!("tickets = [\n  '{HASH}',\n  '{SECRET}\n]"),
        format!("tickets = [\n  {SECRET}\n]"),
        format!("wampcra = [{{ secret = \"{SECRET}\\q\" }}]"),
        format!("wampcra = [{{ secret = '{SECRET}' }}]\nwampcra = [{{ secret = '{SECRET}' }}]"),
    ] {
        let problems = parse(&principal(&text)).expect_err(&text);
        let all = format!("{problems}{problems:?}{}", problems.to_colored_string());
        assert!(!all.contains("hunter2"), "{text}: {problems}");
    }
    for text in [
        format!("[authentication]\nrouter_key = '{SECRET}'\n"),
        format!("[authentication]\nrouter_keys = '{SECRET}'\n"),
        format!("[[realms]]\nname = 'a'\n[[realms.jwt]]\nsecret = '{SECRET}'\n"),
        format!("[[realms]]\nname = 'a'\nprincipal = [{{ tickets = ['{SECRET}'] }}]\n"),
        format!("realm = [{{ principals = [{{ tickets = ['{SECRET}'] }}] }}]\n"),
    ] {
        let problems = parse(&text).expect_err(&text).to_string();
        assert!(!problems.contains("hunter2"), "{text}: {problems}");
    }
}

#[test]
fn where_a_secret_was_are_asterisks_and_the_rest_is_shown() {
    let problems = parse(&principal("wampcra = [{ secret = 'hunter2', salt = 'salt123' }]")).unwrap_err();
    expect![[r#"
        error: `[[realms.principals.wampcra]]` does not fit together
         --> etc/trunkline.toml:7:12
          |
        7 | wampcra = [{ secret = '*******', salt = 'salt123' }]
          |            ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ neither a secret nor a derived key
          |
          = help: give `secret` alone, or `key` and `salt` with `iterations` and `keylen`

        etc/trunkline.toml: 1 problem"#]]
    .assert_eq(&problems.to_string());
    let problems = parse(&principal("wampcra = [{ secret = hunter2 }]")).unwrap_err();
    expect![[r#"
        error: this is not TOML
         --> etc/trunkline.toml:7:23
          |
        7 | wampcra = [{ ****** = ******* }]
          |                       ^^^^^^^ string values must be quoted, expected literal string
          |
          = help: nothing else was checked; see https://toml.io for the format

        etc/trunkline.toml: 1 problem"#]]
    .assert_eq(&problems.to_string());
}

#[test]
fn a_realm_with_a_way_to_log_in_is_open_where_a_listener_takes_it() {
    let closed = |text: &str| -> Vec<String> {
        parse(text).unwrap().closed_realms().map(|closed| closed.to_string()).collect()
    };
    let ways = [
        principal("wampcra = [{ secret = 'jane-secret' }]"),
        realm("[[realms.authenticators]]\nmethods = ['wampcra']\nprocedure = 'com.example.who'"),
    ];
    for text in ways {
        assert_eq!(closed(&text), [""; 0]);
        assert_eq!(closed(&format!("{text}[[listeners]]\nauthmethods = ['scram', 'wampcra']\n")), [""; 0]);
        assert_eq!(
            closed(&format!("{text}[[listeners]]\nauthmethods = ['scram', 'anonymous']\n")),
            ["nobody can join realm \"realm1\": no listener has its ways to log in among its `authmethods`"]
        );
    }
    assert_eq!(closed(&realm("[[realms.jwt]]\nsecret = 'a'\nrole = 'user'")), [""; 0]);
}
