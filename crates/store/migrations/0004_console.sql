-- Console sessions and the audit trail.

CREATE TABLE console_sessions (
    -- SHA-256 of the 32 random bytes in the browser's cookie: nothing to guess, so nothing slow is needed.
    hash         bytea       PRIMARY KEY,
    -- A session is worth what its token is worth, and ends with it.
    token_id     uuid        NOT NULL REFERENCES api_tokens ON DELETE CASCADE,
    created_at   timestamptz NOT NULL DEFAULT now(),
    last_used_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX console_sessions_by_use ON console_sessions (last_used_at);

-- Who did what to which webhook. It outlives webhook and token, so it refers to neither.
CREATE TABLE audit_entries (
    id         uuid        PRIMARY KEY,
    at         timestamptz NOT NULL DEFAULT now(),
    account    text        NOT NULL,
    webhook_id uuid        NOT NULL,
    token_id   uuid        NOT NULL,
    action     text        NOT NULL,
    -- What of it, in words; never a secret. Empty when the action says it all.
    detail     text        NOT NULL DEFAULT '',
    CONSTRAINT action_is_known CHECK (action IN ('created', 'edited', 'paused', 'resumed', 'secret_revealed',
        'secret_rotated', 'retried', 'recovered', 'deleted'))
);
CREATE INDEX audit_entries_by_webhook ON audit_entries (account, webhook_id, at, id);

CREATE FUNCTION refuse_change_of_audit() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- Only the retention removes anything, and says that it is it.
    IF TG_OP = 'DELETE' AND current_setting('webhooks.retention', true) = 'on' THEN
        RETURN NULL;
    END IF;
    RAISE EXCEPTION 'the audit trail is only added to';
END $$;

CREATE TRIGGER audit_is_only_added_to
    BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_entries
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change_of_audit();

-- Requests that may be sent again with the same key, and how they were answered. A row is there before the work begins.
CREATE TABLE idempotency_keys (
    account      text        NOT NULL,
    token_id     uuid        NOT NULL,
    key          text        NOT NULL,
    -- SHA-256 of method, path and body: a key belongs to one request.
    request_hash bytea       NOT NULL,
    -- Of the webhook to be added, chosen beforehand, so that whoever tries again finds what was added.
    webhook_id   uuid        NOT NULL,
    -- Null while the work is under way.
    status       smallint,
    -- Null for an answer that holds a secret: it is made again.
    body         text,
    created_at   timestamptz NOT NULL DEFAULT now(),
    -- When the work was begun last.
    begun_at     timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (account, token_id, key)
);
CREATE INDEX idempotency_keys_by_age ON idempotency_keys (created_at);

-- People for whom a CRM vouches: they have no API token.

ALTER TABLE console_sessions
    ALTER COLUMN token_id DROP NOT NULL,
    -- Who it is, in the CRM's terms; where they are, and what they may do. Of a token's session the token says it.
    ADD COLUMN subject text,
    ADD COLUMN account text,
    ADD COLUMN role    text,
    ADD CONSTRAINT session_is_a_tokens_or_a_persons CHECK (
        (token_id IS NOT NULL AND subject IS NULL AND account IS NULL AND role IS NULL)
        OR (token_id IS NULL AND subject IS NOT NULL AND account IS NOT NULL AND role IN ('admin', 'viewer')));

ALTER TABLE audit_entries
    ALTER COLUMN token_id DROP NOT NULL,
    ADD COLUMN subject text,
    ADD CONSTRAINT entry_says_who CHECK ((token_id IS NULL) <> (subject IS NULL));

-- The CRM's signed tickets that were exchanged for a session, each once.
CREATE TABLE sso_tokens_used (
    -- Its claim `jti`.
    id         text        PRIMARY KEY,
    -- Since when it is refused for its age, so that it need not be remembered.
    dead_since timestamptz NOT NULL
);
CREATE INDEX sso_tokens_used_by_age ON sso_tokens_used (dead_since);
