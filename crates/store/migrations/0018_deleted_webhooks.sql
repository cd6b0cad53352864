-- Webhooks that were deleted, for as long as the log may have deliveries of them: their log stays readable. An older fanout deletes
-- webhooks without a row here.
CREATE TABLE deleted_webhooks (
    id         uuid        PRIMARY KEY,
    account    text        NOT NULL,
    name       text        NOT NULL,
    deleted_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX deleted_webhooks_by_account ON deleted_webhooks (account, deleted_at DESC, id);
CREATE INDEX deleted_webhooks_by_time ON deleted_webhooks (deleted_at);
