//! What hits have in common.

use crate::articles::{article, asked, ids, on_day, tagged, write};
use crate::engines::Engine;
use domain::articles::{AuthorId, Tag};
use domain::search::matching::FACET_VALUES;
use domain::search::{Document, Filter, Found};

fn by(author: &str, byline: &str, document: Document) -> Document {
    Document { author: AuthorId::new(author).unwrap(), byline: byline.to_owned(), ..document }
}

async fn write_four(engine: &impl Engine) {
    let documents = [
        by("ada", "Ada Young", tagged(on_day(1, "one", "Ice on a comet"), &["ice", "sky"])),
        by("ada", "Ada Young", tagged(on_day(2, "two", "A comet"), &["sky"])),
        by("bob", "Bob Old", tagged(on_day(3, "three", "Ice"), &["ice", "sea"])),
        by("auth|123", "Ng, Eve", on_day(4, "four", "A comet again")),
    ];
    write(engine, documents).await;
}

pub async fn hits_have_all_tags_the_author_and_a_time_in_the_span(engine: &impl Engine) {
    write_four(engine).await;
    let at = |day| Some(on_day(day, "x", "").published_at);
    let tags = |tags: &[&str]| tags.iter().map(|tag| Tag::new(*tag).unwrap()).collect();
    let author = |name| Some(AuthorId::new(name).unwrap());
    let all = Filter::default();
    for (text, filter, expected) in [
        ("", Filter { tags: tags(&["ice"]), ..all.clone() }, &["three", "one"][..]),
        ("", Filter { tags: tags(&["ice", "sky"]), ..all.clone() }, &["one"]),
        ("", Filter { tags: tags(&["sk"]), ..all.clone() }, &[]),
        ("comet", Filter { author: author("ada"), ..all.clone() }, &["two", "one"]),
        ("", Filter { author: author("auth|123"), ..all.clone() }, &["four"]),
        ("", Filter { author: author("Ada"), ..all.clone() }, &[]),
        ("", Filter { from: at(2), to: at(4), ..all.clone() }, &["three", "two"]),
        ("", Filter { from: at(4), ..all.clone() }, &["four"]),
        ("comet", Filter { to: at(2), tags: tags(&["ice"]), author: author("ada"), from: at(0) }, &["one"]),
        ("comet", Filter { tags: tags(&["sea"]), ..all.clone() }, &[]),
    ] {
        let found = engine.search(&asked(text, filter.clone(), None, 10)).await.unwrap();
        let (mut found, mut expected) = (ids(&found), expected.to_vec());
        if !text.is_empty() {
            found.sort_unstable();
            expected.sort_unstable();
        }
        assert_eq!(found, expected, "{text:?} {filter:?}");
    }
}

type Tags<'a> = Vec<(&'a str, u64)>;
type Authors<'a> = Vec<(&'a str, &'a str, u64)>;

fn facets(found: &Found) -> (Tags<'_>, Authors<'_>) {
    let tags = found.facets.tags.iter().map(|tag| (tag.value.as_str(), tag.count)).collect();
    let authors = &found.facets.authors;
    (tags, authors.iter().map(|author| (author.value.as_str(), author.byline.as_str(), author.count)).collect())
}

pub async fn what_hits_have_in_common_is_counted_over_all_pages(engine: &impl Engine) {
    write_four(engine).await;
    let all = engine.search(&asked("", Filter::default(), None, 1)).await.unwrap();
    assert_eq!((all.total, all.hits.len()), (4, 1));
    let authors = vec![("ada", "Ada Young", 2), ("auth|123", "Ng, Eve", 1), ("bob", "Bob Old", 1)];
    assert_eq!(facets(&all), (vec![("ice", 2), ("sky", 2), ("sea", 1)], authors));
    let next = asked("", Filter::default(), None, 1).after(all.next.clone().unwrap()).unwrap();
    let next = engine.search(&next).await.unwrap();
    assert_eq!((next.total, facets(&next)), (4, facets(&all)), "the same on each page");

    let comets = engine.search(&asked("comet", Filter::default(), None, 10)).await.unwrap();
    assert_eq!(
        facets(&comets),
        (vec![("sky", 2), ("ice", 1)], vec![("ada", "Ada Young", 2), ("auth|123", "Ng, Eve", 1)])
    );
    let none = engine.search(&asked("volcano", Filter::default(), None, 10)).await.unwrap();
    assert_eq!(none, Found::default());
}

pub async fn facets_have_an_end_and_an_order(engine: &impl Engine) {
    let tags: Vec<String> = (0..FACET_VALUES + 5).map(|n| format!("t{n:02}")).collect();
    let documents = tags.iter().map(|tag| tagged(article(tag, "Ice"), &[tag, "all"]));
    write(engine, documents).await;
    let found = engine.search(&asked("", Filter::default(), None, 1)).await.unwrap();
    let expected: Vec<&str> = ["all"].into_iter().chain(tags.iter().map(String::as_str)).take(FACET_VALUES).collect();
    assert_eq!(facets(&found).0.into_iter().map(|(tag, _)| tag).collect::<Vec<_>>(), expected);
}
