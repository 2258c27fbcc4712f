//! What each method asks of a client, and when that is proof.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use trunkline_config::{AuthMethod, Principal, scram};
use wamp_proto::auth::{cryptosign, wampcra};
use wamp_proto::message::Authenticate;
use wamp_proto::{Value, error_uri};

use super::jwt::Bearer;
use super::principals::wampcra_key;
use super::{
    Admitted, Candidate, Conversation, Proven, Refused, Unsuccessful, anonymous_authid, authprovider,
};

/// The channel binding that there is (RFC 9266).
const TLS_EXPORTER: &str = "tls-exporter";

/// Octets of a nonce.
const NONCE_BYTES: usize = 24;

impl Candidate<'_> {
    /// Whether the realm has that method, and HELLO what it needs.
    ///
    /// # Errors
    /// If the realm has it, and what HELLO lacks is worth a word.
    pub(super) fn can_try(&self, method: AuthMethod) -> Result<bool, Refused> {
        if !self.realm_has(method) {
            return Ok(false);
        }
        match method {
            AuthMethod::Anonymous => Ok(true),
            // A token names whom it is for.
            AuthMethod::Ticket if !self.plan.issuers.is_empty() => Ok(true),
            AuthMethod::Ticket | AuthMethod::Wampcra => self.has_authid(method),
            AuthMethod::WampScram | AuthMethod::Scram => {
                if self.authextra("channel_binding").is_some() {
                    return Err(self.no_such_binding());
                }
                Ok(self.has_authid(method)? && self.client_nonce().is_some())
            }
            AuthMethod::Cryptosign => match self.authextra("channel_binding").and_then(Value::as_str) {
                None | Some(TLS_EXPORTER) => Ok(self.public_key().is_some()),
                Some(_) => Err(self.no_such_binding()),
            },
            AuthMethod::Tls => Ok(self.transport.certificate.is_some()
                && (self.certified().is_some() || self.plan.hook(method).is_some())),
            AuthMethod::Cookie => Ok(self.remembered().is_some()),
        }
    }

    fn has_authid(&self, method: AuthMethod) -> Result<bool, Refused> {
        if self.authid().is_some() {
            return Ok(true);
        }
        let message = format!("the method {:?} needs HELLO.Details.authid", method.as_str());
        Err(Refused::new(error_uri::NO_SUCH_PRINCIPAL, message))
    }

    /// The client insists on a channel binding that is not to be had (AUTH-SCRAM-02, AUTH-CB-01).
    fn no_such_binding(&self) -> Refused {
        let message =
            "the channel binding that the client asks for is not supported; tls-exporter is, for cryptosign";
        super::no_matching_method(self.plan, message)
    }

    /// Goes through one method to its end: there is one attempt for each connection.
    pub(super) async fn attempt(
        &self,
        method: AuthMethod,
        conversation: &mut impl Conversation,
    ) -> Result<Admitted, Unsuccessful> {
        match method {
            AuthMethod::Anonymous => Ok(self.anonymous().await?),
            AuthMethod::Ticket => self.ticket(conversation).await,
            AuthMethod::Wampcra => self.wampcra(conversation).await,
            AuthMethod::WampScram => self.scram(scram::Dialect::Wamp, conversation).await,
            AuthMethod::Scram => self.scram(scram::Dialect::Autobahn, conversation).await,
            AuthMethod::Cryptosign => self.cryptosign(conversation).await,
            AuthMethod::Tls => Ok(self.tls().await?),
            AuthMethod::Cookie => Ok(self.cookie()?),
        }
    }

    /// The authid that the client claims counts for nothing (AUTH-ANON-01).
    async fn anonymous(&self) -> Result<Admitted, Refused> {
        let method = AuthMethod::Anonymous;
        let Some(role) = self.anonymous_role() else {
            let Some(proven) = self.claimed(method, None, None, Vec::new()).await? else {
                return Err(self.denied("", "the authenticator takes no anonymous session"));
            };
            return self.admit(method, proven, None);
        };
        let principal = Principal::new(&anonymous_authid(), role);
        self.admit(method, Proven::new(principal.into(), authprovider::STATIC), None)
    }

    /// AUTH-TKT-01.
    async fn ticket(&self, conversation: &mut impl Conversation) -> Result<Admitted, Unsuccessful> {
        let method = AuthMethod::Ticket;
        let authid = self.authid().unwrap_or_default();
        self.check_backoff(authid)?;
        let ticket = conversation.challenge(method, Vec::new()).await?.signature;
        if let Some(bearer) = self.bearer(&ticket) {
            if !authid.is_empty() && authid != bearer.authid {
                return Err(self.denied(authid, "the token is somebody else's").into());
            }
            let proven = Proven::new(Principal::new(&bearer.authid, &bearer.role).into(), authprovider::JWT);
            return Ok(self.admit(method, Proven { expires: Some(bearer.expires), ..proven }, None)?);
        }
        let known = self.plan.principals.named(authid);
        if known.is_none() && self.plan.hook(method).is_some() {
            let more = vec![("ticket".to_owned(), Value::from(&*ticket))];
            let Some(proven) = self.claimed(method, None, Some(authid), more).await? else {
                return Err(self.denied(authid, "the authenticator denies the ticket").into());
            };
            return Ok(self.admit(method, proven, None)?);
        }
        let hashes = self.plan.principals.hashes(known.map(|principal| &**principal));
        let hashing = self.router.hashing();
        let fits = hashing.fits_any(ticket.to_string(), hashes).await;
        match (fits, self.claimed(method, known, Some(authid), Vec::new()).await?) {
            (Ok(true), Some(proven)) => Ok(self.admit(method, proven, None)?),
            (Ok(_), _) => Err(self.denied(authid, "wrong ticket, or no such principal").into()),
            (Err(error), _) => Err(self.failed(error.to_string()).into()),
        }
    }

    /// Whom a ticket names that is a token.
    fn bearer(&self, ticket: &str) -> Option<Bearer> {
        let is_role = |role: &str| self.plan.role(role).is_some();
        self.plan.issuers.iter().find_map(|issuer| issuer.verify(ticket, is_role))
    }

    /// AUTH-CRA-01 to AUTH-CRA-04.
    async fn wampcra(&self, conversation: &mut impl Conversation) -> Result<Admitted, Unsuccessful> {
        let method = AuthMethod::Wampcra;
        let authid = self.authid().unwrap_or_default();
        self.check_backoff(authid)?;
        let known = self.plan.principals.named(authid).filter(|known| !known.wampcra.is_empty());
        let proven = self.claimed(method, known, Some(authid), Vec::new()).await?;
        let keys = proven.as_ref().map_or(&[][..], |proven| &proven.principal.wampcra);
        // Made up for everybody, so that it takes as long.
        let mock = self.plan.principals.mocks.wampcra(authid);
        let (role, salting) = match (&proven, keys.first()) {
            (Some(proven), Some(key)) => (proven.principal.role.clone(), wampcra_key(key).1),
            _ => mock,
        };
        let challenge = wampcra::Challenge {
            authid,
            authrole: &role,
            authprovider: authprovider::STATIC,
            nonce: &BASE64.encode(rand::random::<[u8; NONCE_BYTES]>()),
            timestamp: &OffsetDateTime::now_utc()
                .truncate_to_millisecond()
                .format(&Rfc3339)
                .unwrap_or_default(),
            session: self.session,
        };
        let challenge = challenge.to_json();
        let mut extra = vec![("challenge".to_owned(), Value::from(&*challenge))];
        if let Some(salting) = salting {
            extra.push(("salt".to_owned(), salting.salt.into()));
            extra.push(("iterations".to_owned(), u64::from(salting.iterations).into()));
            extra.push(("keylen".to_owned(), u64::from(salting.keylen).into()));
        }
        let signature = conversation.challenge(method, extra).await?.signature;
        // All are computed, whichever fits; and one, if there is none.
        let none = [String::new()];
        let own = keys.iter().map(|key| wampcra_key(key).0);
        let mock = none.iter().map(String::as_str).filter(|_| keys.is_empty());
        let fits = |fits: bool, key: &str| fits | wampcra::verify(key.as_bytes(), &challenge, &signature);
        let is_signed = own.chain(mock).fold(false, fits);
        match proven {
            Some(proven) if is_signed => Ok(self.admit(method, proven, None)?),
            _ => Err(self.denied(authid, "wrong signature, or no such principal").into()),
        }
    }

    /// AUTH-CS-01 to AUTH-CS-04, AUTH-CB-01, AUTH-RTR-01.
    async fn cryptosign(&self, conversation: &mut impl Conversation) -> Result<Admitted, Unsuccessful> {
        let method = AuthMethod::Cryptosign;
        let Some(public_key) = self.public_key() else { return Err(self.nothing_fits().into()) };
        let name = self.authid().map_or_else(|| cryptosign::to_hex(&public_key), str::to_owned);
        self.check_backoff(&name)?;
        let wants_binding = self.authextra("channel_binding").is_some();
        // A client that asks for it where there is none learns that from CHALLENGE (AUTH-CB-02).
        let channel_id = self.transport.channel_id.as_ref().filter(|_| wants_binding);
        let known = self.plan.principals.with_public_key(&public_key);
        let known = known.filter(|known| self.authid().is_none_or(|authid| authid == known.authid));
        let proven = self.claimed(method, known, self.authid(), Vec::new()).await?;
        let proven = proven.filter(|proven| proven.principal.cryptosign.contains(&public_key));

        let challenge = rand::random::<[u8; 32]>();
        let binding = channel_id.map_or(Value::Null, |_| TLS_EXPORTER.into());
        let mut extra = vec![
            ("challenge".to_owned(), Value::from(cryptosign::to_hex(&challenge))),
            ("channel_binding".to_owned(), binding),
        ];
        if let (Some(wanted), Some(key)) = (self.router_challenge()?, self.router.key()) {
            extra.push(("pubkey".to_owned(), cryptosign::to_hex(&cryptosign::public_key(key)).into()));
            extra.push(("signature".to_owned(), cryptosign::sign(key, &wanted, channel_id).into()));
        }
        let Authenticate { signature, .. } = conversation.challenge(method, extra).await?;
        // Of an unknown key too, so that it takes as long.
        let is_signed = cryptosign::verify(&public_key, &challenge, channel_id, &signature);
        match (proven, is_signed) {
            (Some(proven), Ok(())) => Ok(self.admit(method, proven, None)?),
            (None, _) => Err(self.denied(&name, "no principal has that key").into()),
            (Some(_), Err(error)) => Err(self.denied(&name, error.to_string()).into()),
        }
    }

    /// The key that the client says is its own.
    fn public_key(&self) -> Option<[u8; 32]> {
        cryptosign::parse_public_key(self.authextra("pubkey")?.as_str()?).ok()
    }

    /// What the client wants the router to sign: in `authextra`, or beside it.
    fn router_challenge(&self) -> Result<Option<[u8; 32]>, Refused> {
        let Some(challenge) = self.authextra("challenge") else { return Ok(None) };
        let octets = challenge.as_str().and_then(|text| cryptosign::parse_challenge(text).ok());
        let error = || {
            Refused::new(error_uri::INVALID_ARGUMENT, "authextra.challenge is not of 64 hexadecimal digits")
        };
        octets.map(Some).ok_or_else(error)
    }

    /// The certificate is proof: the TLS handshake showed that the client has its key.
    async fn tls(&self) -> Result<Admitted, Refused> {
        let method = AuthMethod::Tls;
        let known =
            self.certified().filter(|known| self.authid().is_none_or(|authid| authid == known.authid));
        match self.claimed(method, known, self.authid(), Vec::new()).await? {
            Some(proven) => self.admit(method, proven, None),
            None => Err(self.denied(self.authid().unwrap_or_default(), "nobody has that certificate")),
        }
    }

    /// Its browser logged in before (AUTH-TRN-02).
    fn cookie(&self) -> Result<Admitted, Refused> {
        let Some(login) = self.remembered() else { return Err(self.nothing_fits()) };
        let proven = Proven::new(Principal::new(&login.authid, &login.role).into(), authprovider::COOKIE);
        self.admit(AuthMethod::Cookie, Proven { expires: login.expires, ..proven }, None)
    }

    /// AUTH-SCRAM-01 to AUTH-SCRAM-12.
    async fn scram(
        &self,
        dialect: scram::Dialect,
        conversation: &mut impl Conversation,
    ) -> Result<Admitted, Unsuccessful> {
        let method = dialect.method();
        let (Some(authid), Some(client_nonce)) = (self.authid(), self.client_nonce()) else {
            return Err(self.nothing_fits().into());
        };
        self.check_backoff(authid)?;
        // The same name may be written in several ways (AUTH-SCRAM-09).
        let prepared = scram::prepare(authid).unwrap_or_else(|_| authid.to_owned());
        let of_dialect = |principal: &Principal| {
            principal.scram.iter().find(|verifier| verifier.dialect == dialect).cloned()
        };
        let known = self.plan.principals.named(&prepared).filter(|known| of_dialect(known).is_some());
        let proven = self.claimed(method, known, Some(&prepared), Vec::new()).await?;
        let verifier = proven.as_ref().and_then(|proven| of_dialect(&proven.principal));
        let is_known = verifier.is_some();
        // Made up for everybody, so that it takes as long.
        let mock = self.plan.principals.mocks.scram(dialect, &prepared);
        let verifier = verifier.unwrap_or(mock);
        let server_nonce = BASE64.encode(rand::random::<[u8; NONCE_BYTES]>());
        let exchange = match scram::Exchange::new(authid, client_nonce, &server_nonce, &verifier) {
            Ok(exchange) => exchange,
            Err(error) => return Err(self.denied(authid, error.to_string()).into()),
        };
        let kdf = verifier.kdf;
        let mut extra = vec![
            ("nonce".to_owned(), Value::from(exchange.nonce())),
            ("salt".to_owned(), verifier.salt_text().into()),
            ("kdf".to_owned(), kdf.name(dialect).into()),
            ("iterations".to_owned(), u64::from(kdf.iterations()).into()),
        ];
        match (kdf.memory(), dialect) {
            (Some(memory), _) => extra.push(("memory".to_owned(), u64::from(memory).into())),
            (None, scram::Dialect::Wamp) => extra.push(("memory".to_owned(), Value::Null)),
            (None, scram::Dialect::Autobahn) => {}
        }
        let Authenticate { signature, extra } = conversation.challenge(method, extra).await?;
        let text = |key: &str| {
            let value = extra.extra.iter().find(|(name, _)| name == key).map(|(_, value)| value);
            value.filter(|value| **value != Value::Null).map(|value| value.as_str().unwrap_or_default())
        };
        let checked = exchange.check_extra(text("nonce"), text("channel_binding"), text("cbind_data"));
        // Computed whatever was found before, so that it takes as long.
        let verified = exchange.verify(&verifier, &signature);
        match (proven, checked.and(verified)) {
            (Some(proven), Ok(server_signature)) if is_known => {
                let key = match dialect {
                    scram::Dialect::Wamp => "verifier",
                    scram::Dialect::Autobahn => "scram_server_signature",
                };
                let authextra = Value::Dict(vec![(key.to_owned(), server_signature.into())]);
                Ok(self.admit(method, proven, Some(authextra))?)
            }
            (_, Err(error)) => Err(self.denied(authid, error.to_string()).into()),
            (_, Ok(_)) => Err(self.denied(authid, "no such principal").into()),
        }
    }

    /// The client's half of the nonce of SCRAM.
    fn client_nonce(&self) -> Option<&str> {
        self.authextra("nonce")?.as_str().filter(|nonce| scram::is_nonce(nonce))
    }
}
