-- Pages of an account's audit trail, newest first.
CREATE INDEX audit_entries_by_account ON audit_entries (account, at, id);
