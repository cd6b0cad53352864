-- Webhooks, their secrets, API tokens, and the delivery log.

CREATE TABLE webhooks (
    id                   uuid        PRIMARY KEY,
    account              text        NOT NULL,
    name                 text        NOT NULL,
    url                  text        NOT NULL,
    event_types          text[]      NOT NULL,
    paused_reason        text,
    paused_at            timestamptz,
    -- Automatic deliveries in a row that ended failed.
    consecutive_failures integer     NOT NULL DEFAULT 0,
    -- Attempts in a row without a success.
    failed_attempts      integer     NOT NULL DEFAULT 0,
    -- Counts edits; the ETag.
    version              bigint      NOT NULL DEFAULT 1,
    created_at           timestamptz NOT NULL DEFAULT now(),
    updated_at           timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT paused_reason_is_known CHECK (paused_reason IN ('user', 'repeated_failures', 'gone')),
    CONSTRAINT paused_at_iff_paused CHECK ((paused_at IS NULL) = (paused_reason IS NULL)),
    CONSTRAINT listens_to_something CHECK (cardinality(event_types) > 0)
);
CREATE INDEX webhooks_by_account ON webhooks (account, created_at, id);

-- Encrypted with XChaCha20-Poly1305; this row's id is the associated data, so a ciphertext works in its own row only.
CREATE TABLE webhook_secrets (
    id         uuid        PRIMARY KEY,
    webhook_id uuid        NOT NULL REFERENCES webhooks ON DELETE CASCADE,
    key_id     text        NOT NULL,
    ciphertext bytea       NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    -- Null for the current secret; a replaced one signs beside it until then.
    expires_at timestamptz
);
CREATE INDEX webhook_secrets_by_webhook ON webhook_secrets (webhook_id);
CREATE UNIQUE INDEX one_current_secret ON webhook_secrets (webhook_id) WHERE expires_at IS NULL;

-- Only what senders and the matching index read makes a change worth telling; counters do not.
CREATE SEQUENCE webhook_change_number;

CREATE FUNCTION notify_webhook_change() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    changed webhooks%ROWTYPE;
BEGIN
    IF TG_OP = 'DELETE' THEN changed := OLD; ELSE changed := NEW; END IF;
    PERFORM pg_notify('webhook_changes', nextval('webhook_change_number') || ' ' || changed.id || ' ' || changed.account);
    RETURN NULL;
END $$;

CREATE TRIGGER webhook_changed
    AFTER INSERT OR DELETE OR UPDATE OF url, event_types, paused_reason, version ON webhooks
    FOR EACH ROW EXECUTE FUNCTION notify_webhook_change();

CREATE TABLE api_tokens (
    id           uuid        PRIMARY KEY,
    account      text        NOT NULL,
    role         text        NOT NULL,
    name         text        NOT NULL,
    -- SHA-256 of the token, which is 32 random bytes: nothing to guess, so nothing slow is needed.
    hash         bytea       NOT NULL UNIQUE,
    created_at   timestamptz NOT NULL DEFAULT now(),
    last_used_at timestamptz,
    revoked_at   timestamptz,
    CONSTRAINT role_is_known CHECK (role IN ('admin', 'viewer'))
);

-- One row a delivery, filed under the UTC day its event was accepted. Partitions are dropped, never deleted from; there
-- is no DEFAULT partition, which would forbid detaching without a lock.
CREATE TABLE deliveries (
    id               uuid        NOT NULL,
    created_on       date        NOT NULL,
    account          text        NOT NULL,
    webhook_id       uuid        NOT NULL,
    event_id         text        NOT NULL,
    event_type       text        NOT NULL,
    state            text        NOT NULL,
    test             boolean     NOT NULL DEFAULT false,
    -- Attempts made.
    attempts         integer     NOT NULL,
    -- Steps of the retry ladder used.
    step             integer     NOT NULL,
    http_status      smallint,
    error            text,
    response_time_ms integer,
    -- The exact bytes posted and signed, so that anything can be sent again from here alone. Never jsonb, which
    -- rewrites them.
    payload          bytea       NOT NULL,
    traceparent      text,
    created_at       timestamptz NOT NULL,
    updated_at       timestamptz NOT NULL,
    next_attempt_at  timestamptz,
    PRIMARY KEY (id, created_on),
    CONSTRAINT state_is_known CHECK (state IN ('queued', 'held', 'retrying', 'delivered', 'failed')),
    CONSTRAINT next_attempt_iff_retrying CHECK ((next_attempt_at IS NOT NULL) = (state = 'retrying')),
    CONSTRAINT filed_by_creation CHECK (created_on = (created_at AT TIME ZONE 'UTC')::date)
) PARTITION BY RANGE (created_on);
CREATE INDEX deliveries_by_webhook ON deliveries (webhook_id, created_on, created_at, id);
CREATE INDEX deliveries_waiting ON deliveries (webhook_id, created_at, id) WHERE state IN ('queued', 'held');
CREATE INDEX deliveries_due ON deliveries (next_attempt_at) WHERE state = 'retrying';

-- One row an attempt, filed with its delivery.
CREATE TABLE attempts (
    delivery_id      uuid        NOT NULL,
    created_on       date        NOT NULL,
    number           integer     NOT NULL,
    trigger          text        NOT NULL,
    at               timestamptz NOT NULL,
    outcome          text        NOT NULL,
    http_status      smallint,
    response_time_ms integer     NOT NULL,
    error            text,
    -- At most 4 KiB of the answer, as it came.
    response_excerpt bytea,
    PRIMARY KEY (delivery_id, number, created_on),
    CONSTRAINT trigger_is_known CHECK (trigger IN ('event', 'retry', 'manual', 'resume', 'test')),
    CONSTRAINT outcome_is_known CHECK (outcome IN ('success', 'http_3xx', 'http_4xx', 'http_5xx', 'timeout',
        'connect_error', 'dns_error', 'tls_error', 'blocked'))
) PARTITION BY RANGE (created_on);

-- Makes the two partitions of a day. They are made apart and attached, because CREATE TABLE ... PARTITION OF would lock
-- the log against reads and writes. Safe to repeat and from several places at once.
CREATE FUNCTION create_log_partitions(day date) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    parent text;
    child  text;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('create_log_partitions'));
    FOREACH parent IN ARRAY ARRAY['deliveries', 'attempts'] LOOP
        child := parent || '_' || to_char(day, 'YYYYMMDD');
        CONTINUE WHEN to_regclass(child) IS NOT NULL;
        EXECUTE format('CREATE TABLE %I (LIKE %I INCLUDING DEFAULTS INCLUDING CONSTRAINTS)', child, parent);
        EXECUTE format('ALTER TABLE %I ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)', parent, child, day, day + 1);
    END LOOP;
END $$;
