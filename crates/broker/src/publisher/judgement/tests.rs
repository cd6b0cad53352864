use super::*;

fn message(exchange: &str, key: &str, bytes: usize) -> Message {
    Message::new(exchange, key, vec![0; bytes])
}

fn refusal(code: RefusalCode) -> Refusal {
    Refusal {
        code,
        reason: "no".to_owned(),
    }
}

#[test]
fn nothing_known_speaks_against_nobody_and_for_no_suspect() {
    let judgement = Judgement::default();
    assert_eq!(judgement.of(&message("e", "k", 1), Instant::now()), Verdict::Together);
    assert_eq!(
        judgement.of_suspect(&message("e", "k", 1), Instant::now()),
        Verdict::Alone
    );
}

#[test]
fn a_missing_exchange_refuses_all_its_messages_and_a_right_only_those_of_the_key() {
    let mut judgement = Judgement::default();
    let now = Instant::now();
    let missing = refusal(RefusalCode::NotFound);
    let forbidden = refusal(RefusalCode::AccessRefused);
    assert!(judgement.refused(&message("gone", "a", 1), &missing, now));
    assert!(judgement.refused(&message("closed", "a", 1), &forbidden, now));
    assert_eq!(judgement.of(&message("gone", "b", 1), now), Verdict::Refused(missing));
    assert_eq!(
        judgement.of(&message("closed", "a", 1), now),
        Verdict::Refused(forbidden)
    );
    assert_eq!(judgement.of(&message("closed", "b", 1), now), Verdict::Together);
}

#[test]
fn what_is_refused_is_tried_by_one_message_and_ever_less_often() {
    let mut judgement = Judgement::default();
    let mut now = Instant::now();
    let lost = message("gone", "a", 1);
    let missing = refusal(RefusalCode::NotFound);
    for pause in [1, 2, 4, 8, 16, 30, 30].map(Duration::from_secs) {
        judgement.refused(&lost, &missing, now);
        assert!(matches!(
            judgement.of(&lost, now + pause - Duration::from_millis(1)),
            Verdict::Refused(_)
        ));
        now += pause;
        assert_eq!(judgement.of(&lost, now), Verdict::Alone);
    }
    assert!(judgement.taken(&lost, now), "it learns that the exchange is back");
    assert_eq!(judgement.of(&lost, now), Verdict::Together);
}

#[test]
fn a_message_that_was_taken_speaks_for_those_like_it() {
    let mut judgement = Judgement::default();
    let now = Instant::now();
    judgement.taken(&message("e", "k", 100), now);
    assert_eq!(judgement.of_suspect(&message("e", "k", 100), now), Verdict::Together);
    assert_eq!(
        judgement.of_suspect(&message("e", "k", 101), now),
        Verdict::Alone,
        "larger"
    );
    assert_eq!(
        judgement.of_suspect(&message("e", "other", 1), now),
        Verdict::Alone,
        "another key"
    );
    assert_eq!(
        judgement.of_suspect(&message("e", "k", 1), now + CLEARED_FOR),
        Verdict::Alone,
        "long ago"
    );
}

#[test]
fn a_message_that_was_too_large_makes_larger_ones_go_alone_until_one_is_taken() {
    let mut judgement = Judgement::default();
    let now = Instant::now();
    judgement.refused(&message("e", "k", 100), &refusal(RefusalCode::PreconditionFailed), now);
    assert_eq!(judgement.of(&message("e", "k", 99), now), Verdict::Together);
    assert_eq!(judgement.of(&message("e", "k", 200), now), Verdict::Alone);
    judgement.taken(&message("e", "k", 150), now);
    assert_eq!(
        judgement.of(&message("e", "k", 200), now),
        Verdict::Together,
        "it was not the size"
    );
}

#[test]
fn memory_is_bounded() {
    let mut judgement = Judgement::default();
    let now = Instant::now();
    for number in 0..10 * REMEMBERED {
        judgement.refused(
            &message("e", &number.to_string(), 1),
            &refusal(RefusalCode::AccessRefused),
            now,
        );
        judgement.taken(&message("f", &number.to_string(), 1), now);
    }
    assert_eq!(
        (judgement.refused.len(), judgement.cleared.len()),
        (REMEMBERED, REMEMBERED)
    );
}
