//! What the program is told when it starts.

use std::{env, io, path::PathBuf, time::Duration};

use crate::{
    corpus::Size,
    export::{ExportConfig, Target, What},
};

/// What to do.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Command {
    /// Be the site; what is done without another word.
    Serve(Config),
    /// `corpus`: fill a database with made-up articles.
    Corpus(CorpusConfig),
    /// `export`: write the tables of articles as DMS would.
    Export(ExportConfig),
}

/// The site's configuration. Each value comes from its flag, else from its variable, else from its default.
///
/// | flag | variable | what |
/// | --- | --- | --- |
/// | `--port` | `MONOLITH_PORT` | where to listen on loopback; 0, the default, takes a free port |
/// | `--db` | `MONOLITH_DB` | the database's file; made if it is missing |
/// | `--rebuild-seconds` | `MONOLITH_REBUILD_SECONDS` | from one rebuild of the search to the next, default 60; 0: only when operators ask |
/// | `--articles` | `MONOLITH_ARTICLES` | `local` (the default): articles are in the database; `service`: in the articles service |
/// | `--articles-url` | `MONOLITH_ARTICLES_URL` | the articles service, with its stage |
/// | `--articles-token-file` | `MONOLITH_ARTICLES_TOKEN_FILE` | holds an editor's access token to the articles service; read at each call |
/// | `--internal-token-file` | `MONOLITH_INTERNAL_TOKEN_FILE` | holds what operators and the articles service must know; without it they are refused |
/// | `--editors` | `MONOLITH_EDITORS` | e-mail addresses of editors, with commas between them |
/// | `--subscribe-url` | `MONOLITH_SUBSCRIBE_URL` | where readers become premium readers |
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Config {
    /// Where to listen; 0 takes a free port.
    pub port: u16,
    /// The database's file.
    pub db: PathBuf,
    /// From one rebuild of the search to the next.
    pub rebuild_every: Option<Duration>,
    /// Where the articles are.
    pub articles: ArticlesAt,
    /// Holds the token of operators and of the articles service.
    pub internal_token_file: Option<PathBuf>,
    /// E-mail addresses of editors.
    pub editors: Vec<String>,
    /// Where readers become premium readers.
    pub subscribe_url: Option<String>,
}

/// Where the articles are.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum ArticlesAt {
    /// In the database.
    Local,
    /// In the articles service.
    Service {
        /// Its base URL.
        url: String,
        /// Holds an editor's access token.
        token_file: PathBuf,
    },
}

/// What to fill a database with: `corpus --db FILE [--articles 10000] [--seed 1]`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct CorpusConfig {
    /// The database's file; it must hold no articles yet.
    pub db: PathBuf,
    /// The same seed makes the same articles.
    pub seed: u64,
    /// How many.
    pub articles: Size,
}

const FOR_SERVE: [&str; 9] = [
    "port",
    "db",
    "rebuild-seconds",
    "articles",
    "articles-url",
    "articles-token-file",
    "internal-token-file",
    "editors",
    "subscribe-url",
];
const FOR_CORPUS: [&str; 3] = ["db", "seed", "articles"];
const FOR_EXPORT: [&str; 6] = ["db", "to", "what", "position", "max-rows", "every-seconds"];

impl Command {
    /// Reads this process's arguments and variables; the error names what is missing or wrong.
    pub fn from_process() -> io::Result<Self> {
        Self::read(env::args().skip(1), |variable| env::var(variable).ok()).map_err(io::Error::other)
    }

    /// Reads arguments and variables.
    pub fn read(
        arguments: impl Iterator<Item = String>,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, String> {
        let mut arguments = arguments.peekable();
        match arguments.next_if(|first| !first.starts_with("--")).as_deref() {
            None | Some("serve") => Config::read(&Given::read(arguments, &FOR_SERVE, variable)?).map(Self::Serve),
            Some("corpus") => CorpusConfig::read(&Given::read(arguments, &FOR_CORPUS, |_| None)?).map(Self::Corpus),
            Some("export") => ExportConfig::read(&Given::read(arguments, &FOR_EXPORT, |_| None)?).map(Self::Export),
            Some(other) => Err(format!("{other} is unknown; known are serve, corpus and export")),
        }
    }
}

impl Config {
    fn read<V: Fn(&str) -> Option<String>>(given: &Given<V>) -> Result<Self, String> {
        let articles = match given.value("articles").as_deref() {
            None | Some("local") => ArticlesAt::Local,
            Some("service") => ArticlesAt::Service {
                url: given.required("articles-url")?,
                token_file: given.required("articles-token-file")?.into(),
            },
            Some(_) => return Err("--articles must be local or service".to_owned()),
        };
        let editors = given.value("editors").unwrap_or_default();
        let editors = editors.split(',').map(str::trim).filter(|email| !email.is_empty());
        let subscribe_url = given.value("subscribe-url");
        if subscribe_url.as_ref().is_some_and(|url| !url.starts_with("http://") && !url.starts_with("https://")) {
            return Err("--subscribe-url must be an http or https URL".to_owned());
        }
        Ok(Self {
            port: given.number("port")?.unwrap_or_default(),
            db: given.required("db")?.into(),
            rebuild_every: Some(given.number("rebuild-seconds")?.unwrap_or(60))
                .filter(|seconds| *seconds > 0)
                .map(Duration::from_secs),
            articles,
            internal_token_file: given.value("internal-token-file").map(PathBuf::from),
            editors: editors.map(str::to_owned).collect(),
            subscribe_url,
        })
    }
}

impl CorpusConfig {
    fn read<V: Fn(&str) -> Option<String>>(given: &Given<V>) -> Result<Self, String> {
        Ok(Self {
            db: given.required("db")?.into(),
            seed: given.number("seed")?.unwrap_or(1),
            articles: Size::new(given.number("articles")?.unwrap_or(10_000))?,
        })
    }
}

impl ExportConfig {
    fn read<V: Fn(&str) -> Option<String>>(given: &Given<V>) -> Result<Self, String> {
        let what = match given.required("what")?.as_str() {
            "full-load" => What::FullLoad,
            "changes" => What::Changes,
            "both" => What::Both,
            _ => return Err("--what must be full-load, changes or both".to_owned()),
        };
        Ok(Self {
            db: given.required("db")?.into(),
            to: Target::read(&given.required("to")?),
            what,
            position: given.required("position")?.into(),
            max_rows: given.number("max-rows")?.unwrap_or(10_000).max(1),
            every: Some(given.number("every-seconds")?.unwrap_or(0))
                .filter(|seconds| *seconds > 0)
                .map(Duration::from_secs),
        })
    }
}

/// Flags and variables.
struct Given<V> {
    flags: Vec<(String, String)>,
    variable: V,
}

impl<V: Fn(&str) -> Option<String>> Given<V> {
    fn read(mut arguments: impl Iterator<Item = String>, known: &[&str], variable: V) -> Result<Self, String> {
        let mut flags = Vec::new();
        while let Some(flag) = arguments.next() {
            let name = flag.strip_prefix("--").filter(|name| known.contains(name));
            let name = name.ok_or_else(|| format!("{flag} is unknown; known are --{}", known.join(", --")))?;
            let value = arguments.next().ok_or_else(|| format!("{flag} needs a value"))?;
            flags.push((name.to_owned(), value));
        }
        Ok(Self { flags, variable })
    }

    fn value(&self, name: &str) -> Option<String> {
        let flag = self.flags.iter().rev().find(|(known, _)| known == name).map(|(_, value)| value.clone());
        let from_variable = || (self.variable)(&format!("MONOLITH_{}", name.to_uppercase().replace('-', "_")));
        flag.or_else(from_variable).filter(|value| !value.is_empty())
    }

    fn required(&self, name: &str) -> Result<String, String> {
        self.value(name).ok_or_else(|| format!("--{name} is missing"))
    }

    fn number<T: std::str::FromStr>(&self, name: &str) -> Result<Option<T>, String> {
        let wrong = |value: &str| format!("--{name} must be a whole number that fits, not {value}");
        self.value(name).map(|value| value.parse().map_err(|_| wrong(&value))).transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(arguments: &str, variables: &[(&str, &str)]) -> Result<Command, String> {
        Command::read(arguments.split_whitespace().map(str::to_owned), |name| {
            variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        })
    }

    fn serve(arguments: &str, variables: &[(&str, &str)]) -> Config {
        match read(arguments, variables).unwrap() {
            Command::Serve(config) => config,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_flag_comes_before_a_variable_before_a_default() {
        let config =
            serve("--db a.db --editors a@x.org,,b@y.org", &[("MONOLITH_DB", "b.db"), ("MONOLITH_PORT", "8080")]);
        assert_eq!((config.db, config.port), ("a.db".into(), 8080));
        assert_eq!((config.rebuild_every, config.articles), (Some(Duration::from_mins(1)), ArticlesAt::Local));
        assert_eq!(config.editors, ["a@x.org", "b@y.org"]);
        assert_eq!(serve("serve --db a.db --rebuild-seconds 0", &[]).rebuild_every, None);
    }

    #[test]
    fn the_service_needs_its_url_and_a_token() {
        let whole = serve("--db a --articles service --articles-url http://x --articles-token-file t", &[]);
        assert_eq!(whole.articles, ArticlesAt::Service { url: "http://x".to_owned(), token_file: "t".into() });
        assert!(read("--db a --articles service", &[]).unwrap_err().contains("--articles-url"));
        assert!(read("--db a --articles service --articles-url http://x", &[]).unwrap_err().contains("token-file"));
    }

    #[test]
    fn what_is_missing_or_wrong_is_named() {
        for (arguments, named) in [
            ("", "--db"),
            ("--db", "--db"),
            ("--db a --port 70000", "--port"),
            ("--db a --colour red", "--colour"),
            ("--db a --articles elsewhere", "--articles"),
            ("explode", "explode"),
            ("corpus --db a --seed x", "--seed"),
            ("corpus --db a --articles 0", "articles"),
            ("corpus --db a --port 1", "--port"),
            ("export --db a --to b --position c", "--what"),
            ("export --db a --to b --position c --what all", "--what"),
            ("export --db a --what both --position c", "--to"),
            ("--db a --subscribe-url javascript:x", "--subscribe-url"),
        ] {
            let refused = read(arguments, &[]).unwrap_err();
            assert!(refused.contains(named), "{arguments}: {refused}");
        }
    }

    #[test]
    fn a_corpus_has_a_size_and_a_seed() {
        let corpus = read("corpus --db a --seed 7 --articles 100000", &[]).unwrap();
        let articles = Size::new(100_000).unwrap();
        assert_eq!(corpus, Command::Corpus(CorpusConfig { db: "a".into(), seed: 7, articles }));
    }

    #[test]
    fn an_export_goes_to_a_folder_or_a_bucket() {
        let export = |arguments: &str| match read(arguments, &[]).unwrap() {
            Command::Export(config) => config,
            other => panic!("{other:?}"),
        };
        let once = export("export --db a --to out --what full-load --position p");
        assert_eq!((once.to, once.what, once.every), (Target::Folder("out".into()), What::FullLoad, None));
        let on = export("export --db a --to http://x/b/ --what both --position p --max-rows 5 --every-seconds 60");
        assert_eq!((on.to, on.max_rows), (Target::Bucket("http://x/b".to_owned()), 5));
        assert_eq!(on.every, Some(Duration::from_mins(1)));
    }
}
