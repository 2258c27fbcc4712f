//! Who else is asked who a session is: a procedure of some realm, or the program that embeds the router.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use trunkline_config::{self as config, AuthMethod, Principal, Secret, WampcraCredential, scram};
use wamp_proto::Value;
use wamp_proto::auth::cryptosign;

use crate::inquiry::NoAnswer;
use crate::router::Router;

/// Decides who a session is, for sessions that are no configured principal's. Whatever it does not vouch for is
/// refused.
pub trait Authenticator: fmt::Debug + Send + Sync {
    /// Who is that?
    fn authenticate(&self, attempt: Attempt) -> Pin<Box<dyn Future<Output = Decision> + Send + '_>>;
}

/// A session that wants to join. `Debug` leaves out the details, which may have the ticket.
#[derive(Clone)]
pub struct Attempt {
    /// The realm that it named.
    pub realm: String,
    /// Who it claims to be.
    pub authid: Option<String>,
    /// How it wants to prove that.
    pub method: AuthMethod,
    /// What else is known: `authmethod`, `session`, `authextra`, `transport`, and the `ticket`, which is proof by
    /// itself: nobody looks at it but the authenticator.
    pub details: Value,
}

impl fmt::Debug for Attempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { realm, authid, method, .. } = self;
        let mut shown = f.debug_struct("Attempt");
        shown.field("realm", realm).field("authid", authid).field("method", method).finish_non_exhaustive()
    }
}

/// What an [`Authenticator`] says.
pub type Decision = Result<Vouched, NotVouched>;

/// Somebody whom an [`Authenticator`] knows.
#[derive(Clone, Debug)]
pub struct Vouched {
    /// Authid, role, and what the proof is checked with: it needs a secret for `wampcra`, a verifier for `scram` and
    /// `wamp-scram`, public keys for `cryptosign`. For the other methods, being vouched for is all.
    pub principal: Principal,
    /// The realm that the session joins instead of the one that it named.
    pub realm: Option<String>,
    /// What WELCOME tells the client as `authextra`.
    pub extra: Option<Value>,
}

/// Why an [`Authenticator`] vouches for nobody.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotVouched {
    /// It does not know the principal, or the ticket is wrong. The client is told what everybody is told.
    #[error("denied: {0}")]
    Denied(String),
    /// It could not find out.
    #[error("failed: {0}")]
    Failed(String),
}

/// Whom a realm asks about sessions of one method.
#[derive(Clone, Debug)]
pub(crate) enum Hook {
    Procedure(config::Authenticator),
    Program(Arc<dyn Authenticator>),
}

impl Hook {
    pub(crate) async fn ask(&self, router: &Arc<Router>, attempt: Attempt) -> Decision {
        match self {
            Self::Procedure(procedure) => ask_procedure(procedure, router, attempt).await,
            Self::Program(authenticator) => authenticator.authenticate(attempt).await,
        }
    }
}

/// Calls a procedure with the arguments of Crossbar.io's dynamic authenticators: realm, authid, details.
async fn ask_procedure(hook: &config::Authenticator, router: &Arc<Router>, attempt: Attempt) -> Decision {
    let realm = hook.realm.as_ref().unwrap_or(&attempt.realm);
    let Some(driver) = router.realms().get(realm) else {
        return Err(NotVouched::Failed(format!("the authenticator's realm {realm:?} is not there")));
    };
    let authid = attempt.authid.as_deref().map_or(Value::Null, Value::from);
    let args = [attempt.realm.as_str().into(), authid, attempt.details];
    match driver.ask(hook.procedure.as_str().into(), &args, hook.timeout).answer().await {
        Ok(answer) => understand(&answer, attempt.authid, attempt.method).map_err(NotVouched::Failed),
        Err(error @ NoAnswer::Refused { .. }) => Err(NotVouched::Denied(error.to_string())),
        Err(error) => Err(NotVouched::Failed(error.to_string())),
    }
}

/// Reads what an authenticator returned: a role, or a dict with `role` and more.
fn understand(answer: &Value, authid: Option<String>, method: AuthMethod) -> Result<Vouched, String> {
    let text = |key: &str| match answer.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(format!("{key:?} in the authenticator's answer is no text")),
    };
    let number = |key: &str| match answer.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(number) => {
            let number = number.as_u64().and_then(|number| u32::try_from(number).ok());
            number.map(Some).ok_or(format!("{key:?} in the authenticator's answer is no number"))
        }
    };
    let role = match answer {
        Value::String(role) => role.clone(),
        Value::Dict(_) => text("role")?.ok_or("the authenticator's answer names no role")?,
        _ => return Err("the authenticator's answer is neither a role nor a dict".to_owned()),
    };
    let authid = text("authid")?.or(authid).unwrap_or_default();
    let mut principal = Principal::new(&authid, &role);
    match method {
        AuthMethod::Wampcra => {
            let secret = Secret(text("secret")?.ok_or("the authenticator's answer has no secret")?);
            principal.wampcra.push(match text("salt")? {
                None => WampcraCredential::Secret(secret),
                // Autobahn's defaults.
                Some(salt) => WampcraCredential::Derived {
                    key: secret,
                    salt,
                    iterations: number("iterations")?.unwrap_or(1000),
                    keylen: number("keylen")?.unwrap_or(32),
                },
            });
        }
        AuthMethod::WampScram | AuthMethod::Scram => {
            let dialect = scram::Dialect::of(method).ok_or("no dialect of SCRAM")?;
            principal.scram.push(verifier(dialect, &text, &number)?);
        }
        AuthMethod::Cryptosign => {
            let keys = match answer.get("pubkey").or_else(|| answer.get("authorized_keys")) {
                Some(Value::List(keys)) => keys.iter().collect(),
                Some(key) => vec![key],
                None => return Err("the authenticator's answer has no pubkey".to_owned()),
            };
            for key in keys {
                let key = key.as_str().and_then(|key| cryptosign::parse_public_key(key).ok());
                principal.cryptosign.push(key.ok_or("a pubkey is not of 64 hexadecimal digits")?);
            }
        }
        AuthMethod::Anonymous | AuthMethod::Ticket | AuthMethod::Tls | AuthMethod::Cookie => {}
    }
    let extra = answer.get("extra").filter(|extra| **extra != Value::Null).cloned();
    Ok(Vouched { principal, realm: text("realm")?, extra })
}

/// What an authenticator knows of somebody's password, under the names that Crossbar.io gives it.
fn verifier(
    dialect: scram::Dialect,
    text: &impl Fn(&str) -> Result<Option<String>, String>,
    number: &impl Fn(&str) -> Result<Option<u32>, String>,
) -> Result<scram::Verifier, String> {
    let required = |key: &str| text(key)?.ok_or(format!("the authenticator's answer has no {key:?}"));
    let iterations = number("iterations")?.ok_or("the authenticator's answer has no \"iterations\"")?;
    let kdf = scram::Kdf::named(&required("kdf")?, iterations, number("memory")?)
        .ok_or("the authenticator's answer names no kdf that there is")?;
    scram::Verifier::from_texts(
        dialect,
        kdf,
        &required("salt")?,
        &required("stored-key")?,
        &required("server-key")?,
    )
    .map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_of_an_attempt_does_not_show_the_ticket() {
        let details = Value::Dict(vec![("ticket".to_owned(), "sesame".into())]);
        let (realm, authid, method) = ("realm1".to_owned(), Some("joe".to_owned()), AuthMethod::Ticket);
        let shown = format!("{:?}", Attempt { realm, authid, method, details });
        assert!(shown.contains("joe") && !shown.contains("sesame"), "{shown}");
    }
}
