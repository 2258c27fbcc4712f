//! The guide docs/rust-client.md: router and component in one process. `client/tests/guide.rs` runs it.
#![allow(clippy::print_stdout, reason = "the guide shows what it prints")]

// guide: embedded
use trunkline::Router;
use trunkline::config::Config;
use trunkline_client::{Args, Builder, Reply, SerializerId};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let router = Router::new(&Config::default());
    let open = move || {
        let router = router.clone();
        async move { Ok(router.connect_as(SerializerId::Cbor, "calculator", "anonymous")) }
    };
    let client = Builder::over(SerializerId::Cbor, open, "realm1").connect().await?;

    client.register("com.example.add", async |Args((a, b)): Args<(i64, i64)>| Reply(a + b)).await?;
    let sum: i64 = client.call("com.example.add", (2, 3)).await?;
    println!("{:?} says {sum}", client.joined().and_then(|joined| joined.authid.clone()));

    client.leave().await;
    Ok(())
}
// guide: end
