use super::super::present;
use super::*;
use proptest::prelude::*;
use std::collections::BTreeSet;

const TOPICS: [&str; 4] = ["climate", "genes", "ice", "stars"];

fn position(committed_at: i64, file: &str, line: u64) -> SourcePosition {
    SourcePosition { committed_at, file: file.to_owned(), line }
}

fn article_row(number: u32) -> ArticleRow {
    ArticleRow {
        title: format!("Title {number}"),
        summary: String::new(),
        body: format!("Body {number}"),
        author: AuthorId::new("ada").unwrap(),
        byline: "Ada".to_owned(),
        premium: number.is_multiple_of(2),
        status: ArticleStatus::Published,
        published_at: Some(Timestamp(0)),
        changed_at: Timestamp(i64::from(number) * 1000),
        fed_back: false,
    }
}

/// What somebody does to the one article of the monolith.
#[derive(Debug, Clone)]
enum Edit {
    Save(u32),
    Delete,
    Topic(usize, bool),
}

fn edit() -> impl Strategy<Value = Edit> {
    prop_oneof![
        4 => any::<u32>().prop_map(Edit::Save),
        1 => Just(Edit::Delete),
        4 => (0..TOPICS.len(), any::<bool>()).prop_map(|(topic, there)| Edit::Topic(topic, there)),
    ]
}

/// The monolith's two tables, as far as they are about the article.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Tables {
    article: Option<u32>,
    topics: BTreeSet<usize>,
}

impl Tables {
    fn edit(&mut self, edit: &Edit) {
        match edit {
            Edit::Save(number) => self.article = Some(*number),
            Edit::Delete => self.article = None,
            Edit::Topic(topic, true) => drop(self.topics.insert(*topic)),
            Edit::Topic(topic, false) => drop(self.topics.remove(topic)),
        }
    }
}

fn id() -> ArticleId {
    ArticleId::new("a").unwrap()
}

fn row(at: SourcePosition, edit: &Edit) -> Row {
    let change = match edit {
        Edit::Save(number) => Change::Article(Box::new(article_row(*number))),
        Edit::Delete => Change::ArticleDeleted,
        Edit::Topic(topic, there) => Change::Topic { topic: Tag::new(TOPICS[*topic]).unwrap(), there: *there },
    };
    Row { id: id(), at, change }
}

/// What DMS writes of a history: the full load, which reads each table while edits go on, and all changes from its
/// start on. Each transaction of `history` has one commit time; a file of changes ends after every `cut`-th row of its
/// table.
fn files(history: &[Vec<Edit>], start: usize, read_at: [usize; 2], cut: usize) -> Vec<Row> {
    let mut rows = Vec::new();
    let at = |moment: usize| {
        let mut tables = Tables::default();
        history[..moment.clamp(start, history.len())].iter().flatten().for_each(|edit| tables.edit(edit));
        tables
    };
    let task_start = 1000 * i64::try_from(start).unwrap() + 1;
    let loaded = |table: &str| position(task_start, &format!("newscience/{table}/LOAD00000001.csv"), 2);
    if let Some(number) = at(read_at[0]).article {
        rows.push(row(loaded("article"), &Edit::Save(number)));
    }
    rows.extend(at(read_at[1]).topics.iter().map(|topic| row(loaded("article_topic"), &Edit::Topic(*topic, true))));
    let mut written = BTreeMap::from([("article", 0), ("article_topic", 0)]);
    for (number, transaction) in history.iter().enumerate().skip(start) {
        let committed_at = 1000 * i64::try_from(number + 1).unwrap() + 1;
        for edit in transaction {
            let table = if matches!(edit, Edit::Topic(..)) { "article_topic" } else { "article" };
            let count = written.entry(table).or_default();
            let file = format!("newscience/{table}/20261123-{:09}.csv", *count / cut);
            rows.push(row(position(committed_at, &file, (*count % cut + 2) as u64), edit));
            *count += 1;
        }
    }
    rows
}

fn merged<'a>(rows: impl IntoIterator<Item = &'a Row>) -> Merged {
    let mut merged = Merged::default();
    for row in rows {
        merged.apply(row);
    }
    merged
}

#[test]
fn the_full_load_comes_before_changes_of_the_same_moment() {
    let load = position(5, "newscience/article/LOAD0000000A.csv", 900);
    let later_load = position(5, "newscience/article/LOAD00000010.csv", 2);
    let change = position(5, "newscience/article/20261123-101500123.csv", 2);
    assert!(load < later_load && later_load < change);
    assert!(change < position(6, "newscience/article/LOAD00000001.csv", 2));
}

#[test]
fn a_row_that_comes_again_is_stale() {
    let row = row(position(1, "f", 2), &Edit::Save(1));
    let mut merged = Merged::default();
    assert!(merged.apply(&row));
    let before = merged.clone();
    assert!(!merged.apply(&row));
    assert_eq!(merged, before);
}

#[test]
fn a_topic_that_comes_late_after_its_deletion_stays_away() {
    let climate = |line, there| row(position(1, "f", line), &Edit::Topic(0, there));
    assert_eq!(merged(&[climate(3, false), climate(2, true)]).tags().count(), 0);
    assert_eq!(merged(&[climate(3, false), climate(2, true), climate(4, true)]).tags().count(), 1);
}

#[test]
fn what_is_known_reads_back_as_it_was_written() {
    let mut fed = article_row(1);
    fed.fed_back = true;
    let fed = Row { id: id(), at: position(1, "f", 2), change: Change::Article(Box::new(fed)) };
    let deleted = row(position(2, "f", 3), &Edit::Delete);
    let known = merged(&[fed, deleted, row(position(3, "g", 2), &Edit::Topic(1, true))]);
    let text = serde_json::to_string(&known).unwrap();
    assert_eq!(serde_json::from_str::<Merged>(&text).unwrap(), known);
}

proptest! {
    #[test]
    fn any_order_of_any_copies_of_any_files_ends_where_the_history_ends(
        history in prop::collection::vec(prop::collection::vec(edit(), 1..5), 1..8),
        start in 0usize..8,
        read_at in [0usize..9, 0usize..9],
        cut in 1usize..6,
        order in prop::collection::vec(any::<prop::sample::Index>(), 0..120),
    ) {
        let rows = files(&history, start.min(history.len()), read_at, cut);
        // Some of them, again and again, in any order; then each of them, backwards.
        let deliveries = order.iter().filter(|_| !rows.is_empty()).map(|index| index.get(&rows));
        let known = merged(deliveries.chain(rows.iter().rev()));
        prop_assert_eq!(&known, &merged(&rows));

        let mut end = Tables::default();
        history.iter().flatten().for_each(|edit| end.edit(edit));
        let article = present::article(&id(), &known);
        let shown = article.as_ref().filter(|article| article.status == ArticleStatus::Published);
        prop_assert_eq!(shown.map(|article| article.title.clone()), end.article.map(|n| format!("Title {n}")));
        let topics: Vec<&str> = end.topics.iter().map(|topic| TOPICS[*topic]).collect();
        prop_assert_eq!(known.tags().map(Tag::as_str).collect::<Vec<_>>(), topics);
    }

    #[test]
    fn it_does_not_matter_who_merges_first(
        edits in prop::collection::vec((1i64..4, 1u64..4, edit()), 0..12),
        at in any::<prop::sample::Index>(),
    ) {
        // One row has one place, whoever delivers it.
        let mut rows: Vec<Row> = edits.iter().map(|(time, line, edit)| row(position(*time, "f", *line), edit)).collect();
        let mut places = BTreeSet::new();
        rows.retain(|row| places.insert(row.at.clone()));
        let (one, other) = rows.split_at(if rows.is_empty() { 0 } else { at.index(rows.len()) });
        prop_assert_eq!(merged(one.iter().chain(other)), merged(other.iter().chain(one).chain(other)));
    }
}
