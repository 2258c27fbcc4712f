//! Tickets against their hashes: on threads of their own, a few at a time, in a time that tells nothing.

use std::sync::Arc;

use argon2::password_hash::phc::PasswordHash;
use argon2::{Argon2, PasswordVerifier as _};
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;
use trunkline_config::Secret;

/// The threads that compute hashes, by permission.
#[derive(Debug)]
pub(crate) struct Hashing(Arc<Semaphore>);

/// The router has no thread for it: it goes down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no hash can be computed")]
pub(crate) struct Unhashed;

impl Hashing {
    /// With that many hashes at a time.
    pub(crate) fn new(hashes_max: usize) -> Self {
        Self(Arc::new(Semaphore::new(hashes_max)))
    }

    /// Whether the ticket has one of these hashes, each an argon2id PHC string.
    ///
    /// All are computed, whichever fits: how long it takes tells how many there are, and nothing else.
    ///
    /// # Errors
    /// If none can be computed.
    pub(crate) async fn fits_any(&self, ticket: String, hashes: Vec<Secret>) -> Result<bool, Unhashed> {
        let permit = self.0.clone().acquire_owned().await.or(Err(Unhashed))?;
        let computed = spawn_blocking(move || {
            // The thread's, not the asker's, who may go away before it is done.
            let _permit = permit;
            hashes.iter().fold(false, |fits, hash| {
                let one = PasswordHash::new(&hash.0)
                    .is_ok_and(|hash| Argon2::default().verify_password(ticket.as_bytes(), &hash).is_ok());
                fits | one
            })
        });
        computed.await.or(Err(Unhashed))
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    use super::*;

    #[tokio::test]
    async fn no_more_hashes_than_allowed_are_computed_at_a_time() {
        let hashing = Hashing::new(1);
        let one = hashing.0.acquire().await.unwrap();
        let mut other = pin!(hashing.fits_any("ticket".to_owned(), Vec::new()));
        let mut cx = Context::from_waker(Waker::noop());
        assert_eq!(other.as_mut().poll(&mut cx), Poll::Pending);
        drop(one);
        assert_eq!(other.await, Ok(false));
    }

    #[test]
    fn a_hash_whose_asker_is_gone_counts_until_it_is_computed() {
        let one_thread =
            tokio::runtime::Builder::new_current_thread().max_blocking_threads(1).build().unwrap();
        one_thread.block_on(async {
            let (release, held) = std::sync::mpsc::channel::<()>();
            let before = spawn_blocking(move || held.recv().is_ok());
            let hashing = Hashing::new(1);
            let mut asked = Box::pin(hashing.fits_any("ticket".to_owned(), Vec::new()));
            let mut cx = Context::from_waker(Waker::noop());
            assert_eq!(asked.as_mut().poll(&mut cx), Poll::Pending);
            drop(asked);
            assert_eq!(hashing.0.available_permits(), 0);
            release.send(()).unwrap();
            assert!(before.await.unwrap());
            assert!(hashing.0.acquire().await.is_ok(), "it is free again");
        });
    }
}
