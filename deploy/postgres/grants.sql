-- Permissions of the roles of fanout and senders. `fanout migrate` applies them each time, where roles.sql has created the
-- roles; they can also be applied by hand, as webhooks_owner or an administrator. Safe to repeat.

-- The delivery log belongs to a role that fanout can act as, because only the owner can drop a partition. Its function
-- creates partitions for every role that may call it.
DO $$
DECLARE
    log_table regclass;
BEGIN
    EXECUTE format('GRANT USAGE, CREATE ON SCHEMA %I TO webhooks_log', current_schema());
    EXECUTE format('GRANT USAGE ON SCHEMA %I TO webhooks_fanout, webhooks_sender', current_schema());
    FOR log_table IN SELECT oid FROM pg_class
        WHERE relnamespace = current_schema()::regnamespace AND relname ~ '^(deliveries|attempts)(_[0-9]{8})?$'
            AND relkind IN ('r', 'p') AND relowner <> 'webhooks_log'::regrole
    LOOP
        EXECUTE format('ALTER TABLE %s OWNER TO webhooks_log', log_table);
    END LOOP;
    IF (SELECT proowner FROM pg_proc WHERE oid = 'create_log_partitions(date)'::regprocedure) <> 'webhooks_log'::regrole
    THEN
        ALTER FUNCTION create_log_partitions(date) OWNER TO webhooks_log;
    END IF;
    EXECUTE format('REVOKE ALL ON ALL TABLES IN SCHEMA %I FROM webhooks_fanout, webhooks_sender', current_schema());
    EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA %I TO webhooks_fanout', current_schema());
END $$;

-- The audit trail is inserted into, and deleted by the retention, which locks the rows first: that needs the right to
-- update a column, and the trigger still refuses every update.
REVOKE UPDATE ON audit_entries FROM webhooks_fanout;
GRANT UPDATE (id) ON audit_entries TO webhooks_fanout;
REVOKE INSERT, UPDATE, DELETE ON schema_migrations FROM webhooks_fanout;

-- A sender reads endpoints, secrets and request headers, updates health and pauses, and records outcomes.
GRANT SELECT ON schema_migrations, webhooks, webhook_secrets, webhook_headers TO webhooks_sender;
GRANT UPDATE (consecutive_failures, failed_attempts, failing_since, paused_reason, paused_at) ON webhooks TO webhooks_sender;
GRANT SELECT, INSERT, UPDATE ON deliveries, attempts, waiting_deliveries, releases TO webhooks_sender;
GRANT SELECT, INSERT ON attempt_counts, held_counts TO webhooks_sender;
GRANT SELECT, INSERT, UPDATE ON notifications, release_signals TO webhooks_sender;
-- A sender claims a test delivery by deleting its row.
GRANT SELECT, DELETE ON test_requests TO webhooks_sender;

GRANT USAGE, SELECT ON SEQUENCE webhook_change_number TO webhooks_fanout, webhooks_sender;
GRANT EXECUTE ON FUNCTION create_log_partitions(date) TO webhooks_fanout, webhooks_sender;
