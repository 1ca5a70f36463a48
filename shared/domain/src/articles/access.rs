//! Who may read what of an article.

use super::{Article, ArticleStatus, Caller};
use crate::decisions::Entitlement;
use crate::time::Timestamp;

/// What somebody may see.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// All of it.
    Full,
    /// All but the body, which is for entitled readers.
    Teaser,
    /// That it is gone.
    Withdrawn,
    /// Nothing: for them there is no such article.
    Unknown,
}

/// What everybody may see.
pub fn of_everybody(article: &Article) -> Access {
    match article.status {
        ArticleStatus::Published if article.premium => Access::Teaser,
        ArticleStatus::Published => Access::Full,
        // One that no reader ever saw stays unknown.
        ArticleStatus::Withdrawn if article.published_at.is_some() => Access::Withdrawn,
        ArticleStatus::Withdrawn | ArticleStatus::Draft => Access::Unknown,
    }
}

/// What a caller may see, before anybody asked whether they are entitled: author and editors see an article whatever it
/// is. [`Access::Teaser`] becomes [`Access::Full`] by an entitlement that [`is_entitled`].
pub fn of_caller(article: &Article, caller: &Caller) -> Access {
    if caller.editor || caller.wrote(article) { Access::Full } else { of_everybody(article) }
}

/// Whether this entitlement lets its customer read premium articles: until its end, that moment included.
pub fn is_entitled(entitlement: Option<&Entitlement>, now: Timestamp) -> bool {
    entitlement.is_some_and(|e| now <= e.until)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::articles::transitions::examples::{article, caller};
    use crate::intent::{CustomerId, IntentId, IntentKey, Tier};
    use ArticleStatus::{Draft, Published, Withdrawn};

    #[test]
    fn readers_see_what_is_published_and_of_premium_articles_no_body() {
        let published_at = Some(Timestamp(1));
        let seen = |status, premium| of_everybody(&Article { status, premium, published_at, ..article("ada") });
        assert_eq!([seen(Published, false), seen(Published, true)], [Access::Full, Access::Teaser]);
        assert_eq!([seen(Withdrawn, false), seen(Withdrawn, true)], [Access::Withdrawn; 2]);
        assert_eq!([seen(Draft, false), seen(Draft, true)], [Access::Unknown; 2]);
        let never_seen = Article { status: Withdrawn, published_at: None, ..article("ada") };
        assert_eq!(of_everybody(&never_seen), Access::Unknown);
    }

    #[test]
    fn author_and_editors_see_all_and_others_what_everybody_sees() {
        for status in [Draft, Published, Withdrawn] {
            for premium in [false, true] {
                let article = Article { status, premium, ..article("ada") };
                assert_eq!(of_caller(&article, &caller("ada", &[])), Access::Full);
                assert_eq!(of_caller(&article, &caller("eve", &["editors"])), Access::Full);
                assert_eq!(of_caller(&article, &caller("bob", &["contributors"])), of_everybody(&article));
            }
        }
    }

    #[test]
    fn an_entitlement_holds_until_its_end() {
        let customer = CustomerId::new("rita").unwrap();
        let key = IntentKey::new("0b0f4a52-6d5c-4c6e-9b37-6d2f5b1f7a10").unwrap();
        let intent_id = IntentId::of(&customer, &key);
        let entitlement =
            Entitlement { customer, tier: Tier::Premium, intent_id, since: Timestamp(5), until: Timestamp(9) };
        assert!(is_entitled(Some(&entitlement), Timestamp(9)));
        assert!(!is_entitled(Some(&entitlement), Timestamp(10)));
        assert!(!is_entitled(None, Timestamp(5)));
    }
}
