//! The internal article interface, local and over the articles service: who calls it cannot tell which it is.

use std::{fs, sync::Arc};

use crate::support::{
    Hand,
    articles_api::{ArticlesService, TOKEN},
    text,
};
use axum::http::StatusCode;
use monolith::{
    anticorruption::{ServiceArticles, api::ArticlesApi},
    internal::{Art, ArtError, ArtFilter, ArtHead, ArtInterface, ArtText, DRAFT, PUBLISHED, local::LocalArticles},
    store::Store,
};
use proptest::{prelude::*, test_runner::TestRunner};
use tempfile::TempDir;

/// Both ways to answer, with one clock.
struct Both {
    clock: Arc<Hand>,
    local: LocalArticles,
    service: ServiceArticles,
    behind: ArticlesService,
    _folder: TempDir,
}

async fn both() -> Both {
    let folder = TempDir::new().unwrap();
    let clock = Hand::new();
    let store = Store::open(&folder.path().join("site.db"), clock.clone()).unwrap();
    let token_file = folder.path().join("token");
    fs::write(&token_file, format!("{TOKEN}\n")).unwrap();
    let (behind, base) = ArticlesService::start(clock.clone()).await;
    let service = ServiceArticles::new(ArticlesApi::new(&base, token_file).unwrap());
    Both { local: LocalArticles::new(store, clock.clone()), service, clock, behind, _folder: folder }
}

/// An outcome in words that both sides share: marks are each side's own.
fn said(outcome: &Result<Art, ArtError>) -> Result<(ArtHead, String), String> {
    match outcome {
        Ok(art) => Ok((art.head.clone(), art.body_text.clone())),
        Err(error) => Err(error.to_string()),
    }
}

#[derive(Debug, Clone)]
enum Call {
    Create(u8, u8),
    Change(u8, u8, bool),
    Withdraw(u8, bool),
    Get(u8),
    List(Option<u8>, Option<u8>, u16),
}

fn calls() -> impl Strategy<Value = Vec<Call>> {
    let key = 0_u8..4;
    let call = prop_oneof![
        3 => (key.clone(), any::<u8>()).prop_map(|(key, text)| Call::Create(key, text)),
        3 => (key.clone(), any::<u8>(), prop::bool::weighted(0.2)).prop_map(|(key, text, stale)| Call::Change(key, text, stale)),
        1 => (key.clone(), prop::bool::weighted(0.2)).prop_map(|(key, stale)| Call::Withdraw(key, stale)),
        2 => key.prop_map(Call::Get),
        2 => (proptest::option::of(0_u8..3), proptest::option::of(0_u8..3), 0_u16..4)
            .prop_map(|(author, topic, count)| Call::List(author, topic, count)),
    ];
    proptest::collection::vec(call, 1..25)
}

/// One of many texts; a few of them are refused.
fn variant(number: u8) -> ArtText {
    let mut text = text(["Ice remembers", "Ice forgets", "Ice", ""][usize::from(number % 16).min(3) % 4]);
    text.state = if number & 16 == 0 { PUBLISHED } else { DRAFT };
    text.pay_flag = if number & 32 == 0 { 'N' } else { 'Y' };
    text.topics = vec![["ice", "climate", "Not A Topic"][usize::from(number % 7).min(2)].to_owned()];
    ["ada-writes", "bob"][usize::from(number >> 7)].clone_into(&mut text.author_code);
    text.pub_date = (number & 64 != 0).then(|| format!("{:02}.01.2020 08:00:00", number % 28 + 1));
    text
}

impl Both {
    async fn agree_on(&self, call: &Call, marks: &mut [[(String, String); 4]; 2]) {
        self.clock.forward(1_234);
        let key = |number: u8| format!("article-{number}");
        let (outcomes, number) = match *call {
            Call::Create(number, which) => {
                let (key, text) = (key(number), variant(which));
                let pair = (
                    self.local.art_create(&key, &text, "ada").await,
                    self.service.art_create(&key, &text, "ada").await,
                );
                (pair, number)
            }
            Call::Change(number, which, stale) => {
                let (key, text) = (key(number), variant(which));
                let (here, there) = &marks[usize::from(stale)][usize::from(number)];
                let pair = (
                    self.local.art_change(&key, here, &text, "ada").await,
                    self.service.art_change(&key, there, &text, "ada").await,
                );
                (pair, number)
            }
            Call::Withdraw(number, stale) => {
                let key = key(number);
                let (here, there) = &marks[usize::from(stale)][usize::from(number)];
                let here = self.local.art_withdraw(&key, here, "ada").await.map_err(|error| error.to_string());
                let there = self.service.art_withdraw(&key, there, "ada").await.map_err(|error| error.to_string());
                assert_eq!(here, there, "{call:?}");
                ((self.local.art_get(&key).await, self.service.art_get(&key).await), number)
            }
            Call::Get(number) => {
                let key = key(number);
                ((self.local.art_get(&key).await, self.service.art_get(&key).await), number)
            }
            Call::List(author, topic, count) => return self.agree_on_pages(author, topic, count).await,
        };
        assert_eq!(said(&outcomes.0), said(&outcomes.1), "{call:?}");
        if let (Ok(here), Ok(there)) = outcomes {
            let number = usize::from(number);
            let new = (here.edit_mark, there.edit_mark);
            if marks[0][number] != new {
                marks[1][number] = std::mem::replace(&mut marks[0][number], new);
            }
        }
    }

    /// All pages of a list.
    async fn agree_on_pages(&self, author: Option<u8>, topic: Option<u8>, count: u16) {
        let filter = ArtFilter {
            author_code: author.map(|n| ["ada-writes", "bob", "a:b"][usize::from(n)].to_owned()),
            topic: topic.map(|n| ["ice", "climate", "Not A Topic"][usize::from(n)].to_owned()),
        };
        let (mut here, mut there) = (None, None);
        loop {
            let local = self.local.art_list(&filter, here.as_deref(), count).await;
            let service = self.service.art_list(&filter, there.as_deref(), count).await;
            let (local, service) = match (local, service) {
                (Ok(local), Ok(service)) => (local, service),
                (local, service) => {
                    return assert_eq!(local.unwrap_err().to_string(), service.unwrap_err().to_string(), "{filter:?}");
                }
            };
            assert_eq!(local.arts, service.arts, "{filter:?}");
            assert_eq!(local.next_mark.is_some(), service.next_mark.is_some(), "{filter:?}");
            if local.next_mark.is_none() {
                return;
            }
            (here, there) = (local.next_mark, service.next_mark);
        }
    }
}

#[test]
fn whatever_is_called_both_settings_answer_the_same() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let config = ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() };
    TestRunner::new(config)
        .run(&calls(), |calls| {
            runtime.block_on(async {
                let both = both().await;
                let mut marks: [[(String, String); 4]; 2] = Default::default();
                for call in &calls {
                    both.agree_on(call, &mut marks).await;
                }
            });
            Ok(())
        })
        .unwrap();
}

#[tokio::test]
async fn both_settings_live_an_article_s_whole_life_alike() {
    let both = both().await;
    for articles in [&both.local as &dyn ArtInterface, &both.service] {
        let draft = ArtText { state: DRAFT, ..text("Ice remembers") };
        let made = articles.art_create("ice-remembers", &draft, "ada").await.unwrap();
        assert_eq!((made.head.state, made.head.pub_date.as_deref()), (DRAFT, None));
        assert_eq!(made.head.topics, ["climate", "ice"]);
        assert_eq!(articles.art_create("ice-remembers", &draft, "ada").await.unwrap().edit_mark, made.edit_mark);
        let taken = articles.art_create("ice-remembers", &text("Other"), "bob").await.unwrap_err();
        assert_eq!(taken.code(), "ART-020");
        let published =
            articles.art_change("ice-remembers", &made.edit_mark, &text("Ice remembers"), "ada").await.unwrap();
        assert_eq!(
            (published.head.state, published.head.pub_date.as_deref()),
            (PUBLISHED, Some("23.11.2026 10:21:36"))
        );
        let late = articles.art_change("ice-remembers", &made.edit_mark, &text("Late"), "bob").await.unwrap_err();
        assert_eq!(late.code(), "ART-030");
        let back = articles.art_change("ice-remembers", &published.edit_mark, &draft, "ada").await.unwrap_err();
        assert_eq!(back.code(), "ART-040");
        articles.art_withdraw("ice-remembers", &published.edit_mark, "ada").await.unwrap();
        let gone = articles.art_get("ice-remembers").await.unwrap();
        assert_eq!(gone.head.state, 'Z');
        let again = articles.art_change("ice-remembers", &gone.edit_mark, &text("Again"), "ada").await.unwrap_err();
        assert_eq!(again.code(), "ART-050");
        assert_eq!(articles.art_get("nothing").await.unwrap_err().code(), "ART-010");
        assert!(articles.art_list(&ArtFilter::default(), None, 10).await.unwrap().arts.is_empty());
        assert_eq!(articles.art_list(&ArtFilter::default(), Some("forged"), 10).await.unwrap_err().code(), "ART-040");
    }
}

#[tokio::test]
async fn an_edit_through_the_old_interface_keeps_the_milliseconds_that_it_cannot_say() {
    let both = both().await;
    let made = both.service.art_create("ice", &text("Ice"), "ada").await.unwrap();
    assert_eq!(both.behind.kept("ice").published_at.as_deref(), Some("2026-11-23T10:21:36.789Z"));
    both.clock.forward(10_000);
    let same_date = ArtText { pub_date: made.head.pub_date.clone(), ..text("Ice, again") };
    let changed = both.service.art_change("ice", &made.edit_mark, &same_date, "ada").await.unwrap();
    assert_eq!(both.behind.kept("ice").published_at.as_deref(), Some("2026-11-23T10:21:36.789Z"));
    let other_date = ArtText { pub_date: Some("01.02.2020 03:04:05".to_owned()), ..text("Ice, again") };
    both.service.art_change("ice", &changed.edit_mark, &other_date, "ada").await.unwrap();
    assert_eq!(both.behind.kept("ice").published_at.as_deref(), Some("2020-02-01T03:04:05.000Z"));
}

#[tokio::test]
async fn a_service_that_fails_is_away_and_comes_back() {
    let both = both().await;
    let made = both.service.art_create("ice", &text("Ice"), "ada").await.unwrap();
    for (status, body) in [
        (StatusCode::INTERNAL_SERVER_ERROR, ""),
        (StatusCode::TOO_MANY_REQUESTS, "slow down"),
        (StatusCode::FORBIDDEN, "{}"),
        (StatusCode::OK, "<html>"),
        (StatusCode::OK, "{\"id\": 7}"),
    ] {
        both.behind.answer_always(Some((status, body)));
        let filter = ArtFilter::default();
        assert_eq!(both.service.art_get("ice").await.unwrap_err().code(), "ART-090", "{status} {body}");
        assert_eq!(both.service.art_list(&filter, None, 5).await.unwrap_err().code(), "ART-090", "{status} {body}");
        let change = both.service.art_change("ice", &made.edit_mark, &text("Ice"), "ada").await;
        assert_eq!(change.unwrap_err().code(), "ART-090", "{status} {body}");
    }
    both.behind.answer_always(Some((StatusCode::OK, r#"{"articles": [{"id": "x", "version": 1, "status": "melted", "title": "",
        "summary": "", "author": "a", "byline": "", "tags": [], "premium": false, "updatedAt": "2020-01-01T00:00:00Z"}]}"#)));
    assert_eq!(both.service.art_list(&ArtFilter::default(), None, 5).await.unwrap_err().code(), "ART-060");
    both.behind.answer_always(None);
    assert!(both.service.art_get("ice").await.is_ok());
}

#[tokio::test]
async fn a_lost_answer_leaves_it_open_and_the_same_again_finds_it_done() {
    let both = both().await;
    both.behind.lose_answers(true);
    assert_eq!(both.service.art_create("ice", &text("Ice"), "ada").await.unwrap_err().code(), "ART-090");
    both.behind.lose_answers(false);
    let made = both.service.art_create("ice", &text("Ice"), "ada").await.unwrap();
    assert_eq!(made.edit_mark, "1");
}

#[tokio::test]
async fn without_a_token_or_a_service_it_is_away() {
    let folder = TempDir::new().unwrap();
    let (_, base) = ArticlesService::start(Hand::new()).await;
    let no_file = ServiceArticles::new(ArticlesApi::new(&base, folder.path().join("none")).unwrap());
    assert_eq!(no_file.art_get("ice").await.unwrap_err().code(), "ART-090");
    let token_file = folder.path().join("token");
    fs::write(&token_file, "another").unwrap();
    let wrong = ServiceArticles::new(ArticlesApi::new(&base, token_file.clone()).unwrap());
    assert_eq!(wrong.art_get("ice").await.unwrap_err().code(), "ART-090");
    let nobody = ServiceArticles::new(ArticlesApi::new("http://127.0.0.1:9", token_file).unwrap());
    assert_eq!(nobody.art_get("ice").await.unwrap_err().code(), "ART-090");
}
