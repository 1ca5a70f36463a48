//! The embedded engine over a store in which things go wrong.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says so")]

use domain::articles::{ArticleId, AuthorId};
use domain::search::snapshots::{Kept, Manifest, SnapshotStore};
use domain::search::{Document, Filter, IndexChange, Indexing, Outcome, Query, Reindexing, SearchIndex, Text};
use domain::services::ServiceError;
use domain::store::Commit;
use domain::time::{Chance, Clock, Pause, Timestamp};
use search_engines::embedded::{Folder, Reader, Writer};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tempfile::TempDir;

/// A store whose calls take turns, and of which one may fail.
#[derive(Clone)]
struct Store {
    folder: Folder,
    calls: Arc<AtomicUsize>,
    /// Which call fails, and whether it has an effect all the same.
    fails: Arc<Mutex<Option<(usize, bool)>>>,
    down: Arc<Mutex<bool>>,
}

impl Store {
    async fn call<T>(&self, effect: impl Future<Output = Result<T, ServiceError>>) -> Result<T, ServiceError> {
        tokio::task::yield_now().await;
        let call = self.calls.fetch_add(1, Ordering::Relaxed);
        let failed = || ServiceError { service: "test", reason: "tripped".to_owned() };
        if *self.down.lock().unwrap() {
            return Err(failed());
        }
        let trip = *self.fails.lock().unwrap();
        match trip {
            Some((at, false)) if at == call => Err(failed()),
            Some((at, true)) if at == call => effect.await.and_then(|_| Err(failed())),
            _ => effect.await,
        }
    }

    fn goes_down(&self, down: bool) {
        *self.down.lock().unwrap() = down;
    }

    /// Lets a call fail, counted from now on.
    fn trip(&self, at: usize, after_effect: bool) {
        self.calls.store(0, Ordering::Relaxed);
        *self.fails.lock().unwrap() = Some((at, after_effect));
    }
}

impl SnapshotStore for Store {
    async fn manifest(&self) -> Result<Option<Manifest>, ServiceError> {
        self.call(self.folder.manifest()).await
    }

    async fn replace(&self, based_on: Option<&str>, text: &str) -> Result<Commit, ServiceError> {
        self.call(SnapshotStore::replace(&self.folder, based_on, text)).await
    }

    async fn file(&self, name: &str) -> Result<Option<Vec<u8>>, ServiceError> {
        self.call(self.folder.file(name)).await
    }

    async fn keep(&self, name: &str, content: Vec<u8>) -> Result<(), ServiceError> {
        self.call(self.folder.keep(name, content)).await
    }

    async fn files(&self) -> Result<Vec<Kept>, ServiceError> {
        self.call(SnapshotStore::files(&self.folder)).await
    }

    async fn remove(&self, name: &str) -> Result<(), ServiceError> {
        self.call(self.folder.remove(name)).await
    }
}

/// A machine whose time is so many milliseconds before or after that of the files.
#[derive(Clone, Default)]
struct Machine(Arc<AtomicI64>);

impl Machine {
    fn passes(&self, span: Duration) {
        self.0.fetch_add(i64::try_from(span.as_millis()).unwrap(), Ordering::Relaxed);
    }
}

impl Clock for Machine {
    fn now(&self) -> Timestamp {
        #[expect(clippy::disallowed_methods, reason = "the files of a folder have the system's time")]
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
        Timestamp(i64::try_from(now.as_millis()).unwrap() + self.0.load(Ordering::Relaxed))
    }
}

impl Chance for Machine {
    fn draw(&self) -> f64 {
        fastrand::f64()
    }
}

impl Pause for Machine {
    async fn pause(&self, _: Duration) {
        tokio::task::yield_now().await;
    }
}

struct World {
    root: TempDir,
    store: Store,
    machine: Machine,
    processes: AtomicUsize,
}

impl World {
    fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        let store = Store {
            folder: Folder::new(root.path().join("store")).unwrap(),
            calls: Arc::default(),
            fails: Arc::default(),
            down: Arc::default(),
        };
        Self { root, store, machine: Machine::default(), processes: AtomicUsize::new(0) }
    }

    fn disk(&self) -> PathBuf {
        self.root.path().join(format!("process-{}", self.processes.fetch_add(1, Ordering::Relaxed)))
    }

    fn writer(&self) -> Writer<Store, Machine> {
        Writer::new(self.store.clone(), self.machine.clone(), self.disk())
    }

    fn reader(&self, fresh: Duration) -> Reader<Store, Machine> {
        Reader::new(self.store.clone(), self.machine.clone(), self.disk(), fresh)
    }

    fn files(&self) -> usize {
        fn count(folder: &std::path::Path) -> usize {
            let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
            entries.map(|path| if path.is_dir() { count(&path) } else { 1 }).sum()
        }
        count(&self.root.path().join("store/files"))
    }
}

fn put(id: &str, version: u64) -> IndexChange {
    IndexChange::Put(Document {
        id: ArticleId::new(id).unwrap(),
        version,
        title: format!("Ice version {version}"),
        summary: String::new(),
        body: String::new(),
        author: AuthorId::new("ada").unwrap(),
        byline: "Ada Young".to_owned(),
        tags: Vec::new(),
        premium: false,
        published_at: Timestamp(1_700_000_000_000),
    })
}

/// What readers find: each article with its title.
async fn found(index: &impl SearchIndex) -> BTreeMap<String, String> {
    let query = Query::new(Text::new("ice").unwrap(), Filter::default(), None, 50).unwrap();
    let hits = index.search(&query).await.unwrap().hits;
    hits.into_iter().map(|hit| (hit.id.to_string(), hit.title)).collect()
}

fn expected<'a>(articles: impl IntoIterator<Item = (&'a str, u64)>) -> BTreeMap<String, String> {
    articles.into_iter().map(|(id, version)| (id.to_owned(), format!("Ice version {version}"))).collect()
}

#[tokio::test]
async fn writers_that_race_lose_nothing() {
    let world = World::new();
    let writers = [world.writer(), world.writer(), world.writer()];
    let writing = async |name: usize| {
        for n in 1..=8_u64 {
            // All replace the same article, each its own version of it, so that all make a file of the same name.
            let shared = put("shared", n * 3 + u64::try_from(name).unwrap());
            let outcomes = writers[name].apply(&[shared, put(&format!("own-{name}-{n}"), 1)]).await.unwrap();
            assert_eq!(outcomes[1], Outcome::Applied);
        }
    };
    tokio::join!(writing(0), writing(1), writing(2));
    let found = found(&world.reader(Duration::ZERO)).await;
    assert_eq!((found.len(), found["shared"].as_str()), (25, "Ice version 26"));
}

#[tokio::test]
async fn a_writer_that_dies_anywhere_leaves_a_whole_index_and_the_batch_can_be_repeated() {
    for after_effect in [false, true] {
        for call in 0.. {
            let world = World::new();
            let writer = world.writer();
            let _ = writer.apply(&[put("a", 1), put("b", 1)]).await.unwrap();
            let reader = world.reader(Duration::ZERO);
            let before = found(&reader).await;
            let batch = [put("a", 2), put("c", 1)];
            world.store.trip(call, after_effect);
            let failed = writer.apply(&batch).await.is_err();
            *world.store.fails.lock().unwrap() = None;
            let whole = found(&reader).await;
            let after = expected([("a", 2), ("b", 1), ("c", 1)]);
            assert!(whole == before || whole == after, "call {call}: {whole:?}");
            // The same process goes on, or another one.
            let again = if call % 2 == 0 { writer.apply(&batch).await } else { world.writer().apply(&batch).await };
            assert!(again.unwrap().iter().all(|outcome| matches!(outcome, Outcome::Applied | Outcome::Stale)));
            assert_eq!(found(&reader).await, after, "call {call}");
            if !failed {
                assert!(call > 3, "nothing failed at call {call}");
                break;
            }
        }
    }
}

#[tokio::test]
async fn a_rebuilding_whose_steps_fail_anywhere_can_be_repeated() {
    for after_effect in [false, true] {
        for call in 0..30 {
            let world = World::new();
            let writer = world.writer();
            let _ = writer.apply(&[put("a", 1), put("old", 1)]).await.unwrap();
            world.store.trip(call, after_effect);
            let mut tries = 0;
            loop {
                tries += 1;
                let rebuilding = async {
                    let draft = writer.begin().await?;
                    let _ = writer.fill(&draft, &[put("a", 1), put("b", 1)]).await.map_err(service)?;
                    writer.swap(&draft).await.map_err(service)?;
                    writer.drop_former().await
                };
                if rebuilding.await.is_ok() {
                    break;
                }
                assert!(tries < 3, "call {call}");
            }
            *world.store.fails.lock().unwrap() = None;
            assert_eq!(found(&world.reader(Duration::ZERO)).await, expected([("a", 1), ("b", 1)]), "call {call}");
        }
    }
}

fn service(error: impl std::fmt::Display) -> ServiceError {
    ServiceError { service: "test", reason: error.to_string() }
}

#[tokio::test]
async fn a_reader_follows_as_often_as_it_should_and_answers_while_the_store_is_down() {
    let world = World::new();
    let (writer, reader) = (world.writer(), world.reader(Duration::from_mins(1)));
    let _ = writer.apply(&[put("a", 1)]).await.unwrap();
    assert_eq!(found(&reader).await, expected([("a", 1)]));
    let _ = writer.apply(&[put("b", 1)]).await.unwrap();
    assert_eq!(found(&reader).await, expected([("a", 1)]), "it has looked a moment ago");
    world.machine.passes(Duration::from_mins(1));
    world.store.goes_down(true);
    assert_eq!(found(&reader).await, expected([("a", 1)]), "it answers as it was");
    let query = Query::new(Text::default(), Filter::default(), None, 1).unwrap();
    assert!(world.reader(Duration::ZERO).search(&query).await.is_err(), "a new one knows nothing");
    world.store.goes_down(false);
    world.machine.passes(Duration::from_mins(1));
    assert_eq!(found(&reader).await, expected([("a", 1), ("b", 1)]));
}

#[tokio::test]
async fn what_no_manifest_names_is_removed_after_an_hour_and_nothing_else() {
    let world = World::new();
    let writer = world.writer();
    let _ = writer.apply(&[put("a", 1)]).await.unwrap();
    let reader = world.reader(Duration::ZERO);
    assert_eq!(found(&reader).await.len(), 1);
    let named = world.files();
    world.store.keep("1/lost/file", b"a writer died here".to_vec()).await.unwrap();
    writer.drop_former().await.unwrap();
    assert_eq!(world.files(), named + 1, "its writer may still be at work");
    world.machine.passes(Duration::from_secs(3601));
    writer.drop_former().await.unwrap();
    assert_eq!(world.files(), named);

    // A reader that has the former index follows to the one that took its place.
    let draft = writer.begin().await.unwrap();
    let _ = writer.fill(&draft, &[put("b", 1)]).await.unwrap();
    writer.swap(&draft).await.unwrap();
    writer.drop_former().await.unwrap();
    assert_eq!(found(&reader).await, expected([("b", 1)]));
    assert_eq!(found(&world.reader(Duration::ZERO)).await, expected([("b", 1)]));
}

#[tokio::test]
async fn many_small_batches_make_few_files() {
    let world = World::new();
    let writer = world.writer();
    for n in 0..60 {
        let _ = writer.apply(&[put(&format!("a{n}"), 1), put("same", n + 1)]).await.unwrap();
        world.machine.passes(Duration::from_secs(3601));
    }
    assert!(world.files() < 200, "{} files", world.files());
    let found = found(&world.reader(Duration::ZERO)).await;
    assert_eq!((found.len(), found["same"].as_str()), (50, "Ice version 60"));
}
