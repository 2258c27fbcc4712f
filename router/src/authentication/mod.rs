//! Who a session is: from HELLO to a verdict, by the first method that the client offers and the realm has.
//!
//! Knows no socket: what it says to the client, and hears, goes through a [`Conversation`]. What the session may do
//! is its role's business.

mod backoff;
pub(crate) mod cookies;
mod hashing;
mod hook;
mod jwt;
mod methods;
mod mocks;
mod principals;

use std::future::Future;
use std::sync::Arc;
use std::time::SystemTime;

use tokio::time::Instant;
use trunkline_config::{AuthMethod, CertificateName, Listener, Principal, Profile};
use wamp_proto::message::{Authenticate, Hello};
use wamp_proto::uri::check_uri;
use wamp_proto::{SessionId, Value, error_uri};

use crate::certificate::Certificate;
use crate::listen::Source;
use crate::realm::Role;
use crate::realms::RealmPlan;
use crate::router::Router;
use crate::transport::Stream;

pub(crate) use backoff::Backoff;
pub(crate) use cookies::{Cookies, Login};
pub(crate) use hashing::Hashing;
pub(crate) use hook::Hook;
pub use hook::{Attempt, Authenticator, Decision, NotVouched, Vouched};
pub(crate) use jwt::Issuer;
pub use jwt::JwtKeyError;
pub(crate) use principals::Principals;

/// What a session is told that cannot prove who it is, whether or not there is such a principal.
const DENIED: &str = "authentication failed";

/// Marks the authids that the router made up (AUTH-ANON-01).
const ANONYMOUS_PREFIX: &str = "anonymous-";

/// Who vouched for a session, as WELCOME says it.
pub(crate) mod authprovider {
    /// The configuration, or the program that embeds the router.
    pub(crate) const STATIC: &str = "static";
    /// An authenticator.
    pub(crate) const DYNAMIC: &str = "dynamic";
    /// Who signed its token.
    pub(crate) const JWT: &str = "jwt";
    /// Whoever vouched for it when it logged in.
    pub(crate) const COOKIE: &str = "cookie";
}

/// The client that wants to be let in.
pub(crate) trait Conversation: Send {
    /// Sends CHALLENGE, and waits for AUTHENTICATE.
    ///
    /// # Errors
    /// If the client is gone, or broke the protocol: there is nothing more to decide.
    fn challenge(
        &mut self,
        method: AuthMethod,
        extra: Vec<(String, Value)>,
    ) -> impl Future<Output = Result<Authenticate, Gone>> + Send;
}

/// Nobody is there to be let in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Gone;

/// What its connection tells of a client before it says a word.
#[derive(Debug, Default)]
pub(crate) struct TransportCredentials {
    /// The certificate that it showed, and has the key of.
    certificate: Option<Certificate>,
    /// What both ends of this connection know, and nobody else (RFC 9266).
    channel_id: Option<[u8; 32]>,
}

impl TransportCredentials {
    pub(crate) fn of(stream: &Stream) -> Self {
        Self { certificate: stream.client_certificate(), channel_id: stream.channel_id() }
    }
}

/// A session that wants to join a realm, and what is known of it.
pub(crate) struct Candidate<'a> {
    pub(crate) router: &'a Arc<Router>,
    pub(crate) listener: &'a Listener,
    pub(crate) source: Source,
    pub(crate) transport: &'a TransportCredentials,
    /// The cookie that its browser has from now on.
    pub(crate) cookie: Option<&'a cookies::Issued>,
    pub(crate) hello: &'a Hello,
    pub(crate) plan: &'a Arc<RealmPlan>,
    /// What its ID will be, which WAMP-CRA has to tell it before (AUTH-CRA-03).
    pub(crate) session: SessionId,
}

/// Somebody who may join.
#[derive(Clone, Debug)]
pub(crate) struct Admitted {
    /// The realm, which may be another than HELLO named.
    pub(crate) realm: String,
    pub(crate) plan: Arc<RealmPlan>,
    pub(crate) authid: String,
    pub(crate) role: Arc<Role>,
    pub(crate) authmethod: &'static str,
    pub(crate) authprovider: &'static str,
    /// What WELCOME tells the client.
    pub(crate) authextra: Option<Value>,
    /// What its ID has to be, if it was told.
    pub(crate) session: Option<SessionId>,
    /// When its proof is worth nothing any more.
    pub(crate) expires: Option<SystemTime>,
    /// What its browser's cookie stands for.
    pub(crate) login: Option<Arc<Login>>,
}

/// Why somebody may not join, as the client is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refused {
    pub(crate) reason: &'static str,
    pub(crate) message: String,
    /// What the logs say in addition: the client must not tell one denial from another.
    pub(crate) cause: String,
}

/// How an attempt ends that does not end well.
#[derive(Debug)]
pub(crate) enum Unsuccessful {
    Refused(Refused),
    Gone,
}

/// Somebody who is who they say.
struct Proven {
    principal: Arc<Principal>,
    realm: Option<String>,
    extra: Option<Value>,
    provider: &'static str,
    expires: Option<SystemTime>,
}

impl Proven {
    fn new(principal: Arc<Principal>, provider: &'static str) -> Self {
        Self { principal, realm: None, extra: None, provider, expires: None }
    }
}

impl From<Refused> for Unsuccessful {
    fn from(refused: Refused) -> Self {
        Self::Refused(refused)
    }
}

impl From<Gone> for Unsuccessful {
    fn from(_: Gone) -> Self {
        Self::Gone
    }
}

impl Refused {
    pub(crate) fn new(reason: &'static str, message: impl Into<String>) -> Self {
        Self { reason, message: message.into(), cause: String::new() }
    }
}

/// An authid for a session that has none.
pub(crate) fn anonymous_authid() -> String {
    format!("{ANONYMOUS_PREFIX}{:014x}", rand::random::<u64>() >> 8)
}

/// That nothing which the client offers is configured, as the realm's clients know it (AUTH-GEN-04, A-15).
pub(crate) fn no_matching_method(plan: &RealmPlan, message: &str) -> Refused {
    let reason = match plan.profile {
        Profile::Crossbar => error_uri::CROSSBAR_NO_AUTH_METHOD,
        Profile::Default | Profile::Strict => error_uri::NO_MATCHING_AUTH_METHOD,
    };
    Refused::new(reason, message)
}

impl Candidate<'_> {
    /// Finds out who it is.
    pub(crate) async fn authenticate(
        &self,
        conversation: &mut impl Conversation,
    ) -> Result<Admitted, Unsuccessful> {
        let mut lacking = None;
        for method in self.offered() {
            if !self.listener.takes(method) {
                continue;
            }
            match self.can_try(method) {
                Ok(true) => return self.attempt(method, conversation).await,
                Ok(false) => {}
                Err(refused) => lacking = lacking.or(Some(refused)),
            }
        }
        Err(lacking.unwrap_or_else(|| self.nothing_fits()).into())
    }

    /// The methods that the client offers and that there are, the preferred first. No list, or an empty one, offers
    /// no proof: that is what anonymous means (AUTH-GEN-01).
    fn offered(&self) -> Vec<AuthMethod> {
        match self.hello.details.authmethods.as_deref() {
            None | Some([]) => vec![AuthMethod::Anonymous],
            Some(methods) => methods.iter().filter_map(|method| AuthMethod::named(method)).collect(),
        }
    }

    /// Nothing that the client offers can be tried here (AUTH-GEN-04).
    fn nothing_fits(&self) -> Refused {
        let taken: Vec<_> = AuthMethod::ALL
            .iter()
            .filter(|method| self.listener.takes(**method) && self.realm_has(**method))
            .map(|method| format!("{:?}", method.as_str()))
            .collect();
        let takes = if taken.is_empty() { "none".to_owned() } else { taken.join(", ") };
        let offers_nothing = self.offered() == [AuthMethod::Anonymous];
        if offers_nothing && !taken.is_empty() && self.plan.profile != Profile::Crossbar {
            let message = format!("this realm takes no anonymous sessions here; its methods: {takes}");
            return Refused::new(error_uri::AUTHENTICATION_REQUIRED, message);
        }
        no_matching_method(self.plan, &format!("authentication methods of this realm here: {takes}"))
    }

    /// Whether the realm has that method for anybody.
    fn realm_has(&self, method: AuthMethod) -> bool {
        self.plan.principals.has(method)
            || self.plan.hook(method).is_some()
            || (method == AuthMethod::Cookie && self.listener.cookie.is_some())
            || (method == AuthMethod::Ticket && !self.plan.issuers.is_empty())
            || (method == AuthMethod::Anonymous && self.anonymous_role().is_some())
    }

    /// The role that a session gets here which proves nothing about itself.
    fn anonymous_role(&self) -> Option<&str> {
        let here = self.listener.anonymous_roles.iter().find(|role| role.realm == self.plan.label);
        here.map(|role| role.role.as_str()).or(self.plan.anonymous_role())
    }

    /// Who the client claims to be.
    fn authid(&self) -> Option<&str> {
        self.hello.details.authid.as_deref()
    }

    fn authextra(&self, key: &str) -> Option<&Value> {
        self.hello.details.authextra.as_ref()?.get(key).filter(|value| **value != Value::Null)
    }

    /// Refuses, unless somebody may try from there under that name (again).
    fn check_backoff(&self, name: &str) -> Result<(), Refused> {
        if self.may_try(name) {
            return Ok(());
        }
        self.router.counters().logins_shut_out.increment();
        // The same for names that there are and for others: both are counted.
        Err(Refused::new(
            error_uri::AUTHENTICATION_FAILED,
            "too many failed attempts from this address; try again later",
        ))
    }

    fn may_try(&self, name: &str) -> bool {
        self.router.backoff().admits(self.source.network(), name, Instant::now())
    }

    /// The end of an attempt without proof. `cause` is for the logs alone.
    fn denied(&self, name: &str, cause: impl Into<String>) -> Refused {
        self.router.backoff().failed(self.source.network(), name, Instant::now());
        self.router.counters().logins_failed.increment();
        self.refused(cause)
    }

    /// What everybody is told who gave no proof.
    fn refused(&self, cause: impl Into<String>) -> Refused {
        let reason = match self.plan.profile {
            Profile::Crossbar => error_uri::NOT_AUTHORIZED,
            Profile::Default | Profile::Strict => error_uri::AUTHENTICATION_DENIED,
        };
        Refused { reason, message: DENIED.to_owned(), cause: cause.into() }
    }

    /// Nobody could find out. `cause` is for the logs alone.
    fn failed(&self, cause: impl Into<String>) -> Refused {
        Refused {
            reason: error_uri::AUTHENTICATION_FAILED,
            message: "who this is could not be found out".to_owned(),
            cause: cause.into(),
        }
    }

    /// The principal of that authid, as far as the method goes: one that the configuration knows, or one that the
    /// realm's authenticator vouches for. Nobody, if there is none, or none with a credential of this kind.
    ///
    /// # Errors
    /// If the authenticator could not find out.
    async fn claimed(
        &self,
        method: AuthMethod,
        known: Option<&Arc<Principal>>,
        authid: Option<&str>,
        more: Vec<(String, Value)>,
    ) -> Result<Option<Proven>, Refused> {
        if let Some(principal) = known {
            return Ok(Some(Proven::new(principal.clone(), authprovider::STATIC)));
        }
        let is_taken = authid.is_some_and(|authid| self.plan.principals.named(authid).is_some());
        let Some(hook) = self.plan.hook(method).filter(|_| !is_taken) else { return Ok(None) };
        let attempt = Attempt {
            realm: self.hello.realm.to_string(),
            authid: authid.map(str::to_owned),
            method,
            details: self.details(method, more),
        };
        match hook.ask(self.router, attempt).await {
            Ok(Vouched { principal, realm, extra }) => {
                self.plan.principals.mocks.imitate(method, &principal);
                let proven = Proven::new(Arc::new(principal), authprovider::DYNAMIC);
                Ok(Some(Proven { realm, extra, ..proven }))
            }
            Err(NotVouched::Denied(cause)) => {
                tracing::debug!(session = self.session.value(), %cause, "the authenticator says no");
                Ok(None)
            }
            Err(NotVouched::Failed(cause)) => {
                self.router.counters().authenticators_failed.increment();
                Err(self.failed(cause))
            }
        }
    }

    /// What authenticators learn: what Crossbar.io's do.
    fn details(&self, method: AuthMethod, more: Vec<(String, Value)>) -> Value {
        let mut details = vec![
            ("authmethod".to_owned(), method.as_str().into()),
            ("session".to_owned(), self.session.value().into()),
            ("authextra".to_owned(), self.hello.details.authextra.clone().unwrap_or(Value::Null)),
            ("transport".to_owned(), self.transport_details()),
        ];
        details.extend(more);
        Value::Dict(details)
    }

    fn transport_details(&self) -> Value {
        let mut details = vec![("peer".to_owned(), Value::from(self.source.to_string()))];
        if let Some(certificate) = &self.transport.certificate {
            let names = certificate.alternative_names().map(Value::from).collect();
            let certificate = Value::Dict(vec![
                ("sha256".to_owned(), certificate.to_string().into()),
                (
                    "common_name".to_owned(),
                    certificate.common_name.as_deref().map_or(Value::Null, Value::from),
                ),
                ("alternative_names".to_owned(), Value::List(names)),
            ]);
            details.push(("client_certificate".to_owned(), certificate));
        }
        Value::Dict(details)
    }

    /// Lets somebody in who is who they say.
    ///
    /// # Errors
    /// If the role or the realm that goes with it is not there.
    fn admit(
        &self,
        method: AuthMethod,
        proven: Proven,
        authextra: Option<Value>,
    ) -> Result<Admitted, Refused> {
        // Others from there may have guessed at the same time: who is shut out meanwhile must not learn that the guess
        // was right.
        let is_guessable = !matches!(method, AuthMethod::Anonymous | AuthMethod::Tls | AuthMethod::Cookie);
        if is_guessable && !self.may_try(self.authid().unwrap_or_default()) {
            self.router.counters().logins_shut_out.increment();
            return Err(self.refused("shut out since its attempt began"));
        }
        let Proven { principal, realm, extra, provider, expires } = proven;
        let realm = realm.unwrap_or_else(|| self.hello.realm.to_string());
        let plan = if *realm == *self.hello.realm {
            self.plan.clone()
        } else {
            // A template matches names that are none.
            let is_name = check_uri(&realm, self.router.realm_uri_rules()).is_ok();
            let plan = self.router.realms().plan(&realm).filter(|plan| self.listener.opens(&plan.label));
            plan.filter(|_| is_name)
                .cloned()
                .ok_or_else(|| Refused::new(error_uri::NO_SUCH_REALM, "no such realm"))?
        };
        let Some(role) = plan.role(&principal.role).cloned() else {
            return Err(Refused {
                cause: format!("there is no role {:?}", principal.role),
                ..Refused::new(error_uri::NO_SUCH_ROLE, "the realm has no such role")
            });
        };
        let authid = match &*principal.authid {
            "" => anonymous_authid(),
            authid => authid.to_owned(),
        };
        if method != AuthMethod::Anonymous {
            self.router.backoff().succeeded(self.source.network(), &authid);
        }
        let login = self.remember(method, &realm, &authid, &role.name, expires);
        Ok(Admitted {
            realm,
            plan,
            authid,
            role,
            authmethod: method.as_str(),
            authprovider: provider,
            authextra: merged(authextra, extra),
            session: Some(self.session),
            expires,
            login,
        })
    }

    /// Has the browser's cookie stand for what was proven.
    fn remember(
        &self,
        method: AuthMethod,
        realm: &str,
        authid: &str,
        role: &str,
        expires: Option<SystemTime>,
    ) -> Option<Arc<Login>> {
        let cookie = self.cookie?;
        let cookies = self.router.cookies();
        let now = std::time::Instant::now();
        match method {
            // Nothing was proven, or what every connection proves anew.
            AuthMethod::Anonymous | AuthMethod::Tls => None,
            AuthMethod::Cookie => cookies.login(cookie, now),
            AuthMethod::Ticket
            | AuthMethod::Wampcra
            | AuthMethod::WampScram
            | AuthMethod::Scram
            | AuthMethod::Cryptosign => {
                let login = Arc::new(Login::new(realm, authid, role, expires));
                cookies.bind(cookie, login.clone(), now);
                Some(login)
            }
        }
    }

    /// What the browser's cookie stands for, if that is for this realm.
    fn remembered(&self) -> Option<Arc<Login>> {
        let login = self.router.cookies().login(self.cookie?, std::time::Instant::now())?;
        let is_claimed = self.authid().is_none_or(|authid| authid == login.authid);
        (*login.realm == *self.hello.realm && is_claimed).then_some(login)
    }

    /// The principal of the client's certificate, by whichever name of it is known.
    fn certified(&self) -> Option<&Arc<Principal>> {
        let certificate = self.transport.certificate.as_ref()?;
        let names = certificate.alternative_names().map(CertificateName::AlternativeName);
        let mut names = [CertificateName::Fingerprint(certificate.fingerprint)].into_iter().chain(names);
        names.find_map(|name| self.plan.principals.with_certificate(&name))
    }
}

/// Two dicts in one; the first counts where both say something.
fn merged(first: Option<Value>, second: Option<Value>) -> Option<Value> {
    match (first, second) {
        (Some(Value::Dict(mut entries)), Some(Value::Dict(more))) => {
            let fresh = |(key, _): &(String, Value)| !entries.iter().any(|(known, _)| known == key);
            let more: Vec<_> = more.into_iter().filter(fresh).collect();
            entries.extend(more);
            Some(Value::Dict(entries))
        }
        (first, second) => first.or(second),
    }
}
