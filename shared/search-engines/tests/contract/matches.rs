//! What is a hit.

use crate::articles::{article, asked, finds, ids, on_day, search, tagged, write};
use crate::engines::Engine;
use domain::articles::{AuthorId, Tag};
use domain::search::query::{MAX_CHARACTERS, MAX_TAGS, MAX_TERMS};
use domain::search::{Document, Filter, Found};
use domain::time::Timestamp;

pub async fn a_word_is_found_in_any_field_and_counts_most_in_the_title(engine: &impl Engine) {
    let other = |id: &str| article(id, "Something else entirely");
    let documents = [
        Document { body: "They saw a comet, and then they went home to sleep.".to_owned(), ..other("in-body") },
        Document { summary: "A comet and what it left behind.".to_owned(), ..other("in-summary") },
        article("in-title", "The comet of the century"),
        tagged(other("in-tags"), &["comet-tails"]),
        Document { byline: "Halley Comet".to_owned(), ..other("in-byline") },
        other("nowhere"),
    ];
    write(engine, documents).await;
    let found = search(engine, "comet").await;
    assert_eq!((found.total, ids(&found)[0], ids(&found)[4]), (5, "in-title", "in-body"));
}

pub async fn case_accents_endings_and_genitives_do_not_matter(engine: &impl Engine) {
    let documents = [
        article("universe", "Exploring the Universe"),
        article("cafe", "Café culture in Zürich"),
        article("einstein", "Einstein’s last equation"),
        article("xray", "X-ray galaxies"),
    ];
    write(engine, documents).await;
    for (text, id) in [
        ("explore UNIVERSES", "universe"),
        ("cafe zurich", "cafe"),
        ("CAFÉS", "cafe"),
        ("einstein", "einstein"),
        ("Einstein's equations", "einstein"),
        ("einstein’s", "einstein"),
        ("x-ray", "xray"),
        ("x ray galaxy", "xray"),
    ] {
        finds(engine, text, &[id]).await;
    }
}

pub async fn typing_errors_are_forgiven_where_nothing_is_found_as_it_is_written(engine: &impl Engine) {
    let documents = [
        on_day(1, "universe", "Exploring the universe"),
        on_day(2, "stair", "A stair in the hills"),
        on_day(3, "hole", "A black hole awakes"),
        Document { body: "The telescope saw a supernova.".to_owned(), ..article("nova", "Light of a star") },
    ];
    write(engine, documents).await;
    // Wrong, missing, too many, swapped; in the body, too.
    for (text, id) in [
        ("univirse", "universe"),
        ("univrese", "universe"),
        ("explring", "universe"),
        ("blck hole", "hole"),
        ("black holle", "hole"),
        ("balck hole", "hole"),
        ("telescoop", "nova"),
    ] {
        let found = search(engine, text).await;
        assert_eq!(ids(&found).first(), Some(&id), "{text}");
    }
    // As it is written there is something: nothing is forgiven.
    finds(engine, "star", &["nova"]).await;
    finds(engine, "xniverse", &[]).await;
}

pub async fn a_word_that_occurs_stands_for_no_other(engine: &impl Engine) {
    let documents = [
        Document {
            body: "Stephen Hawking and the radiation of holes.".to_owned(),
            ..on_day(1, "holes", "How holes end")
        },
        on_day(2, "walks", "Walking in times of radiation"),
        on_day(3, "hacks", "Hacking a radiation sensor"),
    ];
    write(engine, documents).await;
    let found = search(engine, "hawking radation").await;
    assert_eq!(ids(&found).first(), Some(&"holes"));
}

pub async fn fillers_are_not_looked_for_beside_words_that_tell_something(engine: &impl Engine) {
    write(engine, [on_day(1, "hole", "Black holes"), on_day(2, "who", "The end of an era")]).await;
    finds(engine, "the black hole", &["hole"]).await;
    finds(engine, "THE", &["who"]).await;
    finds(engine, "of the", &["who"]).await;
}

pub async fn neither_short_words_nor_numbers_are_misspelt(engine: &impl Engine) {
    write(engine, [article("ox", "An ox in 2026"), article("covid", "COVID-19 and bats")]).await;
    for (text, expected) in
        [("oz", &[][..]), ("2025", &[]), ("covid19", &[]), ("2026", &["ox"]), ("covid 19", &["covid"])]
    {
        finds(engine, text, expected).await;
    }
}

pub async fn most_words_of_a_question_must_be_there(engine: &impl Engine) {
    let documents = [
        on_day(1, "two", "Red giant"),
        on_day(2, "three", "Red giant dwarf"),
        on_day(3, "four", "Red giant dwarf nebula"),
        Document { body: "nebula".to_owned(), ..on_day(4, "spread", "Red giant") },
    ];
    write(engine, documents).await;
    assert_eq!(search(engine, "red dwarf").await.total, 2, "both of two");
    assert_eq!(search(engine, "red giant dwarf").await.total, 4, "two of three");
    assert_eq!(search(engine, "red giant dwarf nebula").await.total, 3, "three of four, wherever each stands");
    assert_eq!(ids(&search(engine, "red giant dwarf nebula").await)[0], "four", "more is better");
}

pub async fn signs_are_no_words_and_nothing_finds_everything(engine: &impl Engine) {
    let documents = [on_day(1, "old", "Fire & ice"), on_day(3, "new", "Ice"), on_day(2, "middle", "Fire")];
    write(engine, documents).await;
    finds(engine, "", &["new", "middle", "old"]).await;
    finds(engine, "fire & ice", &["old"]).await;
    for text in ["&", "!!!", "…", "\u{1f680}", "-", "''"] {
        finds(engine, text, &[]).await;
    }
}

pub async fn the_syntax_of_queries_is_only_text(engine: &impl Engine) {
    write(engine, [article("comet", "Comet"), article("ice", "Ice")]).await;
    for (text, expected) in [
        ("title:comet", &[][..]),
        ("id:comet OR *:*", &[]),
        ("comet AND NOT ice", &[]),
        ("\"comet", &["comet"]),
        ("comet~9", &[]),
        ("comet^100", &[]),
        ("(comet", &["comet"]),
        ("+comet", &["comet"]),
        ("-comet", &["comet"]),
        ("/.*/", &[]),
        ("*", &[]),
        ("com*", &[]),
        ("[* TO *]", &[]),
        ("\\", &[]),
        ("{\"match_all\":{}}", &[]),
        ("_exists_:title", &[]),
        ("(a+)+$", &[]),
    ] {
        finds(engine, text, expected).await;
    }
}

pub async fn matches_are_marked_and_everything_else_is_escaped(engine: &impl Engine) {
    let evil = "<script>alert('comet')</script> & <img src=x onerror=\"comet\">";
    let long = format!("{} the comet {}", "words and words ".repeat(60), "and words ".repeat(60));
    let documents = [
        Document { body: evil.to_owned(), ..article("evil", "<b>Comets</b> \"of\" <em>ice</em>") },
        Document { body: long, ..on_day(-1, "long", "Elsewhere") },
        Document { summary: "Only the comets here.".to_owned(), ..on_day(-2, "summary", "Elsewhere") },
        Document { body: "\u{e000}a\u{e001} comet\u{e000}".to_owned(), ..on_day(-3, "marks", "Elsewhere") },
    ];
    write(engine, documents).await;
    let Found { hits, .. } = search(engine, "comet").await;
    let hit = |id: &str| hits.iter().find(|hit| hit.id.as_str() == id).unwrap();
    let html = |id: &str| hit(id).highlights.body.iter().map(|html| html.as_str().to_owned()).collect::<Vec<_>>();

    let title = hit("evil").highlights.title.as_ref().unwrap();
    assert_eq!(title.as_str(), "&lt;b&gt;<em>Comets</em>&lt;/b&gt; &quot;of&quot; &lt;em&gt;ice&lt;/em&gt;");
    let fragment = html("evil").concat();
    assert!(fragment.contains("alert(&#39;<em>comet</em>&#39;)"), "{fragment}");
    assert!(!fragment.replace("<em>", "").replace("</em>", "").contains(['<', '>', '"', '\'']), "{fragment}");

    assert!(hit("long").highlights.title.is_none());
    let fragments = html("long");
    assert!((1..=2).contains(&fragments.len()));
    assert!(fragments[0].contains("the <em>comet</em>") && fragments[0].len() < 400, "{fragments:?}");
    assert_eq!(html("summary"), ["Only the <em>comets</em> here."], "where the body says nothing");
    let marks = html("marks").concat();
    assert!(marks.contains("<em>comet</em>"), "{marks}");
    assert_eq!(marks.matches("<em>").count(), marks.matches("</em>").count(), "{marks}");

    let misspelt = search(engine, "commet").await;
    assert!(misspelt.hits[0].highlights.title.as_ref().unwrap().as_str().contains("<em>Comets</em>"));
    assert!(search(engine, "").await.hits[0].highlights.title.is_none());
}

pub async fn the_longest_question_is_answered(engine: &impl Engine) {
    let tags: Vec<Tag> = (0..MAX_TAGS).map(|n| Tag::new(format!("tag-{n}")).unwrap()).collect();
    write(engine, [Document { tags: tags.clone(), ..article("comet", "Comet") }]).await;
    let filter = Filter {
        tags,
        author: Some(AuthorId::new("ada").unwrap()),
        from: Some(Timestamp(0)),
        to: Some(Timestamp(i64::MAX)),
    };
    let words = "misspeltcomt ".repeat(MAX_TERMS);
    for text in
        [words.trim().chars().take(MAX_CHARACTERS).collect(), "é".repeat(MAX_CHARACTERS), "comet ".repeat(MAX_TERMS)]
    {
        engine.search(&asked(&text, filter.clone(), None, 50)).await.unwrap();
        engine.suggest(&domain::search::Text::new(&text).unwrap()).await.unwrap();
    }
    assert_eq!(engine.search(&asked("comet", filter, None, 50)).await.unwrap().total, 1);
}

pub async fn an_index_that_does_not_exist_has_no_hits(engine: &impl Engine) {
    assert_eq!(search(engine, "comet").await, Found::default());
    assert_eq!(engine.suggest(&domain::search::Text::new("com").unwrap()).await.unwrap(), []);
}
