//! The guide docs/rust-client.md: calls, arguments, errors. `client/tests/guide.rs` runs it.
#![allow(clippy::print_stdout, reason = "the guide shows what it prints")]

use serde::{Deserialize, Serialize};
use trunkline_client::{ApplicationError, Args, ArgsKwargs, Client, Error, Kwargs, Reply, WampError};

// guide: struct
#[derive(Debug, Serialize, Deserialize)]
struct Order {
    article: String,
    pieces: u32,
}

#[derive(Serialize, Deserialize)]
struct Delivery {
    express: bool,
}
// guide: end

// guide: error
#[derive(Debug)]
enum OrderError {
    NoSuchArticle,
    TooMany { most: u32 },
}

impl ApplicationError for OrderError {
    fn to_wamp(&self) -> WampError {
        match self {
            Self::NoSuchArticle => WampError::new("com.example.error.no_such_article"),
            Self::TooMany { most } => WampError::of("com.example.error.too_many", most),
        }
    }

    fn from_wamp(error: &WampError) -> Option<Self> {
        match error.uri() {
            "com.example.error.no_such_article" => Some(Self::NoSuchArticle),
            "com.example.error.too_many" => error.args().ok().map(|most| Self::TooMany { most }),
            _ => None,
        }
    }
}
// guide: end

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let url = std::env::args().nth(1).ok_or("usage: guide_calls URL")?;
    let client = trunkline_client::connect(&url, "realm1").await?;

    arguments(&client).await?;
    errors(&client).await?;
    client.leave().await;
    Ok(())
}

async fn arguments(client: &Client) -> Result<(), Error> {
    // guide: arguments
    client.register("com.example.add", async |Args((a, b)): Args<(i64, i64)>| Reply(a + b)).await?;
    client.register("com.example.double", async |Args(order): Args<Order>| Reply(double(order))).await?;
    let price = async |ArgsKwargs((order,), delivery): ArgsKwargs<(Order,), Delivery>| {
        Reply(order.pieces * 3 + if delivery.express { 5 } else { 0 })
    };
    client.register("com.example.price", price).await?;
    client.register("com.example.delivery", async || Reply(Kwargs(Delivery { express: true }))).await?;

    let sum: i64 = client.call("com.example.add", (2, 3)).await?;
    println!("{sum}");

    let order = Order { article: "tea".to_owned(), pieces: 4 };
    let doubled: Order = client.call("com.example.double", &order).await?;
    println!("{doubled:?}");

    let args = ArgsKwargs((&order,), Delivery { express: true });
    println!("{}", client.call::<u32>("com.example.price", args).await?);

    let Kwargs(delivery): Kwargs<Delivery> = client.call("com.example.delivery", ()).await?;
    println!("express: {}", delivery.express);
    // guide: end
    Ok(())
}

fn double(order: Order) -> Order {
    Order { pieces: order.pieces * 2, ..order }
}

async fn errors(client: &Client) -> Result<(), Error> {
    // guide: errors
    let order = async |Args(order): Args<Order>| match (order.article.as_str(), order.pieces) {
        ("tea", 0..=10) => Ok(order.pieces),
        ("tea", _) => Err(OrderError::TooMany { most: 10 }),
        _ => Err(OrderError::NoSuchArticle),
    };
    client.register("com.example.order", order).await?;

    for (article, pieces) in [("tea", 2), ("tea", 99), ("coal", 1)] {
        let order = Order { article: article.to_owned(), pieces };
        match client.call::<u32>("com.example.order", order).await {
            Ok(pieces) => println!("{pieces} ordered"),
            Err(error) => match error.application() {
                Some(OrderError::TooMany { most }) => println!("no more than {most}"),
                Some(OrderError::NoSuchArticle) => println!("there is no {article}"),
                None => return Err(error),
            },
        }
    }
    // guide: end

    // guide: other-errors
    if let Err(error) = client.call::<()>("com.example.nowhere", ()).await {
        println!("{:?}", error.uri());
    }
    if let Err(error) = client.call::<i64>("com.example.add", ("two", 3)).await {
        println!("{:?}", error.uri());
    }
    if let Err(Error::Decode(_)) = client.call::<String>("com.example.add", (2, 3)).await {
        println!("the sum is no text");
    }
    // guide: end
    Ok(())
}
