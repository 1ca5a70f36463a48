//! Writers that meet, and writers that die.

use crate::world::{Answer, Call, Who, World, call, draft, get};
use domain::articles::ArticleStatus::Published;
use serde_json::json;
use testing::turn::{Task, Trip, one_turn};

fn task(world: &World, call: Call) -> Task<Answer> {
    let world = world.clone();
    Box::pin(async move { world.send(call).await })
}

fn put(body: &str) -> Call {
    let mut sent = draft("published");
    sent["markdown"] = json!(body);
    call(Who::Ada, "PUT", "/articles/ice").seen(3).json(&sent)
}

/// Sends a call; what it asks of the table after it has put the body fails.
pub async fn with_trip_at_the_write(world: &World, call: Call, trip: Trip) -> Answer {
    let before = world.turns.calls().len();
    let mut task = task(world, call);
    loop {
        if world.turns.calls()[before..].last() == Some(&"contents.put") {
            world.turns.trip(trip);
        }
        if let Some(answer) = one_turn(&mut task) {
            return answer;
        }
    }
}

#[tokio::test]
async fn a_writer_who_dies_anywhere_leaves_the_old_article_or_the_new_one() {
    for turns in 0..12 {
        let world = World::with(Published, false).await;
        let mut writer = task(&world, put("The new body.\n"));
        let done = (0..turns).find_map(|_| one_turn(&mut writer));
        drop(writer);
        let read = world.send(get(Who::Anonymous, "/articles/ice")).await.json();
        let told = world.articles.events().len();
        match read["version"].as_u64().unwrap() {
            3 => assert_eq!((read["markdown"].as_str(), told), (Some("The *old* body.\n"), 0), "after {turns}"),
            4 => assert_eq!((read["markdown"].as_str(), told), (Some("The new body.\n"), 1), "after {turns}"),
            version => panic!("version {version}"),
        }
        if let Some(answer) = done {
            assert_eq!((answer.status.as_u16(), read["version"].as_u64()), (200, Some(4)));
        }
    }
}

#[tokio::test]
async fn of_two_writers_who_have_seen_one_version_one_wins_however_they_meet() {
    // Each number is an order of turns: a bit for whose turn it is.
    for order in 0u32..256 {
        let world = World::with(Published, false).await;
        let mut writers = [task(&world, put("One.\n")), task(&world, put("Two.\n"))];
        let mut answers = [None, None];
        for turn in 0.. {
            let first = (order >> (turn % 8) & 1) as usize;
            // Whoever is done lets the other go on.
            let who = if answers[first].is_none() { first } else { 1 - first };
            answers[who] = one_turn(&mut writers[who]);
            if answers.iter().all(Option::is_some) {
                break;
            }
        }
        let [one, two] = answers.map(|answer| answer.unwrap().status.as_u16());
        assert!([one, two] == [200, 412] || [one, two] == [412, 200], "{order}: {one} {two}");
        let read = world.send(get(Who::Anonymous, "/articles/ice")).await.json();
        assert_eq!(read["markdown"], if one == 200 { "One.\n" } else { "Two.\n" });
        assert_eq!((read["version"].as_u64(), world.articles.events().len()), (Some(4), 1));
    }
}

#[tokio::test]
async fn a_write_that_was_not_answered_may_have_happened_and_is_not_repeated_blindly() {
    let world = World::with(Published, false).await;
    let lost = with_trip_at_the_write(&world, put("The new body.\n"), Trip::AfterEffect).await;
    assert_eq!(lost.status, 503);
    assert_eq!(world.send(put("The new body.\n")).await.status, 412, "it was written");
    let world = World::with(Published, false).await;
    let lost = with_trip_at_the_write(&world, put("The new body.\n"), Trip::BeforeEffect).await;
    assert_eq!(lost.status, 503);
    assert_eq!(world.send(put("The new body.\n")).await.status, 200, "it was not");
}
