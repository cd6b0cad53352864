-- The record that the event is about (CloudEvents `subject`). Null when it has none, when it has more than 255 bytes, and for
-- deliveries of former releases.
ALTER TABLE deliveries ADD COLUMN subject text;

-- What a search by event id and by record reads, newest first. A subject is indexed from its end: so one index serves the
-- whole subject and its last parts.
--
-- ONLY: the log is not scanned. Partitions that are created from now on have the indexes; for those that exist, housekeeping
-- builds them without a lock.
CREATE INDEX deliveries_by_event ON ONLY deliveries (account, event_id, created_on, created_at);
CREATE INDEX deliveries_by_subject ON ONLY deliveries (account, (reverse(subject) COLLATE "C"), created_on, created_at)
    WHERE subject IS NOT NULL;

-- How many events the CRM published, by account, type and hour (UTC). Every process adds its counts.
CREATE TABLE event_counts (
    account    text        NOT NULL,
    hour       timestamptz NOT NULL,
    -- Of a type that the catalogue does not know, at most 64 characters.
    event_type text        NOT NULL,
    events     bigint      NOT NULL,
    -- Those of them that matched no webhook.
    unmatched  bigint      NOT NULL,
    -- Whether the catalogue had the type.
    known      boolean     NOT NULL,
    -- When the last of them came.
    last_at    timestamptz NOT NULL,
    PRIMARY KEY (account, hour, event_type)
) WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.05);
CREATE INDEX event_counts_by_hour ON event_counts (hour);
