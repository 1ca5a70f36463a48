//! Whether both sides say the same of every article: counts, checksums, and each difference by its kind.

use super::merge::Merged;
use super::present::{self, seconds};
use crate::articles::{Article, ArticleId, ArticleStatus, ContentKey, Tag};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fmt;

/// What is compared besides the body. When a version was written is not: the monolith knows it to the second, and a row
/// that is fed back is written later than the version that it holds.
const FIELDS: [&str; 8] = ["title", "summary", "author", "byline", "tags", "premium", "status", "publishedAt"];

/// What one side says of an article, small enough to keep for all of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fingerprint {
    /// Whether readers see it.
    pub status: ArticleStatus,
    /// The newest row was, or this version was not, written by the articles service itself.
    pub written_here: bool,
    body: Body,
    fields: [u64; FIELDS.len()],
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Body {
    There {
        digest: u64,
        bytes: u64,
    },
    /// The metadata names a body that is not in the bucket, or not what its name says.
    Lost,
}

impl Fingerprint {
    /// Of the monolith's rows; none where they are no article, or one that was deleted.
    pub fn of_rows(id: &ArticleId, merged: &Merged) -> Option<Self> {
        let facts = &merged.facts.as_ref()?.value;
        let article = present::article(id, merged).filter(|_| merged.deleted().is_none())?;
        // All of them: those that are too many for an article are a difference.
        let article = Article { tags: merged.tags().cloned().collect(), ..article };
        let body = Body::There { digest: digest(&facts.content.0), bytes: facts.body_bytes };
        Some(Self { body, ..Self::without_body(&article) })
    }

    /// Of an article and the body that its key leads to.
    pub fn of_article(article: &Article, body: Option<&str>) -> Self {
        let body = body.filter(|body| ContentKey::of(&article.id, body) == article.content);
        let body = body
            .map_or(Body::Lost, |body| Body::There { digest: digest(&article.content.0), bytes: body.len() as u64 });
        Self { body, ..Self::without_body(article) }
    }

    fn without_body(article: &Article) -> Self {
        let mut tags: Vec<&str> = article.tags.iter().map(Tag::as_str).collect();
        tags.sort_unstable();
        let fields = [
            digest(&article.title),
            digest(&article.summary),
            digest(article.author.as_str()),
            digest(&article.byline),
            digest(&tags.join(",")),
            digest(if article.premium { "premium" } else { "" }),
            digest(&format!("{:?}", article.status)),
            digest(&format!("{:?}", seconds(article.published_at))),
        ];
        Self { status: article.status, written_here: article.source.is_none(), body: Body::Lost, fields }
    }

    fn add_to(&self, id: &ArticleId, checksum: &mut Sha256) {
        checksum.update(id.as_str());
        self.fields.iter().for_each(|field| checksum.update(field.to_be_bytes()));
        if let Body::There { digest, bytes } = self.body {
            checksum.update(digest.to_be_bytes());
            checksum.update(bytes.to_be_bytes());
        }
    }
}

/// The first eight bytes of a SHA-256: two texts that differ share them once in 2^64.
fn digest(text: &str) -> u64 {
    let mut first = [0; 8];
    first.copy_from_slice(&Sha256::digest(text)[..8]);
    u64::from_be_bytes(first)
}

/// How both sides differ about one article.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Difference {
    /// The monolith has it, the new store does not.
    Missing,
    /// The new store has it, and not as withdrawn; the monolith does not.
    Extra,
    /// Its body is not in the bucket, or is another than its name says.
    BodyLost,
    /// Its body is shorter than the monolith's: DMS may have cut it.
    BodyShorter {
        /// Bytes in the monolith.
        old: u64,
        /// Bytes in the new store.
        new: u64,
    },
    /// These fields differ.
    Fields(Vec<&'static str>),
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str("missing in the new store"),
            Self::Extra => f.write_str("unknown to the monolith"),
            Self::BodyLost => f.write_str("its body is lost or damaged in the new store"),
            Self::BodyShorter { old, new } => {
                write!(f, "its body has {new} bytes in the new store, {old} in the monolith")
            }
            Self::Fields(names) => write!(f, "differs in {}", names.join(", ")),
        }
    }
}

/// One side's numbers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Side {
    /// Drafts.
    pub drafts: u64,
    /// What readers see.
    pub published: u64,
    /// What they see no more.
    pub withdrawn: u64,
    /// SHA-256 over all articles that both sides should have, in the order of their names; hexadecimal.
    pub checksum: String,
}

/// The comparison.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// The monolith.
    pub old: Side,
    /// The new store.
    pub new: Side,
    /// Articles of which both say the same.
    pub same: u64,
    /// The others, by name. True where the new service wrote its version last: that one is yet to be fed back, or a
    /// conflict.
    pub differences: Vec<(ArticleId, Difference, bool)>,
}

/// Compares both sides.
pub fn compare(old: &BTreeMap<ArticleId, Fingerprint>, new: &BTreeMap<ArticleId, Fingerprint>) -> Report {
    let mut differences = Vec::new();
    let mut same = 0;
    for (id, ours) in old {
        let theirs = new.get(id);
        match theirs.map_or(Some(Difference::Missing), |theirs| difference(ours, theirs)) {
            Some(difference) => {
                differences.push((id.clone(), difference, theirs.is_some_and(|theirs| theirs.written_here)));
            }
            None => same += 1,
        }
    }
    // What was deleted in the monolith is withdrawn in the new store.
    let extra = |id: &ArticleId, print: &Fingerprint| !old.contains_key(id) && print.status != ArticleStatus::Withdrawn;
    differences.extend(
        new.iter()
            .filter(|(id, print)| extra(id, print))
            .map(|(id, print)| (id.clone(), Difference::Extra, print.written_here)),
    );
    differences.sort_by(|one, other| one.0.cmp(&other.0));
    let both = |id: &ArticleId, print: &Fingerprint| old.contains_key(id) || extra(id, print);
    Report { old: side(old, |_, _| true), new: side(new, both), same, differences }
}

fn difference(old: &Fingerprint, new: &Fingerprint) -> Option<Difference> {
    let (Body::There { bytes: old_bytes, .. }, Body::There { bytes: new_bytes, .. }) = (&old.body, &new.body) else {
        return Some(Difference::BodyLost);
    };
    let (old_bytes, new_bytes) = (*old_bytes, *new_bytes);
    let fields = FIELDS.iter().zip(old.fields.iter().zip(&new.fields));
    let mut names: Vec<&'static str> = fields.filter(|(_, (old, new))| old != new).map(|(name, _)| *name).collect();
    if old.body != new.body {
        if names.is_empty() && new_bytes < old_bytes {
            return Some(Difference::BodyShorter { old: old_bytes, new: new_bytes });
        }
        names.push("body");
    }
    (!names.is_empty()).then_some(Difference::Fields(names))
}

fn side(prints: &BTreeMap<ArticleId, Fingerprint>, counts: impl Fn(&ArticleId, &Fingerprint) -> bool) -> Side {
    let mut side = Side::default();
    let mut checksum = Sha256::new();
    for (id, print) in prints.iter().filter(|(id, print)| counts(id, print)) {
        match print.status {
            ArticleStatus::Draft => side.drafts += 1,
            ArticleStatus::Published => side.published += 1,
            ArticleStatus::Withdrawn => side.withdrawn += 1,
        }
        print.add_to(id, &mut checksum);
    }
    side.checksum = format!("{:x}", checksum.finalize());
    side
}

#[cfg(test)]
mod tests;
