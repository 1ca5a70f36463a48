//! A list's question: of what, from where, how much.

use crate::refusal::Refusal;
use axum::extract::Query;
use axum::extract::rejection::QueryRejection;
use domain::articles::store::{ListOf, Place};
use domain::articles::{Article, AuthorId, Tag};
use domain::cursor::Signer;
use serde::Deserialize;

/// As many articles as the monolith's lists have.
const MOST: u16 = 50;
const USUALLY: u16 = 20;

/// The question as it was asked; what else is in the query is passed over.
#[derive(Debug, Deserialize)]
pub struct Asked {
    author: Option<String>,
    tag: Option<String>,
    cursor: Option<String>,
    limit: Option<String>,
}

/// The question, checked.
#[derive(Debug, PartialEq, Eq)]
pub struct Question {
    /// Of what.
    pub of: ListOf,
    /// From where.
    pub after: Option<Place>,
    /// How much, 1 to 50.
    pub limit: u16,
}

impl Question {
    /// Checks it. What is there and empty is absent, as a form sends it.
    pub fn of(asked: Result<Query<Asked>, QueryRejection>, signer: &Signer) -> Result<Self, Refusal> {
        let Query(asked) =
            asked.map_err(|_| Refusal::Bad("author, tag, cursor, limit: each at most once".to_owned()))?;
        let given = |text: Option<String>| text.filter(|text| !text.is_empty());
        let author = given(asked.author);
        // What was no UTF-8 has been replaced, and would be taken for an author who has written nothing.
        if author.as_deref().is_some_and(|author| author.contains(char::REPLACEMENT_CHARACTER)) {
            return Err(Refusal::Bad("author: must be UTF-8".to_owned()));
        }
        let of = ListOf {
            author: author.map(AuthorId::new).transpose()?,
            tag: given(asked.tag).map(Tag::new).transpose().map_err(|e| Refusal::Bad(format!("tag: {}", e.rule)))?,
        };
        let limit = given(asked.limit).map_or(Some(USUALLY), |text| text.parse().ok());
        let limit = limit.filter(|limit| (1..=MOST).contains(limit));
        let limit = limit.ok_or_else(|| Refusal::Bad("limit: must be a whole number from 1 to 50".to_owned()))?;
        let after = given(asked.cursor).map(|cursor| signer.open(&purpose(&of), &cursor)).transpose()?;
        Ok(Self { of, after, limit })
    }

    /// The cursor of the page after the one that ends with `last`.
    pub fn next(&self, last: &Article, signer: &Signer) -> Option<String> {
        let place = Place { published_at: last.published_at?, id: last.id.clone() };
        Some(signer.seal(&purpose(&self.of), &place))
    }
}

/// A page may have another length than the one before, so that the length is no part of it.
fn purpose(of: &ListOf) -> String {
    let (author, tag) = (of.author.as_ref().map(AuthorId::as_str), of.tag.as_ref().map(Tag::as_str));
    format!("GET /articles {}", serde_json::json!([author, tag]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(query: &str) -> Result<Question, String> {
        let uri = format!("/articles?{query}").parse().unwrap();
        Question::of(Query::try_from_uri(&uri), &Signer::new(b"a key")).map_err(|refusal| match refusal {
            Refusal::Bad(detail) => detail,
            other => panic!("{other:?}"),
        })
    }

    #[test]
    fn nothing_asked_is_all_from_the_beginning() {
        let all = Question { of: ListOf::default(), after: None, limit: USUALLY };
        for query in ["", "author=&tag=&cursor=&limit=", "utm_source=mail"] {
            assert_eq!(ask(query), Ok(Question { of: all.of.clone(), after: None, limit: all.limit }), "{query}");
        }
    }

    #[test]
    fn what_is_asked_wrongly_is_named() {
        for (query, named) in [
            ("author=a%00b", "author: "),
            ("author=%ff%fe", "author: "),
            ("tag=Space", "tag: "),
            ("tag=%00", "tag: "),
            ("limit=0", "limit: "),
            ("limit=51", "limit: "),
            ("limit=1e1", "limit: "),
            ("limit=-1", "limit: "),
            ("limit=99999999999999999999", "limit: "),
            ("cursor=x", "cursor: "),
            ("tag=a&tag=b", "author, tag, cursor, limit: "),
        ] {
            let detail = ask(query).unwrap_err();
            assert!(detail.starts_with(named), "{query}: {detail}");
        }
    }
}
