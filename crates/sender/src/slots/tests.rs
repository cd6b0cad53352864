use std::time::Duration;

use super::*;

const TIMEOUT: Duration = Duration::from_secs(15);
const MILLISECOND: Duration = Duration::from_millis(1);

const WINDOW: u32 = 16 * 1024 * 1024;

/// The numbers of all slots, and of those to one webhook and one host.
fn slots(all: u32, per_webhook: u32, per_host: u32) -> Slots {
    Slots::new(SlotLimits {
        all,
        per_webhook,
        per_host,
        window: WINDOW,
    })
}

async fn take(slots: &Slots, webhook: WebhookId) -> Result<Slot, SpillReason> {
    take_of(slots, webhook, "acme", Lane::Normal).await
}

/// Each webhook has a host of its own.
async fn take_of(slots: &Slots, webhook: WebhookId, account: &str, lane: Lane) -> Result<Slot, SpillReason> {
    let account = account.parse().unwrap();
    let host = webhook.to_string();
    slots
        .take(SlotRequest {
            webhook,
            account: &account,
            host: &host,
            released: false,
            lane,
            bytes: 1,
        })
        .await
}

/// The same in a task of its own.
fn spawn_take(
    slots: &Slots,
    webhook: WebhookId,
    account: &'static str,
    lane: Lane,
) -> tokio::task::JoinHandle<Result<Slot, SpillReason>> {
    let slots = slots.clone();
    tokio::spawn(async move { take_of(&slots, webhook, account, lane).await })
}

async fn taken(slots: &Slots, webhook: WebhookId, count: usize) -> Vec<Slot> {
    let mut taken = Vec::new();
    for _ in 0..count {
        taken.push(take(slots, webhook).await.ok().unwrap());
    }
    taken
}

/// Attempts that each hold a slot for this time, one after the other.
async fn attempts(slots: &Slots, webhook: WebhookId, count: usize, answered: bool, held: Duration) {
    for _ in 0..count {
        let slot = take(slots, webhook).await.ok().unwrap();
        tokio::time::sleep(held).await;
        slot.ended(answered, None);
    }
}

/// This many at once, until no slot is granted within a moment.
async fn flood(slots: &Slots, webhook: WebhookId, count: usize) -> Vec<Slot> {
    let mut taken = Vec::new();
    for _ in 0..count {
        if let Ok(Ok(slot)) = tokio::time::timeout(MILLISECOND, take(slots, webhook)).await {
            taken.push(slot);
        }
    }
    taken
}

#[tokio::test(start_paused = true)]
async fn a_webhook_that_hangs_keeps_its_jobs_waiting_for_a_moment_only_and_then_not_at_all() {
    let slots = slots(512, 64, 128);
    let hanging = WebhookId::generate();
    let under_way = taken(&slots, hanging, 4).await;
    let began = Instant::now();
    assert_eq!(take(&slots, hanging).await.err(), Some(SpillReason::AtLimit));
    assert!(began.elapsed() >= Duration::from_millis(250));
    tokio::time::sleep(TIMEOUT).await;
    under_way.into_iter().for_each(|slot| slot.ended(false, None));
    let one = take(&slots, hanging).await.ok().unwrap();
    let began = Instant::now();
    assert_eq!(take(&slots, hanging).await.err(), Some(SpillReason::AtLimit));
    assert_eq!(began.elapsed(), Duration::ZERO);
    one.ended(true, None);
    drop(taken(&slots, hanging, 1).await);
}

/// Each way in which a receiver can hold a slot: from its first attempt on; after it has been quick; and by a response
/// whose body does not end.
#[tokio::test(start_paused = true)]
async fn however_many_hang_and_however_they_do_another_gets_its_slot_at_once() {
    for quick_before in [false, true] {
        let slots = slots(32, 16, 128);
        let healthy = WebhookId::generate();
        attempts(&slots, healthy, 3, true, MILLISECOND).await;
        let hanging: Vec<_> = (0..6).map(|_| WebhookId::generate()).collect();
        if quick_before {
            for webhook in &hanging {
                flood(&slots, *webhook, 16)
                    .await
                    .into_iter()
                    .for_each(|slot| slot.ended(true, None));
            }
        }
        let mut held = Vec::new();
        for webhook in hanging.iter().cycle().take(600) {
            held.extend(flood(&slots, *webhook, 1).await);
        }
        assert!(held.len() >= 16, "{}", held.len());
        for webhook in [healthy, WebhookId::generate()] {
            let slot = tokio::time::timeout(MILLISECOND, take(&slots, webhook)).await;
            assert!(slot.is_ok_and(|slot| slot.is_ok()), "known {quick_before}");
        }
    }
}

/// Several events at once for a webhook without an attempt in flight: one of its jobs is the first.
#[tokio::test(start_paused = true)]
async fn a_burst_for_another_webhook_gets_one_of_the_slots_for_first_attempts() {
    let slots = slots(32, 16, 128);
    let healthy = WebhookId::generate();
    let mut held = Vec::new();
    for _ in 0..5 {
        held.extend(flood(&slots, WebhookId::generate(), 4).await);
    }
    let burst = (0..4).map(|_| tokio::time::timeout(MILLISECOND, take(&slots, healthy)));
    let burst = futures_util::future::join_all(burst).await;
    assert_eq!(burst.iter().filter(|slot| matches!(slot, Ok(Ok(_)))).count(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_answer_whose_body_does_not_end_makes_a_webhook_slow() {
    let slots = slots(32, 16, 128);
    let drips = WebhookId::generate();
    attempts(&slots, drips, 3, true, Duration::from_millis(1050)).await;
    let slow: Vec<_> = flood(&slots, drips, 32).await;
    let others = flood(&slots, WebhookId::generate(), 32).await;
    assert!(slow.len() + others.len() < 32);
    assert!(slow.len() <= 12, "{}", slow.len());
}

#[tokio::test(start_paused = true)]
async fn a_webhook_that_falls_silent_while_its_jobs_wait_for_slots_gives_them_up() {
    let slots = slots(8, 8, 128);
    let webhook = WebhookId::generate();
    flood(&slots, webhook, 4)
        .await
        .into_iter()
        .for_each(|slot| slot.ended(true, None));
    let held = flood(&slots, webhook, 4).await;
    assert_eq!(held.len(), 2, "as much is left to others");
    let began = Instant::now();
    assert!(take(&slots, webhook).await.is_err());
    assert!(began.elapsed() <= Duration::from_secs(3));
}

#[tokio::test(start_paused = true)]
async fn those_that_wait_go_in_their_order_as_soon_as_there_is_room() {
    let slots = slots(16, 1, 128);
    let webhook = WebhookId::generate();
    attempts(&slots, webhook, 1, true, MILLISECOND).await;
    let first = take(&slots, webhook).await.ok().unwrap();
    let given_up = tokio::time::timeout(MILLISECOND, take(&slots, webhook)).await;
    assert!(given_up.is_err());
    let second = tokio::spawn({
        let slots = slots.clone();
        async move { take(&slots, webhook).await.map(|slot| slot.ended(true, None)) }
    });
    tokio::task::yield_now().await;
    drop(first);
    assert_eq!(second.await.unwrap(), Ok(()));
    assert!(
        take(&slots, webhook).await.is_ok(),
        "a turn that nobody waited for any more is not lost"
    );
}

#[tokio::test(start_paused = true)]
async fn a_slot_that_nobody_waits_for_any_more_is_not_lost() {
    let slots = slots(1, 1, 128);
    let one = WebhookId::generate();
    let other = WebhookId::generate();
    let held = take(&slots, one).await.ok().unwrap();
    for _ in 0..10 {
        assert!(tokio::time::timeout(MILLISECOND, take(&slots, other)).await.is_err());
    }
    drop(held);
    drop(take(&slots, other).await.ok().unwrap());
    assert!(take(&slots, one).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_receiver_that_limits_the_rate_is_left_alone_for_as_long_as_it_asks_and_new_jobs_go_behind() {
    let slots = slots(32, 16, 128);
    let webhook = WebhookId::generate();
    let account = "acme".parse().unwrap();
    let request = |released| SlotRequest {
        webhook,
        account: &account,
        host: "host",
        released,
        lane: Lane::Normal,
        bytes: 1,
    };
    let asked = Deferral {
        cause: DeferralCause::Throttled,
        wait: Duration::from_secs(7),
    };
    slots.take(request(false)).await.ok().unwrap().ended(true, Some(asked));
    for released in [false, true] {
        assert_eq!(
            slots.take(request(released)).await.err(),
            Some(SpillReason::Deferred(asked))
        );
    }
    tokio::time::advance(asked.wait).await;
    assert!(slots.take(request(true)).await.is_ok());
    assert_eq!(slots.take(request(false)).await.err(), Some(SpillReason::BacklogFirst));
    slots.forget_throttle(webhook);
    assert!(slots.take(request(false)).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn one_account_and_one_host_leave_slots_to_others() {
    let slots = slots(64, 64, 16);
    let greedy = "greedy".parse().unwrap();
    let other = "other".parse().unwrap();
    let mut held = Vec::new();
    for number in 0..200 {
        let webhook = WebhookId::generate();
        let host = if number < 100 {
            "one".to_owned()
        } else {
            format!("host-{number}")
        };
        let request = SlotRequest {
            webhook,
            account: &greedy,
            host: &host,
            released: false,
            lane: Lane::Normal,
            bytes: 1,
        };
        let slot = tokio::time::timeout(MILLISECOND, slots.take(request)).await;
        held.extend(slot.ok().and_then(Result::ok));
        if number == 99 {
            assert_eq!(held.len(), 14, "three quarters of one host, and half of the reserve");
        }
    }
    let request = SlotRequest {
        webhook: WebhookId::generate(),
        account: &other,
        host: "elsewhere",
        released: false,
        lane: Lane::Normal,
        bytes: 1,
    };
    assert!(
        tokio::time::timeout(MILLISECOND, slots.take(request))
            .await
            .is_ok_and(|slot| slot.is_ok())
    );
}

/// Many jobs for a host at its limit: they neither spin nor block free slots.
#[tokio::test(start_paused = true)]
async fn jobs_that_wait_for_a_full_host_stand_in_nobodys_way() {
    let slots = slots(64, 64, 5);
    let account = "acme".parse().unwrap();
    let request = |webhook, host| SlotRequest {
        webhook,
        account: &account,
        host,
        released: false,
        lane: Lane::Normal,
        bytes: 1,
    };
    let busy = WebhookId::generate();
    let well = WebhookId::generate();
    for webhook in [busy, well] {
        attempts(&slots, webhook, 1, true, MILLISECOND).await;
    }
    let mut held = Vec::new();
    for _ in 0..4 {
        held.push(slots.take(request(busy, "full")).await.ok().unwrap());
    }
    let waiting = futures_util::future::join_all((0..200).map(|_| slots.take(request(busy, "full"))));
    let others = async {
        tokio::time::sleep(MILLISECOND).await;
        for _ in 0..10 {
            let slot = tokio::time::timeout(MILLISECOND, slots.take(request(well, "elsewhere"))).await;
            assert!(slot.is_ok_and(|slot| slot.is_ok()));
        }
    };
    let (refused, ()) = tokio::join!(waiting, others);
    assert!(refused.iter().all(Result::is_err));
}

/// A flood takes every slot there is for it, and every place to wait that it gets in the bulk lane.
#[tokio::test(start_paused = true)]
async fn jobs_that_wait_in_the_bulk_lane_keep_none_of_the_normal_lane_from_waiting_or_from_its_slot() {
    let slots = slots(64, 64, 128);
    let [flooded, well] = [100, 10].map(|count| (0..count).map(|_| WebhookId::generate()).collect::<Vec<_>>());
    for webhook in flooded.iter().chain(&well) {
        attempts(&slots, *webhook, 1, true, MILLISECOND).await;
    }
    let flood: Vec<_> = flooded
        .iter()
        .map(|webhook| spawn_take(&slots, *webhook, "acme", Lane::Bulk))
        .collect();
    tokio::time::sleep(MILLISECOND).await;
    // One account leaves an eighth of the shared slots, and half of those reserved for first attempts.
    let left = futures_util::future::join_all(
        well[..9]
            .iter()
            .map(|webhook| spawn_take(&slots, *webhook, "beta", Lane::Normal)),
    )
    .await;
    assert!(left.iter().all(|slot| slot.as_ref().is_ok_and(Result::is_ok)));

    let began = Instant::now();
    let last = spawn_take(&slots, well[9], "gamma", Lane::Normal);
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert!(!last.is_finished(), "it waits");
    let one = flood.into_iter().find(tokio::task::JoinHandle::is_finished).unwrap();
    drop(one.await);
    assert!(last.await.unwrap().is_ok());
    assert_eq!(began.elapsed(), Duration::from_millis(100));
}

#[tokio::test(start_paused = true)]
async fn jobs_of_new_webhooks_have_places_to_wait_in_each_lane() {
    let slots = slots(64, 64, 128);
    let account = "acme".parse().unwrap();
    let request = |webhook, lane| SlotRequest {
        webhook,
        account: &account,
        host: "host",
        released: false,
        lane,
        bytes: 1,
    };
    let flooded = WebhookId::generate();
    let new = WebhookId::generate();
    let flood = futures_util::future::join_all((0..100).map(|_| slots.take(request(flooded, Lane::Bulk))));
    let another = async {
        tokio::time::sleep(MILLISECOND).await;
        let _under_way = taken(&slots, new, 4).await;
        let began = Instant::now();
        assert!(slots.take(request(new, Lane::Normal)).await.is_err());
        began.elapsed()
    };
    let (_flood, waited) = tokio::join!(flood, another);
    assert!(waited >= SLOT_TIMEOUT, "{waited:?}");
}

/// Webhooks that hang hold the bytes of their payloads too: they must not fill the prefetch window, which counts both, nor
/// keep small payloads waiting.
#[tokio::test(start_paused = true)]
async fn large_payloads_leave_room_in_the_window_and_slots_to_small_ones() {
    const LARGE: usize = 200_000;
    let slots = slots(512, 64, 512);
    let account = "acme".parse().unwrap();
    let take = async |webhook: WebhookId, bytes| {
        let host = webhook.to_string();
        let account = &account;
        let host = host.as_str();
        let lane = Lane::Normal;
        let request = SlotRequest {
            webhook,
            account,
            host,
            released: false,
            lane,
            bytes,
        };
        tokio::time::timeout(MILLISECOND, slots.take(request))
            .await
            .ok()
            .and_then(Result::ok)
    };
    let mut held = Vec::new();
    for _ in 0..500 {
        held.extend(take(WebhookId::generate(), LARGE).await);
    }
    assert!(
        (20..WINDOW as usize / LARGE / 2).contains(&held.len()),
        "{}",
        held.len()
    );
    for _ in 0..100 {
        held.push(take(WebhookId::generate(), 1000).await.unwrap());
    }
}

/// One account has many webhooks that take most of a second each: the places to wait are not all its own.
#[tokio::test(start_paused = true)]
async fn one_account_of_many_quick_webhooks_leaves_places_to_wait_to_others() {
    let slots = slots(32, 16, 32);
    let take = |account, webhook| spawn_take(&slots, webhook, account, Lane::Normal);
    let [greedy, others] = [100, 12].map(|count| (0..count).map(|_| WebhookId::generate()).collect::<Vec<_>>());
    for webhook in greedy.iter().chain(&others) {
        attempts(&slots, *webhook, 1, true, MILLISECOND).await;
    }
    tokio::time::sleep(Duration::from_secs(5)).await;
    let flood: Vec<_> = greedy.iter().map(|webhook| take("greedy", *webhook)).collect();
    let others: Vec<_> = others.iter().map(|webhook| take("other", *webhook)).collect();
    tokio::time::sleep(MILLISECOND).await;
    let waiting = others.iter().filter(|other| !other.is_finished()).count();
    let mut granted = Vec::new();
    for other in others.into_iter().filter(tokio::task::JoinHandle::is_finished) {
        granted.extend(other.await.unwrap());
    }
    assert!(
        granted.len() >= 4 && waiting >= 2,
        "with slots: {}, waiting: {waiting}",
        granted.len()
    );
    drop(flood);
}
