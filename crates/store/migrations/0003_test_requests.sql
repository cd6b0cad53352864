-- Forms to be tested: what the Test button hands to a sender. Whoever takes one removes it, so that a test is made at
-- most once; what nobody takes is removed after some minutes.

CREATE TABLE test_requests (
    id         uuid        PRIMARY KEY,
    account    text        NOT NULL,
    -- The webhook to be tested as it is saved; null for a form, which has the rest.
    webhook_id uuid        REFERENCES webhooks ON DELETE CASCADE,
    url        text,
    -- As in webhook_secrets, with the id of this row as the associated data.
    key_id     text,
    ciphertext bytea,
    event_type text        NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT saved_or_filled_in
        CHECK (num_nulls(url, key_id, ciphertext) = CASE WHEN webhook_id IS NULL THEN 0 ELSE 3 END)
);
