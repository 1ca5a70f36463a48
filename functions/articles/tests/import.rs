//! What the import makes of DMS's files, however they come.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says so")]

use articles::import::{Import, ImportError};
use domain::articles::store::{Articles, Contents};
use domain::articles::{Article, ArticleId, ArticleStatus, Tag};
use domain::migration::Poison;
use domain::migration::store::{Imports, Tally};
use domain::store::Commit;
use domain::time::{Clock, Timestamp};
use lambda::telemetry::Metrics;
use proptest::prelude::*;
use std::rc::Rc;
use std::time::Duration;
use testing::articles::{MemoryArticles, MemoryContents};
use testing::clock::VirtualMachine;
use testing::imports::{MemoryFiles, MemoryImportQueue, MemoryImports};
use testing::queue::MemoryDeadLetters;
use testing::turn::{Task, Trip, Turnstile, one_turn, run};

const HEADER: &str =
    "Op,dms_ts,art_key,headline,teaser,body_text,author_code,author_name,pay_flag,state,pub_date,chg_date,chg_by";
const TOPICS: &str = "Op,dms_ts,art_key,topic";
const LOAD: &str = "newscience/article/LOAD00000001.csv";
const TOPIC_LOAD: &str = "newscience/article_topic/LOAD00000001.csv";
const CHANGES: &str = "newscience/article/20261123-101500123.csv";
const TORN: &str = "the file ends inside this record, before its line break; it must be uploaded again, whole";

type Service = Import<
    MemoryImports,
    MemoryArticles,
    MemoryContents,
    MemoryFiles,
    MemoryDeadLetters,
    MemoryImportQueue,
    VirtualMachine,
>;

fn service() -> (Service, Turnstile) {
    let turns = Turnstile::default();
    let articles = MemoryArticles::new(turns.clone());
    let service = Import {
        imports: MemoryImports::new(turns.clone(), articles.clone()),
        articles,
        contents: MemoryContents::new(turns.clone()),
        files: MemoryFiles::new(turns.clone()),
        dead_letters: MemoryDeadLetters::default(),
        queue: MemoryImportQueue::default(),
        machine: VirtualMachine::new(turns.clone(), 7),
        lob_bytes: 32 * 1024,
        metrics: Metrics { namespace: "new-science".to_owned(), stage: "test".to_owned() },
    };
    (service, turns)
}

fn task(service: &Rc<Service>, message: String) -> Task<Result<(), ImportError>> {
    let service = Rc::clone(service);
    Box::pin(async move { service.handle(message, FOREVER).await })
}

fn notice(file: &str) -> String {
    format!(r#"{{"Records": [{{"s3": {{"bucket": {{"name": "b"}}, "object": {{"key": "{file}"}}}}}}]}}"#)
}

/// A row of `article` that was committed in this second of a minute.
fn row(op: &str, second: u32, key: &str, title: &str, body: &str) -> String {
    let body = body.replace('"', "\"\"");
    let at = format!("2026-11-23 10:15:{second:02}.000000");
    format!(
        "{op},{at},{key},{title},Teaser,\"{body}\",ada,Ada,N,P,23.11.2026 10:00:00,23.11.2026 10:15:{second:02},ada\n"
    )
}

fn topic(op: &str, second: u32, key: &str, topic: &str) -> String {
    format!("{op},2026-11-23 10:15:{second:02}.000000,{key},{topic}\n")
}

fn file(header: &str, rows: &[String]) -> String {
    format!("{header}\n{}", rows.concat())
}

const FOREVER: Timestamp = Timestamp(i64::MAX);

/// Uploads a file and handles the notice of it.
fn import(service: &Service, name: &str, text: impl AsRef<[u8]>) {
    service.files.upload(name, text.as_ref());
    run(service.handle(notice(name), FOREVER)).unwrap();
}

fn article(service: &Service, key: &str) -> Option<Article> {
    run(service.articles.article(&ArticleId::new(key).unwrap())).unwrap()
}

fn body(service: &Service, key: &str) -> String {
    let content = article(service, key).unwrap().content;
    run(service.contents.content(&content)).unwrap().unwrap()
}

fn title(service: &Service, key: &str) -> String {
    article(service, key).unwrap().title
}

fn letters(service: &Service) -> Vec<Poison> {
    service.dead_letters.letters().iter().map(|(text, _)| serde_json::from_str(text).unwrap()).collect()
}

fn places(service: &Service) -> Vec<(u64, u64, String)> {
    letters(service).into_iter().map(|poison| (poison.line, poison.column, poison.why)).collect()
}

fn tally(service: &Service, file: &str) -> Tally {
    run(service.imports.progress(file)).unwrap().unwrap().value.tally
}

#[test]
fn a_full_load_and_changes_become_articles() {
    let (service, _) = service();
    let text = "# \"Ice\", they said\r\n\nüber 100 °C, NULL";
    import(&service, LOAD, file(HEADER, &[row("I", 1, "ice", "Ice", text), row("I", 1, "sun", "Sun", "Hot")]));
    import(&service, TOPIC_LOAD, file(TOPICS, &[topic("I", 1, "ice", "climate"), topic("I", 1, "ice", "ice")]));
    let ice = article(&service, "ice").unwrap();
    assert_eq!((ice.title.as_str(), ice.status, ice.version), ("Ice", ArticleStatus::Published, 2));
    assert_eq!(ice.tags.iter().map(Tag::as_str).collect::<Vec<_>>(), ["climate", "ice"]);
    assert_eq!(body(&service, "ice"), text);
    import(&service, CHANGES, file(HEADER, &[row("U", 2, "sun", "Sun up", "Hotter"), row("D", 3, "ice", "", "")]));
    assert_eq!((title(&service, "sun").as_str(), body(&service, "sun").as_str()), ("Sun up", "Hotter"));
    assert_eq!(article(&service, "ice").unwrap().status, ArticleStatus::Withdrawn);
    assert!(letters(&service).is_empty());
}

#[test]
fn a_file_that_comes_twice_or_late_changes_nothing() {
    let (service, _) = service();
    let load = file(HEADER, &[row("I", 1, "ice", "Old", "Old")]);
    let changes = file(HEADER, &[row("U", 2, "ice", "New", "New")]);
    import(&service, CHANGES, &changes);
    import(&service, LOAD, &load);
    let first = article(&service, "ice");
    for (name, text) in [(LOAD, &load), (CHANGES, &changes), (LOAD, &load)] {
        import(&service, name, text);
    }
    assert_eq!(article(&service, "ice"), first);
    assert_eq!((title(&service, "ice").as_str(), first.unwrap().version), ("New", 1));
    assert_eq!(tally(&service, LOAD), Tally { stale: 1, ..Tally::default() });
}

#[test]
fn a_copy_of_a_file_under_another_name_changes_nothing_either() {
    let (service, _) = service();
    let changes = file(HEADER, &[row("U", 2, "ice", "First", "1"), row("U", 2, "ice", "Second", "2")]);
    import(&service, CHANGES, &changes);
    // The export went on after it had died between a file and the note of it.
    import(&service, "newscience/article/20261123-101600123.csv", &changes);
    assert_eq!(title(&service, "ice"), "Second");
}

#[test]
fn equal_commit_times_inside_a_transaction_end_with_its_last_row() {
    let (service, _) = service();
    let one = row("U", 2, "ice", "One", "1");
    let rows =
        [one.clone(), row("U", 2, "ice", "Two", "2"), row("D", 2, "ice", "", ""), row("I", 2, "ice", "Three", "3")];
    import(&service, "newscience/article/20261123-101500124.csv", file(HEADER, &rows));
    import(&service, CHANGES, file(HEADER, &[one]));
    assert_eq!(title(&service, "ice"), "Three");
    assert_eq!(article(&service, "ice").unwrap().status, ArticleStatus::Published);
}

#[test]
fn a_torn_file_gives_its_whole_rows_and_the_rest_when_it_comes_again_whole() {
    let (service, _) = service();
    let whole = file(HEADER, &[row("I", 1, "a", "A", "a"), row("I", 1, "b", "B", "b\nb"), row("I", 1, "c", "C", "c")]);
    for cut in [whole.len() - 1, whole.len() - 30, whole.len() - 150] {
        import(&service, LOAD, &whole[..cut]);
        assert!(article(&service, "a").is_some() && article(&service, "c").is_none());
        assert_eq!(places(&service).last().unwrap().2, TORN);
    }
    import(&service, LOAD, &whole);
    assert_eq!((body(&service, "b").as_str(), body(&service, "c").as_str()), ("b\nb", "c"));
    assert_eq!(letters(&service).len(), 3);
}

#[test]
fn a_row_that_cannot_be_read_is_reported_with_its_place_and_the_rest_goes_on() {
    let (service, _) = service();
    let rows = [
        row("I", 1, "a", "A", "two\nlines"),
        row("X", 1, "b", "Secret", "Secret"),
        row("I", 1, "c", "C", "c").replace(",P,", ",Q,"),
        row("I", 1, "d", "D", "d").replace("\"d\"", "\"d\" and \"e"),
        row("I", 1, "e", "E", "e"),
    ];
    import(&service, LOAD, file(HEADER, &rows));
    assert!(article(&service, "a").is_some() && article(&service, "e").is_some());
    let expected = [
        (4, 1, "Op: must be I, U or D"),
        (5, 55, "state: must be E, P or Z"),
        (6, 44, "after the closing quote there must be a comma or the end of the line"),
    ];
    assert_eq!(places(&service), expected.map(|(line, column, why)| (line, column, why.to_owned())));
    assert!(letters(&service).iter().all(|letter| letter.file == LOAD && !letter.why.contains("Secret")));
    assert_eq!(tally(&service, LOAD), Tally { applied: 2, poison: 3, ..Tally::default() });
}

#[test]
fn a_letter_that_is_redriven_reads_its_file_again_with_whatever_was_mended() {
    let (mut service, _) = service();
    service.lob_bytes = 10;
    import(&service, LOAD, file(HEADER, &[row("I", 1, "a", "A", "longer than that")]));
    assert!(article(&service, "a").is_none());
    let (letter, why) = service.dead_letters.letters().remove(0);
    assert!(why.contains("may have been cut"), "{why}");
    service.lob_bytes = 1000;
    run(service.handle(notice(LOAD), FOREVER)).unwrap();
    assert!(article(&service, "a").is_none(), "the file was done");
    run(service.handle(letter, FOREVER)).unwrap();
    assert!(article(&service, "a").is_some());
}

#[test]
fn a_file_whose_header_is_no_use_is_one_letter() {
    let (service, _) = service();
    let rows = [row("I", 1, "a", "A", "a"), row("I", 1, "b", "B", "b")];
    import(&service, LOAD, file(&HEADER.replace("state,", "status,"), &rows));
    import(&service, CHANGES, rows.concat());
    import(&service, "newscience/article/20261123-101500200.csv", "");
    let expected = [
        "the header must name the column state",
        "the header must name the column Op",
        "the file is empty: it must have a header",
    ];
    assert_eq!(places(&service), expected.map(|why| (1, 1, why.to_owned())));
    run(service.handle(notice(LOAD), FOREVER)).unwrap();
    assert_eq!(letters(&service).len(), 3, "it is done");
}

#[test]
fn a_byte_order_mark_crlf_and_a_column_more_do_no_harm() {
    let (service, _) = service();
    let text = file(&format!("{HEADER},rating"), &[row("I", 1, "a", "A", "a\nb").replace(",ada\n", ",ada,5\n")]);
    let text = format!("\u{feff}{}", text.replace('\n', "\r\n"));
    import(&service, LOAD, text);
    assert_eq!(body(&service, "a"), "a\r\nb");
    assert!(letters(&service).is_empty());
}

#[test]
fn other_files_and_messages_go_to_the_letters_and_the_test_event_to_nobody() {
    let (service, _) = service();
    run(service.handle(r#"{"Event": "s3:TestEvent", "Bucket": "b"}"#.to_owned(), FOREVER)).unwrap();
    assert!(service.dead_letters.letters().is_empty());
    run(service.handle(notice("newscience/site_user/LOAD00000001.csv"), FOREVER)).unwrap();
    run(service.handle(notice(LOAD), FOREVER)).unwrap();
    run(service.handle("no message".to_owned(), FOREVER)).unwrap();
    let reasons: Vec<_> = service.dead_letters.letters().into_iter().map(|(_, reason)| reason).collect();
    let expected = [
        "is no CSV file of a table that is migrated",
        "the file is gone, and was not read to its end",
        "neither a notification of S3 nor the name of a file",
    ];
    assert_eq!(reasons, expected);
}

fn large(rows: usize) -> String {
    let rows: Vec<String> = (0..rows).map(|n| row("I", 1, &format!("a{n}"), "A", &format!("Body\n{n}"))).collect();
    file(HEADER, &rows)
}

#[test]
fn a_large_file_goes_on_in_the_next_invocation_until_it_is_done() {
    let (service, _) = service();
    service.files.upload(LOAD, large(1000));
    let over = service.machine.now();
    run(service.handle(notice(LOAD), over)).unwrap();
    let mut invocations = 1;
    while let Some(message) = service.queue.pop() {
        run(service.handle(message, over)).unwrap();
        invocations += 1;
    }
    // Each read a slice, though its time was over when it began.
    assert_eq!((invocations, tally(&service, LOAD).applied), (6, 1000));
    assert_eq!(body(&service, "a999"), "Body\n999");
}

#[test]
fn an_invocation_that_dies_leaves_a_place_to_go_on_from() {
    let (service, turns) = service();
    let service = Rc::new(service);
    service.files.upload(LOAD, large(500));
    let mut dying = task(&service, notice(LOAD));
    while turns.calls().iter().filter(|call| **call == "imports.note").count() < 2 {
        assert!(one_turn(&mut dying).is_none());
    }
    for _ in 0..20 {
        assert!(one_turn(&mut dying).is_none());
    }
    drop(dying);
    assert_eq!(tally(&service, LOAD).rows(), 400);
    run(service.handle(notice(LOAD), FOREVER)).unwrap();
    assert_eq!(tally(&service, LOAD).rows(), 500);
    assert_eq!(body(&service, "a499"), "Body\n499");
}

#[test]
fn whatever_fails_the_file_comes_again_and_ends_the_same() {
    let rows = [row("I", 1, "a", "A", "a"), row("X", 1, "b", "B", "b"), row("U", 2, "a", "B", "b")];
    let (calm, _) = service();
    import(&calm, LOAD, file(HEADER, &rows));
    for trip in [Trip::BeforeEffect, Trip::AfterEffect] {
        for call in 0..12 {
            let (service, turns) = service();
            service.files.upload(LOAD, file(HEADER, &rows));
            let service = Rc::new(service);
            let mut task = task(&service, notice(LOAD));
            let mut turn = 0;
            let done = loop {
                if turn == call {
                    turns.trip(trip);
                }
                if let Some(done) = one_turn(&mut task) {
                    break done;
                }
                turn += 1;
            };
            if done.is_err() {
                run(service.handle(notice(LOAD), FOREVER)).unwrap();
            }
            assert_eq!(title(&service, "a"), title(&calm, "a"), "{trip:?} at {call}");
            assert_eq!(body(&service, "a"), "b");
            assert!(tally(&service, LOAD).poison == 1 && !letters(&service).is_empty());
        }
    }
}

#[test]
fn two_invocations_on_rows_of_one_article_lose_nothing() {
    for first in 0..40 {
        let (service, _) = service();
        service.files.upload(LOAD, file(HEADER, &[row("I", 1, "a", "A", "a")]));
        service.files.upload(TOPIC_LOAD, file(TOPICS, &[topic("I", 1, "a", "ice"), topic("I", 1, "a", "sun")]));
        let service = Rc::new(service);
        let (mut one, mut other) = (task(&service, notice(LOAD)), task(&service, notice(TOPIC_LOAD)));
        let (mut done_one, mut done_other) = (None, None);
        for turn in 0.. {
            // One call of the first for each of the other, from some turn on.
            if done_one.is_none() && turn >= first % 8 {
                done_one = one_turn(&mut one);
            }
            if done_other.is_none() && turn >= first / 8 {
                done_other = one_turn(&mut other);
            }
            if done_one.is_some() && done_other.is_some() {
                break;
            }
        }
        done_one.unwrap().unwrap();
        done_other.unwrap().unwrap();
        assert_eq!(article(&service, "a").unwrap().tags.len(), 2, "{first}");
    }
}

#[test]
fn what_the_new_service_wrote_stays_and_a_conflict_is_counted() {
    let (service, _) = service();
    import(&service, LOAD, file(HEADER, &[row("I", 1, "a", "Old", "old")]));
    let imported = article(&service, "a").unwrap();
    // In the second in which the row that is fed back says it was changed.
    let updated_at = imported.updated_at.plus(Duration::from_secs(2));
    let here = Article { version: 2, title: "Here".to_owned(), source: None, updated_at, ..imported.clone() };
    assert_eq!(run(service.articles.write(Some(&imported), &here)).unwrap(), Commit::Done);
    import(&service, CHANGES, file(HEADER, &[row("U", 2, "a", "There", "there")]));
    assert_eq!(title(&service, "a"), "Here");
    assert_eq!(tally(&service, CHANGES), Tally { applied: 1, conflicts: 1, ..Tally::default() });
    // What is fed back is an echo, and what the monolith changes after it comes over.
    let echo = row("U", 3, "a", "Here", "old").replace(",ada\n", ",articles-service\n");
    let later = "newscience/article/20261123-101600123.csv";
    import(&service, later, file(HEADER, &[echo]));
    assert_eq!(tally(&service, later), Tally { echoes: 1, ..Tally::default() });
    assert_eq!(article(&service, "a"), Some(here));
    let last = "newscience/article/20261123-101700123.csv";
    import(&service, last, file(HEADER, &[row("U", 4, "a", "There again", "there")]));
    assert_eq!((title(&service, "a").as_str(), body(&service, "a").as_str()), ("There again", "there"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn any_bytes_are_rows_or_letters_and_never_a_panic(
        bytes in prop::collection::vec(prop::sample::select(b"IUD,\"\n\r-:. 0123abcNULL\xff".to_vec()), 0..300),
        at in any::<prop::sample::Index>(),
    ) {
        let (service, _) = service();
        let mut text = file(HEADER, &[row("I", 1, "a", "A", "a"), row("U", 2, "a", "B", "b")]).into_bytes();
        let place = at.index(text.len());
        text.splice(place..place, bytes);
        import(&service, LOAD, text);
        prop_assert!(run(service.imports.progress(LOAD)).unwrap().unwrap().value.done);
    }

    #[test]
    fn any_message_is_handled(text in "\\PC{0,60}") {
        let (service, _) = service();
        run(service.handle(text, FOREVER)).unwrap();
    }

    #[test]
    fn the_order_of_files_and_copies_of_them_end_alike(
        order in Just((0..6usize).collect::<Vec<_>>()).prop_shuffle(),
        again in prop::collection::vec(0..6usize, 0..6),
    ) {
        let files = [
            (LOAD, file(HEADER, &[row("I", 1, "a", "A", "a"), row("I", 1, "b", "B", "b")])),
            (TOPIC_LOAD, file(TOPICS, &[topic("I", 1, "a", "ice")])),
            (CHANGES, file(HEADER, &[row("U", 2, "a", "A2", "a2"), row("D", 3, "b", "", "")])),
            ("newscience/article/20261123-101501123.csv", file(HEADER, &[row("I", 5, "b", "B2", "b2"), row("U", 5, "b", "B3", "b3")])),
            ("newscience/article_topic/20261123-101500123.csv", file(TOPICS, &[topic("D", 2, "a", "ice"), topic("I", 4, "a", "sun")])),
            ("newscience/article/20261123-101502123.csv", file(HEADER, &[row("D", 6, "a", "", ""), row("X", 7, "a", "", "")])),
        ];
        let (service, _) = service();
        for index in order.iter().chain(&again) {
            import(&service, files[*index].0, &files[*index].1);
        }
        let (a, b) = (article(&service, "a").unwrap(), article(&service, "b").unwrap());
        prop_assert_eq!((a.status, a.title.as_str()), (ArticleStatus::Withdrawn, "A2"));
        prop_assert_eq!(a.tags.iter().map(Tag::as_str).collect::<Vec<_>>(), ["sun"]);
        prop_assert_eq!((b.status, b.title.as_str()), (ArticleStatus::Published, "B3"));
        prop_assert_eq!(body(&service, "b"), "b3");
    }
}

#[test]
fn an_invocation_stops_before_its_deadline() {
    let stop = articles::import::stop_before(1_800_000_030_000, Duration::from_secs(10));
    assert_eq!(stop, Timestamp(1_800_000_020_000));
    assert_eq!(articles::import::stop_before(u64::MAX, Duration::from_secs(10)), Timestamp(i64::MAX - 10_000));
}
