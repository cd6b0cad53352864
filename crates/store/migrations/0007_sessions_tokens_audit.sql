-- Tokens that expire, sessions that end with what they were made by, an audit trail of sign-ins and tokens, and
-- notifications of a webhook that flaps. All tables here are small.

ALTER TABLE api_tokens
    -- Refused from then on; null for never.
    ADD COLUMN expires_at timestamptz;

ALTER TABLE console_sessions
    -- Who vouched for the person, and the fingerprint of the key that signed the ticket. The session is worth nothing
    -- once either is no longer configured. Null for a token's session, and for one that a former release made.
    ADD COLUMN issuer text,
    ADD COLUMN key_fingerprint text;
CREATE INDEX console_sessions_by_token ON console_sessions (token_id, created_at) WHERE token_id IS NOT NULL;
CREATE INDEX console_sessions_by_subject ON console_sessions (account, subject, created_at) WHERE subject IS NOT NULL;
-- What housekeeping removes by age.
CREATE INDEX console_sessions_by_age ON console_sessions (created_at);

-- Signing in and tokens concern no webhook; what an operator does at the command line is done by neither token nor person.
ALTER TABLE audit_entries
    ALTER COLUMN webhook_id DROP NOT NULL,
    DROP CONSTRAINT action_is_known,
    ADD CONSTRAINT action_is_known CHECK (action IN ('created', 'edited', 'paused', 'resumed', 'secret_revealed',
        'secret_rotated', 'retried', 'recovered', 'deleted', 'tested', 'signed_in', 'signed_out', 'session_revoked',
        'token_created', 'token_revoked')) NOT VALID,
    DROP CONSTRAINT entry_says_who,
    ADD CONSTRAINT entry_says_who CHECK (num_nonnulls(token_id, subject) <= 1) NOT VALID;
CREATE INDEX audit_entries_by_age ON audit_entries (at);

-- A newer notification of the same webhook replaced it before anybody was told.
ALTER TABLE notifications ADD COLUMN superseded boolean NOT NULL DEFAULT false;
CREATE INDEX notifications_by_webhook ON notifications (webhook_id, created_at);
