//! Makes one article after another: the same seed makes the same ones.

use fastrand::Rng;

use super::{
    chronicle,
    fields::{FIELDS, Field},
    people::{FIRST, INSTITUTES, JOURNALS, LAST},
};
use crate::{clock::Millis, slug::slug};

/// The last moment of the corpus: 1 November 2026, 12:00.
const UNTIL: Millis = 1_793_534_400_000;
/// The corpus covers so much time, in milliseconds: twelve years.
const SPAN: u64 = 12 * 365 * 24 * 3600 * 1000;

/// An article that nobody wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Made {
    /// Its name.
    pub art_key: String,
    /// Its headline.
    pub headline: String,
    /// Its teaser.
    pub teaser: String,
    /// Its body, Markdown, some 500 to 1,200 words.
    pub body_text: String,
    /// Whose it is.
    pub author: Author,
    /// What it is about, in alphabetical order.
    pub topics: Vec<&'static str>,
    /// Whether the body is for premium readers; one in eight.
    pub premium: bool,
    /// `P`; one in forty is a draft, one in eighty withdrawn.
    pub state: char,
    /// When it was, or would have been, published.
    pub published: Millis,
    /// When it was changed last.
    pub changed: Millis,
    /// What readers said: name, text, and when.
    pub comments: Vec<(String, String, Millis)>,
}

/// Somebody who writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Author {
    /// The author's code.
    pub code: String,
    /// The author's name.
    pub name: String,
}

/// The source of articles.
pub struct Maker {
    rng: Rng,
    made: u64,
    /// For each section its authors, who wrote most first.
    authors: Vec<Vec<Author>>,
    sections: Ranks,
    ranks: Vec<Ranks>,
}

impl Maker {
    /// A source of about so many articles: the more there are, the more authors.
    pub fn new(seed: u64, articles: u64) -> Self {
        let mut rng = Rng::with_seed(seed);
        let count = usize::try_from((articles / 150).clamp(24, 2400)).unwrap_or(24);
        let mut authors: Vec<Vec<Author>> = FIELDS.iter().map(|_| Vec::new()).collect();
        for number in 0..count {
            let name = person(&mut rng);
            let author = Author { code: format!("{}-{}", slug(&name, 60), number + 1), name };
            if let Some(of_section) = authors.get_mut(number % FIELDS.len()) {
                of_section.push(author);
            }
        }
        let ranks = authors.iter().map(|of_section| Ranks::new(of_section.len())).collect();
        Self { rng, made: 0, authors, sections: Ranks::new(FIELDS.len()), ranks }
    }

    /// The next article.
    pub fn article(&mut self) -> Made {
        self.made += 1;
        let rng = &mut self.rng;
        let section = self.sections.draw(rng);
        let field = &FIELDS[section];
        let author = self.authors[section][self.ranks[section].draw(rng)].clone();
        let mut story = Story::new(rng, field);
        let headline = capital(&story.say(HEADLINES));
        let teaser = format!("{} {}", capital(&story.say(TEASERS)), capital(&story.say(SECOND_TEASERS)));
        let body_text = story.body();
        let mut topics = vec![field.topic, story.topic];
        if let Some((_, other)) = rng.choice(field.subjects).filter(|_| rng.u8(..4) == 0) {
            topics.push(other);
        }
        topics.sort_unstable();
        topics.dedup();
        // The time of day at which people publish: 6 to 22.
        let days_ago = i64::try_from(rng.u64(..SPAN) / DAY).unwrap_or(0) + 1;
        let published = UNTIL - days_ago * DAY_MILLIS - HALF_DAY + rng.i64(6 * 3600..22 * 3600) * 1000;
        let later = if rng.u8(..6) == 0 { rng.i64(600..30 * 86_400) * 1000 } else { 0 };
        let changed = (published + later).min(UNTIL);
        let state = match rng.u8(..80) {
            0 => 'Z',
            1 | 2 => 'E',
            _ => 'P',
        };
        let comments = if state == 'P' && rng.u8(..8) == 0 { comments(rng, published) } else { Vec::new() };
        Made {
            art_key: format!("{}-{}", slug(&headline, 80), base_36(self.made)),
            headline,
            teaser,
            body_text,
            author,
            topics,
            premium: rng.u8(..8) == 0,
            state,
            published,
            changed,
            comments,
        }
    }
}

const DAY: u64 = 86_400_000;
const DAY_MILLIS: Millis = 86_400_000;
const HALF_DAY: Millis = 43_200_000;

/// Ranks that are drawn as words are used: the first twice as often as the second, three times as often as the third.
struct Ranks {
    sums: Vec<f64>,
}

impl Ranks {
    fn new(count: usize) -> Self {
        let mut sum = 0.0;
        let weights = (1..=u32::try_from(count).unwrap_or(u32::MAX)).map(|rank| 1.0 / f64::from(rank));
        let sums = weights.map(|weight| {
            sum += weight;
            sum
        });
        Self { sums: sums.collect() }
    }

    fn draw(&self, rng: &mut Rng) -> usize {
        let total = self.sums.last().copied().unwrap_or_default();
        let drawn = rng.f64() * total;
        self.sums.partition_point(|sum| *sum <= drawn).min(self.sums.len().saturating_sub(1))
    }
}

fn person(rng: &mut Rng) -> String {
    format!("{} {}", pick(rng, &FIRST), pick(rng, &LAST))
}

/// One of them; nothing of none.
pub(super) fn pick<'a>(rng: &mut Rng, words: &[&'a str]) -> &'a str {
    rng.choice(words).copied().unwrap_or_default()
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

fn base_36(number: u64) -> String {
    let digit = |value: u64| char::from_digit(u32::try_from(value % 36).unwrap_or(0), 36).unwrap_or('0');
    let mut digits: Vec<char> =
        std::iter::successors(Some(number), |rest| Some(rest / 36).filter(|rest| *rest > 0)).map(digit).collect();
    digits.reverse();
    digits.into_iter().collect()
}

fn comments(rng: &mut Rng, published: Millis) -> Vec<(String, String, Millis)> {
    let mut at = published;
    let count = rng.usize(1..6);
    (0..count)
        .map(|_| {
            at += rng.i64(60..40_000) * 1000;
            (person(rng), pick(rng, &COMMENTS).to_owned(), at)
        })
        .collect()
}

/// What stays the same within one article.
struct Story<'r> {
    rng: &'r mut Rng,
    field: &'static Field,
    subject: &'static str,
    topic: &'static str,
    finding: &'static str,
    cause: &'static str,
    method: &'static str,
    place: &'static str,
    institute: &'static str,
    expert: String,
    other_expert: String,
}

impl<'r> Story<'r> {
    fn new(rng: &'r mut Rng, field: &'static Field) -> Self {
        let (subject, topic) = rng.choice(field.subjects).copied().unwrap_or_default();
        Self {
            subject,
            topic,
            finding: pick(rng, field.findings),
            cause: pick(rng, field.causes),
            method: pick(rng, field.methods),
            place: pick(rng, field.places),
            institute: pick(rng, &INSTITUTES),
            expert: person(rng),
            other_expert: person(rng),
            field,
            rng,
        }
    }

    /// One of the sentences, with the story's words where it has `{…}`.
    fn say(&mut self, sentences: &[&'static str]) -> String {
        let mut rest = pick(self.rng, sentences);
        let mut said = String::with_capacity(160);
        while let Some((before, after)) = rest.split_once('{') {
            said.push_str(before);
            let (word, after) = after.split_once('}').unwrap_or((after, ""));
            match word {
                "subject" => said.push_str(self.subject),
                "finding" => said.push_str(self.finding),
                "cause" => said.push_str(self.cause),
                "method" => said.push_str(self.method),
                "place" => said.push_str(self.place),
                "institute" => said.push_str(self.institute),
                "expert" => said.push_str(&self.expert),
                "name" => said.push_str(self.expert.split_once(' ').map_or("", |(_, last)| last)),
                "other" => said.push_str(&self.other_expert),
                "journal" => said.push_str(pick(self.rng, &JOURNALS)),
                "outlook" => said.push_str(pick(self.rng, self.field.outlooks)),
                "neighbour" => said.push_str(self.rng.choice(self.field.subjects).map_or("", |(subject, _)| subject)),
                "measure" => {
                    let (unit, _) = self.rng.choice(self.field.measures).copied().unwrap_or_default();
                    let amount = self.rng.u32(2..990);
                    said.push_str(&amount.to_string());
                    said.push(' ');
                    said.push_str(unit);
                }
                "quantity" => said.push_str(self.rng.choice(self.field.measures).map_or("", |(_, quantity)| quantity)),
                "percent" => said.push_str(&[&self.rng.u32(3..97).to_string(), " percent"].concat()),
                "count" => said.push_str(&self.rng.u32(12..4800).to_string()),
                "years" => said.push_str(&self.rng.u32(2..30).to_string()),
                _ => {}
            }
            rest = after;
        }
        said.push_str(rest);
        said
    }

    fn body(&mut self) -> String {
        let mut body = String::with_capacity(8000);
        let parts: [&[&[&'static str]]; 4] =
            [&[OPENINGS, TEAMS], &[HOW, NUMBERS], &[REASONS, QUOTES], &[DOUBTS, ENDINGS]];
        for (number, sentences) in parts.iter().enumerate() {
            if number == 2 {
                body.push_str(&["## ", &capital(&self.say(HEADINGS)), "\n\n"].concat());
            }
            if number == 3 {
                // With them an article has some 500 to 1,200 words, as science news do.
                let paragraphs = self.rng.usize(5..15);
                body.push_str(&chronicle::tell(self.rng, paragraphs));
            }
            for (place, of_kind) in sentences.iter().enumerate() {
                body.push_str(if place == 0 { "" } else { " " });
                body.push_str(&capital(&self.say(of_kind)));
            }
            body.push_str("\n\n");
        }
        if self.rng.u8(..5) == 0 {
            for _ in 0..3 {
                body.push_str(&["- ", &capital(&self.say(POINTS)), "\n"].concat());
            }
        }
        body
    }
}

const HEADLINES: &[&str] = &[
    "{subject} {finding}",
    "{subject} {finding}",
    "why {subject} {finding}",
    "how {cause} shaped {subject}",
    "what {subject} owe to {cause}",
    "in {place}, {subject} {finding}",
    "{subject} {finding}, as {method} revealed",
    "the secret of {subject}: {cause}",
    "new light on {subject} from {place}",
    "{subject}: a puzzle from {place} is solved",
    "do {subject} really owe everything to {cause}?",
    "{percent} of {subject} {finding}",
];
const TEASERS: &[&str] = &[
    "{method} revealed that {subject} {finding}.",
    "a team in {place} has found out why {subject} {finding}.",
    "{cause} may explain more about {subject} than anybody thought.",
    "{expert} has spent {years} years with {subject}, and is still surprised.",
    "for a long time nobody knew whether {subject} {finding}; now there is an answer, thanks to {method}.",
    "researchers at {institute} have taken a closer look at {subject}.",
];
const SECOND_TEASERS: &[&str] = &[
    "the reason is {cause}.",
    "the trail leads to {place}.",
    "not everybody is convinced.",
    "the consequences reach further than {place}.",
    "it began with {measure}.",
    "the decisive hint came from {neighbour}.",
];
const OPENINGS: &[&str] = &[
    "at first {expert} took it for an error: {subject} {finding}.",
    "{subject} {finding}. That is the result of {method}.",
    "hardly anybody looked twice at {subject}, until now.",
    "in {place} one can see with one's own eyes that {subject} {finding}.",
    "the question is old: was it {cause} that made {subject} what they are?",
    "when {name} and colleagues switched on their equipment in {place}, they expected nothing of note.",
    "it is one of those findings that look obvious afterwards: {subject} {finding}.",
];
const TEAMS: &[&str] = &[
    "{expert} of {institute} reports it with {count} colleagues in *{journal}*.",
    "the study, led by {expert} at {institute}, appeared in *{journal}*.",
    "a group around {expert} at {institute} describes the effect in *{journal}* this week.",
    "for {years} years a group at {institute} has collected data; *{journal}* now prints the outcome.",
    "{expert}, who works at {institute}, calls it the most surprising result of a career.",
];
const HOW: &[&str] = &[
    "the evidence comes from {method}, taken in {place} over {years} years.",
    "the team relied on {method} and compared {count} cases.",
    "instead of theory there was patience: {method}, repeated {count} times.",
    "what made the difference was {method}.",
    "to exclude other explanations, the group also looked at {neighbour}.",
    "half of the data come from {place}, the other half from volunteers.",
];
const NUMBERS: &[&str] = &[
    "in {percent} of the cases the effect was there; the {quantity} reached {measure}.",
    "on average the difference was {measure}, with an uncertainty of {percent}.",
    "of {count} samples only {percent} behaved as the older theory demands.",
    "the largest value, {measure}, was found in {place}.",
    "with {measure} the signal stood out clearly from the noise.",
];
const HEADINGS: &[&str] = &[
    "what lies behind",
    "the role of {cause}",
    "a look at {place}",
    "more than chance",
    "an old question",
    "the next step",
];
const REASONS: &[&str] = &[
    "the most likely reason is {cause}.",
    "the group suspects {cause}, as {neighbour} show a similar pattern.",
    "without {cause} the numbers cannot be explained, a model shows.",
    "the part of {cause} had been assumed; how large it is, is new.",
    "two explanations remain, and the simpler one is {cause}.",
];
const QUOTES: &[&str] = &[
    "“We did not believe it ourselves,” says {name}.",
    "“Everybody who works on {subject} should look at their old data again,” says {name}.",
    "“It took {years} years and a good deal of luck,” {name} says.",
    "“The beauty is that anyone can repeat it,” says {expert}.",
    "“If we are right, {subject} are only the beginning,” says {name}.",
];
const DOUBTS: &[&str] = &[
    "{other}, who was not involved, advises caution: {count} cases are not many.",
    "critics such as {other} miss a comparison with {neighbour}.",
    "{other} calls the work careful, but would like to see it repeated outside {place}.",
    "whether the same holds for {neighbour} is an open question.",
    "not all agree: {other} points out that {percent} of the data had to be discarded.",
];
const ENDINGS: &[&str] = &[
    "{outlook}",
    "{outlook}",
    "{outlook} Until then, {subject} keep part of their secret.",
    "the data are free for all to use. {outlook}",
];
const POINTS: &[&str] = &[
    "**{measure}**: the highest value so far",
    "{subject} from {place} were studied for the first time",
    "the method, {method}, is open to others",
    "{neighbour} come next",
    "{percent} of the funding was public",
];
const COMMENTS: [&str; 16] = [
    "Great article, thank you. I had no idea.",
    "I worked on this in the nineties and we saw the same, but nobody believed us.",
    "How large was the sample? That should be in the teaser.",
    "The last paragraph is the important one.",
    "My students will discuss this tomorrow.",
    "Is there a link to the data?",
    "I am not convinced. Correlation is not causation.",
    "Finally somebody explains it so that I understand it.",
    "What does that mean for the rest of us?",
    "The picture is lovely. Who made it?",
    "Please write more about this.",
    "Interesting, but the headline promises too much.",
    "Could the author say where the money came from?",
    "I read the paper: the effect is smaller than it sounds here.",
    "This made my day.",
    "See also the article of last year; the numbers differ.",
];

#[cfg(test)]
mod tests {
    use std::collections::{HashMap, HashSet};

    use super::*;
    use crate::internal::{
        ArtText,
        rules::{check_key, check_text},
    };

    fn made(seed: u64, count: u64) -> Vec<Made> {
        let mut maker = Maker::new(seed, count);
        (0..count).map(|_| maker.article()).collect()
    }

    #[test]
    fn a_seed_says_it_all() {
        assert_eq!(made(7, 50), made(7, 50));
        assert_ne!(made(7, 50), made(8, 50));
    }

    #[test]
    fn every_article_keeps_the_rules_of_the_house() {
        for article in made(1, 3000) {
            check_key(&article.art_key).unwrap();
            let text = ArtText {
                headline: article.headline,
                teaser: article.teaser,
                body_text: article.body_text,
                author_code: article.author.code,
                author_name: article.author.name,
                topics: article.topics.iter().map(ToString::to_string).collect(),
                pay_flag: 'N',
                state: 'P',
                pub_date: None,
            };
            check_text(&text).unwrap();
            assert!(!format!("{text:?}").contains(['{', '}']) || !text.body_text.contains(['{', '}']), "{text:?}");
            assert!(article.published <= UNTIL && article.changed >= article.published);
        }
    }

    #[test]
    fn articles_differ_and_are_as_long_as_science_news() {
        let articles = made(3, 4000);
        let keys: HashSet<_> = articles.iter().map(|article| &article.art_key).collect();
        let bodies: HashSet<_> = articles.iter().map(|article| &article.body_text).collect();
        assert_eq!((keys.len(), bodies.len()), (4000, 4000));
        let words: usize = articles.iter().map(|article| article.body_text.split_whitespace().count()).sum();
        assert!((750 * 4000..950 * 4000).contains(&words), "{words}");
    }

    #[test]
    fn few_write_much_and_many_write_little() {
        let mut counts: HashMap<String, usize> = HashMap::new();
        let articles = made(5, 6000);
        for article in &articles {
            *counts.entry(article.author.code.clone()).or_default() += 1;
        }
        let mut counts: Vec<usize> = counts.into_values().collect();
        counts.sort_unstable();
        assert!(counts.len() > 30 && counts.last() > Some(&(5 * counts[counts.len() / 2])), "{counts:?}");
        let of_first = articles.iter().filter(|article| article.topics.contains(&FIELDS[0].topic)).count();
        assert!(of_first > 6000 / 4, "{of_first}");
    }

    #[test]
    fn numbers_are_short_in_base_36() {
        assert_eq!([0, 35, 36, 1_000_000].map(base_36), ["0", "z", "10", "lfls"]);
    }
}
