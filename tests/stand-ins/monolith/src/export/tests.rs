use std::{collections::BTreeMap, fs, path::Path};

use rusqlite::params;
use tempfile::TempDir;

use super::*;
use crate::store::{begin, schema};

/// A database, a folder to export to, and the position.
struct Place {
    folder: TempDir,
    connection: Connection,
}

impl Place {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let connection = open(&folder.path().join("site.db")).unwrap();
        Self { folder, connection }
    }

    fn write(&mut self, work: impl FnOnce(&Connection)) {
        let transaction = begin(&mut self.connection, &SystemClock).unwrap();
        work(&transaction);
        transaction.commit().unwrap();
    }

    async fn export(&self, what: What, max_rows: usize) -> Result<(), ExportError> {
        let path = |name: &str| self.folder.path().join(name);
        let to = Target::Folder(path("out"));
        run(&ExportConfig { db: path("site.db"), to, what, position: path("position"), max_rows, every: None }).await
    }

    /// The exported files by their paths: records without the header, which is checked.
    fn files(&self, table: &str) -> BTreeMap<String, Vec<Vec<String>>> {
        let folder = self.folder.path().join("out").join(schema::NAME).join(table);
        let entries = fs::read_dir(&folder).map(Iterator::collect::<Vec<_>>).unwrap_or_default();
        entries.into_iter().map(|entry| read(&entry.unwrap().path(), table)).collect()
    }
}

fn read(path: &Path, table: &str) -> (String, Vec<Vec<String>>) {
    let table = TABLES.iter().find(|known| known.name == table).unwrap();
    let mut reader = ::csv::Reader::from_path(path).unwrap();
    let header: Vec<_> = reader.headers().unwrap().iter().map(str::to_owned).collect();
    assert_eq!(header, [&["Op", "dms_ts"], table.columns].concat());
    let records = reader.records().map(|record| record.unwrap().iter().map(str::to_owned).collect());
    (path.file_name().unwrap().to_string_lossy().into_owned(), records.collect())
}

fn save(connection: &Connection, key: &str, body: &str) {
    connection
        .execute(
            "INSERT INTO article VALUES (?1, 'NULL', 'T', ?2, 'ada', 'Ada', 'N', 'E', NULL, 'x', 'ada')
             ON CONFLICT (art_key) DO UPDATE SET body_text = ?2",
            params![key, body],
        )
        .unwrap();
}

const BODY: &str = "# \"Ice\", they said\r\n\nüber 100 °C\n";

#[tokio::test]
async fn a_full_load_is_cut_into_numbered_files_and_reads_back_as_it_was() {
    let mut place = Place::new();
    place.write(|db| (0..12).for_each(|n| save(db, &format!("a{n:02}"), BODY)));
    place.export(What::FullLoad, 1).await.unwrap();
    let files = place.files("article");
    assert_eq!(files.len(), 12);
    let last = &files["LOAD0000000C.csv"][0];
    assert_eq!((last[0].as_str(), last[2].as_str(), last[5].as_str()), ("I", "a11", BODY));
    assert!(place.files("article_topic").is_empty());
}

#[tokio::test]
async fn no_value_and_the_word_for_it_differ_in_their_quotes() {
    let mut place = Place::new();
    place.write(|db| save(db, "a", "plain"));
    place.export(What::FullLoad, 10).await.unwrap();
    let text = fs::read_to_string(place.folder.path().join("out/newscience/article/LOAD00000001.csv")).unwrap();
    let row = text.lines().nth(1).unwrap();
    assert!(row.ends_with(",a,\"NULL\",T,plain,ada,Ada,N,E,NULL,x,ada"), "{row}");
}

#[tokio::test]
async fn changes_begin_where_the_full_load_did_and_share_their_transactions_time() {
    let mut place = Place::new();
    place.write(|db| save(db, "a", "one"));
    place.export(What::FullLoad, 10).await.unwrap();
    let loaded = place.files("article")["LOAD00000001.csv"][0][1].clone();
    place.write(|db| {
        save(db, "a", "two");
        db.execute("INSERT INTO article_topic VALUES ('a', 'ice')", []).unwrap();
        save(db, "a", "three");
    });
    place.write(|db| {
        db.execute("DELETE FROM article", []).unwrap();
    });
    place.export(What::Changes, 10).await.unwrap();
    place.export(What::Changes, 10).await.unwrap();
    let mut files = place.files("article");
    files.remove("LOAD00000001.csv");
    let (name, rows) = files.pop_first().unwrap();
    assert!(files.is_empty() && name.len() == "20261123-101500123.csv".len(), "{name}");
    let column = |column: usize| rows.iter().map(|row| row[column].as_str()).collect::<Vec<_>>();
    assert_eq!((column(0), column(5)), (vec!["U", "U", "D"], vec!["two", "three", "three"]));
    let times = column(1);
    assert!(times[0] == times[1] && times[1] < times[2] && loaded.as_str() < times[0], "{loaded} {times:?}");
    let topics = place.files("article_topic");
    assert_eq!(topics.values().next().unwrap()[0], ["I", times[0], "a", "ice"]);
}

#[tokio::test]
async fn a_batch_of_several_files_keeps_its_order_in_their_names() {
    let mut place = Place::new();
    place.export(What::FullLoad, 10).await.unwrap();
    place.write(|db| (0..5).for_each(|n| save(db, "a", &n.to_string())));
    place.export(What::Changes, 2).await.unwrap();
    let bodies: Vec<String> = place.files("article").into_values().flatten().map(|row| row[5].clone()).collect();
    assert_eq!(bodies, ["0", "1", "2", "3", "4"]);
}

#[tokio::test]
async fn changes_without_a_beginning_are_refused() {
    let refused = Place::new().export(What::Changes, 10).await.unwrap_err();
    assert!(refused.to_string().contains("a full load begins it"), "{refused}");
}
