//! The public JSON: articles and search.

use axum::{body::Body, http::Request};
use monolith::internal::{ArtText, DRAFT};

use crate::support::{Monolith, text};

#[tokio::test]
async fn an_article_is_read_with_its_body_as_safe_html() {
    let monolith = Monolith::new();
    let hostile = ArtText { body_text: "Old *air* <script>x</script>".to_owned(), ..text("Ice remembers") };
    monolith.article("ice-remembers", &hostile).await;
    let answer = monolith.visitor().get("/articles/ice-remembers").await;
    assert_eq!((answer.status, answer.headers["x-served-by"].as_str()), (200, "monolith"));
    let article = answer.json();
    assert_eq!(
        article,
        serde_json::json!({
            "id": "ice-remembers", "title": "Ice remembers", "summary": "What the bubbles say.", "author": "ada-writes",
            "byline": "Ada Ärmel", "tags": ["climate", "ice"], "premium": false,
            "publishedAt": "2026-11-23T10:21:36.000Z", "updatedAt": "2026-11-23T10:21:36.000Z",
            "html": "<p>Old <em>air</em> x</p>\n",
        })
    );
}

#[tokio::test]
async fn what_readers_may_not_see_is_not_shown() {
    let monolith = Monolith::new();
    monolith.article("premium", &ArtText { pay_flag: 'Y', ..text("Premium") }).await;
    monolith.article("draft", &ArtText { state: DRAFT, ..text("Draft") }).await;
    monolith.article("gone", &text("Gone")).await;
    let mark = monolith.app.articles.art_get("gone").await.unwrap().edit_mark;
    monolith.app.articles.art_withdraw("gone", &mark, "test").await.unwrap();
    let mut visitor = monolith.visitor();
    let premium = visitor.get("/articles/premium").await.json();
    assert_eq!((&premium["premium"], premium.get("html")), (&true.into(), None));
    visitor.get("/articles/draft").await.assert_problem(404, "no such article");
    visitor.get("/articles/gone").await.assert_problem(410, "withdrawn");
    visitor.get("/articles/nothing").await.assert_problem(404, "no such article");
    let listed = visitor.get("/articles").await.json();
    assert_eq!(listed["articles"].as_array().unwrap().len(), 1);
    monolith.rebuild().await;
    assert_eq!(visitor.get("/search?q=air").await.json()["total"], 0, "the body of a premium article is not searched");
    assert_eq!(visitor.get("/search?q=premium").await.json()["total"], 1);
}

#[tokio::test]
async fn lists_come_in_pages_the_newest_first() {
    let monolith = Monolith::new();
    for number in 0..7 {
        let topics = vec![if number % 2 == 0 { "even" } else { "odd" }.to_owned()];
        let article = ArtText { topics, author_code: format!("author-{}", number % 3), ..text(&format!("N {number}")) };
        monolith.article(&format!("article-{number}"), &article).await;
        monolith.clock.forward(61_000);
    }
    let mut visitor = monolith.visitor();
    let (mut ids, mut path) = (Vec::new(), "/articles?limit=3".to_owned());
    loop {
        let page = visitor.get(&path).await.json();
        ids.extend(
            page["articles"].as_array().unwrap().iter().map(|article| article["id"].as_str().unwrap().to_owned()),
        );
        let Some(next) = page["next"].as_str() else { break };
        path = format!("/articles?limit=3&cursor={next}");
    }
    assert_eq!(ids, (0..7).rev().map(|number| format!("article-{number}")).collect::<Vec<_>>());
    assert_eq!(visitor.get("/articles?tag=odd").await.json()["articles"].as_array().unwrap().len(), 3);
    assert_eq!(visitor.get("/articles?author=author-0&tag=even").await.json()["articles"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn what_was_published_is_found_after_the_next_rebuild() {
    let monolith = Monolith::new();
    let mut visitor = monolith.visitor();
    monolith.article("ice", &text("Ice remembers")).await;
    assert_eq!(visitor.get("/search?q=ice").await.json()["total"], 0);
    monolith.rebuild().await;
    let found = visitor.get("/search?q=REMEM+bubbles").await.json();
    assert_eq!((&found["total"], &found["hits"][0]["id"]), (&1.into(), &"ice".into()));
    assert_eq!(found["hits"][0]["publishedAt"], "2026-11-23T10:21:36.000Z");
    assert_eq!(visitor.get("/search?q=rememebrs").await.json()["total"], 0, "a typo finds nothing");

    let there = monolith.app.articles.art_get("ice").await.unwrap();
    monolith.app.articles.art_change("ice", &there.edit_mark, &text("Snow forgets"), "test").await.unwrap();
    assert_eq!(visitor.get("/search?q=snow").await.json()["total"], 0);
    monolith.rebuild().await;
    assert_eq!(visitor.get("/search?q=snow").await.json()["total"], 1, "also if it changed within the same second");
    let there = monolith.app.articles.art_get("ice").await.unwrap();
    monolith.app.articles.art_withdraw("ice", &there.edit_mark, "test").await.unwrap();
    let rebuilt = monolith.app.rebuild.run(&*monolith.app.articles).await.unwrap();
    assert_eq!((rebuilt.articles, rebuilt.removed), (0, 1));
    assert_eq!(visitor.get("/search?q=snow").await.json()["total"], 0);
}

#[tokio::test]
async fn a_rebuild_writes_what_changed_alone() {
    let monolith = Monolith::new();
    for number in 0..120 {
        monolith.article(&format!("article-{number}"), &text(&format!("N {number}"))).await;
    }
    let run = || monolith.app.rebuild.run(&*monolith.app.articles);
    monolith.clock.forward(3_600_000);
    assert_eq!(run().await.unwrap().written, 120);
    assert_eq!(run().await.unwrap().written, 0);
    let there = monolith.app.articles.art_get("article-7").await.unwrap();
    monolith.app.articles.art_change("article-7", &there.edit_mark, &text("Other"), "test").await.unwrap();
    let rebuilt = run().await.unwrap();
    assert_eq!((rebuilt.articles, rebuilt.written, rebuilt.removed), (120, 1, 0));
}

#[tokio::test]
async fn search_filters_sorts_and_pages() {
    let monolith = Monolith::new();
    for number in 0..5_u8 {
        let article = ArtText {
            topics: vec![if number < 2 { "ice" } else { "fire" }.to_owned(), "all".to_owned()],
            author_code: format!("author-{}", number % 2),
            pub_date: Some(format!("0{}.03.2020 12:00:00", number + 1)),
            ..text(&format!("N {number}"))
        };
        monolith.article(&format!("article-{number}"), &article).await;
    }
    monolith.rebuild().await;
    let mut visitor = monolith.visitor();
    let mut ids = async |query: &str| {
        let found = visitor.get(&format!("/search?{query}")).await.json();
        let hits = found["hits"].as_array().unwrap().iter().map(|hit| hit["id"].as_str().unwrap()[8..].to_owned());
        (hits.collect::<String>(), found["next"].as_str().map(str::to_owned))
    };
    assert_eq!(ids("").await.0, "43210");
    assert_eq!(ids("sort=oldest&tag=all").await.0, "01234");
    assert_eq!(ids("tag=fire&author=author-0").await.0, "42");
    assert_eq!(ids("tag=ice&tag=fire").await.0, "");
    assert_eq!(ids("from=2020-03-02&to=2020-03-04").await.0, "21");
    assert_eq!(ids("from=2020-03-02T12:00:00.001Z").await.0, "432");
    assert_eq!(ids("q=100%25").await.0, "", "a wildcard is a letter");
    let (first, next) = ids("limit=2").await;
    let (second, next) = ids(&format!("limit=2&cursor={}", next.unwrap())).await;
    let (third, end) = ids(&format!("limit=2&cursor={}", next.unwrap())).await;
    assert_eq!((first + &second + &third, end), ("43210".to_owned(), None));
    let suggested = visitor.get("/search/suggest?q=n%20").await.json();
    assert_eq!(suggested["suggestions"][0], serde_json::json!({"id": "article-4", "title": "N 4"}));
    visitor.get("/search/suggest?q=+").await.assert_problem(400, "q: must be given");
}

#[tokio::test]
async fn a_bad_question_is_a_400_that_names_what_is_wrong() {
    let monolith = Monolith::new();
    let long = "x".repeat(10_240);
    let many = "a-".repeat(17);
    for (path, about) in [
        (format!("/search?q={long}"), "q: "),
        (format!("/search?q={many}"), "q: "),
        (format!("/search/suggest?q={long}"), "q: "),
        ("/search?q=%00".to_owned(), "control characters"),
        ("/search?q=%FF%FE".to_owned(), "UTF-8"),
        ("/search?limit=0".to_owned(), "limit: "),
        ("/search?limit=51".to_owned(), "limit: "),
        ("/search?limit=many".to_owned(), "limit: "),
        ("/search?sort=random".to_owned(), "sort: "),
        ("/search?tag=Not%20A%20Tag".to_owned(), "tag: "),
        (format!("/search?author={long}"), "author: "),
        ("/search?from=yesterday".to_owned(), "from: "),
        ("/search?from=2026-11-23&to=2026-11-23".to_owned(), "from: "),
        ("/search?author=a%3Ab".to_owned(), "author: "),
        ("/search?cursor=forged".to_owned(), "cursor: "),
        // "hit 10000", the first that is too deep; "hit 99999999999".
        ("/search?cursor=aGl0IDEwMDAw".to_owned(), "cursor: "),
        ("/search?cursor=aGl0IDk5OTk5OTk5OTk5".to_owned(), "cursor: "),
        ("/articles?cursor=forged".to_owned(), "cursor: "),
        ("/articles?limit=0".to_owned(), "limit: "),
        ("/articles?tag=Not%20A%20Tag".to_owned(), "tag: "),
        ("/articles?author=a%3Ab".to_owned(), "author: "),
        ("/articles/%00".to_owned(), "id: "),
        ("/articles/UPPER".to_owned(), "id: "),
        ("/articles/%FF".to_owned(), ""),
        (format!("/articles/{long}"), "id: "),
    ] {
        let answer = monolith.visitor().get(&path).await;
        answer.assert_problem(400, about);
        assert_eq!(answer.headers["x-served-by"], "monolith");
    }
}

#[tokio::test]
async fn json_is_read_only() {
    let monolith = Monolith::new();
    monolith.article("ice", &text("Ice")).await;
    for (method, path) in [
        ("POST", "/articles"),
        ("PUT", "/articles/ice"),
        ("DELETE", "/articles/ice"),
        ("POST", "/search"),
        ("PATCH", "/articles/ice"),
    ] {
        let request = Request::builder().method(method).uri(path).body(Body::from("{}")).unwrap();
        let answer = monolith.visitor().send(request).await;
        answer.assert_problem(405, "/desk");
        assert_eq!(answer.headers["allow"], "GET, HEAD");
    }
    let head = Request::head("/articles/ice").body(Body::empty()).unwrap();
    let answer = monolith.visitor().send(head).await;
    assert_eq!((answer.status, answer.bytes.len()), (200, 0));
}
