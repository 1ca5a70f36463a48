//! The anti-corruption layer: the internal article interface in front, the articles service behind.
//!
//! The rest of the program goes on in its old words; none of the service's come past this module. [`words`] says how one
//! side's words are the other's and what cannot be said, [`api`] speaks HTTP. Nothing is kept here.

pub mod api;
pub mod words;

use futures::{FutureExt, future::BoxFuture};

use crate::internal::{
    Art, ArtError, ArtFilter, ArtInterface, ArtPage, ArtText, WITHDRAWN, local::says_the_same, rules,
};
use api::ArticlesApi;
use words::View;

/// Articles in the articles service.
pub struct ServiceArticles {
    api: ArticlesApi,
}

impl ServiceArticles {
    /// Over this service.
    pub fn new(api: ArticlesApi) -> Self {
        Self { api }
    }

    async fn get(&self, art_key: &str) -> Result<Art, ArtError> {
        rules::check_key(art_key)?;
        words::to_old(&self.api.read(art_key).await?)
    }

    async fn list(&self, filter: &ArtFilter, from_mark: Option<&str>, count: u16) -> Result<ArtPage, ArtError> {
        rules::check_list(filter, count)?;
        let page = self.api.list(filter.author_code.as_deref(), filter.topic.as_deref(), from_mark, count).await?;
        let arts = page.articles.iter().map(words::to_old_head).collect::<Result<_, _>>()?;
        Ok(ArtPage { arts, next_mark: page.next })
    }

    async fn create(&self, art_key: &str, text: &ArtText) -> Result<Art, ArtError> {
        rules::check_key(art_key)?;
        rules::check_text(text)?;
        let mut article = words::to_new(text)?;
        article.id = Some(art_key.to_owned());
        let created = self.api.create(&article).await;
        let there = match created {
            Ok(()) => return self.get(art_key).await,
            // It may be ours, from a call whose answer was lost.
            Err(ArtError::KeyTaken) => self.get(art_key).await.map_err(|_| ArtError::KeyTaken)?,
            Err(error) => return Err(error),
        };
        if says_the_same(&there, &words::with_key(art_key, text)) { Ok(there) } else { Err(ArtError::KeyTaken) }
    }

    async fn change(&self, art_key: &str, edit_mark: &str, text: &ArtText) -> Result<Art, ArtError> {
        rules::check_text(text)?;
        let there = self.changeable(art_key, edit_mark).await?;
        let before = words::to_old(&there)?;
        rules::check_change(before.head.state, text.state)?;
        let mut article = words::to_new(text)?;
        article.author = Some(before.head.author_code);
        if text.pub_date == before.head.pub_date {
            // The service knows it to the millisecond. What the old interface says of it is no news.
            article.published_at = None;
        }
        self.api.change(art_key, there.version, &article).await?;
        self.get(art_key).await
    }

    async fn withdraw(&self, art_key: &str, edit_mark: &str) -> Result<(), ArtError> {
        let there = self.changeable(art_key, edit_mark).await?;
        self.api.withdraw(art_key, there.version).await
    }

    /// The article, if it may be changed by whoever saw it with this mark.
    async fn changeable(&self, art_key: &str, edit_mark: &str) -> Result<View, ArtError> {
        rules::check_key(art_key)?;
        let there = self.api.read(art_key).await?;
        let art = words::to_old(&there)?;
        if art.head.state == WITHDRAWN {
            return Err(ArtError::Withdrawn);
        }
        if art.edit_mark == edit_mark { Ok(there) } else { Err(ArtError::Changed) }
    }
}

impl ArtInterface for ServiceArticles {
    fn art_get<'a>(&'a self, art_key: &'a str) -> BoxFuture<'a, Result<Art, ArtError>> {
        self.get(art_key).boxed()
    }

    fn art_list<'a>(
        &'a self,
        filter: &'a ArtFilter,
        from_mark: Option<&'a str>,
        count: u16,
    ) -> BoxFuture<'a, Result<ArtPage, ArtError>> {
        self.list(filter, from_mark, count).boxed()
    }

    // The service does not keep who changed an article last, so that `chg_by` ends here.

    fn art_create<'a>(
        &'a self,
        art_key: &'a str,
        text: &'a ArtText,
        _chg_by: &'a str,
    ) -> BoxFuture<'a, Result<Art, ArtError>> {
        self.create(art_key, text).boxed()
    }

    fn art_change<'a>(
        &'a self,
        art_key: &'a str,
        edit_mark: &'a str,
        text: &'a ArtText,
        _chg_by: &'a str,
    ) -> BoxFuture<'a, Result<Art, ArtError>> {
        self.change(art_key, edit_mark, text).boxed()
    }

    fn art_withdraw<'a>(
        &'a self,
        art_key: &'a str,
        edit_mark: &'a str,
        _chg_by: &'a str,
    ) -> BoxFuture<'a, Result<(), ArtError>> {
        self.withdraw(art_key, edit_mark).boxed()
    }
}
