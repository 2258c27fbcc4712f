//! What an authorizer is told: who wants to do something, and how.

use bytestring::ByteString;
use wamp_proto::Value;
use wamp_proto::dict::{CallOptions, PublishOptions, RegisterOptions, SubscribeOptions};

use crate::realm::{Identity, Request, Subject};

/// The arguments of the procedure, those of Crossbar.io's dynamic authorizers: session, URI, action, options.
pub(super) fn arguments(who: Value, subject: &Subject, request: &Request) -> [Value; 4] {
    let options = match request {
        Request::Publish(publish) => publish.options.relevant(),
        Request::Subscribe(subscribe) => subscribe.options.relevant(),
        Request::Register(register) => register.options.relevant(),
        Request::Call(call) => call.options.relevant(),
        // Nobody is asked about other requests.
        _ => Vec::new(),
    };
    [who, (*subject.uri).into(), subject.action.as_str().into(), Value::Dict(options)]
}

/// What is known of a session. Crossbar.io does not tell the realm.
pub(super) fn session_details(identity: &Identity, realm: &str) -> Value {
    let Identity { session, authid, role, authmethod, authprovider, .. } = identity;
    let details: [(&str, Value); 8] = [
        ("session", session.value().into()),
        ("realm", realm.into()),
        ("authid", (&**authid).into()),
        ("authrole", (&*role.name).into()),
        ("authmethod", (*authmethod).into()),
        ("authprovider", (*authprovider).into()),
        ("authextra", Value::Dict(Vec::new())),
        ("transport", Value::Dict(Vec::new())),
    ];
    Value::Dict(details.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
}

/// What an authorizer may want to know of the Options of a request: never what a router alone may say, such as
/// `forward_for`.
trait Relevant {
    fn relevant(&self) -> Vec<(String, Value)>;
}

impl Relevant for PublishOptions {
    fn relevant(&self) -> Vec<(String, Value)> {
        given([
            ("acknowledge", self.acknowledge.map(Value::from)),
            ("exclude_me", self.exclude_me.map(Value::from)),
            ("exclude", self.exclude.as_deref().map(numbers)),
            ("exclude_authid", self.exclude_authid.as_deref().map(texts)),
            ("exclude_authrole", self.exclude_authrole.as_deref().map(texts)),
            ("eligible", self.eligible.as_deref().map(numbers)),
            ("eligible_authid", self.eligible_authid.as_deref().map(texts)),
            ("eligible_authrole", self.eligible_authrole.as_deref().map(texts)),
            ("retain", self.retain.map(Value::from)),
            ("disclose_me", self.disclose_me.map(Value::from)),
        ])
    }
}

impl Relevant for SubscribeOptions {
    fn relevant(&self) -> Vec<(String, Value)> {
        given([
            ("match", Some(self.match_policy.unwrap_or_default().as_str().into())),
            ("get_retained", self.get_retained.map(Value::from)),
        ])
    }
}

impl Relevant for RegisterOptions {
    fn relevant(&self) -> Vec<(String, Value)> {
        given([
            ("match", Some(self.match_policy.unwrap_or_default().as_str().into())),
            ("invoke", self.invoke.map(|policy| policy.as_str().into())),
            ("concurrency", self.concurrency.map(Value::from)),
            ("disclose_caller", self.disclose_caller.map(Value::from)),
            ("force_reregister", self.force_reregister.map(Value::from)),
        ])
    }
}

impl Relevant for CallOptions {
    fn relevant(&self) -> Vec<(String, Value)> {
        given([
            ("timeout", self.timeout.map(Value::from)),
            ("receive_progress", self.receive_progress.map(Value::from)),
            ("progress", self.progress.map(Value::from)),
            ("disclose_me", self.disclose_me.map(Value::from)),
        ])
    }
}

fn given<const N: usize>(entries: [(&str, Option<Value>); N]) -> Vec<(String, Value)> {
    entries.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?))).collect()
}

fn numbers(numbers: &[u64]) -> Value {
    Value::List(numbers.iter().map(|number| Value::from(*number)).collect())
}

fn texts(texts: &[ByteString]) -> Value {
    Value::List(texts.iter().map(|text| Value::from(&**text)).collect())
}
