//! How the work went: what a report of any study tells between its result and its outlook. Each sentence is put together
//! from four parts, so that articles are as long as such articles are, and not all alike.

use super::maker::pick;
use super::people::{FIRST, LAST};
use fastrand::Rng;

/// So many paragraphs, each with a few sentences; a heading stands before every third.
pub fn tell(rng: &mut Rng, paragraphs: usize) -> String {
    let mut told = String::with_capacity(paragraphs * 480);
    for number in 0..paragraphs {
        if number % 3 == 1 {
            told.push_str(&["## ", pick(rng, HEADINGS), "\n\n"].concat());
        }
        for place in 0..rng.usize(3..6) {
            told.push_str(if place == 0 { "" } else { " " });
            told.push_str(&sentence(rng));
        }
        told.push_str("\n\n");
    }
    told
}

fn sentence(rng: &mut Rng) -> String {
    let when = match rng.u8(..4) {
        0 => format!("In {} {}", pick(rng, MONTHS), rng.u32(1962..2026)),
        1 => format!("After {} {}", rng.u32(2..40), pick(rng, SPANS)),
        _ => pick(rng, TIMES).to_owned(),
    };
    let who = match rng.u8(..4) {
        0 => format!("{} {}", pick(rng, &FIRST), pick(rng, &LAST)),
        1 => format!("{} from {}", pick(rng, PEOPLE), pick(rng, CITIES)),
        2 => format!("{} {}’s {}", pick(rng, &FIRST), pick(rng, &LAST), pick(rng, CIRCLES)),
        _ => pick(rng, GROUPS).to_owned(),
    };
    [&when, " ", &who, " ", pick(rng, DEEDS), pick(rng, TURNS), "."].concat()
}

const HEADINGS: &[&str] = &[
    "How it began",
    "Patience",
    "A detour",
    "What went wrong",
    "Work behind the scenes",
    "A second pair of eyes",
    "Loose ends",
    "The long way to a number",
];
const MONTHS: &[&str] = &[
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
const SPANS: &[&str] = &[
    "days",
    "weeks",
    "months",
    "nights",
    "attempts",
    "meetings",
    "seasons",
    "letters",
    "drafts",
    "voyages",
    "rehearsals",
    "phone calls",
];
const TIMES: &[&str] = &[
    "In the first winter",
    "One rainy evening",
    "During the second campaign",
    "Shortly before the deadline",
    "In the meantime",
    "On the last day of the visit",
    "Half by chance",
    "As soon as the permit arrived",
    "When the money was nearly spent",
    "A little later",
    "Between two conferences",
    "Against all advice",
];
const PEOPLE: &[&str] = &[
    "a doctoral student",
    "an engineer",
    "a retired teacher",
    "a visiting scholar",
    "a technician",
    "a statistician",
    "two volunteers",
    "an archivist",
    "a programmer",
    "a glassblower",
];
const CIRCLES: &[&str] = &["group", "workshop", "students", "colleagues", "predecessor", "office"];
const GROUPS: &[&str] = &[
    "the team",
    "a rival group",
    "the night shift",
    "the committee",
    "the youngest of the authors",
    "an anonymous referee",
    "the whole institute",
    "the people in the machine shop",
];
const CITIES: &[&str] = &[
    "Aarhus",
    "Accra",
    "Almaty",
    "Antwerp",
    "Bangalore",
    "Bergen",
    "Bogotá",
    "Bordeaux",
    "Bristol",
    "Cusco",
    "Dakar",
    "Dresden",
    "Dunedin",
    "Fukuoka",
    "Galway",
    "Ghent",
    "Graz",
    "Hobart",
    "Izmir",
    "Jena",
    "Kampala",
    "Kraków",
    "Lausanne",
    "Leeds",
    "Leiden",
    "Lima",
    "Ljubljana",
    "Malmö",
    "Mombasa",
    "Montpellier",
    "Nagoya",
    "Nairobi",
    "Oaxaca",
    "Oulu",
    "Padua",
    "Perth",
    "Porto",
    "Pune",
    "Quito",
    "Riga",
    "Rosario",
    "Salamanca",
    "Sendai",
    "Sousse",
    "Tartu",
    "Tromsø",
    "Turin",
    "Uppsala",
    "Valparaíso",
    "Vilnius",
    "Wellington",
    "Wrocław",
    "Yerevan",
    "Zadar",
];
const DEEDS: &[&str] = &[
    "rebuilt the apparatus out of spare parts",
    "found a mistake in the calibration",
    "compared the readings with an archive that nobody had opened for decades",
    "wrote a program that sorts the recordings by itself",
    "noticed a curve that did not belong there",
    "asked for a second opinion",
    "repeated every single measurement by hand",
    "borrowed a better camera",
    "lost three crates on the way home",
    "translated the notebooks of the founder",
    "proposed a simpler explanation",
    "threw the oldest tables away",
    "learned to tell the genuine cases from the doubtful ones",
    "photographed each specimen from eight sides",
    "checked the clocks against one another",
    "drew the diagram that now hangs in the corridor",
    "persuaded the ministry to extend the grant",
    "spent a month in the basement with the raw tapes",
    "discovered that a cable had been plugged in backwards",
    "sent copies of the material to four other laboratories",
    "counted everything once more without knowing what to expect",
    "published a short note that hardly anybody read",
    "set up a website where anybody could join in",
    "replaced the pump and swept the floor",
    "put a bottle of champagne on the outcome",
    "showed that the old formula fails at small values",
    "ran the simulation on a borrowed cluster",
    "interviewed witnesses who remembered the original expedition",
    "met the reviewers for a walk along the river",
    "measured the background at weekends, when the lifts stand still",
    "labelled eleven drawers full of slides",
    "withdrew an earlier claim in public",
];
const TURNS: &[&str] = &[
    "",
    "",
    ", which saved the project",
    ", although nobody had asked for it",
    ", and the effect was still there",
    ", with more luck than reason",
    " and told no one for a week",
    "; the difference vanished at once",
    ", much to the delight of the press office",
    ", only to begin again in spring",
    " while the others were asleep",
    ", as the logbook shows",
];
