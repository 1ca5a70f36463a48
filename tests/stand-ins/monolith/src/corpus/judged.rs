//! Articles written by hand, and questions with the answers that they should get: how good is a search?
//!
//! Each corpus begins with these articles. Their subjects are ones that made-up articles do not have, so that a hit that is
//! not named here is a worse one. Grades: 3 is what was looked for, 2 is about it too, 1 touches it, 0 (not named) does not.

/// An article that a human being wrote.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Article {
    /// Its name.
    pub id: &'static str,
    /// One line.
    pub title: &'static str,
    /// A few sentences.
    pub summary: &'static str,
    /// The author's code.
    pub author: &'static str,
    /// The author's name.
    pub byline: &'static str,
    /// What it is about, in alphabetical order.
    pub tags: &'static [&'static str],
    /// When it was published, `dd.mm.yyyy HH:MM:SS`, UTC. None of them is premium.
    pub published: &'static str,
    /// The body.
    pub markdown: &'static str,
}

/// A question, and which articles answer it how well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Query {
    /// What somebody types.
    pub text: &'static str,
    /// What makes it hard.
    pub tests: Tests,
    /// Article and grade, 1 to 3.
    pub expected: &'static [(&'static str, u8)],
}

/// What a question tests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tests {
    /// Words as they stand in the article.
    Words,
    /// Another form of the words: `melting glacier` for `glaciers melt`.
    Forms,
    /// A letter wrong, or two swapped.
    Typo,
    /// The best hit is not the newest: its title says it, others mention it.
    Ranking,
}

/// Normalised discounted cumulative gain of the first ten: 1 for the best order that is possible, 0 for nothing found.
/// The gain of grade g is 2^g − 1.
pub fn ndcg_at_10<'a>(query: &Query, ranked: impl IntoIterator<Item = &'a str>) -> f64 {
    let grade = |id: &str| query.expected.iter().find(|(known, _)| *known == id).map_or(0, |(_, grade)| *grade);
    let mut best: Vec<u8> = query.expected.iter().map(|(_, grade)| *grade).collect();
    best.sort_unstable_by(|one, other| other.cmp(one));
    let ideal = gain(best.into_iter());
    if ideal == 0.0 { 0.0 } else { gain(ranked.into_iter().map(grade)) / ideal }
}

fn gain(grades: impl Iterator<Item = u8>) -> f64 {
    let discounted = |(place, grade): (u32, u8)| (f64::from(grade).exp2() - 1.0) / f64::from(place + 2).log2();
    (0..10).zip(grades).map(discounted).sum()
}

const IDA: (&str, &str) = ("ida-thornquist", "Ida Thornquist");
const SOL: (&str, &str) = ("solomon-achebe-finch", "Solomon Achebe-Finch");
const MIRA: (&str, &str) = ("mira-castellanos", "Mira Castellanos");
const JUN: (&str, &str) = ("jun-hasegawa", "Jun Hasegawa");

macro_rules! article {
    ($id:literal, $author:expr, $tags:expr, $published:literal, $title:literal, $summary:literal, $markdown:literal) => {
        Article {
            id: $id,
            title: $title,
            summary: $summary,
            author: $author.0,
            byline: $author.1,
            tags: &$tags,
            published: $published,
            markdown: $markdown,
        }
    };
}

/// The articles: ten groups of four.
pub const ARTICLES: [Article; 40] = [
    // The Antikythera mechanism
    article!(
        "antikythera-mechanism-gears-counted-again",
        IDA,
        ["archaeology", "greece"],
        "14.03.2024 09:30:00",
        "The Antikythera mechanism, gear by gear",
        "A Greek shipwreck held the oldest known computer. New X-ray images count its bronze gears once more.",
        "Sponge divers raised a lump of corroded bronze from a wreck off Antikythera in 1901. Inside were gears, finer than anything Europe would make for another thousand years. The Antikythera mechanism showed the sky: Sun, Moon, eclipses, perhaps all five planets that the ancients knew.\n\nTomography now suggests that the calendar ring had 354 holes, not 365. It followed the lunar year. *Whoever built it*, the authors conclude, *was not building a prototype.*"
    ),
    article!(
        "divers-return-to-the-antikythera-wreck",
        SOL,
        ["archaeology", "underwater"],
        "02.10.2025 07:15:00",
        "Divers return to a famous wreck",
        "Marble limbs, a lead anchor and a human tooth: the ship that carried the bronze computer still has more to give.",
        "The ship that sank off Antikythera was a freighter of unusual size. This season divers raised a marble head, part of the hull and a clay lamp. They looked for missing pieces of the mechanism as well and found none. The wreck lies deep and steep; each dive lasts thirty minutes, and boulders that fell in an earthquake cover half of the site."
    ),
    article!(
        "eclipse-tables-older-than-the-greeks",
        IDA,
        ["archaeology", "astronomy"],
        "21.06.2022 16:00:00",
        "Babylon predicted eclipses first",
        "Clay diaries from Babylon list lunar eclipses over seven centuries. Greek instruments were built on their arithmetic.",
        "Night after night scribes in Babylon noted where the Moon stood. Out of their diaries grew the Saros, a cycle of 223 months after which eclipses come again. Greek astronomers took it over; a dial on the back of the Antikythera mechanism counts exactly those months. The prediction told priests when to expect an eclipse, and kings when to worry."
    ),
    article!(
        "how-to-build-an-astrolabe",
        JUN,
        ["archaeology", "mathematics"],
        "05.01.2023 11:45:00",
        "How to build an astrolabe out of cardboard",
        "For a thousand years the astrolabe told time and direction. With scissors and a printer you can make one.",
        "An astrolabe is a map of the sky that turns. Print the plate for your latitude, cut out the star net, and pin one on the other. Hold it up, sight a star along the bar, and read the hour. Scholars in Baghdad and Toledo made theirs of brass and needed no gears at all."
    ),
    // Glaciers
    article!(
        "alpine-glaciers-melt-faster-in-the-shade",
        MIRA,
        ["climate", "glaciers"],
        "30.08.2023 06:00:00",
        "Alpine glaciers melt even in the shade",
        "Glaciers on north faces were thought to be safe. Laser surveys show that they shrink just as quickly.",
        "Glaciers melt where the sun shines on them, one should think. Surveys of 200 small Alpine glaciers tell another story: those in the shade of north walls lost as much ice in ten years as their sunny neighbours. The air does it, not the light. Warm nights keep the ice at its melting point, and rain falls where once it snowed."
    ),
    article!(
        "a-funeral-for-a-glacier",
        SOL,
        ["climate", "glaciers", "society"],
        "19.08.2019 18:20:00",
        "A funeral for a glacier",
        "In Iceland a hundred people climbed a mountain to say farewell to Okjökull. What does one say to ice?",
        "The plaque is made of copper. It is addressed to the future and says that in the next two hundred years all our glaciers are expected to go the same way. Okjökull was declared dead when its ice became too thin to move: a glacier that does not flow is only a patch of snow. Children carried stones to the summit."
    ),
    article!(
        "greenland-ice-sheet-lakes-drain-in-hours",
        MIRA,
        ["arctic", "climate"],
        "11.07.2024 13:10:00",
        "Lakes on the Greenland ice sheet drain within hours",
        "Meltwater lakes as large as small towns vanish through cracks, and the ice above begins to slide.",
        "In summer blue lakes dot the Greenland ice sheet. When a crack opens beneath one, it empties faster than water falls over Niagara. The flood lifts the ice sheet by half a metre and lubricates its bed. Seismometers now show that one drained lake sets off its neighbours. Models of sea level know nothing of this chain reaction."
    ),
    article!(
        "drinking-water-from-a-shrinking-glacier",
        IDA,
        ["climate", "glaciers", "water"],
        "27.02.2025 05:50:00",
        "La Paz drinks a shrinking glacier",
        "In the dry months a part of the city's tap water comes from mountain ice. Engineers look for what comes after it.",
        "From May to October hardly any rain falls on La Paz. Then streams from the glacier carry the city through. That glacier has lost half of its area since 1975. Reservoirs could hold back the rain of summer, leaking pipes could be mended, and bogs, which soak up water like a sponge, could be restored. It would cost less than a pipeline."
    ),
    // Black holes
    article!(
        "first-image-of-a-black-hole",
        JUN,
        ["astronomy", "black-holes"],
        "10.04.2019 13:07:00",
        "The first image of a black hole",
        "Eight telescopes, one Earth-sized eye: the Event Horizon Telescope shows the shadow in the galaxy M87.",
        "It looks like a ring of fire out of focus, and it is the first image of a black hole. The dark centre is a shadow: light that came too close to the event horizon does not come back. To see it, eight radio telescopes from Hawaii to the South Pole recorded the same nights, and hard disks were flown to the correlator by aeroplane. The black hole in M87 has the mass of 6.5 billion Suns."
    ),
    article!(
        "black-hole-information-paradox-explained",
        IDA,
        ["black-holes", "physics"],
        "16.09.2021 10:00:00",
        "What happens to a burnt book? The information paradox",
        "If black holes evaporate, what becomes of all that fell in? Physicists quarrel, and make progress.",
        "Burn a book, and in principle ashes and smoke still hold its text. Throw it into a black hole, wait until the hole has evaporated by Hawking radiation, and the text seems to be gone. Quantum theory forbids that. Newer calculations with islands and entangled radiation suggest that information leaks out after all, scrambled beyond recognition."
    ),
    article!(
        "star-shredded-by-black-hole-watched-live",
        SOL,
        ["astronomy", "black-holes"],
        "08.12.2025 21:40:00",
        "A star is torn to shreds",
        "Astronomers watched, nearly live, as a star in a distant galaxy came too close to the centre.",
        "The alarm came at night: a galaxy that had been dull for decades grew forty times brighter. A star like the Sun had come too close to the black hole in its centre. Tides drew the star out like spaghetti; half of the gas fell in, the other half was flung into space. Spectra show the debris circling at a tenth of the speed of light."
    ),
    article!(
        "gravitational-waves-ring-like-a-bell",
        JUN,
        ["physics", "waves"],
        "14.09.2020 09:50:00",
        "After the crash, space rings like a bell",
        "When two black holes merge, the new one trembles. Its tone tells whether Einstein was right.",
        "Gravitational waves end in a chirp, and after the chirp comes an echo: the ringdown. The merged black hole quivers like a bell that was struck and falls silent within milliseconds. Two tones were found in the data of the LIGO detectors. Their pitch depends on mass and spin alone, as general relativity demands."
    ),
    // Antibiotics
    article!(
        "new-antibiotic-from-a-maine-meadow",
        MIRA,
        ["bacteria", "medicine"],
        "07.01.2015 17:00:00",
        "A new antibiotic out of the soil of a meadow",
        "Teixobactin kills resistant germs, and bacteria find it hard to learn to live with it.",
        "Most bacteria in soil refuse to grow in the laboratory. So researchers left them in the soil: a small chip with a thousand chambers was buried in a meadow in Maine. In one of them grew a microbe that makes teixobactin. The antibiotic binds to the fat of the cell wall, not to a protein, and so resistance arises slowly. Mice were cured of MRSA."
    ),
    article!(
        "antibiotic-resistance-spreads-in-rivers",
        SOL,
        ["bacteria", "medicine", "water"],
        "23.11.2022 08:05:00",
        "Resistance flows downstream",
        "Rivers below drug factories carry genes that make bacteria immune to antibiotics.",
        "Below the outlets of drug factories near Hyderabad there is more antibiotic in a litre of river than in the blood of a patient. Bacteria that survive there exchange their genes for resistance like trading cards. Some of those genes have been found in hospitals three continents away. Filters exist; laws that demand them are rare."
    ),
    article!(
        "phage-therapy-viruses-against-bacteria",
        IDA,
        ["bacteria", "medicine", "viruses"],
        "15.05.2024 12:30:00",
        "Viruses that cure: the return of phage therapy",
        "When no antibiotic works any more, phages may. A clinic in Tbilisi never stopped using them.",
        "Phages are viruses that eat bacteria, each only its own kind. Doctors in Georgia have used them for a century. Now a woman in Brussels was cured of a bone infection against which seventeen antibiotics had failed. Phage therapy is tailor-made: first the germ must be grown, then a matching virus found. Regulators have no form for that."
    ),
    article!(
        "why-leeches-are-back-in-hospital",
        JUN,
        ["medicine", "surgery"],
        "03.03.2021 14:14:00",
        "Why leeches are back in hospital",
        "Surgeons who sew on fingers call for an old helper: the leech keeps blood flowing until veins have grown.",
        "A sewn-on finger dies if blood cannot drain. A leech drinks it off for half an hour and leaves a substance that keeps the wound open. In the gut of the leech live bacteria that may infect the patient, which is why doctors give an antibiotic with it. Farms in Wales and Germany breed leeches for clinics all over Europe."
    ),
    // Octopuses and whales
    article!(
        "octopus-dreams-change-its-colour",
        MIRA,
        ["animals", "biology"],
        "25.03.2021 15:55:00",
        "Does the octopus dream?",
        "A sleeping octopus flickers through all its colours. It may be replaying the day.",
        "Asleep, the octopus is pale. Then for a minute colours race over its skin, eyes and arms twitch, and it is pale again. Researchers in Okinawa filmed and measured brain waves: in active sleep the octopus shows the same patterns as when it is awake and hunting. Whether that is a dream only the octopus knows."
    ),
    article!(
        "octopuses-throw-shells-at-their-neighbours",
        SOL,
        ["animals", "biology"],
        "09.11.2022 19:00:00",
        "Octopuses throw things at each other",
        "In Jervis Bay cameras caught octopuses hurling silt and shells, and the neighbours ducking.",
        "They gather silt under their web, aim the siphon and fire. Octopuses in an Australian bay throw at each other, mostly females at males that come too close. Dark ones throw harder. Throwing at others was thought to be a habit of apes, elephants and birds. One male was hit five times and kept coming back."
    ),
    article!(
        "humpback-whales-sing-in-dialects",
        JUN,
        ["animals", "biology", "oceans"],
        "18.06.2023 04:25:00",
        "A hit song crosses the Pacific",
        "Humpback whales off Ecuador sing what was new off Australia two years before.",
        "All male humpbacks of one population sing the same song, and each year it changes a little. Sometimes it changes at once: a song from the west replaces the old one completely. Hydrophones followed such a hit from Australia by way of Polynesia to Ecuador. No other animal but us has fashions that travel around half of the globe."
    ),
    article!(
        "whale-falls-feed-the-deep-sea-for-decades",
        IDA,
        ["biology", "oceans"],
        "12.02.2020 10:40:00",
        "When a whale sinks, a city rises",
        "The carcass of one whale feeds sharks, worms and bacteria on the sea floor for fifty years.",
        "First come the sleeper sharks. When the flesh is gone, bone worms without a mouth or gut drill into the skeleton, and bacteria turn the fat of the bones into sulphur. Mussels live on that as they do at hot vents. Whaling has made such whale falls rare, and nobody knows how many species went with them."
    ),
    // Batteries
    article!(
        "sodium-batteries-out-of-table-salt",
        MIRA,
        ["batteries", "technology"],
        "20.04.2023 08:00:00",
        "Sodium batteries: power out of table salt",
        "Lithium is dear and in few hands, sodium lies in every sea. The first cars with sodium batteries are on the road.",
        "Sodium sits below lithium in the periodic table and behaves much the same, only that its ions are larger. Hard carbon makes room for them. Sodium batteries hold a third less energy than lithium ones, but do without cobalt, tolerate frost and cannot be ruined by being emptied. For buffers of wind power weight does not matter."
    ),
    article!(
        "why-lithium-batteries-catch-fire",
        SOL,
        ["batteries", "technology"],
        "29.09.2024 22:10:00",
        "Why lithium batteries catch fire",
        "A needle of metal grows, a thin film breaks, and a telephone burns. An anatomy of thermal runaway.",
        "Charge a lithium battery too fast in the cold, and metal settles on its anode in needles, the dendrites. One that pierces the separator makes a short circuit; at 130 degrees the film melts, oxygen leaves the cathode, and the battery brings its own fire along. Ceramic separators stop it. So does charging gently."
    ),
    article!(
        "old-car-batteries-light-a-village",
        IDA,
        ["batteries", "energy", "technology"],
        "06.06.2021 07:35:00",
        "Old car batteries light a village",
        "Too weak for a car, strong enough for a school: used cells begin a second life in Malawi.",
        "When the battery of an electric car has lost a fifth of its charge, drivers complain. For lamps, a refrigerator and a mill it will do for ten more years. In a village on Lake Malawi forty such batteries store the sun of the day. The difficult part is sorting: each cell has aged in its own way."
    ),
    article!(
        "gravity-stores-energy-in-mine-shafts",
        JUN,
        ["energy", "technology"],
        "17.10.2022 09:09:00",
        "A weight in a shaft as a store of energy",
        "Disused mines could hold surplus wind power: lift sand by day, lower it by night.",
        "A mine shaft is a kilometre deep, and sand costs nothing. When there is too much power, a winch lifts the sand; when there is too little, it sinks and drives a generator. Unlike batteries nothing wears out or leaks away. The International Institute for Applied Systems Analysis counts some thousand shafts in India and China that would do."
    ),
    // Numbers
    article!(
        "largest-known-prime-has-41-million-digits",
        JUN,
        ["computing", "mathematics"],
        "21.10.2024 20:20:00",
        "The largest known prime number has 41 million digits",
        "An amateur with rented graphics cards found the fifty-second Mersenne prime.",
        "Two to the power of 136,279,841, less one: that is the largest prime number that anybody knows. Printed it fills a shelf of books. It is a Mersenne prime, one less than a power of two, because for these there is a quick test. The finder, an engineer, used cloud computers in seventeen countries and wins 3,000 dollars."
    ),
    article!(
        "gaps-between-primes-shrink",
        IDA,
        ["mathematics", "numbers"],
        "13.05.2013 11:11:00",
        "Primes keep company",
        "An unknown lecturer proves that prime numbers with a small gap between them never cease.",
        "Yitang Zhang worked in a sandwich shop before he became a lecturer. Now he has proved that there are infinitely many pairs of primes less than seventy million apart. That sounds far; before him no bound was known at all. Within a year others brought it down to 246. Twin primes, with a gap of two, remain a conjecture."
    ),
    article!(
        "cicadas-count-in-prime-numbers",
        MIRA,
        ["biology", "insects", "mathematics"],
        "28.05.2024 06:45:00",
        "Cicadas that can count to seventeen",
        "Why do broods of cicadas emerge after 13 or 17 years? Both are prime, and that may be the reason.",
        "This spring two broods of cicadas emerge at the same time, for the first time since 1803. One waits 13 years under the ground, the other 17. A predator that comes every second, third or fourth year rarely meets a brood whose period is a prime number. That is the theory. Frost in the ice age may have had a say."
    ),
    article!(
        "a-single-tile-that-never-repeats",
        SOL,
        ["geometry", "mathematics"],
        "24.03.2023 16:30:00",
        "The hat: a single tile that never repeats",
        "A retired printer has found the shape for which mathematicians had looked for sixty years.",
        "It has thirteen sides and looks like a hat. Put side by side, hats cover the plane without gaps and without ever repeating. Such an einstein, one stone, had been sought since the sixties. David Smith, who likes jigsaw puzzles, cut it out of cardboard. A few months later came its cousin, the spectre, which needs no mirror image."
    ),
    // Coral and fish
    article!(
        "coral-reef-revived-by-loudspeakers",
        MIRA,
        ["coral", "oceans"],
        "14.03.2024 05:30:00",
        "Loudspeakers call larvae to a dead coral reef",
        "A healthy reef crackles. Play that sound over a dead one, and young coral settles there.",
        "Shrimps snap, fish grunt: a healthy coral reef is loud. A bleached one is silent. Off the Virgin Islands loudspeakers played the sound of a healthy reef for three nights, and up to seven times as many coral larvae settled. They swim towards noise, although they have no ears. The sound alone does not save a reef if the water stays too warm."
    ),
    article!(
        "coral-bleaching-fourth-global-event",
        SOL,
        ["climate", "coral", "oceans"],
        "15.04.2024 12:00:00",
        "The fourth global coral bleaching has begun",
        "From Florida to the Great Barrier Reef corals turn white. More than half of all reefs are affected.",
        "Corals live with algae that feed them and give them colour. In water that is too warm the corals expel the algae and turn white: they bleach. If the heat lasts, they starve. For the fourth time since 1998 bleaching is reported from all oceans at once. On the Great Barrier Reef it is the fifth time in eight years."
    ),
    article!(
        "cleaner-fish-recognise-themselves",
        JUN,
        ["animals", "oceans"],
        "06.02.2023 23:05:00",
        "A small fish that knows its face",
        "The cleaner wrasse recognises itself in a mirror, and in a photograph.",
        "Chimpanzees pass the mirror test, and dolphins. So does a fish as long as a finger. The cleaner wrasse sees a brown mark on its throat in the mirror and rubs it against a stone. Shown photographs, it attacks strangers but not its own face. It lives on coral reefs, eats the parasites of others, and has to know its customers."
    ),
    article!(
        "seagrass-meadows-store-carbon",
        IDA,
        ["climate", "oceans"],
        "01.07.2022 08:50:00",
        "Sweet meadows under the sea",
        "Seagrass stores carbon, and below its roots lies sugar by the tonne.",
        "A square kilometre of seagrass stores twice as much carbon as a forest on land. Now chemists found out that it also hoards sugar: at its roots the sea floor is eighty times sweeter than elsewhere. Microbes would like to eat it, but the plants protect it with bitter substances. Where anchors tear a meadow up, the carbon escapes."
    ),
    // Vaccines
    article!(
        "mrna-vaccine-nobel-for-kariko-and-weissman",
        SOL,
        ["medicine", "vaccines"],
        "02.10.2023 09:45:00",
        "Nobel prize for the mRNA vaccine",
        "Katalin Karikó and Drew Weissman changed one letter of RNA, and made vaccines out of it.",
        "For years Katalin Karikó got no money for her research. Messenger RNA, injected into a body, made it ill. With Drew Weissman she found out why, and exchanged one building block, uridine, for a relative. The alarm fell silent. Fifteen years later the mRNA vaccine against Covid was ready within months, and billions received it."
    ),
    article!(
        "vaccine-against-malaria-works-in-children",
        MIRA,
        ["medicine", "vaccines"],
        "02.10.2023 17:25:00",
        "A malaria vaccine for a few dollars",
        "The second vaccine against malaria protects three out of four children, and can be made by the million.",
        "Each year malaria kills more than half a million children. The vaccine R21 shows the immune system a protein from the surface of the parasite, just as it comes out of the mosquito. In Burkina Faso and Mali 75 percent of cases were prevented. A dose costs less than four dollars. It keeps in an ordinary refrigerator."
    ),
    article!(
        "cowpox-and-the-milkmaid-legend",
        IDA,
        ["history", "medicine", "vaccines"],
        "14.05.2016 10:20:00",
        "The milkmaid who was never there",
        "Edward Jenner learnt of cowpox from a milkmaid, every schoolbook says. A biographer made her up.",
        "On 14 May 1796 Edward Jenner scratched cowpox into the arm of a gardener's son, and the boy became immune to smallpox. It was the first vaccination with a name. The beautiful milkmaid who boasted of her clear skin came into the story later, by a friend who wrote his life. A country doctor had told Jenner, at a club dinner."
    ),
    article!(
        "bees-vaccinated-through-royal-jelly",
        JUN,
        ["agriculture", "insects"],
        "04.01.2023 13:33:00",
        "A jab for the queen",
        "The first vaccine for insects protects honey bees from foulbrood. The queen eats it.",
        "Bees have no antibodies, and yet they can be vaccinated. Dead germs are mixed into the sugar that nurses turn into royal jelly; the queen eats it and passes fragments on in her eggs. Her larvae are then better protected from American foulbrood, for which beekeepers have to burn their hives. The vaccine was approved in the United States."
    ),
    // Quantum computers
    article!(
        "quantum-computer-corrects-its-errors",
        IDA,
        ["computing", "physics", "quantum"],
        "09.12.2024 19:30:00",
        "A quantum computer that corrects its errors",
        "The more qubits guard each other, the fewer errors remain: a threshold has been crossed.",
        "Qubits forget. To compute with them, many physical qubits must make one logical one, and each helper brings errors of its own. For thirty years it was only theory that this can pay. Google's chip Willow shows that it does: each step to a larger grid halves the error rate. A useful quantum computer needs a thousand times as many qubits."
    ),
    article!(
        "quantum-cryptography-by-satellite",
        SOL,
        ["cryptography", "quantum", "space"],
        "15.06.2017 18:00:00",
        "Keys from orbit: quantum cryptography by satellite",
        "The satellite Micius sends entangled photons to two towns 1,200 kilometres apart.",
        "Whoever listens in changes what is heard: that is the idea of quantum cryptography. Glass fibre swallows photons after some hundred kilometres. From orbit they cross only ten kilometres of air. The Chinese satellite Micius sent entangled pairs to Delingha and Lijiang, enough for a key, if a slow one, that nobody can copy."
    ),
    article!(
        "encryption-that-survives-quantum-computers",
        JUN,
        ["computing", "cryptography", "mathematics"],
        "13.08.2024 15:00:00",
        "Locks for the day after",
        "Three new standards for encryption shall resist quantum computers that do not exist yet.",
        "Who records secret traffic today may be able to read it in twenty years, when a quantum computer breaks the prime factors behind it. After eight years of competition there are three standards for post-quantum cryptography. Two of them rest on lattices: finding the shortest way in a thousand dimensions is hard even for qubits. Browsers use them already."
    ),
    article!(
        "birds-may-see-magnetic-fields",
        MIRA,
        ["animals", "physics", "quantum"],
        "23.06.2021 07:07:00",
        "A quantum compass in the eye of the robin",
        "Migratory birds feel the magnetic field of the Earth. A protein in their eyes may do it by quantum means.",
        "A robin finds Africa without a map. In its retina sits a protein, cryptochrome 4. Blue light splits a pair of electrons in it, whose spins dance to the magnetic field of the Earth. In the laboratory the robin's cryptochrome reacts more strongly than the chicken's, which never goes anywhere. Whether the bird really sees north nobody has asked it yet."
    ),
];

/// The questions.
pub const QUERIES: [Query; 30] = [
    Query {
        text: "antikythera mechanism",
        tests: Tests::Words,
        expected: &[
            ("antikythera-mechanism-gears-counted-again", 3),
            ("divers-return-to-the-antikythera-wreck", 2),
            ("eclipse-tables-older-than-the-greeks", 1),
        ],
    },
    Query {
        text: "antikithera mecanism",
        tests: Tests::Typo,
        expected: &[
            ("antikythera-mechanism-gears-counted-again", 3),
            ("divers-return-to-the-antikythera-wreck", 2),
            ("eclipse-tables-older-than-the-greeks", 1),
        ],
    },
    Query {
        text: "eclipse prediction babylon",
        tests: Tests::Words,
        expected: &[("eclipse-tables-older-than-the-greeks", 3)],
    },
    Query {
        text: "predicting an eclipse",
        tests: Tests::Forms,
        expected: &[("eclipse-tables-older-than-the-greeks", 3)],
    },
    Query { text: "astrolab", tests: Tests::Typo, expected: &[("how-to-build-an-astrolabe", 3)] },
    Query {
        text: "melting glacier",
        tests: Tests::Forms,
        expected: &[
            ("alpine-glaciers-melt-faster-in-the-shade", 3),
            ("drinking-water-from-a-shrinking-glacier", 2),
            ("a-funeral-for-a-glacier", 2),
            ("greenland-ice-sheet-lakes-drain-in-hours", 1),
        ],
    },
    Query {
        text: "glacier",
        tests: Tests::Ranking,
        expected: &[
            ("a-funeral-for-a-glacier", 3),
            ("drinking-water-from-a-shrinking-glacier", 3),
            ("alpine-glaciers-melt-faster-in-the-shade", 3),
        ],
    },
    Query {
        text: "greenland ice sheet",
        tests: Tests::Words,
        expected: &[("greenland-ice-sheet-lakes-drain-in-hours", 3)],
    },
    Query {
        text: "grennland ice sheat",
        tests: Tests::Typo,
        expected: &[("greenland-ice-sheet-lakes-drain-in-hours", 3)],
    },
    Query {
        text: "image of a black hole",
        tests: Tests::Ranking,
        expected: &[
            ("first-image-of-a-black-hole", 3),
            ("star-shredded-by-black-hole-watched-live", 1),
            ("black-hole-information-paradox-explained", 1),
            ("gravitational-waves-ring-like-a-bell", 1),
        ],
    },
    Query {
        text: "black holes evaporating",
        tests: Tests::Forms,
        expected: &[
            ("black-hole-information-paradox-explained", 3),
            ("first-image-of-a-black-hole", 1),
            ("star-shredded-by-black-hole-watched-live", 1),
            ("gravitational-waves-ring-like-a-bell", 1),
        ],
    },
    Query {
        text: "hawking radation",
        tests: Tests::Typo,
        expected: &[("black-hole-information-paradox-explained", 3)],
    },
    Query {
        text: "gravitational waves ringdown",
        tests: Tests::Words,
        expected: &[("gravitational-waves-ring-like-a-bell", 3)],
    },
    Query {
        text: "antibiotic",
        tests: Tests::Ranking,
        expected: &[
            ("new-antibiotic-from-a-maine-meadow", 3),
            ("antibiotic-resistance-spreads-in-rivers", 2),
            ("phage-therapy-viruses-against-bacteria", 2),
            ("why-leeches-are-back-in-hospital", 1),
        ],
    },
    Query {
        text: "resistant bacteria rivers",
        tests: Tests::Forms,
        expected: &[("antibiotic-resistance-spreads-in-rivers", 3)],
    },
    Query { text: "fage therapy", tests: Tests::Typo, expected: &[("phage-therapy-viruses-against-bacteria", 3)] },
    Query { text: "leech", tests: Tests::Forms, expected: &[("why-leeches-are-back-in-hospital", 3)] },
    Query {
        text: "octopus",
        tests: Tests::Ranking,
        expected: &[("octopus-dreams-change-its-colour", 3), ("octopuses-throw-shells-at-their-neighbours", 3)],
    },
    Query {
        text: "octopuses dreaming",
        tests: Tests::Forms,
        expected: &[("octopus-dreams-change-its-colour", 3), ("octopuses-throw-shells-at-their-neighbours", 1)],
    },
    Query {
        text: "humpbak whales",
        tests: Tests::Typo,
        expected: &[("humpback-whales-sing-in-dialects", 3), ("whale-falls-feed-the-deep-sea-for-decades", 1)],
    },
    Query {
        text: "sodium batteries",
        tests: Tests::Words,
        expected: &[
            ("sodium-batteries-out-of-table-salt", 3),
            ("why-lithium-batteries-catch-fire", 1),
            ("old-car-batteries-light-a-village", 1),
        ],
    },
    Query {
        text: "battery fires",
        tests: Tests::Forms,
        expected: &[
            ("why-lithium-batteries-catch-fire", 3),
            ("sodium-batteries-out-of-table-salt", 1),
            ("old-car-batteries-light-a-village", 1),
        ],
    },
    Query {
        text: "largest prime number",
        tests: Tests::Ranking,
        expected: &[
            ("largest-known-prime-has-41-million-digits", 3),
            ("gaps-between-primes-shrink", 1),
            ("cicadas-count-in-prime-numbers", 1),
        ],
    },
    Query { text: "mersene prime", tests: Tests::Typo, expected: &[("largest-known-prime-has-41-million-digits", 3)] },
    Query { text: "cicada", tests: Tests::Forms, expected: &[("cicadas-count-in-prime-numbers", 3)] },
    Query {
        text: "coral bleaching",
        tests: Tests::Ranking,
        expected: &[("coral-bleaching-fourth-global-event", 3), ("coral-reef-revived-by-loudspeakers", 2)],
    },
    Query {
        text: "mRNA vaccine",
        tests: Tests::Words,
        expected: &[
            ("mrna-vaccine-nobel-for-kariko-and-weissman", 3),
            ("vaccine-against-malaria-works-in-children", 1),
        ],
    },
    Query { text: "vacine malaria", tests: Tests::Typo, expected: &[("vaccine-against-malaria-works-in-children", 3)] },
    Query {
        text: "quantum computer",
        tests: Tests::Ranking,
        expected: &[("quantum-computer-corrects-its-errors", 3), ("encryption-that-survives-quantum-computers", 2)],
    },
    Query {
        text: "quantum criptography satelite",
        tests: Tests::Typo,
        expected: &[("quantum-cryptography-by-satellite", 3), ("encryption-that-survives-quantum-computers", 1)],
    },
];

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::{
        corpus::maker::Maker,
        dates,
        internal::rules::{check_key, is_slug},
    };

    #[test]
    fn every_article_keeps_the_rules_of_the_house() {
        let ids: HashSet<_> = ARTICLES.iter().map(|article| article.id).collect();
        assert_eq!(ids.len(), ARTICLES.len());
        for article in &ARTICLES {
            check_key(article.id).unwrap();
            assert!(dates::read_old(article.published).is_some(), "{}", article.published);
            assert!(article.tags.is_sorted() && article.tags.iter().all(|tag| is_slug(tag)), "{:?}", article.tags);
            assert!((40..130).contains(&article.markdown.split_whitespace().count()), "{}", article.id);
        }
    }

    #[test]
    fn every_expected_hit_is_an_article_with_a_grade() {
        for query in &QUERIES {
            assert!(query.expected.iter().any(|(_, grade)| *grade == 3), "{}", query.text);
            for (id, grade) in query.expected {
                assert!((1..=3).contains(grade) && ARTICLES.iter().any(|article| article.id == *id), "{id}");
            }
        }
    }

    #[test]
    fn what_is_made_up_is_about_other_things() {
        let mut maker = Maker::new(1, 4000);
        for _ in 0..4000 {
            let made = maker.article();
            let text = [made.headline, made.teaser, made.body_text].join(" ").to_lowercase();
            for word in [
                "antikythera",
                "glacier",
                "black hole",
                "antibiotic",
                "octopus",
                "whale",
                "batter",
                "prime",
                "coral",
                "vaccin",
            ] {
                assert!(!text.contains(word), "{word}: {text}");
            }
        }
    }

    #[test]
    fn the_best_order_has_a_gain_of_one() {
        let query = &QUERIES[0];
        let best = || query.expected.iter().map(|(id, _)| *id);
        assert!((ndcg_at_10(query, best()) - 1.0).abs() < 1e-12);
        let turned: Vec<_> = best().rev().collect();
        let worse = ndcg_at_10(query, turned);
        assert!(worse > 0.5 && worse < 0.9, "{worse}");
        assert!(ndcg_at_10(query, ["something-else"]).abs() < 1e-12);
        let late = std::iter::repeat_n("something-else", 10).chain(best());
        assert!(ndcg_at_10(query, late).abs() < 1e-12);
    }
}
