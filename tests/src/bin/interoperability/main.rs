//! The Rust client against a router, scenario by scenario: `interoperability trunkline`, or `interoperability crossbar
//! PROGRAM CONFIG`.
//!
//! Prints one line for each scenario and connection, as `report` says. `cargo xtask interop-full` reads them.
#![forbid(unsafe_code)]

mod calls;
mod crossbar;
mod events;
mod logins;
mod meta;
mod payloads;
mod place;
mod procedures;
mod report;
mod router;
mod scenario;
mod sessions;

use std::process::ExitCode;

use anyhow::bail;

use report::Report;
use router::Router;

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let router = match *arguments {
        ["trunkline"] => Router::trunkline().await?,
        ["crossbar", program, config] => Router::crossbar(program.as_ref(), config.as_ref()).await?,
        _ => bail!("usage: interoperability trunkline | crossbar PROGRAM CONFIG"),
    };
    let report = run(router).await?;
    Ok(if report.failures() == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Every scenario over every connection, then the end of the router.
async fn run(router: Router) -> anyhow::Result<Report> {
    let report = scenario::run_all(&router).await;
    if report.failures() > 0 {
        eprintln!("{}", router.log().await);
    }
    router.stop().await?;
    Ok(report)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn the_client_does_with_our_router_all_that_it_does_with_others() {
        let report = run(Router::trunkline().await.unwrap()).await.unwrap();
        assert_eq!(report.failures(), 0, "{}", report.failed());
    }

    #[test]
    fn what_a_router_lacks_is_a_scenario() {
        for (name, _) in crossbar::NOT_HAD {
            assert!(scenario::ALL.iter().any(|scenario| scenario.name == *name), "{name}");
        }
    }

    #[test]
    fn the_page_has_every_scenario() {
        let page = include_str!("../../../../docs/reference/interoperability.md");
        for scenario in scenario::ALL {
            assert!(
                page.contains(&format!("| `{}` | {} |", scenario.name, scenario.about)),
                "{}: run `cargo xtask interop-full --write`",
                scenario.name
            );
        }
    }
}
