//! Nothing that a writer writes acts in a reader's browser. The judge shares no code with renderer and sanitiser: it knows
//! what safe HTML looks like, character by character, and nothing else passes.

use crate::world::{Who, World, call, draft, get};
use articles::markdown::{DEEPEST, LONGEST_HTML, html};
use proptest::prelude::*;
use serde_json::json;

const CORPUS: &str = include_str!("xss.txt");

fn vectors() -> Vec<String> {
    let lines = CORPUS.lines().filter(|line| !line.is_empty() && !line.starts_with("##!"));
    lines.map(|line| line.replace('⏎', "\n").replace('␉', "\t").replace('␀', "\0")).collect()
}

/// Why HTML is not safe; none where it is.
fn fault(html: &str) -> Option<String> {
    let mut rest = html;
    while let Some((_, tag)) = rest.split_once('<') {
        let Some((tag, after)) = tag.split_once('>') else { return Some(format!("an open end: {tag}")) };
        let (name, attributes) = tag.split_once(' ').unwrap_or((tag, ""));
        if !is_element(name.strip_prefix('/').unwrap_or(name)) {
            return Some(format!("an element: <{tag}>"));
        }
        if let Some(fault) = attribute_fault(name, attributes) {
            return Some(format!("{fault} in <{tag}>"));
        }
        if name == "a" && !attributes.ends_with("rel=\"nofollow noopener\"") {
            return Some(format!("a link that vouches: <{tag}>"));
        }
        rest = after;
    }
    None
}

fn is_element(name: &str) -> bool {
    let elements =
        "a blockquote br code del em h1 h2 h3 h4 h5 h6 hr img li ol p pre strong table tbody td th thead tr ul";
    elements.split(' ').any(|element| element == name)
}

/// ` name="value"`, again and again, and nothing between.
fn attribute_fault(element: &str, mut rest: &str) -> Option<String> {
    while !rest.is_empty() {
        let Some((name, value)) = rest.split_once("=\"") else { return Some(format!("no attribute: {rest}")) };
        let Some((value, after)) = value.split_once('"') else { return Some(format!("an open value: {rest}")) };
        let is_fine = match (element, name) {
            ("a", "href") => is_link(&decoded(value)),
            ("img", "src") => decoded(value).to_ascii_lowercase().starts_with("https://"),
            ("a" | "img", "title") | ("img", "alt") => true,
            ("a", "rel") => value == "nofollow noopener",
            ("td" | "th", "align") => ["left", "center", "right"].contains(&value),
            ("ol", "start") => value.parse::<u32>().is_ok(),
            _ => false,
        };
        if !is_fine {
            return Some(format!("{name}=\"{value}\""));
        }
        rest = after.strip_prefix(' ').unwrap_or(after);
    }
    None
}

/// What a browser takes for the address.
fn decoded(value: &str) -> String {
    let text = value.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&nbsp;", "\u{a0}");
    let text = text.replace("&amp;", "&");
    // It takes line breaks and tabs out, and blanks and control characters from the beginning (WHATWG URL, 4.4).
    let text: String = text.chars().filter(|c| !matches!(c, '\n' | '\r' | '\t')).collect();
    text.trim_start_matches(|c: char| c <= ' ').to_owned()
}

fn is_link(address: &str) -> bool {
    let scheme = address.split_once(':').map(|(scheme, _)| scheme).filter(|s| !s.contains(['/', '?', '#']));
    scheme.is_none_or(|scheme| ["http", "https", "mailto"].iter().any(|known| scheme.eq_ignore_ascii_case(known)))
}

fn assert_safe(markdown: &str) {
    let html = html(markdown);
    if let Some(fault) = fault(&html) {
        panic!("{fault}\nof {markdown:?}\nas {html:?}");
    }
}

#[test]
fn the_judge_finds_what_is_not_safe() {
    for html in [
        "<script>",
        "<p onclick=\"x\">",
        "<p onclick=x>",
        "<a href=\"javascript:x\" rel=\"nofollow noopener\">",
        "<a href=\" java\nscript:x\" rel=\"nofollow noopener\">",
        "<a href=\"https://good.example\">",
        "<a href=\"https://good.example\" rel=\"opener\">",
        "<img src=\"http://good.example\">",
        "<img src=\"/logout\">",
        "<img src=\"x\"onerror=\"y\">",
        "<img alt=\"x\" onerror=\"y\">",
        "<p style=\"x\">",
        "<p",
        "<!-- x -->",
        "<svg/onload=x>",
    ] {
        assert!(fault(html).is_some(), "{html}");
    }
    let fine = "<p>a &lt;b&gt; <a href=\"/x\" title=\"y\" rel=\"nofollow noopener\">c</a><br><img src=\"https://x\" alt=\"\"></p>";
    assert_eq!(fault(fine), None);
}

#[test]
fn nothing_of_the_corpus_acts() {
    let vectors = vectors();
    assert!(vectors.len() >= 100, "{}", vectors.len());
    for vector in &vectors {
        assert_safe(vector);
        // Nor inside something else.
        for around in [
            format!("Text before {vector} and after"),
            format!("> - 1. {vector}"),
            format!("**{vector}**"),
            format!("# {vector}"),
            format!("[{vector}](https://good.example)"),
            format!("[a]({vector})"),
            format!("[a](<{vector}>)"),
            format!("[a](https://good.example \"{vector}\")"),
            format!("![{vector}](https://good.example/a.png)"),
            format!("![a]({vector})"),
            format!("[a]: {vector}\n\n[a]"),
            format!("| {vector} |\n|---|\n| {vector} |"),
            format!("```{vector}\n{vector}\n```"),
            format!("<div>\n\n{vector}\n\n</div>"),
            format!("<!-- {vector} -->"),
            format!("~~{vector}~~ `{vector}`"),
        ] {
            assert_safe(&around);
        }
    }
    // And all together, where one may open what another closes.
    for between in ["", " ", "\n", "\n\n"] {
        assert_safe(&vectors.join(between));
    }
}

#[tokio::test]
async fn nothing_of_the_corpus_acts_once_it_is_published() {
    let world = World::new();
    for vector in vectors().into_iter().filter(|vector| !vector.contains('\0')) {
        let mut sent = draft("published");
        sent["markdown"] = json!(vector);
        let created = world.send(call(Who::Ada, "POST", "/articles").json(&sent)).await;
        let read = world.send(get(Who::Anonymous, created.header("location"))).await;
        assert_eq!(fault(read.json()["html"].as_str().unwrap()), None, "{vector}");
        assert_eq!(read.header("content-type"), "application/json");
    }
}

#[test]
fn what_markdown_is_for_is_kept() {
    for (markdown, expected) in [
        ("Old *air*, **new** ice.", "<p>Old <em>air</em>, <strong>new</strong> ice.</p>\n"),
        ("## Ice\n\n---", "<h2>Ice</h2>\n<hr>\n"),
        (
            "> so\n\n- a\n- b\n\n3. c",
            "<blockquote>\n<p>so</p>\n</blockquote>\n<ul>\n<li>a</li>\n<li>b</li>\n</ul>\n<ol start=\"3\">\n<li>c</li>\n</ol>\n",
        ),
        ("`a<b` ~~gone~~", "<p><code>a&lt;b</code> <del>gone</del></p>\n"),
        ("```rust\nlet a = 1 < 2;\n```", "<pre><code>let a = 1 &lt; 2;\n</code></pre>\n"),
        (
            "[ice](https://good.example/?a=1&b=2 \"Ice\")",
            "<p><a href=\"https://good.example/?a=1&amp;b=2\" title=\"Ice\" rel=\"nofollow noopener\">ice</a></p>\n",
        ),
        ("[us](/articles/ice)", "<p><a href=\"/articles/ice\" rel=\"nofollow noopener\">us</a></p>\n"),
        ("[mail](mailto:a@b.example)", "<p><a href=\"mailto:a@b.example\" rel=\"nofollow noopener\">mail</a></p>\n"),
        (
            "![ice](https://good.example/a.png \"Ice\")",
            "<p><img src=\"https://good.example/a.png\" alt=\"ice\" title=\"Ice\"></p>\n",
        ),
        ("![ice](http://good.example/a.png)", "<p><img alt=\"ice\"></p>\n"),
        (
            "| a | b |\n|---|:-:|\n| 1 | 2 |",
            "<table>\n<thead>\n<tr>\n<th>a</th>\n<th align=\"center\">b</th>\n</tr>\n</thead>\n<tbody>\n<tr>\n<td>1</td>\n<td align=\"center\">2</td>\n</tr>\n</tbody>\n</table>\n",
        ),
        ("", ""),
    ] {
        assert_eq!(html(markdown), expected, "{markdown}");
    }
}

#[test]
fn what_would_be_a_scheme_once_it_is_decoded_is_no_link() {
    for address in [
        "%6A%61vascript:x",
        "java%0Ascript:x",
        "&#1;javascript:x",
        "javascript%3Ax",
        "javascript%3ax/y",
        "unknown:x",
        "\\\\evil.example:80",
    ] {
        assert_eq!(html(&format!("[a]({address})")), "<p><a rel=\"nofollow noopener\">a</a></p>\n", "{address}");
    }
    for address in ["HTTPS://good.example:8443/a:b", "/a:b", "./a:b", "?a:b", "#a:b", "a%20b", "/a%3Ab"] {
        assert!(html(&format!("[a]({address})")).contains(&format!("href=\"{address}\"")), "{address}");
    }
}

#[test]
fn a_body_that_is_nested_too_deep_is_shown_as_it_was_typed() {
    assert_eq!(html(&">".repeat(DEEPEST - 10)).matches("<blockquote>").count(), DEEPEST - 10);
    for nested in
        [">".repeat(10_000), ">".repeat(70_000), "- ".repeat(30_000), "*a _b ".repeat(2_000) + &"_ *".repeat(2_000)]
    {
        let shown = html(&nested);
        assert_eq!(fault(&shown), None);
        assert!(shown.matches("<blockquote>").count() <= DEEPEST && shown.matches("<ul>").count() <= DEEPEST);
    }
}

#[test]
fn no_body_makes_more_html_than_an_answer_holds() {
    const SIZE: usize = 400 * 1024;
    let filled = |part: &str| part.repeat(SIZE / part.len());
    let wide_table = format!("{}\n{}\n{}", filled("|a")[..80_000].to_owned(), "|-".repeat(40_000), "|\n".repeat(100));
    for (name, body) in [
        ("quotes", filled(">")),
        ("quoted lines", filled("> ")),
        ("lists", filled("- ")),
        ("list lines", filled("-\n")),
        ("numbers", filled("1. ")),
        ("stars", filled("*")),
        ("emphases", filled("*a ")),
        ("mixed emphases", filled("*a_b ")),
        ("closed emphases", filled("*a*")),
        ("brackets", filled("[")),
        ("images", filled("![")),
        ("links", filled("[a](b)")),
        ("open links", filled("[a](")),
        ("references", format!("[a]: b\n\n{}", filled("[a]"))),
        ("ticks", (1..900).map(|n| "`".repeat(n) + " ").collect()),
        ("angles", filled("<")),
        ("comments", filled("<!--")),
        ("ampersands", filled("&")),
        ("entities", filled("&amp;")),
        ("rules", filled("---\n\n")),
        ("bars", filled("|")),
        ("a wide table", wide_table),
        ("tildes", filled("~~a")),
        ("addresses", filled("www.a.example ")),
        ("at signs", filled("a@b.c ")),
        ("headings", filled("#\n")),
        ("quotation marks", filled("\"")),
    ] {
        let html = html(&body);
        assert!(html.len() <= 3 * LONGEST_HTML / 2, "{name}: {} bytes", html.len());
        assert_eq!(fault(&html), None, "{name}");
    }
}

proptest! {
    #[test]
    fn no_text_acts(text: String) {
        assert_safe(&text);
    }

    #[test]
    fn no_mixture_acts(
        parts in proptest::collection::vec(proptest::sample::select(vectors()), 1..6),
        cuts in proptest::collection::vec(any::<prop::sample::Index>(), 6),
        glue in proptest::sample::select(&["", " ", "\n", "\n\n", "](", "<", "\"", "`", "&"][..]),
    ) {
        let halves: Vec<String> = parts.iter().zip(cuts).map(|(part, cut)| {
            let chars: Vec<char> = part.chars().collect();
            chars[cut.index(chars.len())..].iter().collect()
        }).collect();
        assert_safe(&halves.join(glue));
    }
}
