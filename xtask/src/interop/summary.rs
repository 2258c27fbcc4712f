//! The table of what passed, and the list of what no client could be asked to do.

use std::collections::BTreeMap;

use super::check::Score;
use super::clients::Client;
use super::connection::{Connection, Transport};

/// A row for each client and transport, a column for each serializer: passed, and failed if any.
pub(super) fn print(clients: &[Client], scores: &[Score]) {
    print!("\n{:<16} {:<15}", "client", "transport");
    for serializer in Connection::SERIALIZERS {
        print!(" {serializer:>15}");
    }
    for client in clients {
        for transport in Transport::ALL {
            print!("\n{:<16} {:<15}", client.name, transport.name());
            for serializer in Connection::SERIALIZERS {
                print!(" {:>15}", cell(client.name, Connection { transport, serializer }, scores));
            }
        }
    }
    println!("\n\nA dash stands for what a client cannot do. RawSocket has no batched serializers.\n");
    for ((client, why), what) in cannot(clients, scores) {
        println!("  {client} {why}: {}", what.join(", "));
    }
}

fn cell(client: &str, connection: Connection, scores: &[Score]) -> String {
    match scores.iter().find(|score| score.client == client && score.connection == connection) {
        None if Connection::all().any(|other| other == connection) => "-".to_owned(),
        None => String::new(),
        Some(score) if score.failed == 0 => format!("{} passed", score.passed),
        Some(score) => format!("{} of {} FAILED", score.failed, score.passed + score.failed),
    }
}

/// Connections and scenarios, by client and reason.
fn cannot<'a>(clients: &'a [Client], scores: &'a [Score]) -> BTreeMap<(&'a str, &'a str), Vec<String>> {
    let mut reasons: BTreeMap<_, Vec<String>> = BTreeMap::new();
    for client in clients {
        for transport in Transport::ALL {
            let mut serializers: BTreeMap<_, Vec<&str>> = BTreeMap::new();
            for connection in Connection::all().filter(|connection| connection.transport == transport) {
                if let Some(why) = (client.cannot)(connection) {
                    serializers.entry(why).or_default().push(connection.serializer);
                }
            }
            for (why, serializers) in serializers {
                let what = format!("{} ({})", transport.name(), serializers.join(" "));
                reasons.entry((client.name, why)).or_default().push(what);
            }
        }
    }
    for score in scores {
        for (scenario, why) in &score.cannot {
            let what = reasons.entry((score.client, why.as_str())).or_default();
            if !what.contains(scenario) {
                what.push(scenario.clone());
            }
        }
    }
    reasons
}
