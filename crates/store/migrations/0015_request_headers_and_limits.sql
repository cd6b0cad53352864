ALTER TABLE webhooks
    ADD COLUMN description text NOT NULL DEFAULT ''
        CONSTRAINT description_is_short CHECK (char_length(description) <= 500),
    -- Deliveries a second that the outbox relay releases at most; null without a limit.
    ADD COLUMN max_per_second integer
        CONSTRAINT max_per_second_is_sensible CHECK (max_per_second BETWEEN 1 AND 1000);

-- The request headers of a webhook, all in one ciphertext: a JSON list of name, value and whether it is sensitive. The names
-- are there in the clear, for lists.
CREATE TABLE webhook_headers (
    webhook_id uuid   PRIMARY KEY REFERENCES webhooks (id) ON DELETE CASCADE,
    names      text[] NOT NULL,
    key_id     text   NOT NULL,
    ciphertext bytea  NOT NULL
);
