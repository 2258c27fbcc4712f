//! Runs the examples of the client's documentation, each against a router of its own in the same process.

use std::error::Error;

use trunkline::Router;
use trunkline::config::Config;
use trunkline_client::{Builder, Client, SerializerId};

use crate::within_deadline;

/// Runs an example with a client that joined `realm1` as `ann`.
///
/// # Panics
/// If the example fails, or does not end in time.
pub fn example(program: impl AsyncFnOnce(Client) -> Result<(), Box<dyn Error>>) {
    let router = Router::new(&Config::default());
    let open = move || {
        let transport = router.connect_as(SerializerId::ALL[0], "ann", "anonymous");
        async move { Ok(transport) }
    };
    let run = async {
        let client = Builder::over(SerializerId::ALL[0], open, "realm1").connect().await?;
        program(client).await
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(within_deadline("the end of the example", run)).unwrap();
}
