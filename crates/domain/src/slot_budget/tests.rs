use proptest::prelude::*;

use super::*;

const HEALTH_CLASSES: [HealthClass; 4] = [
    HealthClass::Quick,
    HealthClass::Unknown,
    HealthClass::Slow,
    HealthClass::Hanging,
];

const EXCESS: u32 = 1024;

fn claim(account: &str, host: &str, health_class: HealthClass, alone: bool) -> Claim {
    let under_way = u32::from(!alone);
    Claim {
        account: account.parse().unwrap(),
        host: host.into(),
        health_class,
        under_way,
        excess: 0,
    }
}

/// Takes as many as there is room for, each at a host of its own.
fn fill(budget: &mut SlotBudget, account: &str, health_class: HealthClass, alone: bool) -> usize {
    let hosts = (0..10_000).map(|number| format!("{account}-{health_class:?}-{number}"));
    hosts
        .map_while(|host| take(budget, &claim(account, &host, health_class, alone)))
        .count()
}

fn take(budget: &mut SlotBudget, claim: &Claim) -> Option<SlotPart> {
    let room = budget.room(claim).ok()?;
    budget.take(claim, room);
    Some(room)
}

#[test]
fn webhooks_that_hang_at_once_leave_room_for_the_first_attempt_of_another() {
    for all in [32, 512] {
        let mut budget = SlotBudget::new(all, 128, EXCESS);
        assert!(fill(&mut budget, "acme", HealthClass::Quick, false) > 0);
        assert_eq!(
            budget.room(&claim("acme", "more", HealthClass::Quick, false)),
            Err(NoSlot::OwnLimit)
        );
        for health_class in [HealthClass::Quick, HealthClass::Unknown] {
            assert!(take(&mut budget, &claim("acme", "well", health_class, true)).is_some());
        }
    }
}

#[test]
fn those_that_hang_those_that_are_slow_and_new_ones_have_parts_of_their_own() {
    let mut budget = SlotBudget::new(512, 128, EXCESS);
    for (account, hanging, slow, new) in [("a", 96, 144, 48), ("b", 32, 48, 16)] {
        assert_eq!(fill(&mut budget, account, HealthClass::Hanging, true), hanging);
        assert_eq!(fill(&mut budget, account, HealthClass::Slow, true), slow);
        assert_eq!(fill(&mut budget, account, HealthClass::Unknown, false), new);
    }
    assert_eq!(
        fill(&mut budget, "b", HealthClass::Unknown, true),
        16,
        "half of the reserve"
    );
    assert_eq!(
        fill(&mut budget, "c", HealthClass::Unknown, true),
        8,
        "and no more than three quarters together"
    );
    assert_eq!(
        fill(&mut budget, "d", HealthClass::Quick, false),
        84,
        "seven eighths of what the others left"
    );
    assert_eq!(
        fill(&mut budget, "d", HealthClass::Quick, true),
        8,
        "and of the reserve what they left"
    );
}

#[test]
fn one_account_never_takes_all_whatever_its_webhooks_do() {
    for (all, health_class) in [32, 512]
        .into_iter()
        .flat_map(|all| HEALTH_CLASSES.map(|health_class| (all, health_class)))
    {
        let mut budget = SlotBudget::new(all, 128, EXCESS);
        for health_class in HEALTH_CLASSES {
            fill(&mut budget, "greedy", health_class, false);
            fill(&mut budget, "greedy", health_class, true);
        }
        assert!(
            budget.room(&claim("other", "host", health_class, true)).is_ok(),
            "{all} {health_class:?}"
        );
        let mut budget = SlotBudget::new(all, 128, EXCESS);
        fill(&mut budget, "greedy", health_class, true);
        assert!(
            budget.room(&claim("other", "host", health_class, true)).is_ok(),
            "{all} {health_class:?}"
        );
    }
}

#[test]
fn a_few_greedy_webhooks_leave_as_much_as_each_of_them_has() {
    for (all, webhooks) in [(32, 6), (512, 8), (512, 100)] {
        let mut budget = SlotBudget::new(all, all, EXCESS);
        let mut under_way = vec![0; webhooks];
        for _ in 0..all {
            for (webhook, under_way) in under_way.iter_mut().enumerate() {
                let claim = Claim {
                    under_way: *under_way,
                    ..claim("acme", &webhook.to_string(), HealthClass::Quick, true)
                };
                *under_way += u32::from(take(&mut budget, &claim).is_some());
            }
        }
        let most = *under_way.iter().max().unwrap();
        let taken = under_way.iter().sum::<u32>();
        assert!(
            all - taken >= 2 && most <= all / webhooks as u32,
            "{all} {webhooks}: {under_way:?}"
        );
        assert!(taken >= all * 3 / 4, "{taken} of {all} by {webhooks}");
    }
}

#[test]
fn one_host_takes_its_part_whoever_asks() {
    let mut budget = SlotBudget::new(512, 128, EXCESS);
    let mut taken = 0;
    for number in 0..512 {
        let claim = claim(&format!("account-{number}"), "one.example", HealthClass::Quick, true);
        taken += u32::from(take(&mut budget, &claim).is_some());
    }
    assert_eq!(taken, 128 + 16, "and half of the slots reserved for first attempts");
}

#[test]
fn one_account_leaves_slots_at_a_host_to_others_whatever_its_webhooks_do() {
    for health_class in HEALTH_CLASSES {
        let mut budget = SlotBudget::new(512, 128, EXCESS);
        let mut fill_host = |account: &str| {
            let claim = claim(account, "one.example", health_class, false);
            std::iter::from_fn(|| take(&mut budget, &claim)).count()
        };
        assert_eq!(fill_host("greedy"), 96, "{health_class:?}");
        assert_eq!(fill_host("other"), 24, "{health_class:?}");
    }
}

#[test]
fn one_account_of_many_quick_webhooks_leaves_shared_slots_to_others() {
    for all in [32, 512] {
        let mut budget = SlotBudget::new(all, all, EXCESS);
        let quick = fill(&mut budget, "greedy", HealthClass::Quick, false) as u32;
        assert!(quick >= all * 3 / 4, "{quick} of {all}");
        assert_eq!(
            budget.room(&claim("other", "host", HealthClass::Quick, false)),
            Ok(SlotPart::Shared),
            "{all}"
        );
    }
}

/// As with slots: a quarter for those that hang, three quarters for all that are not quick, and three quarters of each for
/// one account.
#[test]
fn large_payloads_have_parts_of_their_own_and_small_ones_never_wait_for_them() {
    for (health_class, most) in HEALTH_CLASSES.into_iter().zip([896, 576, 288, 192]) {
        let mut budget = SlotBudget::new(512, 512, EXCESS);
        let mut number = 0;
        let held = std::iter::from_fn(|| {
            number += 1;
            take(
                &mut budget,
                &Claim {
                    excess: 32,
                    ..claim("acme", &number.to_string(), health_class, true)
                },
            )
        });
        assert_eq!(held.count(), most / 32, "{health_class:?}");
        assert!(
            take(&mut budget, &claim("acme", "small", health_class, false)).is_some(),
            "{health_class:?}"
        );
        let others = Claim {
            excess: 32,
            ..claim("beta", "large", health_class, false)
        };
        assert!(take(&mut budget, &others).is_some(), "{health_class:?}");
    }
}

#[test]
fn a_payload_larger_than_the_whole_budget_goes_alone() {
    let mut budget = SlotBudget::new(512, 512, EXCESS);
    let huge = Claim {
        excess: 10 * EXCESS,
        ..claim("acme", "host", HealthClass::Hanging, true)
    };
    let room = take(&mut budget, &huge).unwrap();
    assert_eq!(budget.room(&huge), Err(NoSlot::OwnLimit));
    budget.give_back(&huge, room);
    assert!(budget.room(&huge).is_ok());
}

#[test]
fn a_single_slot_is_a_slot() {
    let mut budget = SlotBudget::new(1, 1, EXCESS);
    let one = claim("acme", "host", HealthClass::Unknown, true);
    let room = take(&mut budget, &one).unwrap();
    assert_eq!(budget.room(&one), Err(NoSlot::OwnLimit));
    budget.give_back(&one, room);
    assert!(budget.room(&one).is_ok());
}

fn any_claim() -> impl Strategy<Value = Claim> {
    let health_class = prop_oneof![
        Just(HealthClass::Quick),
        Just(HealthClass::Unknown),
        Just(HealthClass::Slow),
        Just(HealthClass::Hanging)
    ];
    (0..5_u8, 0..5_u8, health_class, any::<bool>(), 0..20_u32).prop_map(
        |(account, host, health_class, alone, excess)| Claim {
            excess,
            ..claim(&account.to_string(), &host.to_string(), health_class, alone)
        },
    )
}

proptest! {
    #[test]
    fn never_more_than_all_and_all_comes_back(claims in prop::collection::vec(any_claim(), 0..200), all in 1..64_u32) {
        let mut budget = SlotBudget::new(all, 8, EXCESS);
        let taken: Vec<_> =
            claims.into_iter().filter_map(|claim| take(&mut budget, &claim).map(|room| (claim, room))).collect();
        prop_assert!(taken.len() <= all as usize);
        for (claim, room) in &taken {
            budget.give_back(claim, *room);
        }
        prop_assert!(budget.shared.is_empty() && budget.excess.is_empty() && budget.by_host.is_empty());
        prop_assert!(budget.reserve.taken.all() == 0 && budget.reserve.by_account.is_empty());
        prop_assert!(budget.reserve.by_host.is_empty());
    }
}
