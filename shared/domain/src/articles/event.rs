//! What others are told of an article, on the bus `new-science` from the source `new-science.articles`.
//!
//! Every write has its event, a draft's too: the monolith's store is fed from them. A consumer looks at the status, not at
//! the event's name, and reads the article again before it acts, so that order and repetition do not matter.

use super::{Article, ArticleId, ArticleStatus, AuthorId, Tag};
use crate::intent::what_is_wrong;
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};

/// The version of the envelope and its data.
pub const VERSION: u64 = 1;

/// The event's name, its `detail-type`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum EventName {
    /// Readers see it now, and did not before.
    ArticlePublished,
    /// Another version; who could see it still can, and nobody else.
    ArticleUpdated,
    /// It is withdrawn, and was not before.
    ArticleWithdrawn,
}

impl EventName {
    /// The event of a write.
    pub fn between(before: Option<ArticleStatus>, after: ArticleStatus) -> Self {
        match after {
            _ if before == Some(after) => Self::ArticleUpdated,
            ArticleStatus::Published => Self::ArticlePublished,
            ArticleStatus::Withdrawn => Self::ArticleWithdrawn,
            ArticleStatus::Draft => Self::ArticleUpdated,
        }
    }

    /// The name on the bus.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ArticlePublished => "ArticlePublished",
            Self::ArticleUpdated => "ArticleUpdated",
            Self::ArticleWithdrawn => "ArticleWithdrawn",
        }
    }
}

/// The event's `detail`. Readers pass over what they do not know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ArticleEvent {
    /// `article#id#version`: the same write has the same, however often it is told.
    pub event_id: String,
    /// When it was written.
    pub occurred_at: Timestamp,
    /// The article, as events of one matter are found together.
    pub correlation_id: ArticleId,
    /// [`VERSION`].
    pub version: u64,
    /// What it is about.
    pub data: ArticleData,
}

/// What an event says of its article.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ArticleData {
    /// Its name.
    pub id: ArticleId,
    /// The version that was written.
    pub version: u64,
    /// Whether readers see it.
    pub status: ArticleStatus,
    /// One line.
    pub title: String,
    /// Who wrote it.
    pub author: AuthorId,
    /// What it is about.
    #[serde(default)]
    pub tags: Vec<Tag>,
    /// When it was first published.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub published_at: Option<Timestamp>,
}

/// A message that is no event of an article, and never will be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not an event of an article: {reason}")]
pub struct PoisonEvent {
    /// What is wrong.
    pub reason: String,
}

/// The name of the event of this version.
pub fn event_id(article: &Article) -> String {
    format!("article#{}#{}", article.id, article.version)
}

impl ArticleEvent {
    /// The event that tells of this version.
    pub fn of(article: &Article) -> Self {
        Self {
            event_id: event_id(article),
            occurred_at: article.updated_at,
            correlation_id: article.id.clone(),
            version: VERSION,
            data: ArticleData {
                id: article.id.clone(),
                version: article.version,
                status: article.status,
                title: article.title.clone(),
                author: article.author.clone(),
                tags: article.tags.clone(),
                published_at: article.published_at,
            },
        }
    }

    /// Reads an event as a queue behind the bus has it: the whole of it, with `detail`.
    ///
    /// # Errors
    /// [`PoisonEvent`], with a reason that quotes nothing of the text.
    pub fn from_bus(text: &str) -> Result<Self, PoisonEvent> {
        #[derive(Deserialize)]
        struct Head {
            detail: HeadDetail,
        }
        #[derive(Deserialize)]
        struct HeadDetail {
            version: u64,
        }
        #[derive(Deserialize)]
        struct Message {
            detail: ArticleEvent,
        }
        let poison = |error: serde_json::Error| PoisonEvent { reason: what_is_wrong(&error) };
        // The version first: of another one's fields nothing is known.
        let head: Head = serde_json::from_str(text).map_err(poison)?;
        if head.detail.version != VERSION {
            let reason = format!("its version is {}, and only {VERSION} is known here", head.detail.version);
            return Err(PoisonEvent { reason });
        }
        serde_json::from_str::<Message>(text).map(|message| message.detail).map_err(poison)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::articles::transitions::examples::article;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    fn message(article: &Article) -> Value {
        json!({
            "version": "0", "id": "1", "detail-type": "ArticleUpdated", "source": "new-science.articles",
            "detail": ArticleEvent::of(article),
        })
    }

    #[test]
    fn the_events_name_says_what_changed_for_readers() {
        use ArticleStatus::{Draft, Published, Withdrawn};
        use EventName::{ArticlePublished, ArticleUpdated, ArticleWithdrawn};
        for (before, after, name) in [
            (None, Draft, ArticleUpdated),
            (None, Published, ArticlePublished),
            (Some(Draft), Draft, ArticleUpdated),
            (Some(Draft), Published, ArticlePublished),
            (Some(Published), Published, ArticleUpdated),
            (Some(Published), Withdrawn, ArticleWithdrawn),
            (Some(Draft), Withdrawn, ArticleWithdrawn),
            (Some(Withdrawn), Published, ArticlePublished),
            (Some(Withdrawn), Withdrawn, ArticleUpdated),
            (Some(Published), Draft, ArticleUpdated),
        ] {
            assert_eq!(EventName::between(before, after), name, "{before:?} to {after:?}");
            assert_eq!(json!(name), name.as_str());
        }
    }

    #[test]
    fn the_same_version_is_told_by_the_same_event() {
        let event = ArticleEvent::of(&article("ada"));
        assert_eq!(event.event_id, "article#ice-on-the-moon-aaaaaaaa#3");
        assert_eq!(event, ArticleEvent::of(&article("ada")));
        let expected = json!({
            "eventId": "article#ice-on-the-moon-aaaaaaaa#3", "occurredAt": 6, "version": 1,
            "correlationId": "ice-on-the-moon-aaaaaaaa",
            "data": {"id": "ice-on-the-moon-aaaaaaaa", "version": 3, "status": "published", "title": "Ice",
                "author": "ada", "tags": ["space"], "publishedAt": 5},
        });
        assert_eq!(json!(event), expected);
    }

    #[test]
    fn a_reader_passes_over_what_it_does_not_know() {
        let mut told = message(&article("ada"));
        told["detail"]["data"]["mood"] = json!("good");
        told["detail"]["trace"] = json!({"id": 1});
        assert_eq!(ArticleEvent::from_bus(&told.to_string()), Ok(ArticleEvent::of(&article("ada"))));
    }

    #[test]
    fn what_may_be_absent_may_be_absent() {
        let mut told = message(&Article { published_at: None, tags: vec![], ..article("ada") });
        told["detail"]["data"].as_object_mut().unwrap().remove("tags");
        assert_eq!(ArticleEvent::from_bus(&told.to_string()).unwrap().data.published_at, None);
    }

    #[test]
    fn another_version_is_refused_with_a_reason() {
        let told = json!({"detail": {"version": 2, "all": "new"}});
        let reason = ArticleEvent::from_bus(&told.to_string()).unwrap_err().to_string();
        assert_eq!(reason, "not an event of an article: its version is 2, and only 1 is known here");
    }

    #[test]
    fn poison_is_refused_without_its_words() {
        let mut told = message(&article("ada"));
        told["detail"]["data"]["id"] = json!("../secret");
        for text in ["", "secret", "{}", r#"{"detail": "secret"}"#, &told.to_string()] {
            let reason = ArticleEvent::from_bus(text).unwrap_err().to_string();
            assert!(!reason.contains("secret"), "{reason}");
        }
    }

    proptest! {
        #[test]
        fn any_title_comes_through(title: String) {
            let article = Article { title, ..article("ada") };
            prop_assert_eq!(ArticleEvent::from_bus(&message(&article).to_string()), Ok(ArticleEvent::of(&article)));
        }

        #[test]
        fn no_text_makes_it_panic(text: String) {
            prop_assert!(ArticleEvent::from_bus(&text).is_err());
        }
    }
}
