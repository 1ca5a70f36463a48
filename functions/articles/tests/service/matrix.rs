//! Who may do what with whose article: every caller, every route, every state. The articles are Ada's.

use crate::world::{Answer, Call, Who, World, call, draft, get};
use Who::{Ada, Anonymous, Bob, Eve, Paul, Rita};
use domain::articles::ArticleStatus::{self, Draft, Published, Withdrawn};
use serde_json::json;

const STATES: [(ArticleStatus, bool); 4] = [(Draft, false), (Published, false), (Published, true), (Withdrawn, false)];

/// The answers for [`STATES`], one after the other.
async fn answers(who: Who, request: impl Fn(Who) -> Call) -> Vec<Answer> {
    let mut answers = Vec::new();
    for (status, premium) in STATES {
        let world = World::with(status, premium).await;
        let before = world.stored("ice").await;
        let answer = world.send(request(who)).await;
        if !answer.status.is_success() {
            assert_eq!(world.stored("ice").await, before, "{who:?} was refused and changed it");
            assert_eq!(world.articles.events(), []);
            let told = String::from_utf8_lossy(&answer.body).into_owned();
            assert!(!told.contains("old") && !told.contains("Cold"), "{who:?} was refused and told: {told}");
        }
        answers.push(answer);
    }
    answers
}

async fn statuses(who: Who, request: impl Fn(Who) -> Call) -> Vec<u16> {
    answers(who, request).await.iter().map(|answer| answer.status.as_u16()).collect()
}

/// Whether an answer has the body of the article.
fn has_body(answer: &Answer) -> bool {
    let text = String::from_utf8_lossy(&answer.body).into_owned();
    text.contains("old") && answer.json()["html"] == "<p>The <em>old</em> body.</p>\n"
}

#[tokio::test]
async fn everybody_reads_the_same_whoever_they_are() {
    for who in Who::ALL {
        let answers = answers(who, |who| get(who, "/articles/ice")).await;
        assert_eq!(answers.iter().map(|answer| answer.status.as_u16()).collect::<Vec<_>>(), [404, 200, 200, 410]);
        assert_eq!(answers.iter().map(has_body).collect::<Vec<_>>(), [false, true, false, false], "{who:?}");
    }
}

#[tokio::test]
async fn the_whole_article_is_for_its_author_editors_and_subscribers() {
    for (who, expected) in [
        (Anonymous, [401, 401, 401, 401]),
        (Ada, [200, 200, 200, 200]),
        (Bob, [404, 200, 402, 410]),
        (Eve, [200, 200, 200, 200]),
        (Rita, [404, 200, 402, 410]),
        (Paul, [404, 200, 200, 410]),
    ] {
        let answers = answers(who, |who| get(who, "/articles/ice/premium")).await;
        assert_eq!(answers.iter().map(|answer| answer.status.as_u16()).collect::<Vec<_>>(), expected, "{who:?}");
        for answer in answers {
            assert_eq!(has_body(&answer), answer.status == 200, "{who:?}");
        }
    }
}

#[tokio::test]
async fn only_author_and_editors_change_an_article() {
    for (who, expected) in [
        (Anonymous, [401, 401, 401, 401]),
        (Ada, [200, 200, 200, 410]),
        (Bob, [404, 403, 403, 403]),
        (Eve, [200, 200, 200, 200]),
        (Rita, [403, 403, 403, 403]),
        (Paul, [403, 403, 403, 403]),
    ] {
        let change = |who| call(who, "PUT", "/articles/ice").seen(3).json(&draft("published"));
        assert_eq!(statuses(who, change).await, expected, "{who:?}");
    }
}

#[tokio::test]
async fn only_author_and_editors_withdraw_an_article() {
    for (who, expected) in [
        (Anonymous, [401, 401, 401, 401]),
        (Ada, [204, 204, 204, 204]),
        (Bob, [404, 403, 403, 403]),
        (Eve, [204, 204, 204, 204]),
        (Rita, [403, 403, 403, 403]),
        (Paul, [403, 403, 403, 403]),
    ] {
        let withdraw = |who| call(who, "DELETE", "/articles/ice").seen(3);
        assert_eq!(statuses(who, withdraw).await, expected, "{who:?}");
    }
}

#[tokio::test]
async fn nobody_learns_a_version_that_they_may_not_change() {
    for (who, expected) in [(Anonymous, [401; 4]), (Bob, [404, 403, 403, 403]), (Rita, [403; 4])] {
        let withdraw = |who| call(who, "DELETE", "/articles/ice").seen(99);
        assert_eq!(statuses(who, withdraw).await, expected, "{who:?}");
    }
}

#[tokio::test]
async fn contributors_and_editors_write_and_readers_do_not() {
    for (who, expected) in [(Anonymous, 401), (Ada, 201), (Bob, 201), (Eve, 201), (Rita, 403), (Paul, 403)] {
        let world = World::new();
        let answer = world.send(call(who, "POST", "/articles").json(&draft("draft"))).await;
        assert_eq!(answer.status, expected, "{who:?}");
        assert_eq!(world.articles.events().len(), usize::from(expected == 201), "{who:?}");
    }
}

#[tokio::test]
async fn only_editors_say_author_name_and_date() {
    for (field, value) in [
        ("author", json!("bob")),
        ("author", json!("ada")),
        ("id", json!("ice")),
        ("publishedAt", json!("2020-01-01T00:00:00Z")),
    ] {
        let mut sent = draft("published");
        sent[field] = value;
        for (who, created, changed) in [(Ada, 403, 403), (Bob, 403, 403), (Eve, 201, 200), (Rita, 403, 403)] {
            let answer = World::new().send(call(who, "POST", "/articles").json(&sent)).await;
            assert_eq!(answer.status, created, "{who:?} {field}");
            if who == Ada {
                assert_eq!(answer.detail(), format!("{field}: only editors send it"));
            }
            let world = World::with(Published, false).await;
            let answer = world.send(call(who, "PUT", "/articles/ice").seen(3).json(&sent)).await;
            assert_eq!(answer.status, changed, "{who:?} {field}");
        }
    }
}

#[tokio::test]
async fn lists_show_everybody_what_is_published_and_no_bodies() {
    for (status, premium) in STATES {
        for who in Who::ALL {
            let world = World::with(status, premium).await;
            for path in ["/articles", "/articles?author=ada", "/articles?tag=moon", "/articles?author=ada&tag=moon"] {
                let answer = world.send(get(who, path)).await;
                let listed = answer.json()["articles"].as_array().unwrap().len();
                assert_eq!((answer.status.as_u16(), listed), (200, usize::from(status == Published)), "{who:?} {path}");
                assert!(!String::from_utf8_lossy(&answer.body).contains("body"), "{who:?} {path}");
            }
        }
    }
}
