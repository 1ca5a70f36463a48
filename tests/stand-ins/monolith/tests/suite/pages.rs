//! The site that people read.

use axum::{body::Body, http::Request};
use monolith::internal::{ArtText, DRAFT};

use crate::support::{
    Monolith,
    articles_api::{ArticlesService, TOKEN},
    text,
};

const DRAFT_FORM: [(&str, &str); 7] = [
    ("headline", "Ice remembers, says \"Ada\""),
    ("teaser", "What the bubbles say."),
    ("body_text", "Old *air*.\r\n"),
    ("author_name", "Ada"),
    ("topics", "Climate, black holes,"),
    ("premium", "yes"),
    ("action", "draft"),
];

#[tokio::test]
async fn a_contributor_writes_edits_publishes_and_withdraws() {
    let monolith = Monolith::new();
    let mut ada = monolith.contributor("Ada").await;
    assert!(ada.get("/desk").await.text().contains("No drafts on your desk."));
    ada.get("/desk/new").await;
    let saved = ada.submit("/desk/new", &DRAFT_FORM).await;
    assert_eq!((saved.status, saved.headers["location"].as_str()), (303, "../desk/edit/ice-remembers-says-ada"));
    assert!(ada.get("/desk").await.text().contains("Ice remembers"));
    ada.get("/articles/ice-remembers-says-ada").await.assert_problem(404, "");

    let form = ada.get("/desk/edit/ice-remembers-says-ada").await;
    assert!(form.text().contains("value=\"Ice remembers, says &quot;Ada&quot;\""), "{}", form.text());
    assert!(form.text().contains("value=\"black-holes, climate\""));
    let mark = form.field("edit_mark").unwrap();
    let mut published = DRAFT_FORM.to_vec();
    published[6] = ("action", "publish");
    published.push(("edit_mark", &mark));
    let done = ada.submit("/desk/edit/ice-remembers-says-ada", &published).await;
    assert_eq!((done.status, done.headers["location"].as_str()), (303, "../../read/ice-remembers-says-ada"));
    let article = ada.get("/articles/ice-remembers-says-ada").await.json();
    assert_eq!((&article["byline"], &article["premium"]), (&"Ada".into(), &true.into()));
    let home = ada.get("/").await;
    assert!(home.text().contains("href=\"./read/ice-remembers-says-ada\""), "{}", home.text());
    let page = ada.get(&format!("/by/{}", article["author"].as_str().unwrap())).await;
    assert!(page.text().contains("href=\"../read/ice-remembers-says-ada\""), "{}", page.text());

    let late = ada.submit("/desk/edit/ice-remembers-says-ada", &published).await;
    assert_eq!(late.status, 409);
    assert!(late.text().contains("Somebody changed the article meanwhile") && late.text().contains("Old *air*."));

    let mark = ada.get("/desk/edit/ice-remembers-says-ada").await.field("edit_mark").unwrap();
    assert_eq!(ada.submit("/desk/withdraw/ice-remembers-says-ada", &[("edit_mark", &mark)]).await.status, 303);
    ada.get("/articles/ice-remembers-says-ada").await.assert_problem(410, "");
    assert_eq!(ada.get("/desk/edit/ice-remembers-says-ada").await.status, 410);
}

#[tokio::test]
async fn the_same_headline_twice_makes_two_articles() {
    let monolith = Monolith::new();
    let (mut ada, mut bob) = (monolith.contributor("Ada").await, monolith.contributor("Bob").await);
    for (writer, key) in [(&mut ada, "ice-remembers-says-ada"), (&mut bob, "ice-remembers-says-ada-2")] {
        writer.get("/desk/new").await;
        let saved = writer.submit("/desk/new", &DRAFT_FORM).await;
        assert_eq!(saved.headers["location"], format!("../desk/edit/{key}"));
    }
}

#[tokio::test]
async fn what_is_wrong_with_an_article_is_said_and_what_was_typed_stays() {
    let monolith = Monolith::new();
    let mut ada = monolith.contributor("Ada").await;
    ada.get("/desk/new").await;
    let mut fields = DRAFT_FORM;
    fields[4] = ("topics", "a,b,c,d,e,f,g,h,i,j,k");
    let refused = ada.submit("/desk/new", &fields).await;
    assert_eq!(refused.status, 400);
    assert!(refused.text().contains("topics: must be at most 10") && refused.text().contains("Old *air*."));
    fields[6] = ("action", "explode");
    assert_eq!(ada.submit("/desk/new", &fields).await.status, 400);
}

#[tokio::test]
async fn a_desk_is_its_owner_s_and_the_editors() {
    let monolith = Monolith::new();
    let mut ada = monolith.contributor("Ada").await;
    ada.get("/desk/new").await;
    ada.submit("/desk/new", &DRAFT_FORM).await;
    let path = "/desk/edit/ice-remembers-says-ada";

    let (mut bob, mut reader) = (monolith.contributor("Bob").await, monolith.reader("Rita").await);
    let mut visitor = monolith.visitor();
    for (who, status) in [(&mut bob, 403), (&mut reader, 403), (&mut visitor, 401)] {
        assert_eq!(who.get(path).await.status, status);
        who.get("/").await;
        assert_eq!(who.submit(path, &DRAFT_FORM).await.status, status);
        assert_eq!(who.submit("/desk/withdraw/ice-remembers-says-ada", &[]).await.status, status);
    }
    for path in ["/desk/new", "/desk/join"] {
        assert_eq!(visitor.submit(path, &DRAFT_FORM).await.status, 401);
    }
    assert_eq!(visitor.get("/desk").await.headers["location"], "./sign-in?then=desk");

    let mut editor = monolith.contributor("editor").await;
    let form = editor.get(path).await;
    assert_eq!(form.status, 200);
    let mark = form.field("edit_mark").unwrap();
    let mut fields = DRAFT_FORM.to_vec();
    fields.push(("edit_mark", &mark));
    assert_eq!(editor.submit(path, &fields).await.status, 303);
    let there = monolith.app.articles.art_get("ice-remembers-says-ada").await.unwrap();
    assert!(there.head.author_code.starts_with("ada-"), "{}", there.head.author_code);
}

#[tokio::test]
async fn a_form_that_is_not_ours_changes_nothing() {
    let monolith = Monolith::new();
    monolith.article("ice", &text("Ice")).await;
    let mut ada = monolith.contributor("Ada").await;
    let mut other = monolith.contributor("Eve").await;
    other.get("/desk/new").await;
    let foreign = other.form_token.clone();
    for token in ["", "guess", &foreign] {
        for path in ["/desk/new", "/desk/join", "/read/ice/comments", "/sign-out", "/register", "/sign-in"] {
            let fields = [&DRAFT_FORM[..], &[("comment", "x"), ("form_token", token)]].concat();
            assert_eq!(ada.submit_bare(path, &fields).await.status, 403, "{path}");
        }
    }
    assert!(ada.get("/desk").await.text().contains("No drafts"));
    assert!(monolith.visitor().get("/read/ice").await.text().contains("No comments yet"));
}

#[tokio::test]
async fn readers_register_sign_in_and_out() {
    let monolith = Monolith::new();
    let mut rita = monolith.reader("Rita").await;
    assert!(rita.get("/").await.text().contains("Rita"));
    assert_eq!(rita.submit("/sign-out", &[]).await.status, 303);
    assert!(!rita.get("/").await.text().contains("Rita"));

    rita.get("/sign-in").await;
    let wrong = rita.submit("/sign-in", &[("email", "rita@example.org"), ("password", "wrong horse")]).await;
    assert_eq!(wrong.status, 403);
    assert!(wrong.text().contains("do not belong together") && wrong.text().contains("rita@example.org"));
    let unknown = rita.submit("/sign-in", &[("email", "x@example.org"), ("password", "correct horse")]).await;
    assert_eq!(unknown.status, 403);
    let fields = [("email", " Rita@Example.org"), ("password", "correct horse"), ("then", "read/ice")];
    let entered = rita.submit("/sign-in", &fields).await;
    assert_eq!((entered.status, entered.headers["location"].as_str()), (303, "./read/ice"));
    assert!(rita.get("/").await.text().contains("Rita"));

    let mut again = monolith.visitor();
    again.get("/register").await;
    let fields = [("name", "R"), ("email", "RITA@example.org"), ("password", "another horse")];
    assert_eq!(again.submit("/register", &fields).await.status, 409);
    for (field, value) in [("email", "nobody"), ("name", ""), ("password", "short")] {
        let mut fields = [("name", "R"), ("email", "r@example.org"), ("password", "correct horse")];
        fields.iter_mut().find(|(name, _)| *name == field).unwrap().1 = value;
        assert_eq!(again.submit("/register", &fields).await.status, 400, "{field}");
    }
}

#[tokio::test]
async fn a_session_ends_after_thirty_days() {
    let monolith = Monolith::new();
    let mut rita = monolith.reader("Rita").await;
    monolith.clock.forward(30 * 86_400_000 - 5_000);
    assert!(rita.get("/").await.text().contains("Rita"));
    monolith.clock.forward(10_000);
    assert!(!rita.get("/").await.text().contains("Rita"));
}

#[tokio::test]
async fn nobody_is_sent_to_another_site() {
    let monolith = Monolith::new();
    let others = ["//evil.example", "https://evil.example", "../x", "/x", "javascript:x", "a\r\nb"];
    for (number, then) in others.into_iter().enumerate() {
        let mut rita = monolith.visitor();
        rita.get("/register").await;
        let email = format!("r{number}@example.org");
        let fields = [("name", "R"), ("email", email.as_str()), ("password", "correct horse"), ("then", then)];
        assert_eq!(rita.submit("/register", &fields).await.headers["location"], "./", "{then}");
    }
}

#[tokio::test]
async fn readers_comment_on_what_is_published() {
    let monolith = Monolith::new();
    monolith.article("ice", &text("Ice")).await;
    monolith.article("draft", &ArtText { state: DRAFT, ..text("Draft") }).await;
    let mut rita = monolith.reader("Rita").await;
    rita.get("/read/ice").await;
    let said = rita.submit("/read/ice/comments", &[("comment", " <b>Great</b>\nthing ")]).await;
    assert_eq!((said.status, said.headers["location"].as_str()), (303, "../../read/ice#comments"));
    let page = monolith.visitor().get("/read/ice").await;
    assert!(page.text().contains("&lt;b&gt;Great&lt;/b&gt;\nthing</p>") && page.text().contains("1 comment"));
    assert!(monolith.visitor().get("/").await.text().contains("Readers talk about"));
    for (path, comment, status) in [
        ("/read/ice/comments", "", 400),
        ("/read/ice/comments", &*"x".repeat(2001), 400),
        ("/read/draft/comments", "x", 404),
        ("/read/nothing/comments", "x", 404),
    ] {
        assert_eq!(rita.submit(path, &[("comment", comment)]).await.status, status, "{path}");
    }
    let mut visitor = monolith.visitor();
    assert_eq!(visitor.submit("/read/ice/comments", &[("comment", "x")]).await.status, 401);
}

#[tokio::test]
async fn every_link_works_below_any_path_of_another_host() {
    let monolith = Monolith::new();
    monolith.article("ice", &text("Ice")).await;
    let author = "/by/ada-writes";
    let mut ada = monolith.contributor("Ada").await;
    for path in ["/", "/read/ice", "/find?q=x", author, "/desk", "/desk/new", "/register", "/nothing/at/all"] {
        let page = ada.get(path).await;
        for attribute in ["href=\"", "src=\"", "action=\""] {
            for link in page.text().split(attribute).skip(1).map(|rest| rest.split('"').next().unwrap()) {
                let is_relative = link.starts_with("./") || link.starts_with("../") || link.starts_with('#');
                assert!(is_relative || link.starts_with("https://"), "{path} has {link}");
            }
        }
    }
}

#[tokio::test]
async fn everything_that_a_page_names_is_served() {
    let monolith = Monolith::new();
    monolith.article("ice", &text("Ice")).await;
    let mut visitor = monolith.visitor();
    let (mut to_read, mut seen) = (vec!["/".to_owned(), "/find".to_owned(), "/read/ice".to_owned()], Vec::new());
    while let Some(path) = to_read.pop() {
        let answer = visitor.get(&path).await;
        assert_eq!(answer.status, 200, "{path}");
        assert_eq!(answer.headers["x-served-by"], "monolith");
        assert!(answer.headers["content-security-policy"].starts_with("default-src 'none';"));
        for quoted in answer.text().split(['"', '\'']).skip(1).step_by(2) {
            let file = [".js", ".css", ".svg"].iter().any(|ending| quoted.ends_with(ending));
            let named = match quoted.trim_start_matches("../").trim_start_matches("./") {
                module if !module.contains('/') && file => format!("/assets/js/{module}"),
                path => format!("/{path}"),
            };
            if file && !seen.contains(&named) {
                seen.push(named.clone());
                to_read.push(named);
            }
        }
    }
    assert!(seen.len() > 8, "{seen:?}");
    for path in ["/assets/../Cargo.toml", "/assets/js/..%2f..%2fCargo.toml", "/picture/x/y", "/picture/x/A.svg"] {
        assert_eq!(visitor.get(path).await.status, 404, "{path}");
    }
}

#[tokio::test]
async fn what_cannot_be_is_a_page_that_says_why() {
    let monolith = Monolith::new();
    let mut visitor = monolith.visitor();
    let long = "x".repeat(10_240);
    for (path, status, about) in [
        ("/nothing".to_owned(), 404, "There is no such page."),
        ("/read/UPPER".to_owned(), 404, "There is no such article."),
        ("/read/%FF".to_owned(), 400, "That did not work"),
        (format!("/read/{long}"), 404, "There is no such article."),
        ("/find?q=%FF".to_owned(), 400, "not UTF-8"),
        ("/find?q=%00".to_owned(), 400, "control characters"),
        ("/by/nobody".to_owned(), 404, "There is no such article."),
        ("/by/a%3Ab".to_owned(), 400, "author_code"),
        ("/by/ada?from=forged".to_owned(), 400, "from_mark"),
    ] {
        let page = visitor.get(&path).await;
        assert_eq!(page.status, status, "{path}");
        assert_eq!(page.headers["content-type"], "text/html; charset=utf-8");
        assert!(page.text().contains(about), "{path}: {}", page.text());
    }
    let mut ada = monolith.contributor("Ada").await;
    assert_eq!(ada.submit("/desk/new", &[("body_text", &"x".repeat(3_000_000))]).await.status, 413);
    for body in ["headline=%FF", "headline=%00"] {
        let request = Request::post("/desk/new").body(Body::from(body)).unwrap();
        assert_eq!(ada.send(request).await.status, 400);
    }
    let request = Request::delete("/find").body(Body::empty()).unwrap();
    assert_eq!(ada.send(request).await.status, 405);
}

#[tokio::test]
async fn the_site_is_the_same_over_the_articles_service() {
    let folder = tempfile::TempDir::new().unwrap();
    let token_file = folder.path().join("token");
    std::fs::write(&token_file, TOKEN).unwrap();
    let (service, base) = ArticlesService::start(crate::support::Hand::new()).await;
    let flags = format!("--articles service --articles-url {base} --articles-token-file {}", token_file.display());
    let monolith = Monolith::with_flags(&flags);
    let mut ada = monolith.contributor("Ada").await;
    ada.get("/desk/new").await;
    let mut fields = DRAFT_FORM;
    assert_eq!(ada.submit("/desk/new", &fields).await.status, 303);
    assert!(ada.get("/desk").await.text().contains("Ice remembers"));
    fields[0] = ("headline", "Second");
    fields[5] = ("premium", "");
    fields[6] = ("action", "publish");
    assert_eq!(ada.submit("/desk/new", &fields).await.headers["location"], "../read/second");
    assert_eq!(service.kept("second").byline, "Ada");
    monolith.rebuild().await;
    assert_eq!(ada.get("/search?q=second").await.json()["hits"][0]["id"], "second");
    assert_eq!(ada.get("/articles/second").await.json()["html"], "<p>Old <em>air</em>.</p>\n");
    assert_eq!(ada.submit("/read/second/comments", &[("comment", "x")]).await.status, 303);
    assert!(ada.get("/").await.text().contains("Readers talk about"));
    let rows = monolith
        .app
        .store
        .read(|connection| connection.query_row("SELECT count(*) FROM article", [], |row| row.get::<_, i64>(0)));
    assert_eq!(rows.await.unwrap(), 0);

    service.answer_always(Some((axum::http::StatusCode::BAD_GATEWAY, "")));
    for path in ["/", "/articles/second", "/articles", "/desk"] {
        let away = ada.get(path).await;
        assert_eq!((away.status, away.headers["retry-after"].as_str()), (503, "5"), "{path}");
    }
    assert_eq!(ada.get("/search?q=second").await.status, 200, "the search has its own copy");
    fields[0] = ("headline", "Third");
    let lost = ada.submit("/desk/new", &fields).await;
    assert_eq!(lost.status, 503);
    assert!(lost.text().contains("Third") && lost.text().contains("Old *air*."), "what was typed stays");
}
