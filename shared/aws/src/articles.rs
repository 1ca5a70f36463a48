//! The table of articles.
//!
//! `pk=ARTICLE#id, sk=ARTICLE` is an article: all that is said of it, and the event of its last write. Of a published one
//! there is a copy for each tag, `sk=TAG#tag`, as an item has one place in an index. All are written in one transaction,
//! so that whoever reads an index, late as it may be, reads of each article one version, whole.
//!
//! The indexes `all`, `by-author` and `by-tag` hold published articles alone, as only those have `listAll`, `listAuthor`
//! or, the copies, `listTag`; their order is `listed`, moment and name. All articles are one partition of `all`: it takes
//! 1,000 writes a second, which no newsroom makes, and an import that is throttled there goes on later.

use crate::item::{Item, Table, key, number, text};
use aws_config::SdkConfig;
use aws_sdk_dynamodb::types::{AttributeValue, Delete, Put, TransactWriteItem};
use domain::articles::event::{EventName, event_id};
use domain::articles::store::{ArticleLists, Articles, ListOf, Place};
use domain::articles::{Article, ArticleId, ArticleStatus, Tag};
use domain::store::{Commit, StoreError};
use domain::time::Timestamp;

/// Articles on DynamoDB.
#[derive(Debug, Clone)]
pub struct DynamoArticles(Table);

impl DynamoArticles {
    /// Articles in this table.
    pub fn new(sdk: &SdkConfig, table: impl Into<String>) -> Self {
        Self(Table::new(sdk, table, "articles"))
    }
}

/// What makes `after` of `before`, for one transaction: the article under the condition that nobody wrote in between, then
/// its copies.
pub(crate) fn writes(
    table: &Table,
    before: Option<&Article>,
    after: &Article,
) -> Result<Vec<TransactWriteItem>, StoreError> {
    let based_on = before.map(|before| before.version);
    if after.version != based_on.unwrap_or(0) + 1 {
        let reason = format!("version {} of an article was to follow {based_on:?}", after.version);
        return Err(StoreError { table: table.kind, reason });
    }
    let mut put = table.put(article_key(&after.id), after, based_on)?;
    put.item.insert("event".to_owned(), event(before, after));
    if let Some(listed) = listed(after) {
        put.item.insert("listed".to_owned(), text(listed));
        put.item.insert("listAll".to_owned(), text(ALL));
        put.item.insert("listAuthor".to_owned(), text(after.author.as_str()));
    }
    let mut writes = vec![TransactWriteItem::builder().put(put).build()];
    for tag in tags_in_lists(after) {
        writes.push(TransactWriteItem::builder().put(copy(table, after, tag)?).build());
    }
    for tag in before.map(tags_in_lists).unwrap_or_default() {
        if !tags_in_lists(after).contains(tag) {
            let delete = Delete::builder().table_name(&table.name).set_key(Some(tag_key(&after.id, tag)));
            writes.push(TransactWriteItem::builder().delete(delete.build().map_err(|e| table.error(&e))?).build());
        }
    }
    Ok(writes)
}

const ALL: &str = "published";
const ARTICLE: &str = "ARTICLE";

fn article_key(id: &ArticleId) -> Item {
    key(format!("ARTICLE#{id}"), Some(ARTICLE.to_owned()))
}

fn tag_key(id: &ArticleId, tag: &Tag) -> Item {
    key(format!("ARTICLE#{id}"), Some(format!("TAG#{tag}")))
}

fn tags_in_lists(article: &Article) -> &[Tag] {
    if listed(article).is_some() { &article.tags } else { &[] }
}

/// The article's place in all lists; none where readers do not see it.
fn listed(article: &Article) -> Option<String> {
    let published_at = article.published_at.filter(|_| article.status == ArticleStatus::Published)?;
    Some(place(published_at, &article.id))
}

/// Sorts as the moment does, also before 1970, then as the name.
fn place(published_at: Timestamp, id: &ArticleId) -> String {
    /// RFC 3339 begins 62 million million milliseconds before 1970.
    const SHIFT: i64 = 100_000_000_000_000;
    format!("{:015}#{id}", published_at.0.saturating_add(SHIFT).max(0))
}

/// The write of an article's copy. It needs no condition of its own: it goes with the article's.
fn copy(table: &Table, article: &Article, tag: &Tag) -> Result<Put, StoreError> {
    let mut put = table.put(tag_key(&article.id, tag), article, Some(article.version - 1))?;
    put.item.insert("listTag".to_owned(), text(tag.as_str()));
    put.item.extend(listed(article).map(|listed| ("listed".to_owned(), text(listed))));
    Put::builder().table_name(put.table_name).set_item(Some(put.item)).build().map_err(|e| table.error(&e))
}

/// What the stream's reader makes the event of, beside the article itself.
fn event(before: Option<&Article>, after: &Article) -> AttributeValue {
    let name = EventName::between(before.map(|before| before.status), after.status);
    AttributeValue::M(Item::from([
        ("name".to_owned(), text(name.as_str())),
        ("eventId".to_owned(), text(event_id(after))),
        ("occurredAt".to_owned(), number(after.updated_at.0)),
    ]))
}

impl Articles for DynamoArticles {
    async fn article(&self, id: &ArticleId) -> Result<Option<Article>, StoreError> {
        Ok(self.0.get(article_key(id)).await?.map(|found| found.value))
    }

    async fn write(&self, before: Option<&Article>, after: &Article) -> Result<Commit, StoreError> {
        self.0.write(writes(&self.0, before, after)?).await
    }
}

impl ArticleLists for DynamoArticles {
    async fn list(&self, of: &ListOf, after: Option<&Place>, limit: u16) -> Result<Vec<Article>, StoreError> {
        let (index, attribute, value) = match (&of.author, &of.tag) {
            (Some(author), _) => ("by-author", "listAuthor", author.as_str()),
            (None, Some(tag)) => ("by-tag", "listTag", tag.as_str()),
            (None, None) => ("all", "listAll", ALL),
        };
        let before = after.map_or_else(|| "~".to_owned(), |after| place(after.published_at, &after.id));
        let mut query = self
            .0
            .client
            .query()
            .table_name(&self.0.name)
            .index_name(index)
            .scan_index_forward(false)
            .key_condition_expression("#list = :list AND listed < :before")
            .expression_attribute_names("#list", attribute)
            .expression_attribute_values(":list", text(value))
            .expression_attribute_values(":before", text(before));
        query = match (&of.author, &of.tag) {
            // An author's articles are few enough to look through.
            (Some(_), Some(tag)) => {
                query.filter_expression("contains(tags, :tag)").expression_attribute_values(":tag", text(tag.as_str()))
            }
            _ => query.limit(i32::from(limit)),
        };
        let mut found = Vec::new();
        let mut items = query.into_paginator().items().send();
        while found.len() < usize::from(limit) {
            match items.next().await {
                None => break,
                Some(Err(error)) => return Err(self.0.error(&error)),
                Some(Ok(item)) => found.extend(self.0.read_what_can_be(item)),
            }
        }
        Ok(found)
    }

    async fn scan(&self, after: Option<&ArticleId>, limit: u16) -> Result<Vec<Article>, StoreError> {
        let scan = self
            .0
            .client
            .scan()
            .table_name(&self.0.name)
            .set_exclusive_start_key(after.map(article_key))
            .filter_expression("sk = :article")
            .expression_attribute_values(":article", text(ARTICLE));
        let mut found = Vec::new();
        let mut items = scan.into_paginator().items().send();
        while found.len() < usize::from(limit) {
            match items.next().await {
                None => break,
                Some(Err(error)) => return Err(self.0.error(&error)),
                Some(Ok(item)) => found.extend(self.0.read_what_can_be(item)),
            }
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_sort_as_moments_do_and_then_as_names() {
        let place = |at, id: &str| place(Timestamp(at), &ArticleId::new(id).unwrap());
        let places = [
            place(i64::MIN, "a"),
            place(-62_167_219_200_000, "a"),
            place(-1, "a"),
            place(0, "a"),
            place(9, "a"),
            place(9, "a-b"),
            place(9, "b"),
            place(10, "a"),
            place(253_402_300_799_999, "a"),
            "~".to_owned(),
        ];
        assert!(places.is_sorted() && places.iter().all(|place| place.len() > 15 || place == "~"), "{places:?}");
    }
}
