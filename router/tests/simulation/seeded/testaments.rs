//! What sessions leave behind.

use wamp_proto::Value;
use wamp_proto::dict::PublishOptions;

use super::Simulation;
use crate::model::{Scope, Testament};
use crate::note::Kind;
use crate::pattern::any_uri;

impl Simulation {
    /// Adds a testament or, now and then, takes all of a scope back.
    pub(super) fn bequeath(&mut self, name: u64) {
        let scope = if self.random.one_in(2) { Scope::Detached } else { Scope::Destroyed };
        if self.random.one_in(5) {
            let request = self.peer(name).flush_testaments(scope);
            return self.in_model(|model| model.flush_testaments(name, request, scope));
        }
        // What cannot be read as values is no testament.
        let kind = self.kind(name);
        let kind = if kind == Kind::JsonOnly { Kind::Plain } else { kind };
        let topic = any_uri(&mut self.random);
        let options = self.publish_options();
        let (request, note) = self.peer(name).add_testament(&topic, kind, values(&options), scope);
        let testament = Testament { scope, topic, options, note };
        self.in_model(|model| model.add_testament(name, request, testament));
    }
}

fn values(options: &PublishOptions) -> Vec<(String, Value)> {
    let ids = |ids: &Option<Vec<u64>>| {
        ids.as_ref().map(|ids| Value::List(ids.iter().map(|id| Value::from(*id)).collect()))
    };
    let texts = |texts: &Option<Vec<_>>| {
        let value = |text: &wamp_proto::Uri| Value::from(&**text);
        texts.as_ref().map(|texts| Value::List(texts.iter().map(value).collect()))
    };
    let values = [
        ("acknowledge", options.acknowledge.map(Value::from)),
        ("exclude_me", options.exclude_me.map(Value::from)),
        ("exclude", ids(&options.exclude)),
        ("exclude_authid", texts(&options.exclude_authid)),
        ("exclude_authrole", texts(&options.exclude_authrole)),
        ("eligible", ids(&options.eligible)),
        ("eligible_authid", texts(&options.eligible_authid)),
        ("eligible_authrole", texts(&options.eligible_authrole)),
    ];
    values.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?))).collect()
}
