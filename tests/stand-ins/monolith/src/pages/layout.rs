//! What all pages share.

use axum::http::StatusCode;
use maud::{DOCTYPE, Markup, html};

use crate::{
    internal::ArtHead,
    web::{
        App,
        failure::Failure,
        visit::{FORM_TOKEN, Visit},
    },
};

/// The site's sections: a topic and its name.
pub const SECTIONS: [(&str, &str); 8] = [
    ("astronomy", "Space"),
    ("biology", "Life"),
    ("physics", "Physics"),
    ("climate", "Climate"),
    ("medicine", "Health"),
    ("technology", "Technology"),
    ("mathematics", "Mathematics"),
    ("archaeology", "Archaeology"),
];

/// One page: its title, the scripts in `js/` that it needs, and what is in it.
pub fn page(visit: &Visit, title: &str, scripts: &[&str], content: &Markup) -> Markup {
    let up = &visit.up;
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (title) " – New Science" }
                meta name="theme-color" content="#0d2538";
                link rel="icon" href={ (up) "assets/favicon.svg" } type="image/svg+xml";
                link rel="stylesheet" href={ (up) "assets/style.css" };
                @for script in ["suggest", "developer"].iter().chain(scripts) {
                    script type="module" src={ (up) "assets/js/" (script) ".js" } {}
                }
            }
            body data-up=(up) {
                a.skip href="#content" { "Skip to the content" }
                (masthead(visit))
                main #content tabindex="-1" { (content) }
                footer.footer {
                    div.wide.footer-row {
                        p { "New Science · independent reporting on research" }
                        p { a href={ (up) "desk" } { "Write for us" } }
                    }
                }
            }
        }
    }
}

fn masthead(visit: &Visit) -> Markup {
    let up = &visit.up;
    html! {
        header.masthead {
            div.wide.masthead-row {
                a.wordmark href=(up) { "New" span { "Science" } }
                form.search-box role="search" action={ (up) "find" } {
                    label.visually-hidden for="search" { "Search New Science" }
                    input #search type="search" name="q" maxlength="200" placeholder="Search" autocomplete="off";
                    button type="submit" { span.visually-hidden { "Search" }
                        svg aria-hidden="true" viewBox="0 0 24 24" { path d="M10.5 4a6.5 6.5 0 1 0 0 13 6.5 6.5 0 0 0 0-13Zm5 11.5L21 21" {} }
                    }
                }
                div.account {
                    @if let Some(user) = &visit.user {
                        span.account-name { (user.full_name) }
                        a href={ (up) "desk" } { "Desk" }
                        form method="post" action={ (up) "sign-out" } {
                            (token(visit))
                            button.link type="submit" { "Sign out" }
                        }
                    } @else {
                        a href={ (up) "sign-in" } { "Sign in" }
                        a.optional href={ (up) "register" } { "Register" }
                    }
                }
            }
            nav.sections aria-label="Sections" {
                ul.wide {
                    @for (topic, name) in SECTIONS {
                        li { a data-topic=(topic) href={ (up) "find?tag=" (topic) } { (name) } }
                    }
                }
            }
        }
    }
}

/// The hidden field that each form carries.
pub fn token(visit: &Visit) -> Markup {
    html! { input type="hidden" name=(FORM_TOKEN) value=(visit.form_token()); }
}

/// A failure as a page.
pub fn failure(app: &App, visit: &Visit, failure: &Failure) -> Markup {
    let title = match failure.status() {
        StatusCode::NOT_FOUND => "Not here",
        StatusCode::GONE => "Withdrawn",
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => "Not for everybody",
        StatusCode::CONFLICT => "Too late",
        status if status.is_server_error() => "Something is broken",
        _ => "That did not work",
    };
    let up = &visit.up;
    let content = html! {
        div.wide.narrow.notice {
            p.kicker { "Error " (failure.status().as_u16()) }
            h1 { (title) }
            p.lead { (failure.detail()) }
            p {
                a href=(up) { "To the home page" }
                @if failure.status() == StatusCode::UNAUTHORIZED { " · " a href={ (up) "sign-in" } { "Sign in" } }
                @if let Some(url) = app.subscribe_url.as_deref().filter(|_| failure.status() == StatusCode::PAYMENT_REQUIRED) {
                    " · " a href=(url) { "Become a premium reader" }
                }
            }
        }
    };
    page(visit, title, &[], &content)
}

/// An article in a list.
pub fn card(visit: &Visit, art: &ArtHead, size: &str) -> Markup {
    let up = &visit.up;
    let (topic, name) = section(art);
    html! {
        article.card.(size) {
            img.card-picture src={ (up) "picture/" (topic) "/" (art.art_key) ".svg" } alt="" width="640" height="400" loading="lazy";
            div.card-text {
                p.kicker { (name) @if art.pay_flag == 'Y' { span.premium-mark { "Premium" } } }
                h2.card-title { a href={ (up) "read/" (art.art_key) } { (art.headline) } }
                p.card-teaser { (art.teaser) }
                p.small { (art.author_name) @if let Some(date) = &art.pub_date { " · " (day(date)) } }
            }
        }
    }
}

/// The section that an article belongs to: a topic and a name; its first topic, if to none.
pub fn section(art: &ArtHead) -> (&str, String) {
    let known = SECTIONS.iter().find(|(topic, _)| art.topics.iter().any(|of_article| of_article == topic));
    match (known, art.topics.first()) {
        (Some((topic, name)), _) => (topic, (*name).to_owned()),
        (None, Some(topic)) => (topic, topic.replace('-', " ")),
        (None, None) => ("news", "News".to_owned()),
    }
}

/// A date as people write it: `23 November 2026`; as it stands, if it is no date.
pub fn day(old: &str) -> String {
    const MONTHS: [&str; 12] = [
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ];
    let mut parts = old.get(..10).unwrap_or_default().split('.');
    let (day, month, year) = (parts.next(), parts.next(), parts.next());
    let month = month.and_then(|month| MONTHS.get(month.parse::<usize>().ok()?.checked_sub(1)?));
    match (day, month, year) {
        (Some(day), Some(month), Some(year)) => format!("{} {month} {year}", day.trim_start_matches('0')),
        _ => old.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::day;

    #[test]
    fn dates_are_written_for_people() {
        assert_eq!(day("03.11.2026 10:21:36"), "3 November 2026");
        assert_eq!(day("03.13.2026 10:21:36"), "03.13.2026 10:21:36");
        assert_eq!(day("soon"), "soon");
    }
}
