//! Instructions of one round, counted by callgrind and compared with the counts in the repository.
//!
//! Counted is what happens inside `path_measured` of `path-instructions`: from the frame's octets, decoding
//! included, to the outboxes. The rounds before, the frames' making and the emptying of outboxes are not.
//! libc's copy routines are left out, since a processor chooses among several; its allocator counts.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;

use anyhow::Context as _;

use super::{Row, Verdict, executable};
use crate::command::{stdout_of, works};
use crate::workspace::Workspace;

/// The recorded counts.
const FILE: &str = "docs/path-instructions.tsv";

/// Per cent that a count may be above the recorded one.
const MARGIN_PER_CENT: u64 = 10;

/// Below the recorded count by more than that, the file is worth renewing.
const STALE_PER_CENT: u64 = 10;

/// Each work and its rounds: enough of them that random IDs of different length do not matter.
const WORKS: &[(&str, u32)] = &[("publish-1", 400), ("publish-10", 400), ("publish-1000", 40), ("call", 400)];

/// Works that are measured beside patterns which they do not match, in CBOR, where they are shortest.
const BESIDE: &[(&str, u32)] = &[("publish-1", 400), ("call", 400)];

/// How many subscriptions, and as many registrations, of patterns there are beside them: few, and many.
const FEW_PATTERNS: u32 = 10;
const MANY_PATTERNS: u32 = 100_000;

/// Per cent that the count beside many patterns may be above that beside few.
const PATTERNS_PER_CENT: u64 = 20;

const SERIALIZERS: &[&str] = &["json", "msgpack", "cbor"];

/// Functions named when a count is too high.
const SHOWN_FUNCTIONS: usize = 8;

/// Beginnings of the copy routines' names, behind underscores.
const COPY_ROUTINES: &[&str] = &["memcpy", "memmove", "mempcpy", "memset", "memcmp", "bcmp"];

/// What identifies a count in the file.
type Key = (String, String);

/// The file's content.
#[derive(Debug, Default, PartialEq, Eq)]
struct Recorded {
    rustc: String,
    host: String,
    counts: BTreeMap<Key, u64>,
}

/// What one run of callgrind saw.
#[derive(Debug, Default, PartialEq, Eq)]
struct Profile {
    /// Own instructions of each function, without the copy routines.
    functions: BTreeMap<String, u64>,
    /// Instructions of the copy routines.
    copying: u64,
}

impl Profile {
    fn total(&self) -> u64 {
        self.functions.values().sum()
    }
}

/// What is run under callgrind.
#[derive(Clone, Copy)]
struct Run {
    work: &'static str,
    serializer: &'static str,
    rounds: u32,
    patterns: u32,
}

/// One count, and where it went.
struct Measured {
    run: Run,
    instructions: u64,
    profile: Profile,
}

/// Measures and rewrites the file.
pub(super) fn record(workspace: &Workspace) -> anyhow::Result<()> {
    let measured = measure_all(workspace, &recorded_runs())?;
    let (rustc, host) = toolchain(workspace)?;
    let counts = measured
        .iter()
        .map(|one| ((one.run.work.to_owned(), one.run.serializer.to_owned()), one.instructions))
        .collect();
    let text = written(&Recorded { rustc, host, counts }, &measured);
    std::fs::write(workspace.root.join(FILE), &text).with_context(|| format!("cannot write {FILE}"))?;
    print!("{text}");
    println!("\nwritten to {FILE}");
    Ok(())
}

/// Measures and compares with the file.
pub(super) fn compare(workspace: &Workspace) -> anyhow::Result<Vec<Row>> {
    let recorded = parsed(&workspace.read(FILE)?)?;
    let (rustc, host) = toolchain(workspace)?;
    if host != recorded.host {
        println!("\n(b) NOT CHECKED: {FILE} holds counts of {}, this is {host}", recorded.host);
        return Ok(vec![Row {
            letter: 'b',
            what: "instructions".to_owned(),
            measured: format!("recorded for {}, this is {host}", recorded.host),
            limit: "-".to_owned(),
            verdict: Verdict::NotChecked,
        }]);
    }
    if rustc != recorded.rustc {
        println!("\n(b) {FILE} was recorded with {}, this is {rustc}: counts may differ", recorded.rustc);
    }
    Ok(measure_all(workspace, &recorded_runs())?.iter().map(|one| compared(one, &recorded)).collect())
}

fn recorded_runs() -> Vec<Run> {
    let of_work = |&(work, rounds)| {
        SERIALIZERS.iter().map(move |&serializer| Run { work, serializer, rounds, patterns: 0 })
    };
    WORKS.iter().flat_map(of_work).collect()
}

/// Compares work beside many patterns with the same beside few.
pub(super) fn beside_patterns(workspace: &Workspace) -> anyhow::Result<Vec<Row>> {
    let with = |(work, rounds)| {
        [FEW_PATTERNS, MANY_PATTERNS].map(|patterns| Run { work, serializer: "cbor", rounds, patterns })
    };
    let runs: Vec<_> = BESIDE.iter().copied().flat_map(with).collect();
    let measured = measure_all(workspace, &runs)?;
    let row = |few: &Measured, many: &Measured| {
        let limit = few.instructions + few.instructions * PATTERNS_PER_CENT / 100;
        let holds = many.instructions <= limit;
        if !holds {
            explain(many, few.instructions);
        }
        Row {
            letter: 'g',
            what: format!("instructions, {} beside {MANY_PATTERNS} patterns that do not match", few.run.work),
            measured: many.instructions.to_string(),
            limit: format!("≤ {limit} ({} beside {FEW_PATTERNS})", few.instructions),
            verdict: if holds { Verdict::Holds } else { Verdict::Failed },
        }
    };
    Ok(measured
        .chunks(2)
        .filter_map(|pair| if let [few, many] = pair { Some(row(few, many)) } else { None })
        .collect())
}

fn compared(one: &Measured, recorded: &Recorded) -> Row {
    let Run { work, serializer, .. } = one.run;
    let key = (work.to_owned(), serializer.to_owned());
    let (limit, verdict) = match recorded.counts.get(&key) {
        Some(&count) => {
            let limit = count + count * MARGIN_PER_CENT / 100;
            let holds = one.instructions <= limit;
            if !holds {
                explain(one, count);
            } else if one.instructions < count - count * STALE_PER_CENT / 100 {
                println!(
                    "(b) {} {}: {} instructions, well below the {count} recorded; `--record` keeps it there",
                    work, serializer, one.instructions
                );
            }
            (format!("≤ {limit} (recorded {count})"), if holds { Verdict::Holds } else { Verdict::Failed })
        }
        None => (format!("not in {FILE}: use --record"), Verdict::Failed),
    };
    Row {
        letter: 'b',
        what: format!("instructions, {work}, {serializer}"),
        measured: one.instructions.to_string(),
        limit,
        verdict,
    }
}

/// Says where the instructions of a count that is too high go.
fn explain(one: &Measured, count: u64) {
    let Run { work, serializer, rounds, .. } = one.run;
    println!("\n{work} {serializer}: {} instructions instead of {count}:", one.instructions);
    let mut functions: Vec<_> = one.profile.functions.iter().collect();
    functions.sort_by_key(|(_, instructions)| std::cmp::Reverse(**instructions));
    for (name, instructions) in functions.into_iter().take(SHOWN_FUNCTIONS) {
        println!("{:>10}  {name}", instructions / u64::from(rounds));
    }
}

fn measure_all(workspace: &Workspace, runs: &[Run]) -> anyhow::Result<Vec<Measured>> {
    anyhow::ensure!(
        works(Command::new("valgrind").arg("--version")),
        "NOT CHECKED: valgrind is missing; install it"
    );
    let directory = workspace.target_dir().join("path");
    std::fs::create_dir_all(&directory).with_context(|| format!("cannot make {}", directory.display()))?;
    let results: Vec<Mutex<Option<anyhow::Result<Measured>>>> =
        runs.iter().map(|_| Mutex::default()).collect();
    let next = std::sync::atomic::AtomicUsize::new(0);
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                loop {
                    let index = next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                    let (Some(&run), Some(result)) = (runs.get(index), results.get(index)) else { break };
                    let measured = measure(workspace, &directory, run);
                    *result.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(measured);
                }
            });
        }
    });
    println!("callgrind's files are in {}: see callgrind_annotate", directory.display());
    let results = results.into_iter().map(|result| {
        let result = result.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
        result.context("a worker thread ended early")?
    });
    results.collect()
}

fn measure(workspace: &Workspace, directory: &Path, run: Run) -> anyhow::Result<Measured> {
    let Run { work, serializer, rounds, patterns } = run;
    let file: PathBuf = directory.join(format!("{work}-{serializer}-{patterns}.callgrind"));
    let output = workspace
        .command("valgrind")
        .args(["--tool=callgrind", "--collect-atstart=no", "--toggle-collect=*path_measured*"])
        .args(["--compress-strings=no", "--compress-pos=no"])
        .arg(format!("--callgrind-out-file={}", file.display()))
        .arg(executable(workspace, "path-instructions"))
        .args([work, serializer, &rounds.to_string(), &patterns.to_string()])
        .output()
        .context("cannot start valgrind")?;
    anyhow::ensure!(
        output.status.success(),
        "{work} in {serializer} under callgrind: {}\n{}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    let text = std::fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?;
    let profile = profile(&String::from_utf8_lossy(&text));
    anyhow::ensure!(profile.total() > 0, "callgrind saw no function `path_measured`");
    // Every round copies the payload, so that nothing left out means nothing recognised.
    anyhow::ensure!(
        profile.copying > 0,
        "no copy routine of libc was recognised: install libc's debug symbols (Debian: libc6-dbg)"
    );
    let instructions = profile.total() / u64::from(rounds);
    Ok(Measured { run, instructions, profile })
}

/// Reads callgrind's output, written without compression of names and positions.
fn profile(text: &str) -> Profile {
    let mut profile = Profile::default();
    let (mut object, mut function) = ("", "");
    let mut is_inclusive = false;
    for line in text.lines() {
        if let Some(name) = line.strip_prefix("ob=") {
            object = name;
        } else if let Some(name) = line.strip_prefix("fn=") {
            function = name;
        } else if line.starts_with("calls=") {
            // What follows is what the callee spent, which is counted where it did.
            is_inclusive = true;
        } else if line.starts_with(|c: char| c.is_ascii_digit()) {
            let instructions = line.split(' ').nth(1).and_then(|count| count.parse::<u64>().ok());
            if std::mem::take(&mut is_inclusive) {
                continue;
            }
            if is_copy_routine(object, function) {
                profile.copying += instructions.unwrap_or(0);
            } else {
                *profile.functions.entry(function.to_owned()).or_default() += instructions.unwrap_or(0);
            }
        }
    }
    profile
}

fn is_copy_routine(object: &str, function: &str) -> bool {
    let is_libc = object.rsplit('/').next().is_some_and(|name| name.starts_with("libc"));
    let name = function.trim_start_matches('_');
    is_libc && COPY_ROUTINES.iter().any(|routine| name.starts_with(routine))
}

/// The compiler's version and the system it runs on.
fn toolchain(workspace: &Workspace) -> anyhow::Result<(String, String)> {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let text = stdout_of(workspace.command(rustc).args(["--version", "--verbose"]))?;
    let version = text.lines().next().unwrap_or_default().to_owned();
    let host = text.lines().find_map(|line| line.strip_prefix("host: ")).unwrap_or_default().to_owned();
    Ok((version, host))
}

fn written(recorded: &Recorded, measured: &[Measured]) -> String {
    let mut text = format!(
        "# Instructions of one round, from the frame's octets to the outboxes: an acknowledged PUBLISH to 1, 10\n\
         # and 1,000 subscribers, and a CALL with its YIELD; a payload of 1 KiB, release build, without libc's\n\
         # copy routines. `cargo xtask path` fails above these by more than {MARGIN_PER_CENT} %.\n\
         # Written by `cargo xtask path --record`. Do not edit.\n\
         # compiler: {}\n# host: {}\n",
        recorded.rustc, recorded.host
    );
    // In the order of measuring, which people read more easily than the map's.
    for Measured { run: Run { work, serializer, .. }, .. } in measured {
        if let Some(count) = recorded.counts.get(&((*work).to_owned(), (*serializer).to_owned())) {
            text.push_str(&format!("{work}\t{serializer}\t{count}\n"));
        }
    }
    text
}

fn parsed(text: &str) -> anyhow::Result<Recorded> {
    let mut recorded = Recorded::default();
    for line in text.lines() {
        if let Some(version) = line.strip_prefix("# compiler: ") {
            recorded.rustc = version.to_owned();
        } else if let Some(host) = line.strip_prefix("# host: ") {
            recorded.host = host.to_owned();
        } else if !line.starts_with('#') {
            let fields: Vec<&str> = line.split('\t').collect();
            let [work, serializer, count] = fields.as_slice() else {
                anyhow::bail!("{FILE}: three fields wanted, not `{line}`");
            };
            let count = count.parse().with_context(|| format!("{FILE}: `{count}` is no count"))?;
            recorded.counts.insert(((*work).to_owned(), (*serializer).to_owned()), count);
        }
    }
    anyhow::ensure!(!recorded.counts.is_empty(), "{FILE} holds no counts: use --record");
    Ok(recorded)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measured(instructions: u64) -> Measured {
        let profile = Profile::default();
        let run = Run { work: "call", serializer: "json", rounds: 1, patterns: 0 };
        Measured { run, instructions, profile }
    }

    fn recorded(count: u64) -> Recorded {
        let counts = BTreeMap::from([(("call".to_owned(), "json".to_owned()), count)]);
        Recorded { rustc: "rustc 1.0.0".to_owned(), host: "a-b-c".to_owned(), counts }
    }

    #[test]
    fn own_cost_counts_once_and_copying_apart() {
        let text = "positions: line\nevents: Ir\nsummary: 60\n\nob=/lib/a\nfl=a.rs\nfn=outer\n1 10\n\
                    fi=b.rs\n7 5\ncob=/usr/lib/libc.so.6\ncfn=__memcpy_avx\ncalls=2 0\n2 30\n3 1\n\n\
                    ob=/usr/lib/libc.so.6\nfl=m.S\nfn=__memcpy_avx\n9 30\nfn=malloc\n9 14\n\ntotals: 60\n";
        let profile = profile(text);
        assert_eq!(profile.copying, 30);
        assert_eq!(profile.functions, BTreeMap::from([("outer".to_owned(), 16), ("malloc".to_owned(), 14)]));
    }

    #[test]
    fn only_routines_of_libc_are_left_out() {
        assert!(is_copy_routine("/usr/lib/x86_64-linux-gnu/libc.so.6", "__memset_avx2_erms"));
        assert!(!is_copy_routine("/usr/lib/x86_64-linux-gnu/libc.so.6", "malloc"));
        assert!(!is_copy_routine("target/release/path-instructions", "memcpy_like"));
    }

    #[test]
    fn a_count_fails_above_the_margin() {
        assert_eq!(compared(&measured(1100), &recorded(1000)).verdict, Verdict::Holds);
        assert_eq!(compared(&measured(1101), &recorded(1000)).verdict, Verdict::Failed);
        assert_eq!(compared(&measured(1), &Recorded::default()).verdict, Verdict::Failed);
    }

    #[test]
    fn the_file_is_read_as_it_was_written() {
        let recorded = recorded(1000);
        assert_eq!(parsed(&written(&recorded, &[measured(1000)])).expect("well-formed"), recorded);
        assert!(parsed("# nothing\n").is_err());
    }
}
