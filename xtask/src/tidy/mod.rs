//! Task `tidy`: the repository's own rules, checked over its text.
//!
//! A rule is a name, what to do about a finding, and a function from files to findings. Rules over Rust code
//! see it through `code`, without comments and with test code marked.

mod code;
mod repo_rules;
mod rust_rules;

use crate::workspace::{SourceFile, Workspace};

/// One violation: the file, its line where that means something, and what stands there.
struct Finding {
    path: String,
    line: Option<usize>,
    what: String,
}

struct Rule {
    name: &'static str,
    advice: &'static str,
    check: fn(&[SourceFile]) -> Vec<Finding>,
}

const RULES: &[Rule] = &[
    Rule {
        name: "unbounded-channel",
        advice: "give the channel a capacity: no queue may grow with what a peer sends; or say what else bounds it \
                 in a comment `tidy: allow-unbounded <reason>` on the line before",
        check: rust_rules::unbounded_channels,
    },
    Rule {
        name: "realm-fence",
        advice: "hand it to the core as an argument or an effect: the core has no IO, clock, chance or values",
        check: rust_rules::realm_fence,
    },
    Rule {
        name: "proto-fence",
        advice: "move it to the router or the client: wamp-proto has no runtime, clock, threads or sockets",
        check: rust_rules::proto_fence,
    },
    Rule {
        name: "client-fence",
        advice: "leave the client to the command line: a program that embeds the router does without it",
        check: rust_rules::client_fence,
    },
    Rule {
        name: "uri-literal",
        advice: "use the constant from wamp_proto::error_uri, or add it there",
        check: rust_rules::uri_literals,
    },
    Rule {
        name: "unfinished",
        advice: "finish it, or give `#[ignore = \"…\"]` its reason",
        check: rust_rules::unfinished,
    },
    Rule {
        name: "sleep-in-test",
        advice: "wait for the condition with a deadline (docs/flaky-tests.md), or say why not in a comment \
                 `tidy: allow-sleep <reason>` on the line before",
        check: rust_rules::sleeps_in_tests,
    },
    Rule { name: "file-name", advice: "name the file after what it owns", check: repo_rules::vague_names },
    Rule {
        name: "machine-path",
        advice: "nothing in the repository may depend on one machine's folders",
        check: repo_rules::machine_paths,
    },
    Rule {
        name: "changelog",
        advice: "CHANGELOG.md needs a heading `## [Unreleased]` that takes the next entry",
        check: repo_rules::changelog,
    },
    Rule {
        name: "broken-link",
        advice: "mend the relative link: no file or folder of the repository has this path",
        check: repo_rules::broken_links,
    },
];

pub(crate) fn run(workspace: &Workspace, _args: &[String]) -> anyhow::Result<()> {
    let files = workspace.sources()?;
    let mut count = 0;
    for rule in RULES {
        for finding in (rule.check)(&files) {
            let line = finding.line.map(|line| format!(":{line}")).unwrap_or_default();
            println!("{}{line}: {} [{}]", finding.path, finding.what, rule.name);
            println!("    {}", rule.advice);
            count += 1;
        }
    }
    anyhow::ensure!(count == 0, "{count} findings");
    println!("{} rules hold in {} files", RULES.len(), files.len());
    Ok(())
}

/// What a rule finds in one planted file, for the rules' tests.
#[cfg(test)]
fn findings(check: fn(&[SourceFile]) -> Vec<Finding>, path: &str, text: &str) -> Vec<String> {
    let found = check(&[SourceFile { path: path.into(), text: text.into() }]);
    found.into_iter().map(|finding| finding.what).collect()
}
