//! Refuses transitions of deliveries that `domain` does not know, so that every test with a database checks them.

use devstack::servers::ServerError;
use domain::DeliveryPhase;
use strum::VariantArray;

/// Adds a trigger to the delivery log of a migrated database: a statement that makes any other transition than
/// [`DeliveryPhase::may_become`] allows is refused.
///
/// # Errors
/// The database is down, or not migrated.
pub async fn check_transitions(url: &str) -> Result<(), ServerError> {
    let all = DeliveryPhase::VARIANTS.iter();
    let pairs = all.flat_map(|from| DeliveryPhase::VARIANTS.iter().map(move |to| (from, to)));
    let allowed: Vec<_> = pairs
        .filter(|(from, to)| from.may_become(**to))
        .map(|(from, to)| format!("('{from}', '{to}')"))
        .collect();
    let phase = |row| {
        format!(
            "CASE WHEN {row}.state <> 'queued' THEN {row}.state WHEN {row}.waiting THEN 'spilled' ELSE 'released' END"
        )
    };
    let function = format!(
        "CREATE OR REPLACE FUNCTION refuse_transition() RETURNS trigger LANGUAGE plpgsql AS $$
        DECLARE
            was text := {};
            becomes text := {};
        BEGIN
            IF (was, becomes) NOT IN ({}) THEN
                RAISE EXCEPTION 'delivery % became % from %', NEW.id, becomes, was;
            END IF;
            RETURN NULL;
        END $$;
        DROP TRIGGER IF EXISTS refuse_transition ON deliveries;
        CREATE TRIGGER refuse_transition AFTER UPDATE OF state, waiting ON deliveries
            FOR EACH ROW EXECUTE FUNCTION refuse_transition();",
        phase("OLD"),
        phase("NEW"),
        allowed.join(", ")
    );
    devstack::servers::execute(url, &function).await
}
