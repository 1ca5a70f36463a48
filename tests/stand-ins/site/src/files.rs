//! The page's files, compiled in: no path of a request ever reaches the file system.

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const SVG: &str = "image/svg+xml";

macro_rules! public {
    ($($path:literal: $kind:expr),* $(,)?) => {
        &[$(($path, $kind, include_bytes!(concat!("../public/", $path)))),*]
    };
}

/// Path, content type, content.
const FILES: &[(&str, &str, &[u8])] = public! {
    "index.html": HTML,
    "style.css": CSS,
    "check.svg": SVG,
    "favicon.svg": SVG,
    "orbit.svg": SVG,
    "js/main.js": SCRIPT,
    "js/api.js": SCRIPT,
    "js/auth.js": SCRIPT,
    "js/banner.js": SCRIPT,
    "js/progress.js": SCRIPT,
    "js/request.js": SCRIPT,
    "js/view.js": SCRIPT,
    "js/words.js": SCRIPT,
};

/// A file's content type and content.
pub fn find(path: &str) -> Option<(&'static str, &'static [u8])> {
    FILES.iter().find(|(known, ..)| *known == path).map(|(_, kind, content)| (*kind, *content))
}
