-- Pause and release, notifications, recoveries, counts.

-- What the relay has yet to hand to the broker: one narrow row a delivery. The log keeps the payload.
CREATE TABLE waiting_deliveries (
    delivery_id uuid        NOT NULL,
    created_on  date        NOT NULL,
    created_at  timestamptz NOT NULL,
    webhook_id  uuid        NOT NULL,
    -- Of the attempt to be made.
    trigger     text        NOT NULL,
    -- Waits for its webhook to be resumed, or did until it was; the delivery's state is then `held`, else `queued`.
    held        boolean     NOT NULL,
    -- Was released before, and a sender brought it back because the webhook was at its limit.
    returned    boolean     NOT NULL DEFAULT false,
    recovery_id uuid,
    PRIMARY KEY (delivery_id, created_on),
    CONSTRAINT waits_for_an_attempt CHECK (trigger IN ('manual', 'resume'))
);
CREATE INDEX waiting_by_webhook ON waiting_deliveries (webhook_id, created_at, delivery_id);
CREATE INDEX waiting_for_their_turn ON waiting_deliveries (webhook_id) WHERE NOT held;
CREATE INDEX waiting_manual ON waiting_deliveries (webhook_id, created_at, delivery_id) WHERE trigger = 'manual' AND NOT held;
CREATE INDEX waiting_recovery ON waiting_deliveries (recovery_id) WHERE recovery_id IS NOT NULL;

-- How many deliveries of a webhook are held: the sum of its rows. Every statement adds its change as a row of its own, so
-- that nobody waits for anybody; housekeeping sums rows up.
CREATE TABLE held_counts (
    webhook_id uuid   NOT NULL,
    held       bigint NOT NULL
);
CREATE INDEX held_counts_by_webhook ON held_counts (webhook_id) INCLUDE (held);

CREATE FUNCTION count_added() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO held_counts SELECT webhook_id, count(*) FROM added WHERE held GROUP BY webhook_id;
    RETURN NULL;
END $$;

CREATE FUNCTION count_removed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO held_counts SELECT webhook_id, -count(*) FROM removed WHERE held GROUP BY webhook_id;
    RETURN NULL;
END $$;

CREATE FUNCTION count_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO held_counts
        SELECT webhook_id, sum(change) FROM (
            SELECT webhook_id, 1 AS change FROM added WHERE held
            UNION ALL SELECT webhook_id, -1 FROM removed WHERE held) AS changes
        GROUP BY webhook_id HAVING sum(change) <> 0;
    RETURN NULL;
END $$;

CREATE TRIGGER waiting_added AFTER INSERT ON waiting_deliveries
    REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION count_added();
CREATE TRIGGER waiting_removed AFTER DELETE ON waiting_deliveries
    REFERENCING OLD TABLE AS removed FOR EACH STATEMENT EXECUTE FUNCTION count_removed();
CREATE TRIGGER waiting_changed AFTER UPDATE ON waiting_deliveries
    REFERENCING OLD TABLE AS removed NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION count_changed();

-- The pace at which a webhook's waiting deliveries are released. A row is there while something is to be released.
CREATE TABLE releases (
    webhook_id uuid             PRIMARY KEY,
    next_at    timestamptz      NOT NULL DEFAULT now(),
    per_second double precision NOT NULL
);
CREATE INDEX releases_due ON releases (next_at);

-- "Send every failed delivery of this time again." The relay works through it from the oldest on.
CREATE TABLE recoveries (
    id           uuid        PRIMARY KEY,
    account      text        NOT NULL,
    webhook_id   uuid        NOT NULL,
    since        timestamptz NOT NULL,
    until        timestamptz NOT NULL,
    requested_at timestamptz NOT NULL DEFAULT now(),
    -- Failed deliveries in the range when it was asked for.
    found        bigint      NOT NULL,
    -- Those looked at so far, and how far that is.
    marked       bigint      NOT NULL DEFAULT 0,
    reached_at   timestamptz NOT NULL,
    reached_id   uuid        NOT NULL DEFAULT '00000000-0000-0000-0000-000000000000',
    all_marked   boolean     NOT NULL DEFAULT false,
    tried_at     timestamptz NOT NULL DEFAULT now(),
    finished_at  timestamptz
);
CREATE UNIQUE INDEX one_recovery_at_a_time ON recoveries (webhook_id) WHERE finished_at IS NULL;

-- What administrators are told: one row an incident.
CREATE TABLE notifications (
    id           uuid        PRIMARY KEY,
    account      text        NOT NULL,
    webhook_id   uuid        NOT NULL,
    kind         text        NOT NULL,
    message      text        NOT NULL,
    created_at   timestamptz NOT NULL DEFAULT now(),
    read_at      timestamptz,
    -- Confirmed by the broker.
    published_at timestamptz,
    -- Taken by the mail server, or not to be mailed.
    mailed_at    timestamptz,
    mail_tries   integer     NOT NULL DEFAULT 0,
    -- While one process tries to mail it, the others leave it alone until then.
    mail_next_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT kind_is_known CHECK (kind IN ('webhook.failing', 'webhook.auto_paused', 'webhook.recovered'))
);
CREATE INDEX notifications_by_account ON notifications (account, created_at, id);
CREATE INDEX notifications_unread ON notifications (account) WHERE read_at IS NULL;
CREATE INDEX notifications_to_publish ON notifications (created_at) WHERE published_at IS NULL;
CREATE INDEX notifications_to_mail ON notifications (mail_next_at) WHERE mailed_at IS NULL;

-- What the chart shows: ends of attempts by webhook and hour. Several rows for the same hour add up, as in held_counts.
CREATE TABLE attempt_counts (
    webhook_id       uuid        NOT NULL,
    hour             timestamptz NOT NULL,
    delivered        bigint      NOT NULL,
    failed           bigint      NOT NULL,
    -- Attempts that failed and are followed by another.
    retried          bigint      NOT NULL,
    response_time_ms bigint      NOT NULL
);
CREATE INDEX attempt_counts_by_webhook ON attempt_counts (webhook_id, hour);
CREATE INDEX attempt_counts_by_hour ON attempt_counts (hour);

-- Filtered pages of the log, and what a recovery reads.
CREATE INDEX deliveries_by_state ON deliveries (webhook_id, state, created_on, created_at, id);
CREATE INDEX deliveries_by_event_type ON deliveries (webhook_id, event_type, created_on, created_at, id);
-- Whether a delivery that is held or queued is in the list of what waits. The others are on their way through the broker,
-- and may be lost there.
ALTER TABLE deliveries ADD COLUMN waiting boolean NOT NULL DEFAULT false;
CREATE INDEX deliveries_on_their_way ON deliveries (updated_at) WHERE state = 'queued' AND NOT waiting;
DROP INDEX deliveries_waiting;

-- Rows that live for seconds or minutes must not bloat what counts and releases read.
ALTER TABLE waiting_deliveries SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000,
    autovacuum_vacuum_insert_scale_factor = 0, autovacuum_vacuum_insert_threshold = 20000);
ALTER TABLE held_counts SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);
ALTER TABLE attempt_counts SET (autovacuum_vacuum_scale_factor = 0.05);
ALTER TABLE releases SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500);
