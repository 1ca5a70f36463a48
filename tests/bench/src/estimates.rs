//! What criterion measured, read from the files that it leaves.

use serde::{Deserialize, Serialize};
use std::fs;
use std::io;
use std::path::Path;

/// The benchmarks of `benches/gate.rs`, and what each stands for.
pub const DECISIONS: [(&str, &str); 4] = [
    ("decide_closed", "decide on a closed gate: which write"),
    ("first_step_remembered", "the same from memory"),
    ("decide_open", "decide on an open gate: a refusal"),
    ("report_failure", "a failure's write, and the judgement of a full window"),
];

/// One benchmark.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Estimate {
    /// Its name.
    pub name: String,
    /// What it stands for.
    pub what: String,
    /// The mean, in nanoseconds.
    pub nanoseconds: f64,
    /// The upper end of the mean's 95 % confidence interval, in nanoseconds.
    pub at_most: f64,
}

#[derive(Deserialize)]
struct File {
    mean: Mean,
}

#[derive(Deserialize)]
struct Mean {
    point_estimate: f64,
    confidence_interval: Interval,
}

#[derive(Deserialize)]
struct Interval {
    upper_bound: f64,
}

/// The estimates in criterion's folder; none of a benchmark that has not run.
///
/// # Errors
/// A file that cannot be read.
pub fn read(folder: &Path) -> io::Result<Vec<Estimate>> {
    let mut estimates = Vec::new();
    for (name, what) in DECISIONS {
        let text = match fs::read_to_string(folder.join("gate").join(name).join("new/estimates.json")) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            text => text?,
        };
        let File { mean } = serde_json::from_str(&text)?;
        estimates.push(Estimate {
            name: name.to_owned(),
            what: what.to_owned(),
            nanoseconds: mean.point_estimate,
            at_most: mean.confidence_interval.upper_bound,
        });
    }
    Ok(estimates)
}
