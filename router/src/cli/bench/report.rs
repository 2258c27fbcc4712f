//! Named numbers, and how they are shown to people and to programs.

use std::fmt::Write as _;
use std::time::Duration;

use hdrhistogram::Histogram;

/// A number that a run may yield: its key in JSON, and how a person reads it.
struct Field {
    key: &'static str,
    label: &'static str,
    decimals: usize,
}

const fn field(key: &'static str, label: &'static str, decimals: usize) -> Field {
    Field { key, label, decimals }
}

/// Every number there is, in the order in which it is shown.
const FIELDS: [Field; 20] = [
    field("seconds", "seconds", 2),
    field("completed", "completed", 0),
    field("lost", "lost", 0),
    field("disordered", "out of order or unasked", 0),
    field("failed", "failed", 0),
    field("rate", "rate, 1/s", 0),
    field("latency_p50_us", "latency, median, µs", 1),
    field("latency_p90_us", "latency, 90 %, µs", 1),
    field("latency_p99_us", "latency, 99 %, µs", 1),
    field("latency_p999_us", "latency, 99.9 %, µs", 1),
    field("latency_max_us", "latency, worst, µs", 1),
    field("load_cpu_s", "CPU of this load, s", 2),
    field("load_cpu_s_per_million", "CPU of this load, s per million", 2),
    field("router_cpu_s", "CPU of the router, s", 2),
    field("router_cpu_s_per_million", "CPU of the router, s per million", 2),
    field("sessions", "idle sessions", 0),
    field("router_rss_bytes_before", "resident octets of the router before", 0),
    field("router_rss_bytes", "resident octets of the router", 0),
    field("router_rss_bytes_per_session", "resident octets per session", 0),
    field("sessions_wanted", "sessions asked for; descriptors do not suffice", 0),
];

/// What a run yielded.
#[derive(Clone, Debug, Default)]
pub(super) struct Report {
    values: Vec<(&'static str, f64)>,
}

impl Report {
    pub(super) fn add(&mut self, key: &'static str, value: f64) {
        debug_assert!(FIELDS.iter().any(|field| field.key == key), "{key} would not be shown");
        self.values.push((key, value));
    }

    /// Percentiles of latencies in nanoseconds, if there are any.
    pub(super) fn add_latency(&mut self, latency: &Histogram<u64>) {
        if latency.is_empty() {
            return;
        }
        let microseconds = |nanoseconds: u64| nanoseconds as f64 / 1e3;
        for (key, quantile) in [
            ("latency_p50_us", 0.5),
            ("latency_p90_us", 0.9),
            ("latency_p99_us", 0.99),
            ("latency_p999_us", 0.999),
        ] {
            self.add(key, microseconds(latency.value_at_quantile(quantile)));
        }
        self.add("latency_max_us", microseconds(latency.max()));
    }

    /// What a process, `load` or `router`, used between two moments.
    pub(super) fn add_cpu(
        &mut self,
        process: &str,
        start: Option<Duration>,
        end: Option<Duration>,
        completed: u64,
    ) {
        let (Some(start), Some(end)) = (start, end) else { return };
        let seconds = end.saturating_sub(start).as_secs_f64();
        let (total, each) = match process {
            "load" => ("load_cpu_s", "load_cpu_s_per_million"),
            _ => ("router_cpu_s", "router_cpu_s_per_million"),
        };
        self.add(total, seconds);
        if completed > 0 {
            self.add(each, seconds * 1e6 / completed as f64);
        }
    }

    /// The median of each number of several rounds; what went wrong is summed up instead.
    pub(super) fn medians(rounds: &[Self]) -> Self {
        let mut medians = Self::default();
        for Field { key, .. } in FIELDS {
            let mut values: Vec<f64> = rounds.iter().filter_map(|round| round.value(key)).collect();
            if values.is_empty() {
                continue;
            }
            values.sort_by(f64::total_cmp);
            let value = match key {
                "lost" | "disordered" | "failed" => values.iter().sum(),
                _ => values.get(values.len() / 2).copied().unwrap_or_default(),
            };
            medians.add(key, value);
        }
        medians
    }

    fn value(&self, key: &str) -> Option<f64> {
        self.values.iter().find(|(name, _)| *name == key).map(|(_, value)| *value)
    }

    fn shown(&self) -> impl Iterator<Item = (&'static Field, f64)> {
        FIELDS.iter().filter_map(|field| Some((field, self.value(field.key)?)))
    }

    /// A heading, and a line for each number.
    pub(super) fn text(&self, heading: &str) -> String {
        let mut text = format!("{heading}\n");
        for (Field { label, decimals, .. }, value) in self.shown() {
            // Writing to memory cannot fail.
            writeln!(text, "  {label:<40} {value:>14.decimals$}").ok();
        }
        text
    }

    /// One line of JSON: these texts, then the numbers.
    pub(super) fn json(&self, texts: &[(&str, &str)]) -> String {
        let mut members: Vec<String> =
            texts.iter().map(|(key, value)| format!("{key:?}:{value:?}")).collect();
        members.extend(self.shown().map(|(field, value)| format!("{:?}:{value}", field.key)));
        format!("{{{}}}\n", members.join(","))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_sum_up_what_went_wrong() {
        let rounds = [(3.0, 1.0), (1.0, 0.0), (2.0, 1.0)].map(|(rate, lost)| {
            let mut round = Report::default();
            round.add("rate", rate);
            round.add("lost", lost);
            round
        });
        let json = Report::medians(&rounds).json(&[("work", "calls")]);
        assert_eq!(json, "{\"work\":\"calls\",\"lost\":2,\"rate\":2}\n");
    }
}
