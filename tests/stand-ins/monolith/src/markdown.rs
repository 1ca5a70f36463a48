//! From Markdown to HTML that is safe to show.

use std::{
    borrow::Cow,
    collections::{HashMap, HashSet},
};

use ammonia::Builder;
use comrak::{Arena, Node, Options, arena_tree::NodeEdge, format_html, parse_document};

/// What Markdown can make.
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

/// How many elements may stand in one another: the sanitiser takes the square of that.
const DEEPEST: usize = 100;

/// Renders Markdown; whatever could act in a reader's browser is left out. What is nested too deep is shown as it was typed.
pub fn html(markdown: &str) -> String {
    let mut options = Options::default();
    options.extension.strikethrough = true;
    options.extension.table = true;
    options.extension.autolink = true;
    let attributes = [
        ("a", HashSet::from(["href", "title"])),
        ("img", HashSet::from(["alt", "src", "title"])),
        ("ol", HashSet::from(["start"])),
        ("td", HashSet::from(["align"])),
        ("th", HashSet::from(["align"])),
    ];
    let mut sanitiser = Builder::default();
    sanitiser
        .tags(HashSet::from(ELEMENTS))
        .generic_attributes(HashSet::new())
        .tag_attributes(HashMap::from(attributes))
        .url_schemes(HashSet::from(SCHEMES))
        .link_rel(Some("nofollow noopener"))
        .attribute_filter(|element, attribute, value| {
            let is_kept = match (element, attribute) {
                ("a", "href") => is_link(value),
                // Fetched without a click.
                ("img", "src") => value.to_ascii_lowercase().starts_with("https://"),
                _ => true,
            };
            is_kept.then_some(Cow::Borrowed(value))
        });
    let arena = Arena::new();
    let document = parse_document(&arena, markdown, &options);
    let mut html = String::new();
    if depth(document) <= DEEPEST && format_html(document, &options, &mut html).is_ok() {
        sanitiser.clean(&html).to_string()
    } else {
        format!("<pre>{}</pre>\n", ammonia::clean_text(markdown))
    }
}

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

/// Where a scheme may end there is one of ours, or none, even for a program that decodes the address before it looks.
fn is_link(url: &str) -> bool {
    let beginning = url.split(['/', '?', '#']).next().unwrap_or_default();
    let is_plain = !url.contains(char::is_control);
    is_plain
        && match beginning.split_once(':') {
            Some((scheme, _)) => SCHEMES.iter().any(|known| scheme.eq_ignore_ascii_case(known)),
            None => !beginning.to_ascii_lowercase().contains("%3a"),
        }
}

#[cfg(test)]
mod tests {
    use super::html;

    #[test]
    fn markdown_is_rendered() {
        assert_eq!(html("Old *air*.\n\n## Ice\n"), "<p>Old <em>air</em>.</p>\n<h2>Ice</h2>\n");
    }

    #[test]
    fn what_is_nested_too_deep_is_shown_as_it_was_typed() {
        assert_eq!(html(&">".repeat(90)).matches("<blockquote>").count(), 90);
        let shown = html(&(">".repeat(20_000) + "<b>"));
        assert!(shown.starts_with("<pre>&gt;") && !shown.contains("<b>"), "{}", &shown[..40]);
    }

    #[test]
    fn what_acts_is_left_out() {
        for hostile in [
            "<script>alert(1)</script>",
            "[a](javascript:alert(1))",
            "[a](%01javascript:alert(1))",
            "<img src=x onerror=alert(1)>",
            "<a href=\"data:text/html,x\" onclick=x>a</a>",
            "<iframe src=//x></iframe><style>*{}</style>",
            "![x](javascript:alert(1))",
            "![x](http://tracker.example/x.png)",
            "<svg><script>alert(1)</script></svg>",
        ] {
            let shown = html(hostile).to_lowercase();
            for acts in [
                "<script",
                "javascript:",
                "onerror",
                "onclick",
                "<iframe",
                "<style",
                "data:",
                "<svg",
                "tracker",
                "src=\"x",
            ] {
                assert!(!shown.contains(acts), "{hostile} became {shown}");
            }
        }
    }
}
