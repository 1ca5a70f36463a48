//! How the words of one side are said in the other's.
//!
//! | old | new |
//! | --- | --- |
//! | `art_key`, `headline`, `teaser`, `body_text` | `id`, `title`, `summary`, `markdown` |
//! | `author_code`, `author_name` | `author`, `byline` |
//! | `topics` | `tags` |
//! | `pay_flag` `Y`, `N` | `premium` true, false |
//! | `state` `E`, `P`, `Z` | `status` `draft`, `published`, `withdrawn` |
//! | `pub_date`, `chg_date`, to the second | `publishedAt`, `updatedAt`, to the millisecond |
//! | `edit_mark` | `version`, which `If-Match` carries |
//!
//! Withdrawn is said to the service by `DELETE`, not by a status. What has no counterpart is an error that names it; only
//! the milliseconds of a date are left out without a word.

use serde::{Deserialize, Serialize};

use crate::{
    dates,
    internal::{Art, ArtError, ArtHead, ArtText, DRAFT, PUBLISHED, WITHDRAWN, rules},
};

/// An article as the service tells it: with its body, or in a list without.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct View {
    /// Its name.
    pub id: String,
    /// One more with each write.
    pub version: u64,
    /// `draft`, `published` or `withdrawn`.
    pub status: String,
    /// One line.
    pub title: String,
    /// A few sentences.
    pub summary: String,
    /// Who may change it.
    pub author: String,
    /// The author's name, for readers.
    pub byline: String,
    /// What it is about.
    pub tags: Vec<String>,
    /// Whether the body is for premium readers.
    pub premium: bool,
    /// When it was first published, RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub published_at: Option<String>,
    /// When this version was written, RFC 3339.
    pub updated_at: String,
    /// The body; absent in lists.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub markdown: Option<String>,
}

/// An article as the service wants to be told it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NewArticle {
    /// One line.
    pub title: String,
    /// A few sentences.
    pub summary: String,
    /// The body.
    pub markdown: String,
    /// The author's name, for readers.
    pub byline: String,
    /// What it is about.
    pub tags: Vec<String>,
    /// Whether the body is for premium readers.
    pub premium: bool,
    /// `draft` or `published`.
    pub status: String,
    /// Who may change it, if not the caller; editors may say so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub author: Option<String>,
    /// Its name, if the service is not to find one; editors may say so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// When it was first published, RFC 3339; editors may say so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub published_at: Option<String>,
}

/// Says a contributor's text in the service's words.
pub fn to_new(text: &ArtText) -> Result<NewArticle, ArtError> {
    let status = match text.state {
        DRAFT => "draft",
        PUBLISHED => "published",
        other => return Err(unsayable("state", &other)),
    };
    let premium = match text.pay_flag {
        'Y' => true,
        'N' => false,
        other => return Err(unsayable("pay_flag", &other)),
    };
    let published_at = text
        .pub_date
        .as_deref()
        .map(|date| dates::read_old(date).and_then(dates::json).ok_or_else(|| unsayable("pub_date", date)));
    Ok(NewArticle {
        title: text.headline.clone(),
        summary: text.teaser.clone(),
        markdown: text.body_text.clone(),
        byline: text.author_name.clone(),
        tags: rules::sorted(&text.topics),
        premium,
        status: status.to_owned(),
        author: Some(text.author_code.clone()),
        id: None,
        published_at: published_at.transpose()?,
    })
}

/// Says the service's article, the body with it, in the old words.
pub fn to_old(view: &View) -> Result<Art, ArtError> {
    let markdown = view.markdown.clone().ok_or_else(|| unsayable("markdown", "absent"))?;
    Ok(Art { head: to_old_head(view)?, body_text: markdown, edit_mark: view.version.to_string() })
}

/// Says what the service's lists show of an article in the old words.
pub fn to_old_head(view: &View) -> Result<ArtHead, ArtError> {
    let state = match view.status.as_str() {
        "draft" => DRAFT,
        "published" => PUBLISHED,
        "withdrawn" => WITHDRAWN,
        other => return Err(unsayable("status", other)),
    };
    rules::check_key(&view.id).map_err(|_| unsayable("id", &view.id))?;
    let pub_date = view.published_at.as_deref().map(|time| old_date("publishedAt", time)).transpose()?;
    Ok(ArtHead {
        art_key: view.id.clone(),
        headline: view.title.clone(),
        teaser: view.summary.clone(),
        author_code: view.author.clone(),
        author_name: view.byline.clone(),
        topics: rules::sorted(&view.tags),
        pay_flag: if view.premium { 'Y' } else { 'N' },
        state,
        pub_date,
        chg_date: old_date("updatedAt", &view.updated_at)?,
    })
}

/// What a text says once it has a key; its dates are not known yet.
pub fn with_key(art_key: &str, text: &ArtText) -> Art {
    let text = text.clone();
    let head = ArtHead {
        art_key: art_key.to_owned(),
        headline: text.headline,
        teaser: text.teaser,
        author_code: text.author_code,
        author_name: text.author_name,
        topics: rules::sorted(&text.topics),
        pay_flag: text.pay_flag,
        state: text.state,
        pub_date: text.pub_date,
        chg_date: String::new(),
    };
    Art { head, body_text: text.body_text, edit_mark: String::new() }
}

/// The service's name of a field, in the old words; as it is, where there is none.
pub fn old_field(new: &str) -> &str {
    match new {
        "id" => "art_key",
        "title" => "headline",
        "summary" => "teaser",
        "markdown" => "body_text",
        "author" => "author_code",
        "byline" => "author_name",
        "tags" | "tag" => "topics",
        "premium" => "pay_flag",
        "status" => "state",
        "publishedAt" => "pub_date",
        "cursor" => "from_mark",
        "limit" => "count",
        other => other,
    }
}

pub(crate) fn old_date(field: &'static str, time: &str) -> Result<String, ArtError> {
    dates::read_json(time).and_then(dates::old).ok_or_else(|| unsayable(field, time))
}

fn unsayable(field: &'static str, text: &(impl ToString + ?Sized)) -> ArtError {
    ArtError::Unsayable { field, text: text.to_string() }
}

#[cfg(test)]
mod tests {
    use proptest::{option, prelude::*};

    use super::*;

    const YEARS: std::ops::Range<i64> = -62_167_219_200_000..253_402_300_800_000;

    fn topics() -> impl Strategy<Value = Vec<String>> {
        proptest::collection::btree_set("[a-z0-9]{1,8}(-[a-z0-9]{1,8}){0,2}", 0..=10)
            .prop_map(|topics| topics.into_iter().collect())
    }

    prop_compose! {
        fn texts()(
            headline in "\\PC{1,60}", teaser in "\\PC{0,90}", body_text in "(\\PC|[\n\t]){0,200}",
            author_code in "[^:#\\pC]{1,30}", author_name in "\\PC{1,40}", topics in topics(),
            pay_flag in prop_oneof![Just('Y'), Just('N')], state in prop_oneof![Just(DRAFT), Just(PUBLISHED)],
            pub_date in option::of(YEARS),
        ) -> ArtText {
            let pub_date = pub_date.and_then(dates::old);
            ArtText { headline, teaser, body_text, author_code, author_name, topics, pay_flag, state, pub_date }
        }
    }

    prop_compose! {
        fn views()(
            id in "[a-z0-9]{1,12}(-[a-z0-9]{1,12}){0,3}", version in 1_u64.., title in "\\PC{1,60}",
            summary in "\\PC{0,90}", author in "[^:#\\pC]{1,30}", byline in "\\PC{1,40}", tags in topics(),
            premium: bool, published_at in option::of(YEARS), updated_at in YEARS, markdown in "(\\PC|[\n\t]){0,200}",
            status in prop_oneof![Just("draft"), Just("published")],
        ) -> View {
            View {
                id, version, status: status.to_owned(), title, summary, author, byline, tags, premium,
                published_at: published_at.and_then(dates::json), updated_at: dates::json(updated_at).unwrap(),
                markdown: Some(markdown),
            }
        }
    }

    /// What the service tells of what it was told.
    fn kept(article: NewArticle) -> View {
        View {
            id: "key".to_owned(),
            version: 1,
            status: article.status,
            title: article.title,
            summary: article.summary,
            author: article.author.unwrap(),
            byline: article.byline,
            tags: article.tags,
            premium: article.premium,
            published_at: article.published_at,
            updated_at: "2026-11-23T10:21:36.789Z".to_owned(),
            markdown: Some(article.markdown),
        }
    }

    /// What a desk hands in of an article that it was shown.
    fn handed_in(art: Art) -> ArtText {
        ArtText {
            headline: art.head.headline,
            teaser: art.head.teaser,
            body_text: art.body_text,
            author_code: art.head.author_code,
            author_name: art.head.author_name,
            topics: art.head.topics,
            pay_flag: art.head.pay_flag,
            state: art.head.state,
            pub_date: art.head.pub_date,
        }
    }

    fn to_the_second(time: &str) -> i64 {
        let moment = dates::read_json(time).unwrap();
        moment - moment.rem_euclid(1000)
    }

    proptest! {
        #[test]
        fn old_to_new_to_old_loses_nothing(text in texts()) {
            let back = to_old(&kept(to_new(&text).unwrap())).unwrap();
            prop_assert_eq!(handed_in(back), text);
        }

        #[test]
        fn new_to_old_to_new_loses_the_milliseconds_alone(view in views()) {
            let old = to_old(&view).unwrap();
            let (art_key, mark, chg_date) = (old.head.art_key.clone(), old.edit_mark.clone(), old.head.chg_date.clone());
            prop_assert_eq!(&art_key, &view.id);
            prop_assert_eq!(mark.parse::<u64>().ok(), Some(view.version));
            prop_assert_eq!(dates::read_old(&chg_date), Some(to_the_second(&view.updated_at)));
            let back = kept(to_new(&handed_in(old)).unwrap());
            let published_at = view.published_at.as_deref().map(to_the_second).and_then(dates::json);
            let expected = View { id: back.id.clone(), version: 1, updated_at: back.updated_at.clone(), published_at, ..view };
            prop_assert_eq!(back, expected);
        }

        #[test]
        fn whatever_the_service_says_is_translated_or_named(
            mut view in views(), status in "\\PC{0,12}", id in "\\PC{0,20}", time in "\\PC{0,30}", which in 0..5,
        ) {
            let wrong = match which {
                0 => { view.status = status; "status" }
                1 => { view.id = id; "id" }
                2 => { view.updated_at = time; "updatedAt" }
                3 => { view.published_at = Some(time); "publishedAt" }
                _ => { view.markdown = None; "markdown" }
            };
            match to_old(&view) {
                Ok(old) => prop_assert!(to_new(&handed_in(old)).is_ok()),
                Err(ArtError::Unsayable { field, .. }) => prop_assert_eq!(field, wrong),
                Err(other) => prop_assert!(false, "{}", other),
            }
        }

        #[test]
        fn whatever_stands_in_a_row_is_translated_or_named(
            mut text in texts(), flag: char, state: char, date in "\\PC{0,20}", which in 0..3,
        ) {
            let (wrong, right) = match which {
                0 => { text.pay_flag = flag; ("pay_flag", matches!(flag, 'Y' | 'N')) }
                1 => { text.state = state; ("state", matches!(state, 'E' | 'P')) }
                _ => { let right = dates::read_old(&date).is_some(); text.pub_date = Some(date); ("pub_date", right) }
            };
            match to_new(&text) {
                Ok(_) => prop_assert!(right),
                Err(ArtError::Unsayable { field, .. }) => prop_assert!(!right && field == wrong),
                Err(other) => prop_assert!(false, "{}", other),
            }
        }
    }

    #[test]
    fn withdrawn_is_heard_but_said_otherwise() {
        let mut view = kept(
            to_new(&handed_in(with_key(
                "key",
                &ArtText {
                    headline: "H".to_owned(),
                    teaser: "T".to_owned(),
                    body_text: "B".to_owned(),
                    author_code: "a".to_owned(),
                    author_name: "A".to_owned(),
                    topics: vec![],
                    pay_flag: 'N',
                    state: PUBLISHED,
                    pub_date: None,
                },
            )))
            .unwrap(),
        );
        view.status = "withdrawn".to_owned();
        let old = to_old(&view).unwrap();
        assert_eq!(old.head.state, WITHDRAWN);
        assert_eq!(to_new(&handed_in(old)).unwrap_err().code(), "ART-060");
    }
}
