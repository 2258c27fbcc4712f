//! Standard output, written by a thread of its own: whoever is slow to read it, or does not, keeps neither the session nor
//! signals waiting.

use std::io::{self, Write as _};

use tokio::sync::{mpsc, oneshot};

/// Texts that wait to be written. Who has more to say waits.
const TEXTS_MAX: usize = 64;

/// Octets of waiting texts that are written at once.
const BATCH_BYTES: usize = 64 * 1024;

enum Order {
    Write(String),
    Finish,
}

/// The thread that writes.
pub(super) struct Printer {
    lines: Lines,
    ended: oneshot::Receiver<io::Result<()>>,
}

/// A way to the printer.
#[derive(Clone)]
pub(super) struct Lines(mpsc::Sender<Order>);

/// Standard output takes no more. Why, [`Printer::finish`] says.
#[derive(Clone, Copy, Debug)]
pub(super) struct Unwritten;

impl Printer {
    /// # Errors
    /// If there cannot be another thread.
    pub(super) fn start() -> io::Result<Self> {
        let (orders, receiver) = mpsc::channel(TEXTS_MAX);
        let (end, ended) = oneshot::channel();
        let write = || end.send(write(receiver));
        std::thread::Builder::new().name("printer".to_owned()).spawn(write)?;
        Ok(Self { lines: Lines(orders), ended })
    }

    pub(super) fn lines(&self) -> &Lines {
        &self.lines
    }

    /// Waits until all that was printed is written.
    ///
    /// # Errors
    /// If something could not be.
    pub(super) async fn finish(self) -> io::Result<()> {
        // A thread that failed takes no orders.
        self.lines.0.send(Order::Finish).await.ok();
        self.ended.await.unwrap_or_else(|_| Err(io::Error::other("the printer panicked")))
    }
}

impl Lines {
    /// Prints the text, as soon as it is its turn.
    pub(super) async fn print(&self, text: String) -> Result<(), Unwritten> {
        self.0.send(Order::Write(text)).await.or(Err(Unwritten))
    }

    /// Waits until standard output takes no more.
    pub(super) async fn unwritten(&self) -> Unwritten {
        self.0.closed().await;
        Unwritten
    }
}

fn write(mut orders: mpsc::Receiver<Order>) -> io::Result<()> {
    let mut output = io::stdout();
    while let Some(Order::Write(mut batch)) = orders.blocking_recv() {
        let mut is_last = false;
        while batch.len() < BATCH_BYTES && !is_last {
            match orders.try_recv() {
                Ok(Order::Write(text)) => batch += &text,
                Ok(Order::Finish) => is_last = true,
                Err(_) => break,
            }
        }
        output.write_all(batch.as_bytes())?;
        output.flush()?;
        if is_last {
            break;
        }
    }
    Ok(())
}
