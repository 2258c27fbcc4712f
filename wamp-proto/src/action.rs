//! What a session can do with a URI.

/// An action that is authorized on a URI, or on a pattern of URIs (AUTHZ-01).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Action {
    /// PUBLISH to a topic.
    Publish,
    /// SUBSCRIBE to a topic, or to a pattern of topics.
    Subscribe,
    /// CALL of a procedure.
    Call,
    /// REGISTER of a procedure, or of a pattern of procedures.
    Register,
}

impl Action {
    /// Every action.
    pub const ALL: [Self; 4] = [Self::Publish, Self::Subscribe, Self::Call, Self::Register];

    /// The word in configurations, and in the questions that an authorizer is asked.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Publish => "publish",
            Self::Subscribe => "subscribe",
            Self::Call => "call",
            Self::Register => "register",
        }
    }
}
