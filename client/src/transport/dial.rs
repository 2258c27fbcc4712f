//! Which address of a host is the first that answers (RFC 8305).

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use tokio::net::{TcpStream, lookup_host};
use tokio::time::sleep;

/// How long an address may be silent before the next one is tried beside it. Where IPv6 leads nowhere, its connections are
/// not refused: they are never heard of again.
const HEAD_START: Duration = Duration::from_millis(250);

/// Connects to a host by name or IP address.
///
/// # Errors
/// It has no address, or none of them could be connected to; then it is the last one's error.
pub(super) async fn dial(host: &str, port: u16) -> io::Result<TcpStream> {
    first(lookup_host((host, port)).await?, TcpStream::connect).await
}

/// The first that can be opened. The next one is tried when one before it fails, or is silent for too long.
async fn first<T, F: Future<Output = io::Result<T>>>(
    addresses: impl IntoIterator<Item = SocketAddr>,
    open: impl Fn(SocketAddr) -> F,
) -> io::Result<T> {
    let mut addresses = addresses.into_iter().peekable();
    let mut attempts = FuturesUnordered::new();
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the host has no address");
    loop {
        attempts.extend(addresses.next().map(&open));
        tokio::select! {
            attempt = attempts.next() => match attempt {
                Some(Ok(opened)) => return Ok(opened),
                Some(Err(error)) => last = error,
                None => return Err(last),
            },
            () = sleep(HEAD_START), if addresses.peek().is_some() => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::Instant;

    use super::*;

    /// What the addresses, which are known by their port, do: answer, refuse, or nothing.
    async fn run(what: &[&'static str]) -> io::Result<u16> {
        let addresses = (0..what.len() as u16).map(|port| SocketAddr::from(([127, 0, 0, 1], port)));
        let open = |address: SocketAddr| {
            let what = what[usize::from(address.port())];
            async move {
                match what {
                    "answers" => Ok(address.port()),
                    "refuses" => Err(io::Error::other(format!("{} refuses", address.port()))),
                    _ => std::future::pending().await,
                }
            }
        };
        first(addresses, open).await
    }

    #[tokio::test(start_paused = true)]
    async fn an_address_that_is_silent_keeps_the_others_waiting_for_a_moment_only() {
        let began = Instant::now();
        assert_eq!(run(&["silent", "silent", "answers", "answers"]).await.unwrap(), 2);
        assert_eq!(began.elapsed(), 2 * HEAD_START);
    }

    #[tokio::test(start_paused = true)]
    async fn an_address_that_refuses_keeps_nobody_waiting() {
        let began = Instant::now();
        assert_eq!(run(&["refuses", "answers"]).await.unwrap(), 1);
        assert_eq!(run(&["answers"]).await.unwrap(), 0);
        assert_eq!(run(&["refuses", "refuses"]).await.unwrap_err().to_string(), "1 refuses");
        assert_eq!(run(&[]).await.unwrap_err().kind(), io::ErrorKind::NotFound);
        assert_eq!(began.elapsed(), Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn when_the_last_address_is_tried_the_silent_ones_still_count() {
        let (tell, told) = tokio::sync::oneshot::channel();
        let slow = std::sync::Mutex::new(Some(told));
        let open = |address: SocketAddr| {
            let told = if address.port() == 0 { slow.lock().unwrap().take() } else { None };
            async move {
                let Some(told) = told else { return Err(io::Error::other("refused")) };
                told.await.map_err(io::Error::other)
            }
        };
        let addresses = [0, 1].map(|port| SocketAddr::from(([127, 0, 0, 1], port)));
        let later = async {
            sleep(4 * HEAD_START).await;
            tell.send("slow").unwrap();
        };
        let (opened, ()) = tokio::join!(first(addresses, open), later);
        assert_eq!(opened.unwrap(), "slow");
    }
}
