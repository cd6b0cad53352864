//! Matching one event against an index of 1,000, 100,000 and 1,000,000 subscriptions: time of a hit and of a miss, of a
//! snapshot and a change; and once per size, the time to load it and the bytes it takes.

use std::hint::black_box;
use std::time::Instant;

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use domain::{AccountName, Condition, Conditions, EventType, EventTypeSet, SubscriptionIndex, WebhookId};
use uuid::Uuid;

/// Event types per webhook; the rest of the catalogue matches nothing.
const TYPES_PER_WEBHOOK: usize = 4;

/// Subscriptions per account: one million among ten thousand accounts.
const SUBSCRIPTIONS_PER_ACCOUNT: usize = 100;

type Webhook = (AccountName, WebhookId, EventTypeSet);

/// Webhooks with `subscriptions` subscriptions in all, spread over the accounts in turn as a table scan might give them.
/// Nobody subscribes to the last type of the catalogue.
fn webhooks(subscriptions: usize) -> Vec<Webhook> {
    let accounts: Vec<_> = (0..subscriptions / SUBSCRIPTIONS_PER_ACCOUNT).map(account).collect();
    (0..subscriptions / TYPES_PER_WEBHOOK)
        .map(|number| {
            let rotated = EventType::all()
                .take(EventType::COUNT - 1)
                .cycle()
                .skip(number % (EventType::COUNT - 1));
            let event_types = rotated.take(TYPES_PER_WEBHOOK).collect();
            // Scattered ids, as random ones would be.
            let id = (number as u128).wrapping_mul(0x9E37_79B9_7F4A_7C15_F39C_C060_5CED_C835);
            (
                accounts[number % accounts.len()].clone(),
                WebhookId(Uuid::from_u128(id)),
                event_types,
            )
        })
        .collect()
}

fn account(number: usize) -> AccountName {
    AccountName::parse(&format!("account-{number:05}")).expect("a valid name")
}

fn load(subscriptions: usize) -> SubscriptionIndex {
    let webhooks = webhooks(subscriptions);
    let start = Instant::now();
    let index: SubscriptionIndex = webhooks.into_iter().collect();
    println!(
        "{} subscriptions of {} webhooks: loaded in {:?}, {:.1} bytes per subscription",
        index.subscriptions(),
        index.webhooks(),
        start.elapsed(),
        index.heap_bytes() as f64 / index.subscriptions() as f64,
    );
    index
}

fn matching(criterion: &mut Criterion) {
    let hit = EventType::parse("deal.won").expect("in the catalogue");
    let miss = EventType::all().last().expect("the catalogue is not empty");
    for subscriptions in [1_000, 100_000, 1_000_000] {
        let index = load(subscriptions);
        let accounts: Vec<_> = (0..subscriptions / SUBSCRIPTIONS_PER_ACCOUNT).map(account).collect();
        // Steps through the accounts out of order, so that a large index does not sit in the cache.
        let mut position = 0;
        let mut next = move || {
            position = (position + 7_919) % accounts.len();
            accounts[position].clone()
        };
        let mut group = criterion.benchmark_group(format!("matching/{subscriptions}"));
        for (name, event_type) in [("hit", hit), ("miss", miss)] {
            group.bench_function(name, |bencher| {
                bencher.iter_batched(
                    &mut next,
                    |account| black_box(index.matching(account.as_str(), event_type).len()),
                    BatchSize::SmallInput,
                );
            });
        }
        group.bench_function("unknown account", |bencher| {
            bencher.iter(|| black_box(index.matching(black_box("nobody"), hit).len()));
        });
        group.bench_function("snapshot", |bencher| bencher.iter(|| black_box(index.clone())));
        group.bench_function("change", |bencher| {
            let mut index = index.clone();
            let webhook = WebhookId(Uuid::from_u128(1));
            bencher.iter(|| index.upsert(&next(), webhook, EventTypeSet::ALL, Conditions::default()));
        });
        group.finish();
    }
}

/// One webhook of an account without conditions, with conditions that do not concern the event, and with some that do.
fn selecting(criterion: &mut Criterion) {
    let won = EventType::parse("deal.won").expect("in the catalogue");
    let lost = EventType::parse("deal.lost").expect("in the catalogue");
    let webhook = WebhookId(Uuid::from_u128(1));
    let mut index = SubscriptionIndex::default();
    let large = || {
        [Condition::parse("amount", "gt", Some("1000")).expect("a valid condition")]
            .into_iter()
            .collect()
    };
    let only = |event_type: EventType| -> EventTypeSet { [event_type].into_iter().collect() };
    index.upsert(&account(1), webhook, only(won), Conditions::default());
    index.upsert(&account(2), webhook, only(won), Conditions::default());
    index.upsert(&account(2), WebhookId(Uuid::from_u128(2)), only(lost), large());
    index.upsert(&account(3), webhook, only(won), large());
    let accounts = [("none", account(1)), ("of others", account(2)), ("one", account(3))];
    let mut group = criterion.benchmark_group("selecting by conditions");
    for (name, account) in &accounts {
        group.bench_function(*name, |bencher| {
            bencher.iter(|| index.select(black_box(account.as_str()), won, black_box(won.example_data()), None));
        });
    }
    group.finish();
}

fn parsing(criterion: &mut Criterion) {
    criterion.bench_function("event type", |bencher| {
        bencher.iter(|| EventType::parse(black_box("opportunity.stage_changed")));
    });
}

criterion_group!(benches, matching, selecting, parsing);
criterion_main!(benches);
