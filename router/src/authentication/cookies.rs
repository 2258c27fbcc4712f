//! Cookies of browsers that logged in: a browser that shows one again joins the same realm as the same principal.
//!
//! Every upgrade to WebSocket gives the browser another cookie, so that nobody can plant one that a log-in then makes
//! worth something. What is kept of a cookie is its hash.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use parking_lot::Mutex;
use sha2::{Digest as _, Sha256};
use trunkline_config::Cookie;

/// What browsers know it by, as with Crossbar.io (AUTH-TRN-02).
pub(crate) const NAME: &str = "cbtid";

/// How long a cookie counts that its browser got another one for: tabs may open connections at the same time.
const GRACE: Duration = Duration::from_secs(60);

/// The hash of a cookie.
type Hash = [u8; 32];

/// The cookies that stand for a log-in.
#[derive(Debug, Default)]
pub(crate) struct Cookies(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    by_hash: HashMap<Hash, Entry>,
    /// By when they count for nothing, the next first.
    by_end: BTreeSet<(Instant, Hash)>,
}

#[derive(Debug)]
struct Entry {
    login: Arc<Login>,
    end: Instant,
}

/// What somebody proved once.
#[derive(Debug)]
pub(crate) struct Login {
    pub(crate) realm: String,
    pub(crate) authid: String,
    pub(crate) role: String,
    /// When the proof is worth nothing any more.
    pub(crate) expires: Option<SystemTime>,
    /// It logged out, or was killed.
    is_revoked: AtomicBool,
}

/// The cookie that a browser got with the upgrade of its connection.
#[derive(Debug)]
pub(crate) struct Issued {
    hash: Hash,
    settings: Cookie,
}

impl Login {
    pub(crate) fn new(realm: &str, authid: &str, role: &str, expires: Option<SystemTime>) -> Self {
        let (realm, authid, role) = (realm.to_owned(), authid.to_owned(), role.to_owned());
        Self { realm, authid, role, expires, is_revoked: AtomicBool::new(false) }
    }

    /// The session is killed, or logs out: the log-in's cookies stand for nothing any more.
    pub(crate) fn revoke(&self) {
        self.is_revoked.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_revoked(&self) -> bool {
        self.is_revoked.load(Ordering::Relaxed)
    }

    fn is_over(&self) -> bool {
        self.is_revoked() || self.expires.is_some_and(|end| end <= SystemTime::now())
    }
}

impl Cookies {
    /// A cookie for a browser that shows that one, or none. It stands for the same log-in; the other soon stands for
    /// nothing. Returns its text, too, which nobody else is to learn.
    pub(crate) fn issue(&self, settings: &Cookie, shown: Option<&str>, now: Instant) -> (String, Issued) {
        let text = BASE64.encode(rand::random::<[u8; 32]>());
        let issued = Issued { hash: hash(&text), settings: settings.clone() };
        let mut kept = self.0.lock();
        if let Some(shown) = shown.map(hash)
            && let Some(login) = kept.login(&shown, now)
        {
            kept.keep(shown, login.clone(), now + GRACE.min(settings.max_age), settings.cookies_max);
            kept.keep(issued.hash, login, now + settings.max_age, settings.cookies_max);
        }
        (text, issued)
    }

    /// The log-in that the cookie stands for.
    pub(crate) fn login(&self, cookie: &Issued, now: Instant) -> Option<Arc<Login>> {
        self.0.lock().login(&cookie.hash, now)
    }

    /// From now on, the cookie stands for that log-in.
    pub(crate) fn bind(&self, cookie: &Issued, login: Arc<Login>, now: Instant) {
        let Issued { hash, settings } = cookie;
        self.0.lock().keep(*hash, login, now + settings.max_age, settings.cookies_max);
    }
}

impl Kept {
    fn login(&self, hash: &Hash, now: Instant) -> Option<Arc<Login>> {
        let entry = self.by_hash.get(hash).filter(|entry| now < entry.end && !entry.login.is_over())?;
        Some(entry.login.clone())
    }

    fn keep(&mut self, hash: Hash, login: Arc<Login>, end: Instant, max: usize) {
        let before = self.by_hash.insert(hash, Entry { login, end });
        self.by_end.extend([(end, hash)]);
        if let Some(before) = before.filter(|before| before.end != end) {
            self.by_end.remove(&(before.end, hash));
        }
        while self.by_hash.len() > max
            && let Some((_, first)) = self.by_end.pop_first()
        {
            self.by_hash.remove(&first);
        }
    }
}

/// The cookie's hash: whoever reads the router's memory cannot show it.
fn hash(text: &str) -> Hash {
    Sha256::digest(text.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    fn settings(cookies_max: usize) -> Cookie {
        Cookie { max_age: HOUR, cookies_max }
    }

    fn logged_in(cookies: &Cookies, settings: &Cookie, authid: &str, now: Instant) -> String {
        let (text, issued) = cookies.issue(settings, None, now);
        assert!(cookies.login(&issued, now).is_none(), "a new cookie stands for nobody");
        cookies.bind(&issued, Arc::new(Login::new("realm1", authid, "user", None)), now);
        text
    }

    fn authid(cookies: &Cookies, settings: &Cookie, shown: &str, now: Instant) -> Option<String> {
        let (_, issued) = cookies.issue(settings, Some(shown), now);
        cookies.login(&issued, now).map(|login| login.authid.clone())
    }

    #[test]
    fn a_cookie_is_followed_by_another_and_counts_for_a_minute_more() {
        let (cookies, settings, now) = (Cookies::default(), settings(10), Instant::now());
        let first = logged_in(&cookies, &settings, "joe", now);
        let (second, _) = cookies.issue(&settings, Some(&first), now);
        assert_ne!(first, second);
        assert_eq!(authid(&cookies, &settings, &first, now + GRACE / 2).as_deref(), Some("joe"));
        assert_eq!(authid(&cookies, &settings, &first, now + 2 * GRACE), None);
        assert_eq!(authid(&cookies, &settings, &second, now + HOUR / 2).as_deref(), Some("joe"));
        assert_eq!(authid(&cookies, &settings, &second, now + HOUR), None);
        assert_eq!(authid(&cookies, &settings, "another", now), None);
    }

    #[test]
    fn who_revokes_a_log_in_revokes_all_of_its_cookies() {
        let (cookies, settings, now) = (Cookies::default(), settings(10), Instant::now());
        let first = logged_in(&cookies, &settings, "joe", now);
        let (second, issued) = cookies.issue(&settings, Some(&first), now);
        cookies.login(&issued, now).unwrap().revoke();
        assert_eq!(authid(&cookies, &settings, &first, now), None);
        assert_eq!(authid(&cookies, &settings, &second, now), None);
    }

    #[test]
    fn of_too_many_those_go_first_that_would_have_ended_first() {
        let (cookies, settings, now) = (Cookies::default(), settings(2), Instant::now());
        let texts = ["a", "b", "c"].map(|name| logged_in(&cookies, &settings, name, now + GRACE));
        let there = texts.each_ref().map(|text| {
            let kept = cookies.0.lock();
            kept.by_hash.contains_key(&hash(text))
        });
        assert_eq!(there.iter().filter(|there| **there).count(), 2);
        let kept = cookies.0.lock();
        assert_eq!(kept.by_end.len(), 2);
    }

    #[test]
    fn a_cookie_ends_with_the_proof_behind_it() {
        let (cookies, settings, now) = (Cookies::default(), settings(2), Instant::now());
        let (text, issued) = cookies.issue(&settings, None, now);
        let expires = Some(SystemTime::now() - Duration::from_secs(1));
        cookies.bind(&issued, Arc::new(Login::new("realm1", "joe", "user", expires)), now);
        assert_eq!(authid(&cookies, &settings, &text, now), None);
    }
}
