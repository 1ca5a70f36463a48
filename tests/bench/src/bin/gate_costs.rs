//! `gate-costs <criterion's folder> <report.json> [seed]`: counts, prints, writes the report, and fails if a goal is missed.

use bench::{estimates, report};
use std::error::Error;
use std::path::Path;
use std::process::ExitCode;
use std::{env, fs};

const SEED: u64 = 1;
const CALLS: usize = 40_000;

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let (criterion, file, seed) = match arguments.as_slice() {
        [criterion, file] => (criterion, file, SEED),
        [criterion, file, seed] => (criterion, file, seed.parse()?),
        _ => return Err("usage: gate-costs <criterion's folder> <report.json> [seed]".into()),
    };
    let report = report::measure(seed, CALLS, estimates::read(Path::new(criterion))?)?;
    println!("{report}");
    let file = Path::new(file);
    fs::create_dir_all(file.parent().unwrap_or(Path::new(".")))?;
    fs::write(file, serde_json::to_string_pretty(&report)? + "\n")?;
    println!("All figures: {}", file.display());
    let missed = report.goals.iter().filter(|goal| !goal.met).count();
    if missed > 0 {
        eprintln!("{missed} of {} goals missed.", report.goals.len());
        return Ok(ExitCode::FAILURE);
    }
    Ok(ExitCode::SUCCESS)
}
