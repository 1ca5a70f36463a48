//! The database as it grew: short old names, dates as text, flags of one letter.
//!
//! | value | means |
//! | --- | --- |
//! | `state` | `E` draft, `P` published, `Z` withdrawn |
//! | `pay_flag` | `Y` the body is for premium readers, `N` for everybody |
//! | `pub_date`, `chg_date`, … | `dd.mm.yyyy HH:MM:SS`, UTC; such text does not sort, see [`BY_PUB_DATE`] |
//! | `chg_by` | who changed the row last: an `author_code`, `corpus`, or [`FED_BACK`] |

/// The name of the schema in what is exported.
pub const NAME: &str = "newscience";

/// `chg_by` of rows that the articles service fed back. Its importer skips them: they are no news to it.
pub const FED_BACK: &str = "articles-service";

/// An SQL expression that sorts by `pub_date`; indexed, as long as it is spelt like this.
pub const BY_PUB_DATE: &str =
    "substr(pub_date, 7, 4) || substr(pub_date, 4, 2) || substr(pub_date, 1, 2) || substr(pub_date, 12)";

/// Everything, made where it is missing.
///
/// `change_log` is the database's journal: one row for each row of `article` and `article_topic` that a committed
/// transaction inserted (`I`), updated (`U`) or deleted (`D`), in the order in which that happened. `row` is a JSON object
/// of the columns: as they are afterwards, for `D` as they were before. `change_tx` holds the running transaction's number
/// and commit time; [`Store::write`](super::Store::write) moves both on, so that all rows of one transaction share them
/// and neither ever goes back.
pub const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS article (
  art_key     TEXT PRIMARY KEY,
  headline    TEXT NOT NULL,
  teaser      TEXT NOT NULL,
  body_text   TEXT NOT NULL,
  author_code TEXT NOT NULL,
  author_name TEXT NOT NULL,
  pay_flag    TEXT NOT NULL,
  state       TEXT NOT NULL,
  pub_date    TEXT,
  chg_date    TEXT NOT NULL,
  chg_by      TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS article_newest ON article (
  state, substr(pub_date, 7, 4) || substr(pub_date, 4, 2) || substr(pub_date, 1, 2) || substr(pub_date, 12), art_key);
CREATE INDEX IF NOT EXISTS article_of_author ON article (
  author_code, state,
  substr(pub_date, 7, 4) || substr(pub_date, 4, 2) || substr(pub_date, 1, 2) || substr(pub_date, 12), art_key);

CREATE TABLE IF NOT EXISTS article_topic (
  art_key TEXT NOT NULL,
  topic   TEXT NOT NULL,
  PRIMARY KEY (art_key, topic)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS article_topic_topic ON article_topic (topic, art_key);

-- Up to which version of the articles service a row was fed.
CREATE TABLE IF NOT EXISTS article_fed (
  art_key TEXT PRIMARY KEY,
  version INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS site_user (
  user_code TEXT PRIMARY KEY,   -- an author's author_code
  email     TEXT NOT NULL UNIQUE,
  full_name TEXT NOT NULL,
  pass_hash TEXT NOT NULL,
  role      TEXT NOT NULL,      -- R reads and comments, C writes too, E edits what others wrote
  reg_date  TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS user_session (
  token_hash TEXT PRIMARY KEY,
  user_code  TEXT NOT NULL,
  ends_at    INTEGER NOT NULL   -- seconds since the epoch
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS reader_comment (
  comm_no   INTEGER PRIMARY KEY AUTOINCREMENT,
  art_key   TEXT NOT NULL,
  user_code TEXT NOT NULL,
  user_name TEXT NOT NULL,
  comm_text TEXT NOT NULL,
  comm_date TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS reader_comment_article ON reader_comment (art_key, comm_no);

-- What a contributor has on the desk: drafts appear on no list of articles.
CREATE TABLE IF NOT EXISTS desk_work (
  user_code TEXT NOT NULL,
  art_key   TEXT NOT NULL,
  PRIMARY KEY (user_code, art_key)
) WITHOUT ROWID;

-- The search's own copy, which a batch job rebuilds. haystack is lower-case text, topics is ',one,two,', pub_sort sorts.
CREATE TABLE IF NOT EXISTS search_text (
  art_key     TEXT PRIMARY KEY,
  headline    TEXT NOT NULL,
  teaser      TEXT NOT NULL,
  author_code TEXT NOT NULL,
  author_name TEXT NOT NULL,
  topics      TEXT NOT NULL,
  pay_flag    TEXT NOT NULL,
  pub_date    TEXT NOT NULL,
  pub_sort    TEXT NOT NULL,
  chg_date    TEXT NOT NULL,
  built_at    INTEGER NOT NULL,  -- milliseconds since the epoch
  haystack    TEXT NOT NULL
);

CREATE TABLE IF NOT EXISTS change_tx (
  only_row            INTEGER PRIMARY KEY CHECK (only_row = 1),
  tx_id               INTEGER NOT NULL,
  committed_at_micros INTEGER NOT NULL
);
INSERT OR IGNORE INTO change_tx VALUES (1, 0, 0);
CREATE TABLE IF NOT EXISTS change_log (
  seq                 INTEGER PRIMARY KEY AUTOINCREMENT,
  tx_id               INTEGER NOT NULL,
  committed_at_micros INTEGER NOT NULL,   -- since the epoch, UTC
  table_name          TEXT NOT NULL,
  op                  TEXT NOT NULL CHECK (op IN ('I', 'U', 'D')),
  row                 TEXT NOT NULL
);

CREATE TRIGGER IF NOT EXISTS article_i AFTER INSERT ON article BEGIN
  INSERT INTO change_log (tx_id, committed_at_micros, table_name, op, row)
  SELECT tx_id, committed_at_micros, 'article', 'I', json_object(
    'art_key', NEW.art_key, 'headline', NEW.headline, 'teaser', NEW.teaser, 'body_text', NEW.body_text,
    'author_code', NEW.author_code, 'author_name', NEW.author_name, 'pay_flag', NEW.pay_flag, 'state', NEW.state,
    'pub_date', NEW.pub_date, 'chg_date', NEW.chg_date, 'chg_by', NEW.chg_by) FROM change_tx;
END;
CREATE TRIGGER IF NOT EXISTS article_u AFTER UPDATE ON article BEGIN
  INSERT INTO change_log (tx_id, committed_at_micros, table_name, op, row)
  SELECT tx_id, committed_at_micros, 'article', 'U', json_object(
    'art_key', NEW.art_key, 'headline', NEW.headline, 'teaser', NEW.teaser, 'body_text', NEW.body_text,
    'author_code', NEW.author_code, 'author_name', NEW.author_name, 'pay_flag', NEW.pay_flag, 'state', NEW.state,
    'pub_date', NEW.pub_date, 'chg_date', NEW.chg_date, 'chg_by', NEW.chg_by) FROM change_tx;
END;
CREATE TRIGGER IF NOT EXISTS article_d AFTER DELETE ON article BEGIN
  INSERT INTO change_log (tx_id, committed_at_micros, table_name, op, row)
  SELECT tx_id, committed_at_micros, 'article', 'D', json_object(
    'art_key', OLD.art_key, 'headline', OLD.headline, 'teaser', OLD.teaser, 'body_text', OLD.body_text,
    'author_code', OLD.author_code, 'author_name', OLD.author_name, 'pay_flag', OLD.pay_flag, 'state', OLD.state,
    'pub_date', OLD.pub_date, 'chg_date', OLD.chg_date, 'chg_by', OLD.chg_by) FROM change_tx;
END;
CREATE TRIGGER IF NOT EXISTS article_topic_i AFTER INSERT ON article_topic BEGIN
  INSERT INTO change_log (tx_id, committed_at_micros, table_name, op, row)
  SELECT tx_id, committed_at_micros, 'article_topic', 'I', json_object('art_key', NEW.art_key, 'topic', NEW.topic)
  FROM change_tx;
END;
CREATE TRIGGER IF NOT EXISTS article_topic_u AFTER UPDATE ON article_topic BEGIN
  INSERT INTO change_log (tx_id, committed_at_micros, table_name, op, row)
  SELECT tx_id, committed_at_micros, 'article_topic', 'U', json_object('art_key', NEW.art_key, 'topic', NEW.topic)
  FROM change_tx;
END;
CREATE TRIGGER IF NOT EXISTS article_topic_d AFTER DELETE ON article_topic BEGIN
  INSERT INTO change_log (tx_id, committed_at_micros, table_name, op, row)
  SELECT tx_id, committed_at_micros, 'article_topic', 'D', json_object('art_key', OLD.art_key, 'topic', OLD.topic)
  FROM change_tx;
END;
";
