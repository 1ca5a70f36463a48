//! One contract, over every engine. The embedded engine runs always; OpenSearch with the feature `contract`, against the
//! node at `OPENSEARCH_URL` (`make contract-search` starts one).

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says so")]

mod articles;
mod changes;
mod engines;
mod filters;
mod matches;
mod pages;
mod rebuilding;
mod suggestions;

/// Runs each case over each engine.
macro_rules! contract {
    ($($module:ident: $($case:ident),+;)+) => {
        mod embedded {
            $($(
                #[tokio::test]
                async fn $case() {
                    crate::$module::$case(&crate::engines::Embedded::new()).await;
                }
            )+)+
        }

        #[cfg(feature = "contract")]
        mod opensearch {
            $($(
                #[tokio::test]
                async fn $case() {
                    crate::$module::$case(&crate::engines::Node::new()).await;
                }
            )+)+
        }
    };
}

contract! {
    matches:
        a_word_is_found_in_any_field_and_counts_most_in_the_title,
        case_accents_endings_and_genitives_do_not_matter,
        typing_errors_are_forgiven_where_nothing_is_found_as_it_is_written,
        a_word_that_occurs_stands_for_no_other,
        fillers_are_not_looked_for_beside_words_that_tell_something,
        neither_short_words_nor_numbers_are_misspelt,
        most_words_of_a_question_must_be_there,
        signs_are_no_words_and_nothing_finds_everything,
        the_syntax_of_queries_is_only_text,
        matches_are_marked_and_everything_else_is_escaped,
        the_longest_question_is_answered,
        an_index_that_does_not_exist_has_no_hits;
    filters:
        hits_have_all_tags_the_author_and_a_time_in_the_span,
        what_hits_have_in_common_is_counted_over_all_pages,
        facets_have_an_end_and_an_order;
    pages:
        every_order_is_total,
        pages_have_every_hit_once_whatever_ties,
        pages_in_order_of_time_have_every_hit_once_while_others_write,
        a_page_after_an_article_that_is_gone_goes_on_where_it_was;
    suggestions:
        every_word_begins_a_word_of_the_title,
        beginnings_are_forgiven_typing_errors_too,
        what_is_gone_is_not_suggested,
        there_are_at_most_ten;
    changes:
        the_newest_version_stays,
        a_late_change_never_brings_back_what_is_gone,
        changes_of_one_batch_are_ordered_by_their_versions,
        poison_is_rejected_alone,
        any_order_and_repetition_ends_in_the_same_index;
    rebuilding:
        a_draft_is_not_asked_before_it_answers,
        changes_reach_both_while_a_draft_is_filled,
        a_late_change_of_the_filling_is_stale,
        only_the_last_draft_counts,
        an_index_is_rebuilt_while_it_is_asked_and_written;
}
