//! What the tests of this crate share.

pub mod articles_api;
pub mod browser;

use std::{
    fs,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
};

use monolith::{
    clock::{Clock, Millis},
    config::Command,
    internal::{ArtText, PUBLISHED},
    serve,
    web::{App, routes},
};
use tempfile::TempDir;

use browser::Browser;

/// A clock that a test moves.
pub struct Hand(AtomicI64);

impl Hand {
    /// 23 November 2026, 10:21:36.789.
    pub fn new() -> Arc<Self> {
        Arc::new(Self(AtomicI64::new(1_795_429_296_789)))
    }

    /// Moves on, by milliseconds.
    pub fn forward(&self, span: Millis) {
        self.0.fetch_add(span, Ordering::Relaxed);
    }
}

impl Clock for Hand {
    fn now(&self) -> Millis {
        self.0.load(Ordering::Relaxed)
    }
}

/// The token of operators and of the articles service.
pub const INTERNAL_TOKEN: &str = "token-of-operators";

/// A monolith with an empty database.
pub struct Monolith {
    pub app: App,
    pub clock: Arc<Hand>,
    /// Where the database is, as long as this lives.
    _folder: TempDir,
}

impl Monolith {
    pub fn new() -> Self {
        Self::with_flags("")
    }

    /// With more flags than it needs; `editor@example.org` is an editor.
    pub fn with_flags(more: &str) -> Self {
        let folder = TempDir::new().unwrap();
        let clock = Hand::new();
        let token_file = folder.path().join("internal-token");
        fs::write(&token_file, format!("{INTERNAL_TOKEN}\n")).unwrap();
        let flags = format!(
            "--db {} --internal-token-file {} --editors editor@example.org --subscribe-url https://example.org/premium {more}",
            folder.path().join("site.db").display(),
            token_file.display()
        );
        let command = Command::read(flags.split_whitespace().map(str::to_owned), |_| None).unwrap();
        let Command::Serve(config) = command else { panic!("{command:?}") };
        let app = serve::site(&config, clock.clone()).unwrap();
        Self { app, clock, _folder: folder }
    }

    /// Somebody who has never been here.
    pub fn visitor(&self) -> Browser {
        Browser::new(routes(self.app.clone()))
    }

    /// Somebody who has just registered: `name@example.org`.
    pub async fn reader(&self, name: &str) -> Browser {
        let mut browser = self.visitor();
        browser.get("/register").await;
        let email = format!("{name}@example.org");
        let fields = [("name", name), ("email", email.as_str()), ("password", "correct horse")];
        assert_eq!(browser.submit("/register", &fields).await.status, 303);
        browser
    }

    /// Somebody with a desk.
    pub async fn contributor(&self, name: &str) -> Browser {
        let mut browser = self.reader(name).await;
        browser.get("/desk").await;
        assert_eq!(browser.submit("/desk/join", &[("name", name)]).await.status, 303);
        browser
    }

    /// Makes an article, without the desk.
    pub async fn article(&self, art_key: &str, text: &ArtText) {
        self.app.articles.art_create(art_key, text, "test").await.unwrap();
    }

    /// Lets the search know what was published.
    pub async fn rebuild(&self) {
        self.app.rebuild.run(&*self.app.articles).await.unwrap();
    }
}

/// A published article.
pub fn text(headline: &str) -> ArtText {
    ArtText {
        headline: headline.to_owned(),
        teaser: "What the bubbles say.".to_owned(),
        body_text: "Old *air*, & older ice.\n".to_owned(),
        author_code: "ada-writes".to_owned(),
        author_name: "Ada Ärmel".to_owned(),
        topics: vec!["ice".to_owned(), "climate".to_owned()],
        pay_flag: 'N',
        state: PUBLISHED,
        pub_date: None,
    }
}
