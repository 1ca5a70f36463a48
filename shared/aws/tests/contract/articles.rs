//! The articles' port, with its lists; and what articles and bodies promise together.

use crate::contents::{bucket, drop_bucket};
use crate::place::{NOW, drop_table, sdk, unique, until_active};
use aws::articles::DynamoArticles;
use aws::contents::S3Contents;
use aws_config::SdkConfig;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BillingMode, GlobalSecondaryIndex, KeySchemaElement, KeyType, Projection,
    ProjectionType, ScalarAttributeType,
};
use domain::articles::store::{ArticleLists, Articles, Contents, ListOf, Place};
use domain::articles::{Article, ArticleId, ArticleStatus, AuthorId, ContentKey, SourcePosition, Tag};
use domain::store::Commit;
use domain::time::Timestamp;
use std::collections::BTreeSet;
use std::time::Duration;
use testing::articles::{MemoryArticles, MemoryContents};
use testing::turn::Turnstile;

/// A table as stacks/articles.yaml makes it, without its stream.
pub async fn articles_table(sdk: &SdkConfig) -> String {
    let name = unique("articles");
    let element =
        |name: &str, kind: KeyType| KeySchemaElement::builder().attribute_name(name).key_type(kind).build().unwrap();
    let mut create = aws_sdk_dynamodb::Client::new(sdk)
        .create_table()
        .table_name(&name)
        .billing_mode(BillingMode::PayPerRequest)
        .key_schema(element("pk", KeyType::Hash))
        .key_schema(element("sk", KeyType::Range));
    for attribute in ["pk", "sk", "listAll", "listAuthor", "listTag", "listed"] {
        let definition =
            AttributeDefinition::builder().attribute_name(attribute).attribute_type(ScalarAttributeType::S).build();
        create = create.attribute_definitions(definition.unwrap());
    }
    for (index, hash) in [("all", "listAll"), ("by-author", "listAuthor"), ("by-tag", "listTag")] {
        let index = GlobalSecondaryIndex::builder()
            .index_name(index)
            .key_schema(element(hash, KeyType::Hash))
            .key_schema(element("listed", KeyType::Range))
            .projection(Projection::builder().projection_type(ProjectionType::All).build());
        create = create.global_secondary_indexes(index.build().unwrap());
    }
    create.send().await.unwrap();
    until_active(sdk, &name).await;
    name
}

fn id(name: &str) -> ArticleId {
    ArticleId::new(name).unwrap()
}

fn tags(names: &[&str]) -> Vec<Tag> {
    names.iter().map(|name| Tag::new(*name).unwrap()).collect()
}

/// A first version, published `seconds` after the beginning.
fn article(name: &str, author: &str, about: &[&str], seconds: u64) -> Article {
    let at = NOW.plus(Duration::from_secs(seconds));
    Article {
        version: 1,
        status: ArticleStatus::Published,
        title: format!("About {name}, \"quoted\" \\ and ünïcode"),
        summary: "A few\nlines.".to_owned(),
        author: AuthorId::new(author).unwrap(),
        byline: "A. B.".to_owned(),
        tags: tags(about),
        premium: true,
        published_at: Some(at),
        updated_at: at,
        content: ContentKey::of(&id(name), "body"),
        source: Some(SourcePosition {
            committed_at: -1,
            file: "newscience/article/LOAD00000001.csv".to_owned(),
            line: 2,
        }),
        id: id(name),
    }
}

fn next(before: &Article) -> Article {
    Article { version: before.version + 1, source: None, ..before.clone() }
}

async fn names(articles: &impl ArticleLists, of: &ListOf) -> Vec<String> {
    articles.list(of, None, 100).await.unwrap().iter().map(|article| article.id.to_string()).collect()
}

fn by(author: &str) -> ListOf {
    ListOf { author: Some(AuthorId::new(author).unwrap()), tag: None }
}

fn about(tag: &str) -> ListOf {
    ListOf { author: None, tag: Some(Tag::new(tag).unwrap()) }
}

async fn keeps_versions_apart(articles: &(impl Articles + ArticleLists)) {
    let first = article("one", "ada", &["moon", "ice"], 0);
    assert_eq!(articles.article(&first.id).await.unwrap(), None);
    assert_eq!(articles.write(None, &first).await.unwrap(), Commit::Done);
    assert_eq!(articles.article(&first.id).await.unwrap(), Some(first.clone()));

    // First writer wins, then only who has seen the last version.
    assert_eq!(articles.write(None, &first).await.unwrap(), Commit::Conflict);
    let second = Article { title: "Second".to_owned(), tags: tags(&["ice", "sun"]), ..next(&first) };
    assert_eq!(articles.write(Some(&first), &second).await.unwrap(), Commit::Done);
    let late = Article { title: "Late".to_owned(), tags: tags(&["late"]), ..next(&first) };
    assert_eq!(articles.write(Some(&first), &late).await.unwrap(), Commit::Conflict);
    assert_eq!(articles.article(&first.id).await.unwrap(), Some(second.clone()));
    let unborn = Article { id: id("unborn"), ..next(&second) };
    let before = Article { id: id("unborn"), ..second.clone() };
    assert_eq!(articles.write(Some(&before), &unborn).await.unwrap(), Commit::Conflict, "there is no version 2");

    // A version that does not follow is a mistake of ours, and changes nothing.
    assert!(articles.write(Some(&first), &Article { version: 9, ..first.clone() }).await.is_err());
    assert!(articles.write(None, &Article { id: id("two"), version: 2, ..first.clone() }).await.is_err());
    assert_eq!(articles.article(&first.id).await.unwrap(), Some(second.clone()));

    // The lists follow the last version, and no writer who lost left a trace there.
    for (of, expected) in [
        (ListOf::default(), &["one"][..]),
        (by("ada"), &["one"]),
        (about("ice"), &["one"]),
        (about("sun"), &["one"]),
        (about("moon"), &[]),
        (about("late"), &[]),
    ] {
        assert_eq!(names(articles, &of).await, expected, "{of:?}");
        assert!(articles.list(&of, None, 9).await.unwrap().iter().all(|listed| *listed == second), "{of:?}");
    }

    // Withdrawn, it is in no list, and still there.
    let withdrawn = Article { status: ArticleStatus::Withdrawn, ..next(&second) };
    assert_eq!(articles.write(Some(&second), &withdrawn).await.unwrap(), Commit::Done);
    for of in [ListOf::default(), by("ada"), about("ice"), about("sun")] {
        assert_eq!(names(articles, &of).await, [""; 0], "{of:?}");
    }
    assert_eq!(articles.article(&first.id).await.unwrap(), Some(withdrawn.clone()));

    // And back, at another's name.
    let back = Article {
        status: ArticleStatus::Published,
        author: AuthorId::new("bob").unwrap(),
        premium: false,
        ..next(&withdrawn)
    };
    assert_eq!(articles.write(Some(&withdrawn), &back).await.unwrap(), Commit::Done);
    assert_eq!((names(articles, &by("ada")).await.len(), names(articles, &by("bob")).await.len()), (0, 1));

    // A draft with a date is in no list either.
    let draft = Article { status: ArticleStatus::Draft, ..article("draft", "ada", &["ice"], 5) };
    assert_eq!(articles.write(None, &draft).await.unwrap(), Commit::Done);
    assert_eq!(names(articles, &about("ice")).await, ["one"]);
    let dateless = Article { published_at: None, ..next(&draft) };
    assert_eq!(articles.write(Some(&draft), &dateless).await.unwrap(), Commit::Done);
    assert_eq!(articles.article(&draft.id).await.unwrap(), Some(dateless));
}

async fn lists_in_order(articles: &(impl Articles + ArticleLists)) {
    // Two of one moment, one from before 1970, ten tags.
    let many = ["t0", "t1", "t2", "t3", "t4", "t5", "t6", "t7", "t8", "moon"];
    let old = Article { published_at: Some(Timestamp(-1)), ..article("old", "ada", &["moon"], 0) };
    let all = [
        article("b", "ada", &["moon"], 20),
        article("a", "ada", &["ice"], 20),
        article("c", "bob", &["moon"], 30),
        article("a-b", "ada", &many, 20),
        old,
    ];
    for article in &all {
        assert_eq!(articles.write(None, article).await.unwrap(), Commit::Done);
    }
    let ada_on_moon = ListOf { tag: about("moon").tag, ..by("ada") };
    for (of, expected) in [
        (ListOf::default(), &["c", "b", "a-b", "a", "old"][..]),
        (by("ada"), &["b", "a-b", "a", "old"]),
        (by("nobody"), &[]),
        (about("moon"), &["c", "b", "a-b", "old"]),
        (about("t7"), &["a-b"]),
        (ada_on_moon, &["b", "a-b", "old"]),
        (ListOf { tag: about("ice").tag, ..by("bob") }, &[]),
    ] {
        assert_eq!(names(articles, &of).await, expected, "{of:?}");
        // Page by page the same, whatever a page's length.
        for length in 1..=3 {
            let (mut paged, mut place) = (Vec::new(), None);
            loop {
                let page = articles.list(&of, place.as_ref(), length).await.unwrap();
                let Some(last) = page.last() else { break };
                place = Some(Place { published_at: last.published_at.unwrap(), id: last.id.clone() });
                assert!(page.len() == usize::from(length) || paged.len() + page.len() == expected.len());
                paged.extend(page.into_iter().map(|article| article.id.to_string()));
            }
            assert_eq!(paged, expected, "{of:?} in pages of {length}");
        }
    }
    // A place need not be an article's.
    let gone = Place { published_at: NOW.plus(Duration::from_secs(25)), id: id("gone") };
    assert_eq!(articles.list(&ListOf::default(), Some(&gone), 1).await.unwrap()[0].id, id("b"));
}

async fn scans_all(articles: &(impl Articles + ArticleLists)) {
    let mut written = BTreeSet::new();
    for n in 0..7 {
        let status = [ArticleStatus::Draft, ArticleStatus::Published, ArticleStatus::Withdrawn][n % 3];
        let article = Article { status, ..article(&format!("article-{n}"), "ada", &["moon", "ice"], 0) };
        assert_eq!(articles.write(None, &article).await.unwrap(), Commit::Done);
        written.insert(article.id);
    }
    let mut seen = Vec::new();
    loop {
        let page = articles.scan(seen.last(), 2).await.unwrap();
        if page.is_empty() {
            break;
        }
        seen.extend(page.into_iter().map(|article| article.id));
    }
    assert_eq!(seen.len(), written.len(), "none twice");
    assert_eq!(seen.into_iter().collect::<BTreeSet<_>>(), written);
}

async fn a_crash_between_body_and_article_leaves_the_old_version_whole(
    articles: &impl Articles,
    contents: &impl Contents,
) {
    let first = article("crashed", "ada", &["moon"], 0);
    contents.put(&first.content, "body").await.unwrap();
    assert_eq!(articles.write(None, &first).await.unwrap(), Commit::Done);
    // The writer of the second version dies here.
    contents.put(&ContentKey::of(&first.id, "new body"), "new body").await.unwrap();
    let stored = articles.article(&first.id).await.unwrap().unwrap();
    assert_eq!(stored, first);
    assert_eq!(contents.content(&stored.content).await.unwrap().as_deref(), Some("body"));
    // Whoever tries again with the same finds no obstacle.
    let second = Article { content: ContentKey::of(&first.id, "new body"), ..next(&first) };
    contents.put(&second.content, "new body").await.unwrap();
    assert_eq!(articles.write(Some(&first), &second).await.unwrap(), Commit::Done);
}

#[tokio::test]
async fn the_fake_keeps_the_contract() {
    let fresh = || MemoryArticles::new(Turnstile::default());
    keeps_versions_apart(&fresh()).await;
    lists_in_order(&fresh()).await;
    scans_all(&fresh()).await;
    let contents = MemoryContents::new(Turnstile::default());
    a_crash_between_body_and_article_leaves_the_old_version_whole(&fresh(), &contents).await;
}

#[tokio::test]
async fn dynamodb_keeps_the_contract() {
    let sdk = sdk().await;
    let bucket = bucket(&sdk).await;
    let tables = [articles_table(&sdk).await, articles_table(&sdk).await, articles_table(&sdk).await];
    keeps_versions_apart(&DynamoArticles::new(&sdk, &tables[0])).await;
    lists_in_order(&DynamoArticles::new(&sdk, &tables[1])).await;
    scans_all(&DynamoArticles::new(&sdk, &tables[2])).await;
    let (articles, contents) = (DynamoArticles::new(&sdk, &tables[0]), S3Contents::new(&sdk, &bucket));
    a_crash_between_body_and_article_leaves_the_old_version_whole(&articles, &contents).await;
    for table in &tables {
        drop_table(&sdk, table).await;
    }
    drop_bucket(&sdk, &bucket).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_writers_of_one_version_one_wins() {
    let sdk = sdk().await;
    let table = articles_table(&sdk).await;
    let articles = DynamoArticles::new(&sdk, &table);
    let mut before: Option<Article> = None;
    for _ in 0..5 {
        let racers: Vec<_> = (0..12)
            .map(|n| {
                let (articles, before) = (articles.clone(), before.clone());
                let name = format!("racer-{n}");
                let after = before.as_ref().map_or_else(|| article("raced", "ada", &[], 0), next);
                let mine = Article { tags: tags(&[&name, "all"]), title: name, ..after };
                tokio::spawn(async move {
                    let commit = articles.write(before.as_ref(), &mine).await.unwrap();
                    (commit == Commit::Done).then_some(mine)
                })
            })
            .collect();
        let mut won = Vec::new();
        for racer in racers {
            won.extend(racer.await.unwrap());
        }
        assert_eq!(won.len(), 1, "{won:?}");
        // What is stored, and listed under each tag, is the winner's, whole.
        let winner = won.remove(0);
        assert_eq!(articles.article(&winner.id).await.unwrap().as_ref(), Some(&winner));
        for tag in 0..12 {
            let name = format!("racer-{tag}");
            let listed = articles.list(&about(&name), None, 9).await.unwrap();
            assert_eq!(listed.first(), Some(&winner).filter(|winner| winner.title == name), "{name}");
        }
        before = Some(winner);
    }
    drop_table(&sdk, &table).await;
}

#[tokio::test]
async fn the_event_is_in_the_articles_own_item_and_in_no_copy() {
    let sdk = sdk().await;
    let table = articles_table(&sdk).await;
    let articles = DynamoArticles::new(&sdk, &table);
    let first = article("told", "ada", &["moon"], 7);
    assert_eq!(articles.write(None, &first).await.unwrap(), Commit::Done);
    let withdrawn = Article { status: ArticleStatus::Withdrawn, ..next(&first) };
    let mut told = Vec::new();
    for after in [&first, &withdrawn] {
        if after.version > 1 {
            assert_eq!(articles.write(Some(&first), after).await.unwrap(), Commit::Done);
        }
        let items = aws_sdk_dynamodb::Client::new(&sdk).scan().table_name(&table).send().await.unwrap().items.unwrap();
        for item in items {
            let kind = item["sk"].as_s().unwrap().clone();
            let event = item.get("event").map(|event| event.as_m().unwrap().clone());
            let text = |value: &AttributeValue| value.as_s().or(value.as_n()).unwrap().clone();
            told.push((kind, event.map(|e| ["name", "eventId", "occurredAt"].map(|field| text(&e[field])))));
        }
    }
    told.sort();
    let at = first.updated_at.0.to_string();
    let event = |name: &str, version| {
        let event = [name.to_owned(), format!("article#told#{version}"), at.clone()];
        ("ARTICLE".to_owned(), Some(event))
    };
    let expected = [event("ArticlePublished", 1), event("ArticleWithdrawn", 2), ("TAG#moon".to_owned(), None)];
    assert_eq!(told, expected);
    drop_table(&sdk, &table).await;
}
