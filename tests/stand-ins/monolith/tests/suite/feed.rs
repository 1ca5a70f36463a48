//! What the articles service feeds back, and what operators ask for.

use axum::{body::Body, http::Request};
use monolith::dates;
use serde_json::{Value, json};

use crate::support::{INTERNAL_TOKEN, Monolith, browser::Answer, text};

async fn post(monolith: &Monolith, path: &str, token: &str, body: &Value) -> Answer {
    let request =
        Request::post(path).header("authorization", format!("Bearer {token}")).body(Body::from(body.to_string()));
    monolith.visitor().send(request.unwrap()).await
}

async fn feed(monolith: &Monolith, article: &Value) -> Answer {
    let id = article["id"].as_str().unwrap();
    post(monolith, &format!("/internal/articles/{id}/feed"), INTERNAL_TOKEN, article).await
}

fn article(version: u64, title: &str) -> Value {
    json!({
        "id": "ice", "version": version, "status": "published", "title": title, "summary": "S", "author": "ada",
        "byline": "Ada", "tags": ["ice", "air"], "premium": false, "publishedAt": "2026-11-23T10:21:36.789Z",
        "updatedAt": "2026-11-24T10:21:36.789Z", "markdown": "M", "html": "<p>M</p>\n",
    })
}

#[tokio::test]
async fn the_newest_version_wins_in_any_order_and_however_often() {
    let monolith = Monolith::new();
    for (version, title, applied) in [
        (2, "Two", true),
        (2, "Two", false),
        (1, "One", false),
        (5, "Five", true),
        (4, "Four", false),
        (5, "Five", false),
    ] {
        let answer = feed(&monolith, &article(version, title)).await;
        assert_eq!((answer.status, answer.json()), (200, json!({"applied": applied, "version": version})));
    }
    let there = monolith.app.articles.art_get("ice").await.unwrap();
    assert_eq!((there.head.headline.as_str(), there.body_text.as_str()), ("Five", "M"));
    assert_eq!(there.head.pub_date.as_deref(), Some("23.11.2026 10:21:36"));
    assert_eq!(there.head.chg_date, "24.11.2026 10:21:36");
    assert_eq!(there.head.topics, ["air", "ice"]);
}

#[tokio::test]
async fn what_is_fed_is_signed_and_in_the_journal() {
    let monolith = Monolith::new();
    monolith.article("ice", &text("Ice")).await;
    let mut fed = article(3, "Fed");
    fed["knownChange"] = changed(&monolith).await.into();
    assert_eq!(feed(&monolith, &fed).await.status, 200);
    let mut gone = article(4, "Fed");
    gone["status"] = "withdrawn".into();
    feed(&monolith, &gone).await;
    let journal = monolith.app.store.read(|connection| {
        let sql = "SELECT table_name || ' ' || op || ' ' || ifnull(json_extract(row, '$.chg_by'), json_extract(row, '$.topic'))
                   || ' ' || ifnull(json_extract(row, '$.state'), '') FROM change_log ORDER BY seq";
        connection.prepare(sql)?.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<Vec<String>>>()
    });
    assert_eq!(
        journal.await.unwrap(),
        [
            "article I test P",
            "article_topic I climate ",
            "article_topic I ice ",
            "article U articles-service P",
            "article_topic D climate ",
            "article_topic I air ",
            "article U articles-service Z",
        ]
    );
    monolith.visitor().get("/articles/ice").await.assert_problem(410, "withdrawn");
}

/// When `ice` was changed last, as the service would say it.
async fn changed(monolith: &Monolith) -> String {
    let there = monolith.app.articles.art_get("ice").await.unwrap();
    dates::json(dates::read_old(&there.head.chg_date).unwrap()).unwrap()
}

#[tokio::test]
async fn an_edit_that_the_service_has_not_heard_of_is_not_written_over() {
    let monolith = Monolith::new();
    monolith.article("ice", &text("Ours")).await;
    let mut fed = article(3, "Theirs");
    for unheard in [Value::Null, "2026-11-22T10:21:36.000Z".into()] {
        fed["knownChange"] = unheard;
        feed(&monolith, &fed).await.assert_problem(409, "not heard");
    }
    assert_eq!(monolith.app.articles.art_get("ice").await.unwrap().head.headline, "Ours");
    // The same message again, once the import has seen the edit.
    fed["knownChange"] = changed(&monolith).await.into();
    assert_eq!(feed(&monolith, &fed).await.json(), json!({"applied": true, "version": 3}));
    // Over its own words the service writes whatever it knows.
    assert_eq!(feed(&monolith, &article(4, "Theirs again")).await.status, 200);
    let mut wrong = article(5, "No date");
    wrong["knownChange"] = "soon".into();
    feed(&monolith, &wrong).await.assert_problem(400, "knownChange");
}

#[tokio::test]
async fn what_is_no_article_is_refused_and_changes_nothing() {
    let monolith = Monolith::new();
    let spoilt = |field: &str, value: Value| {
        let mut article = article(1, "One");
        article[field] = value;
        article
    };
    for (wrong, about) in [
        (json!({"id": "ice"}), "no article"),
        (spoilt("status", "melted".into()), "status"),
        (spoilt("updatedAt", "soon".into()), "updatedAt"),
        (spoilt("version", (-1).into()), "no article"),
        (spoilt("markdown", Value::Null), "markdown"),
    ] {
        feed(&monolith, &wrong).await.assert_problem(400, about);
    }
    let path = "/internal/articles/other/feed";
    post(&monolith, path, INTERNAL_TOKEN, &article(1, "One")).await.assert_problem(400, "id: ");
    assert_eq!(monolith.app.articles.art_get("ice").await.unwrap_err().code(), "ART-010");
}

#[tokio::test]
async fn a_long_article_fits() {
    let monolith = Monolith::new();
    let mut long = article(1, "Long");
    long["markdown"] = "\u{1f30d}\n".repeat(40_000).into();
    assert_eq!(feed(&monolith, &long).await.status, 200);
}

#[tokio::test]
async fn operators_need_the_token() {
    let monolith = Monolith::new();
    monolith.article("ice", &text("Ice")).await;
    let rebuilt = post(&monolith, "/admin/rebuild-search", INTERNAL_TOKEN, &Value::Null).await;
    assert_eq!(rebuilt.json(), json!({"articles": 1, "written": 1, "removed": 0}));
    for path in ["/admin/rebuild-search", "/internal/articles/ice/feed"] {
        post(&monolith, path, "guess", &article(1, "One")).await.assert_problem(401, "token");
        let request = Request::post(path).body(Body::empty()).unwrap();
        monolith.visitor().send(request).await.assert_problem(401, "token");
    }
}
