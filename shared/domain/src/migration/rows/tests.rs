use super::super::csv::{Next, Reader};
use super::*;
use proptest::prelude::*;

const FILE: &str = "newscience/article/20261123-101500123.csv";
const HEADER: &str =
    "Op,dms_ts,art_key,headline,teaser,body_text,author_code,author_name,pay_flag,state,pub_date,chg_date,chg_by";
const ROW: &str = "U,2026-11-23 10:15:00.123456,ice,Ice,Old ice,\"# Ice\n\nIt, \"\"remembers\"\".\",ada,Ada,Y,P,23.11.2026 10:14:59,23.11.2026 10:15:00,ada";
const LIMITS: Limits = Limits { lob_bytes: 32_768, latest: i64::MAX };

fn records(text: &str) -> Vec<Record> {
    let mut reader = Reader::from(0, 1);
    reader.feed(text.as_bytes());
    let mut records = Vec::new();
    while let Next::Record(record) = reader.read() {
        records.push(record);
    }
    records
}

fn read_under(header: &str, row: &str, limits: &Limits) -> Result<Row, Fault> {
    let records = records(&format!("{header}\n{row}\n"));
    let columns = Columns::read(Table::Article, &records[0]).unwrap();
    read(FILE, &columns, &records[1], limits)
}

fn read_row(row: &str) -> Result<Row, Fault> {
    read_under(HEADER, row, &LIMITS)
}

fn article(row: Result<Row, Fault>) -> ArticleRow {
    match row.unwrap().change {
        Change::Article(article) => *article,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_row_is_read_in_our_words() {
    let row = read_row(ROW).unwrap();
    assert_eq!((row.id.as_str(), row.at.committed_at, row.at.line), ("ice", 1_795_428_900_123_456, 2));
    assert_eq!(row.at.file, FILE);
    let article = article(Ok(row));
    assert_eq!((article.title.as_str(), article.summary.as_str()), ("Ice", "Old ice"));
    assert_eq!(article.body, "# Ice\n\nIt, \"remembers\".");
    assert_eq!((article.author.as_str(), article.byline.as_str()), ("ada", "Ada"));
    assert_eq!((article.premium, article.status, article.fed_back), (true, ArticleStatus::Published, false));
    assert_eq!(
        (article.published_at, article.changed_at),
        (Some(Timestamp(1_795_428_899_000)), Timestamp(1_795_428_900_000))
    );
}

#[test]
fn old_letters_have_their_meaning() {
    let draft = article(read_row(&ROW.replace(",Y,P,23.11.2026 10:14:59,", ",N,E,NULL,")));
    assert_eq!((draft.premium, draft.status, draft.published_at), (false, ArticleStatus::Draft, None));
    assert_eq!(article(read_row(&ROW.replace(",P,", ",Z,"))).status, ArticleStatus::Withdrawn);
    let echo = ROW.strip_suffix(",ada").unwrap().to_owned() + ",articles-service";
    assert!(article(read_row(&echo)).fed_back);
}

#[test]
fn columns_are_found_by_their_names_and_unknown_ones_do_no_harm() {
    let names: Vec<&str> = HEADER.split(',').rev().chain(["novelty"]).collect();
    let header = records(&format!("{}\n", names.join(","))).remove(0);
    let columns = Columns::read(Table::Article, &header).unwrap();
    assert_eq!(columns.unknown(), BTreeSet::from(["novelty"]));
    let mut fields = records(&format!("{ROW}\n")).remove(0).fields;
    fields.reverse();
    fields.push(fields[0].clone());
    let row = read(FILE, &columns, &Record { line: 2, fields }, &LIMITS);
    assert_eq!(row, read_row(ROW));
}

#[test]
fn a_header_without_a_column_that_we_need_is_refused() {
    for missing in HEADER.split(',') {
        let names: Vec<&str> = HEADER.split(',').filter(|name| *name != missing).collect();
        let header = records(&format!("{}\n", names.join(","))).remove(0);
        let fault = Columns::read(Table::Article, &header).unwrap_err();
        assert_eq!(fault.why, format!("the header must name the column {missing}"));
        assert_eq!(fault.place, Place { line: 1, column: 1 });
    }
    let twice = records(&format!("{HEADER},state\n")).remove(0);
    assert!(Columns::read(Table::Article, &twice).unwrap_err().why.contains("state more than once"));
}

#[test]
fn what_is_wrong_is_said_with_line_column_and_rule_and_without_what_is_there() {
    let long = "x".repeat(201);
    for (from, to, line, column, rule) in [
        ("U,", "X,", 2, 1, "Op: must be I, U or D"),
        ("U,", "NULL,", 2, 1, "Op: must have a value"),
        ("10:15:00.123456", "10:15:00", 2, 3, "dms_ts: must be a time, yyyy-MM-dd HH:mm:ss.SSSSSS"),
        (",ice,", ",Secret Ice,", 2, 30, "art_key: must be 1 to 100"),
        (",Ice,", ",NULL,", 2, 34, "headline: must have a value"),
        (",Ice,", &format!(",{long},"), 2, 34, "headline: must be one line of 1 to 200 characters"),
        (",Ice,", ",\"Secret\nIce\",", 2, 34, "headline: must be one line"),
        (",Y,", ",J,", 4, 29, "pay_flag: must be Y or N"),
        (",P,", ",Q,", 4, 31, "state: must be E, P or Z"),
        ("23.11.2026 10:14:59", "2026-11-23", 4, 33, "pub_date: must be a time"),
        ("23.11.2026 10:14:59", "NULL", 4, 33, "pub_date: a published article must have one"),
        (",23.11.2026 10:15:00", ",31.02.2026 10:15:00", 4, 53, "chg_date: must be a time, dd.mm.yyyy HH:MM:SS"),
        (",ada,Ada", ",a:b,Ada", 4, 21, "author_code: must be"),
        (",ada,Ada,Y", ",ada,Ada,and more,Y", 2, 1, "must have 13 fields, as the header, and has 14"),
    ] {
        let fault = read_row(&ROW.replacen(from, to, 1)).unwrap_err();
        assert_eq!((fault.place.line, fault.place.column), (line, column), "{to}: {}", fault.why);
        assert!(fault.why.starts_with(rule), "{to}: {}", fault.why);
        assert!(!fault.why.contains("Secret"), "{}", fault.why);
    }
}

#[test]
fn a_text_that_dms_may_have_cut_is_refused() {
    let limits = Limits { lob_bytes: 32, ..LIMITS };
    let body = |length: usize| ROW.replace("\"# Ice\n\nIt, \"\"remembers\"\".\"", &"x".repeat(length));
    assert!(read_under(HEADER, &body(28), &limits).is_ok());
    for length in [29, 32] {
        let fault = read_under(HEADER, &body(length), &limits).unwrap_err();
        assert!(fault.why.starts_with("body_text: is as long as DMS's limit"), "{}", fault.why);
    }
}

#[test]
fn a_commit_time_in_the_future_is_refused_as_it_would_win_for_ever() {
    let at = 1_795_428_900_123_456;
    assert!(read_under(HEADER, ROW, &Limits { latest: at, ..LIMITS }).is_ok());
    let fault = read_under(HEADER, ROW, &Limits { latest: at - 1, ..LIMITS }).unwrap_err();
    assert_eq!(fault.why, "dms_ts: lies in the future");
}

#[test]
fn of_a_deleted_row_only_the_key_is_needed() {
    let row = format!("D,2026-11-23 10:15:00.123456,ice{}", ",NULL".repeat(10));
    assert_eq!(read_row(&row).unwrap().change, Change::ArticleDeleted);
    let header = records("Op,dms_ts,art_key,topic\n").remove(0);
    let columns = Columns::read(Table::ArticleTopic, &header).unwrap();
    let topic = |op: &str| {
        let record = records(&format!("{op},2026-11-23 10:15:00.123456,ice,climate\n")).remove(0);
        read("newscience/article_topic/LOAD00000001.csv", &columns, &record, &LIMITS).unwrap().change
    };
    let climate = Tag::new("climate").unwrap();
    assert_eq!(topic("D"), Change::Topic { topic: climate.clone(), there: false });
    assert_eq!(topic("I"), Change::Topic { topic: climate, there: true });
}

#[test]
fn a_file_says_by_its_folder_whose_rows_it_holds() {
    assert_eq!(Table::of("newscience/article/LOAD00000001.csv"), Some(Table::Article));
    assert_eq!(Table::of("folder/newscience/article_topic/20261123-101500123.csv"), Some(Table::ArticleTopic));
    for other in ["newscience/site_user/LOAD00000001.csv", "article.csv", "newscience/article/LOAD.parquet", ""] {
        assert_eq!(Table::of(other), None, "{other}");
    }
}

proptest! {
    #[test]
    fn any_record_is_a_row_or_a_fault(fields in prop::collection::vec("\\PC{0,12}|NULL|[IUD]|[EPZYN]|23\\.11\\.2026 10:14:59", 0..15)) {
        let header = records(&format!("{HEADER}\n")).remove(0);
        let columns = Columns::read(Table::Article, &header).unwrap();
        let place = Place { line: 2, column: 1 };
        let fields = fields.into_iter().map(|text| Field { place, text, quoted: false }).collect();
        drop(read(FILE, &columns, &Record { line: 2, fields }, &LIMITS));
    }
}
