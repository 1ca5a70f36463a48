//! The text of a body, without its Markdown: what a reader reads.

use comrak::nodes::NodeValue;
use comrak::{Arena, Options, parse_document};

/// The text, a line for each paragraph or the like. Raw HTML is left out, as it is on the page.
pub fn of(markdown: &str) -> String {
    let arena = Arena::new();
    let mut options = Options::default();
    options.extension.strikethrough = true;
    options.extension.table = true;
    options.extension.autolink = true;
    let mut text = String::with_capacity(markdown.len());
    for node in parse_document(&arena, markdown, &options).descendants() {
        let value = &node.data().value;
        if value.block() && !text.is_empty() && !text.ends_with('\n') {
            text.push('\n');
        }
        match value {
            NodeValue::Text(part) => text.push_str(part),
            NodeValue::Code(code) => text.push_str(&code.literal),
            NodeValue::CodeBlock(code) => text.push_str(&code.literal),
            NodeValue::SoftBreak | NodeValue::LineBreak => text.push(' '),
            _ => {}
        }
    }
    text.truncate(text.trim_end().len());
    text
}

#[cfg(test)]
mod tests {
    use super::of;
    use proptest::prelude::*;

    #[test]
    fn what_a_reader_reads_remains() {
        let markdown = "# Ice\n\nThe *moon* has **ice**, [says](https://example.com/secret \"a title\") \
            `x < y`.\nNext line.\n\n- one\n- two\n\n| a | b |\n|---|---|\n| c | d |\n\n```rust\nfn main() {}\n```\n\n\
            ![a crater](https://example.com/crater.jpg)\n";
        let expected = "Ice\nThe moon has ice, says x < y. Next line.\none\ntwo\na\nb\nc\nd\nfn main() {}\na crater";
        assert_eq!(of(markdown), expected);
    }

    #[test]
    fn raw_html_is_left_out() {
        assert_eq!(of("<script>\nalert(1)\n</script>\n\nIce <b onclick=\"x()\">here</b>"), "Ice here");
        assert_eq!(of("&lt;b&gt; &amp; \\*"), "<b> & *");
    }

    proptest! {
        #[test]
        fn no_body_makes_it_panic(markdown in "[ -~\n]{0,400}") {
            drop(of(&markdown));
        }
    }
}
