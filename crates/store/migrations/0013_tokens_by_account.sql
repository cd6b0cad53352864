-- Pages of an account's tokens, oldest first.
CREATE INDEX api_tokens_by_account ON api_tokens (account, created_at, id);
