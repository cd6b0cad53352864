-- Deliveries that wait because the receiver said "not now" (429), or because of trouble on our side (local_error).

-- NOT VALID: the rows that are there satisfy the narrower constraint, and the log is not scanned.
ALTER TABLE attempts DROP CONSTRAINT outcome_is_known;
ALTER TABLE attempts ADD CONSTRAINT outcome_is_known CHECK (outcome IN ('success', 'http_3xx', 'http_4xx', 'http_5xx',
    'timeout', 'connect_error', 'dns_error', 'tls_error', 'blocked', 'local_error')) NOT VALID;

-- Since when the delivery's attempts have been deferred without a break; null otherwise.
ALTER TABLE deliveries ADD COLUMN deferred_since timestamptz;

-- What senders tell the relay about the rate that a webhook takes. Rows are only added; the relay removes them at the
-- webhook's next turn. So no sender waits for a relay that has the webhook's row in releases locked.
CREATE TABLE release_signals (
    webhook_id uuid        NOT NULL,
    kind       text        NOT NULL,
    -- Nothing is released before.
    wait_until timestamptz NOT NULL,
    CONSTRAINT kind_is_known CHECK (kind IN ('throttled', 'local_error', 'crowded'))
);
CREATE INDEX release_signals_by_webhook ON release_signals (webhook_id);
ALTER TABLE release_signals SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);

-- When the receiver last limited the rate: the pace grows by steps, not by factors, for some time after.
ALTER TABLE releases ADD COLUMN throttled_at timestamptz;

-- When the first of the consecutive failures was recorded; null while there is none.
ALTER TABLE webhooks ADD COLUMN failing_since timestamptz;
