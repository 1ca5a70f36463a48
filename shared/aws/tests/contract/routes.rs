//! The table of routes, and what follows it.

use crate::place::{NOW, drop_table, sdk, table, unique};
use aws::routes::DynamoRoutes;
use aws::ssm::RoutesParameter;
use domain::pipeline::ProjectionSource;
use domain::routes::compare::Difference;
use domain::routes::store::{Mismatch, Mismatches, RouteProjection, RouteRecords};
use domain::routes::table::RouteTable;
use domain::routes::{AuditLine, Mode, Percent, RouteName, RouteRecord, Steering};
use domain::store::{Commit, Versioned};
use std::time::Duration;
use testing::routes::MemoryRoutes;
use testing::turn::Turnstile;

fn steering(mode: Mode, percent: u64) -> Steering {
    Steering { mode, percent: Percent::try_from(percent).unwrap() }
}

fn steered(before: Option<&RouteRecord>, mode: Mode, percent: u64) -> RouteRecord {
    let (by, why) = ("arn:aws:iam::1:user/ada".to_owned(), "\"it\" works; <ü>".to_owned());
    RouteRecord::steered(before, AuditLine { at: NOW, by, to: steering(mode, percent), why })
}

async fn moves_by_revision(routes: &impl RouteRecords) {
    let route = RouteName::Search;
    assert_eq!(routes.record(route).await.unwrap(), None);
    let shadow = steered(None, Mode::Shadow, 100);
    assert_eq!(routes.write(route, &shadow, Some(1)).await.unwrap(), Commit::Conflict);
    assert_eq!(routes.write(route, &shadow, None).await.unwrap(), Commit::Done);
    assert_eq!(routes.write(route, &shadow, None).await.unwrap(), Commit::Conflict);
    let canary = steered(Some(&shadow), Mode::Canary, 7);
    assert_eq!(routes.write(route, &canary, Some(1)).await.unwrap(), Commit::Done);
    assert_eq!(routes.write(route, &shadow, Some(1)).await.unwrap(), Commit::Conflict);
    let stored = routes.record(route).await.unwrap();
    assert_eq!(stored, Some(Versioned { value: canary, revision: 2 }), "written as it is read");
    assert_eq!(routes.record(RouteName::Articles).await.unwrap(), None);
}

async fn keeps_the_latest_of_each_place(mismatches: &impl Mismatches) {
    for modern in [None, Some(404), Some(500)] {
        let request = "GET /search?q=ü".to_owned();
        let mismatch = Mismatch { difference: Difference::Failed, request, monolith: 200, modern, at: NOW };
        mismatches.keep(RouteName::Search, 7, &mismatch, NOW.plus(Duration::from_hours(1))).await.unwrap();
    }
}

#[tokio::test]
async fn the_fake_keeps_the_contract() {
    let routes = MemoryRoutes::new(Turnstile::default());
    moves_by_revision(&routes).await;
    keeps_the_latest_of_each_place(&routes).await;
    assert_eq!(routes.mismatches()[&(RouteName::Search, 7)].modern, Some(500));
}

#[tokio::test]
async fn dynamodb_keeps_the_contract() {
    let sdk = sdk().await;
    let name = table(&sdk, &["pk"], None).await;
    let routes = DynamoRoutes::new(&sdk, &name);
    moves_by_revision(&routes).await;
    keeps_the_latest_of_each_place(&routes).await;
    let client = aws_sdk_dynamodb::Client::new(&sdk);
    let items = client.scan().table_name(&name).send().await.unwrap().items.unwrap();
    let samples: Vec<_> =
        items.iter().filter(|item| item["pk"].as_s().unwrap().starts_with("MISMATCH#search#07")).collect();
    assert_eq!((samples.len(), samples[0]["modern"].as_n().unwrap().as_str()), (1, "500"));
    let expires: i64 = samples[0]["expiresAt"].as_n().unwrap().parse().unwrap();
    assert_eq!(expires, NOW.0 / 1000 + 3600, "time to live counts seconds");
    drop_table(&sdk, &name).await;
}

#[tokio::test]
async fn the_parameter_says_what_was_published() {
    let sdk = sdk().await;
    let parameter = RoutesParameter::new(&sdk, format!("/{}", unique("routes")));
    assert!(parameter.read().await.is_err());
    for percent in [1, 2] {
        let table: RouteTable = [(RouteName::Search, steering(Mode::Canary, percent))].into_iter().collect();
        parameter.publish(&table).await.unwrap();
        assert_eq!(RouteTable::parse(&parameter.read().await.unwrap()), Ok(table));
    }
}
