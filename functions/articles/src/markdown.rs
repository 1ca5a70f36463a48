//! From Markdown to HTML that is safe to show. Two walls: comrak writes no raw HTML, and ammonia lets through only the
//! elements, attributes and addresses that Markdown can make.

use ammonia::Builder;
use comrak::arena_tree::NodeEdge;
use comrak::{Arena, Node, Options, format_html, parse_document};
use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

/// The most HTML of one article, in bytes: a function answers at most 6 MB, and JSON makes some of it longer. A hundred
/// times 400 KB can be made of 400 KB of Markdown.
pub const LONGEST_HTML: usize = 2 * 1024 * 1024;

/// How many elements may stand in one another. For each that is opened the sanitiser looks through all that are open: ten
/// thousand quotes in one another would take half a second, and seventy thousand minutes.
pub const DEEPEST: usize = 100;

const ELEMENTS: [&str; 26] = [
    "a",
    "blockquote",
    "br",
    "code",
    "del",
    "em",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "hr",
    "img",
    "li",
    "ol",
    "p",
    "pre",
    "strong",
    "table",
    "tbody",
    "td",
    "th",
    "thead",
    "tr",
    "ul",
];

const SCHEMES: [&str; 3] = ["http", "https", "mailto"];

/// Renders an article's body. One that would become too much HTML, or too deep, is shown as it was typed.
pub fn html(markdown: &str) -> String {
    let mut options = Options::default();
    options.extension.strikethrough = true;
    options.extension.table = true;
    options.extension.autolink = true;
    let arena = Arena::new();
    let document = parse_document(&arena, markdown, &options);
    let mut html = String::new();
    let is_written = depth(document) <= DEEPEST && format_html(document, &options, &mut html).is_ok();
    if is_written && html.len() <= LONGEST_HTML { sanitiser().clean(&html).to_string() } else { as_typed(markdown) }
}

/// How many elements stand in one another, at most.
fn depth(document: Node<'_>) -> usize {
    let (mut depth, mut deepest) = (0_usize, 0);
    for edge in document.traverse() {
        match edge {
            NodeEdge::Start(_) => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            NodeEdge::End(_) => depth = depth.saturating_sub(1),
        }
    }
    deepest
}

fn sanitiser() -> Builder<'static> {
    let attributes = [
        ("a", HashSet::from(["href", "title"])),
        ("img", HashSet::from(["alt", "src", "title"])),
        ("ol", HashSet::from(["start"])),
        ("td", HashSet::from(["align"])),
        ("th", HashSet::from(["align"])),
    ];
    let mut builder = Builder::default();
    builder
        .tags(HashSet::from(ELEMENTS))
        .generic_attributes(HashSet::new())
        .tag_attributes(HashMap::from(attributes))
        .url_schemes(HashSet::from(SCHEMES))
        .link_rel(Some("nofollow noopener"))
        .attribute_filter(|element, attribute, value| match (element, attribute) {
            ("a", "href") => is_link(value).then_some(Cow::Borrowed(value)),
            ("img", "src") => is_https(value).then_some(Cow::Borrowed(value)),
            _ => Some(Cow::Borrowed(value)),
        });
    builder
}

/// A browser takes `%6Aavascript:x`, `java%0Ascript:x` and `javascript%3Ax` for paths; a program that decodes them before
/// it looks would not. Where a scheme may end there is one of ours, or none.
fn is_link(url: &str) -> bool {
    let beginning = url.split(['/', '?', '#']).next().unwrap_or_default();
    let is_plain = !url.contains(char::is_control);
    is_plain
        && match beginning.split_once(':') {
            Some((scheme, _)) => SCHEMES.iter().any(|known| scheme.eq_ignore_ascii_case(known)),
            None => !beginning.to_ascii_lowercase().contains("%3a"),
        }
}

/// An image is fetched without a click. Over plain HTTP everybody on the way would see who reads what, and a relative
/// address would be one of ours.
fn is_https(url: &str) -> bool {
    url.get(..8).is_some_and(|scheme| scheme.eq_ignore_ascii_case("https://"))
}

fn as_typed(markdown: &str) -> String {
    let mut html = String::with_capacity(markdown.len() + 16);
    html.push_str("<pre>");
    for c in markdown.chars() {
        match c {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            _ => html.push(c),
        }
    }
    html.push_str("</pre>\n");
    html
}
