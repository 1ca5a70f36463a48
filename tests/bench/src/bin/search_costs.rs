//! `search-costs <OpenSearch's URL> <its folder> <report.json> [articles]`: measures, prints, writes the report, and fails
//! if a goal is missed.

use bench::search::report;
use std::error::Error;
use std::path::Path;
use std::process::ExitCode;
use std::{env, fs};

const ARTICLES: u64 = 100_000;

#[tokio::main]
async fn main() -> Result<ExitCode, Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let (url, data, file, articles) = match arguments.as_slice() {
        [url, data, file] => (url, data, file, ARTICLES),
        [url, data, file, articles] => (url, data, file, articles.parse()?),
        _ => return Err("usage: search-costs <OpenSearch's URL> <its folder> <report.json> [articles]".into()),
    };
    let folder = tempfile::tempdir()?;
    let report = report::run(folder.path(), articles, url, Path::new(data)).await?;
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
