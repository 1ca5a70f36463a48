//! Which event makes which: every consumer hears every event in every state of its row, and what it tells is an edge.
//! The graph has no cycle, so no event can drive itself for ever; and nobody is told what nobody hears.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says so")]

use domain::charges::{ChargeRow, ChargeState, Settled};
use domain::choreography::fraud::Verdict;
use domain::choreography::payment_proxy::{GiveBack, ProviderCharge, ProviderState, Take};
use domain::choreography::{Reaction, content, fraud, payment_proxy, payments};
use domain::decisions::Decision;
use domain::events::{
    Abandoned, Activated, Collected, Enrolled, Failed, Happened, Matter, Order, Partial, Refused, RelationsCompleted,
    Service, Settlement, StatusUpdated, Unblocked, definitions,
};
use domain::intent::{Charge, CustomerId, IntentId, IntentKey, PaymentMethod, Tier};
use domain::loyalty::MemberId;
use domain::money::{Currency, Money};
use domain::payment_provider::PaymentId;
use domain::relations::{self, Loyalty, Newsletter, Relations};
use domain::time::Timestamp;
use std::collections::{BTreeMap, BTreeSet};

type Graph = BTreeMap<&'static str, BTreeSet<&'static str>>;

/// Events without a consumer, and why.
const FOR_THE_RECORD: [(&str, &str); 3] = [
    ("SubscriptionRejected", "the outcome: kept in the archive, for whoever joins the bus"),
    ("SubscriptionRefunded", "the outcome: kept in the archive, for whoever joins the bus"),
    ("SubscriptionParked", "the outcome; the case asks a person"),
];

fn matter() -> Matter {
    let customer = CustomerId::new("ada").unwrap();
    let key = IntentKey::new("00000000-0000-4000-8000-000000000001").unwrap();
    Matter {
        charge: Charge { intent: IntentId::of(&customer, &key), n: 1 },
        attempt: 1,
        customer,
        tier: Tier::Premium,
        price: Money { amount: 4900, currency: Currency::new("eur").unwrap() },
    }
}

/// All that drives the saga.
fn causes() -> Vec<Happened> {
    let matter = matter();
    let reason = "reason".to_owned();
    let order = Order { matter: matter.clone(), payment_method: PaymentMethod::new("pm_cardVisa4242").unwrap() };
    let failed = Failed { matter: matter.clone(), reason: reason.clone() };
    let refused = Refused { matter: matter.clone(), reason };
    let collected = Collected { matter: matter.clone() };
    let settled = |kind| Settlement { matter: matter.clone(), kind, reason: None };
    vec![
        Happened::TierUpgradeRequested(order.clone()),
        Happened::TierUpgradeAbandoned(Abandoned { matter: matter.clone() }),
        Happened::CustomerPaymentRequested(order.clone()),
        Happened::FraudCheckPassed(order),
        Happened::FraudCheckFailed(failed.clone()),
        Happened::PaymentCollected(collected.clone()),
        Happened::PaymentFailed(failed.clone()),
        Happened::PaymentRefunded(settled(Settled::Refunded)),
        Happened::PaymentRefunded(settled(Settled::Canceled)),
        Happened::PaymentRefundFailed(failed),
        Happened::PaymentCompleted(collected),
        Happened::PaymentRejected(settled(Settled::Canceled)),
        Happened::PaymentRefundRequested(refused.clone()),
        Happened::ContentUnblocked(Unblocked { matter: matter.clone(), until: Timestamp(9) }),
        Happened::ContentUnblockFailed(refused),
        Happened::SubscriptionActivated(activated()),
        Happened::CustomerStatusUpdated(StatusUpdated { matter: matter.clone() }),
        Happened::LoyaltyEnrolled(Enrolled { matter: matter.clone(), member: MemberId("m_1".to_owned()) }),
        Happened::LoyaltyEnrolmentFailed(refused_by("not-eligible")),
        Happened::NewsletterFailed(refused_by("not-taken")),
        Happened::CustomerRelationsCompleted(RelationsCompleted { matter: matter.clone() }),
        Happened::CustomerRelationsPartial(Partial { matter, missing: vec![] }),
    ]
}

fn activated() -> Activated {
    let key = IntentKey::new("00000000-0000-4000-8000-000000000001").unwrap();
    Activated { matter: matter(), key, until: Timestamp(9), newsletter: true }
}

fn refused_by(reason: &str) -> Failed {
    Failed { matter: matter(), reason: reason.to_owned() }
}

fn by_customer_relations(heard: &Happened) -> Vec<Happened> {
    let loyalties = [
        Loyalty::Pending,
        Loyalty::Enrolled { member: MemberId("m_1".to_owned()) },
        Loyalty::Failed { reason: "not-eligible".to_owned() },
    ];
    let newsletters =
        [Newsletter::NotWanted, Newsletter::Queued, Newsletter::Failed { reason: "not-taken".to_owned() }];
    let rows = loyalties.iter().flat_map(|loyalty| {
        newsletters.iter().map(|newsletter| Relations {
            matter: matter(),
            loyalty: loyalty.clone(),
            newsletter: newsletter.clone(),
        })
    });
    let rows = std::iter::once(None).chain(rows.map(Some));
    let reactions = rows.map(|row| match (heard, row) {
        (Happened::SubscriptionActivated(activated), row) => {
            relations::begin(row.as_ref(), activated, Newsletter::Queued)
        }
        (_, Some(row)) => relations::hear(&row, heard),
        (_, None) => relations::Reaction::Pass,
    });
    let told = reactions.filter_map(|reaction| match reaction {
        relations::Reaction::Write(_, told) => told.map(|told| *told),
        relations::Reaction::Tell(told) => Some(*told),
        relations::Reaction::Pass => None,
    });
    told.collect()
}

fn told_by<W>(reaction: Reaction<W>) -> Option<Happened> {
    match reaction {
        Reaction::Write(_, told) | Reaction::Tell(told) => Some(told),
        Reaction::Pass => None,
    }
}

fn by_payments(heard: &Happened) -> Vec<Happened> {
    let row =
        |state| ChargeRow { charge: matter().charge, state, payment_id: None, money: matter().price, reason: None };
    let states = [
        ChargeState::Requested,
        ChargeState::Captured,
        ChargeState::Refunding,
        ChargeState::Refunded,
        ChargeState::Canceled,
    ];
    let rows = std::iter::once(None).chain(states.map(|state| Some(row(state))));
    rows.filter_map(|row| told_by(payments::hear(row.as_ref(), heard))).collect()
}

fn by_payment_proxy(heard: &Happened) -> Vec<Happened> {
    let payment_id = PaymentId("pi_1".to_owned());
    let states = [
        ProviderState::Open { payment_id: payment_id.clone() },
        ProviderState::Captured { payment_id: payment_id.clone() },
        ProviderState::Declined { reason: "reason".to_owned() },
        ProviderState::Refunding { payment_id },
        ProviderState::Refunded,
        ProviderState::Canceled,
    ];
    let row = |state| ProviderCharge { charge: matter().charge, state, money: matter().price };
    let rows: Vec<_> = std::iter::once(None).chain(states.clone().map(|state| Some(row(state)))).collect();
    let ends = |states: &[ProviderState]| states.iter().filter_map(|s| payment_proxy::told(s, &matter())).collect();
    let mut told: Vec<Happened> = match heard {
        // What the provider's object may say.
        Happened::FraudCheckPassed(_) => ends(&states[1..3]),
        Happened::PaymentRefundRequested(refused) => {
            let failed = Failed { matter: refused.matter.clone(), reason: "reason".to_owned() };
            let ended: Vec<Happened> = ends(&states[4..]);
            ended.into_iter().chain([Happened::PaymentRefundFailed(failed)]).collect()
        }
        _ => return Vec::new(),
    };
    for row in &rows {
        let answer = match heard {
            Happened::FraudCheckPassed(_) => match payment_proxy::take(row.as_ref(), &matter()) {
                Take::Tell(told) => Some(*told),
                Take::Create | Take::Ask(_) | Take::Pass => None,
            },
            _ => match payment_proxy::give_back(row.as_ref(), &matter()) {
                GiveBack::Answer(reaction) => told_by(reaction),
                GiveBack::Begin(_) | GiveBack::Settle(_) => None,
            },
        };
        told.extend(answer);
    }
    told
}

fn told_by_all(heard: &Happened) -> Vec<(Service, Happened)> {
    let granted = Decision::Granted { until: Timestamp(9) };
    let refused = Decision::Refused { reason: "reason".to_owned() };
    let from = |service: Service, told: Vec<Happened>| told.into_iter().map(move |event| (service, event));
    let by_content = match heard {
        Happened::PaymentCompleted(_) | Happened::TierUpgradeAbandoned(_) => {
            [granted, refused].iter().map(|decision| content::told(decision, &matter())).collect()
        }
        _ => Vec::new(),
    };
    let by_fraud = match heard {
        Happened::CustomerPaymentRequested(order) => {
            let verdicts = [Verdict::Passed, Verdict::Failed { reason: "fraud".to_owned() }];
            verdicts.iter().map(|verdict| fraud::told(verdict, order)).collect()
        }
        _ => Vec::new(),
    };
    let by_loyalty = match heard {
        Happened::CustomerStatusUpdated(updated) => vec![
            Happened::LoyaltyEnrolled(Enrolled { matter: updated.matter.clone(), member: MemberId("m_1".to_owned()) }),
            Happened::LoyaltyEnrolmentFailed(refused_by("not-eligible")),
        ],
        _ => Vec::new(),
    };
    from(Service::Payments, by_payments(heard))
        .chain(from(Service::PaymentProxy, by_payment_proxy(heard)))
        .chain(from(Service::ContentAccess, by_content))
        .chain(from(Service::FraudProxy, by_fraud))
        .chain(from(Service::CustomerRelations, by_customer_relations(heard)))
        .chain(from(Service::LoyaltyProxy, by_loyalty))
        .collect()
}

fn graph() -> Graph {
    let mut graph = Graph::new();
    for heard in causes() {
        for (service, told) in told_by_all(&heard) {
            assert!(heard.heard_by().contains(&service), "{service:?} reacts to {}, and is not told", heard.name());
            assert_eq!(told.by(), service, "{service:?} tells {}, which is another's", told.name());
            graph.entry(heard.name()).or_default().insert(told.name());
        }
    }
    graph
}

/// The names on a way from `from` back to it, if there is one.
fn cycle(graph: &Graph, from: &'static str) -> Option<Vec<&'static str>> {
    let mut ways = vec![vec![from]];
    while let Some(way) = ways.pop() {
        for next in graph.get(way[way.len() - 1]).into_iter().flatten() {
            if *next == from {
                return Some(way);
            }
            if !way.contains(next) {
                ways.push([way.as_slice(), &[*next]].concat());
            }
        }
    }
    None
}

#[test]
fn no_event_can_drive_itself() {
    let graph = graph();
    for name in graph.keys() {
        assert_eq!(cycle(&graph, name), None);
    }
}

#[test]
fn the_search_for_cycles_finds_one() {
    let mut graph = graph();
    graph.entry("PaymentRejected").or_default().insert("TierUpgradeRequested");
    assert!(cycle(&graph, "TierUpgradeRequested").is_some());
}

#[test]
fn every_event_is_heard_or_has_a_reason_not_to_be() {
    let silent: BTreeSet<&str> = FOR_THE_RECORD.iter().map(|(name, _)| *name).collect();
    for event in definitions() {
        assert_eq!(event.heard_by.is_empty(), silent.contains(event.name), "{}", event.name);
    }
}

#[test]
fn whoever_hears_an_event_does_something_about_it() {
    for heard in causes() {
        let reacting: BTreeSet<Service> = told_by_all(&heard).into_iter().map(|(service, _)| service).collect();
        // Subscriptions writes the ledger; the simulation holds it to its promises.
        let expected = heard.heard_by().iter().copied().filter(|service| *service != Service::Subscriptions);
        assert_eq!(reacting, expected.collect(), "{}", heard.name());
    }
}
