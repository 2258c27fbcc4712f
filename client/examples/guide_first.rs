//! The guide docs/rust-client.md: the first call. `client/tests/guide.rs` runs it.
#![allow(clippy::print_stdout, reason = "the guide shows what it prints")]

// guide: first
use trunkline_client::{Args, Reply};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let url = std::env::args().nth(1).unwrap_or("ws://127.0.0.1:8080/ws".to_owned());
    let client = trunkline_client::connect(&url, "realm1").await?;

    client.register("com.example.add", async |Args((a, b)): Args<(i64, i64)>| Reply(a + b)).await?;

    let sum: i64 = client.call("com.example.add", (2, 3)).await?;
    println!("2 + 3 = {sum}");

    client.leave().await;
    Ok(())
}
// guide: end
