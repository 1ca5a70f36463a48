//! From Markdown to HTML that is safe to show.

use std::{
    borrow::Cow,
    collections::{HashMap, HashSet},
};

use ammonia::Builder;
use comrak::Options;

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

/// Renders Markdown; whatever could act in a reader's browser is left out.
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
    sanitiser.clean(&comrak::markdown_to_html(markdown, &options)).to_string()
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
