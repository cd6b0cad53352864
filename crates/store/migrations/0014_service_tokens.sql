-- A service token acts for any account, which each request names, and belongs to none.
ALTER TABLE api_tokens ALTER COLUMN account DROP NOT NULL;
