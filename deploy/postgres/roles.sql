-- The roles of least privilege, created once by an administrator of the server, in the product's database:
--
--   psql --set ON_ERROR_STOP=1 --file roles.sql postgres://postgres@…/webhooks
--
-- Safe to repeat, and on a database that is in use. Afterwards give each login role a password (\password
-- webhooks_sender), run `fanout migrate` as webhooks_owner, fanout as webhooks_fanout and senders as webhooks_sender. What
-- each may do is in grants.sql, which `fanout migrate` applies.
--
--   webhooks_owner   owns everything but the log; for `fanout migrate` alone
--   webhooks_log     owns the delivery log, so that expired partitions can be dropped; it cannot log in
--   webhooks_fanout  reads and writes everything; acts as webhooks_log to drop expired partitions
--   webhooks_sender  writes outcomes; sees no token, no session, no audit trail

BEGIN;
-- Roles belong to the whole server: several databases may be set up at once.
SELECT pg_advisory_xact_lock(hashtext('easycrm webhooks roles'));

DO $$
DECLARE
    name text;
    kind text;
BEGIN
    FOR name, kind IN VALUES ('webhooks_log', 'NOLOGIN'), ('webhooks_owner', 'LOGIN'), ('webhooks_sender', 'LOGIN'),
        -- NOINHERIT: it uses the rights of the log's owner only after SET ROLE, never by accident.
        ('webhooks_fanout', 'LOGIN NOINHERIT')
    LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name) THEN
            EXECUTE format('CREATE ROLE %I %s', name, kind);
        END IF;
    END LOOP;
    IF NOT pg_has_role('webhooks_owner', 'webhooks_log', 'MEMBER') THEN
        GRANT webhooks_log TO webhooks_owner;
    END IF;
    IF NOT pg_has_role('webhooks_fanout', 'webhooks_log', 'MEMBER') THEN
        GRANT webhooks_log TO webhooks_fanout;
    END IF;
END $$;

DO $$
DECLARE
    thing record;
BEGIN
    EXECUTE format('ALTER DATABASE %I OWNER TO webhooks_owner', current_database());
    EXECUTE format('REVOKE ALL ON DATABASE %I FROM PUBLIC', current_database());
    EXECUTE format('GRANT CONNECT ON DATABASE %I TO webhooks_fanout, webhooks_sender', current_database());
    EXECUTE format('ALTER SCHEMA %I OWNER TO webhooks_owner', current_schema());
    EXECUTE format('REVOKE ALL ON SCHEMA %I FROM PUBLIC', current_schema());
    -- What an earlier single role owned. Of the log, grants.sql makes the owner.
    FOR thing IN SELECT CASE relkind WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END AS kind, oid::regclass::text AS name
        FROM pg_class WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'p', 'S')
            AND relowner NOT IN ('webhooks_owner'::regrole, 'webhooks_log'::regrole)
        UNION ALL SELECT 'FUNCTION', oid::regprocedure::text
        FROM pg_proc WHERE pronamespace = current_schema()::regnamespace
            AND proowner NOT IN ('webhooks_owner'::regrole, 'webhooks_log'::regrole)
    LOOP
        EXECUTE format('ALTER %s %s OWNER TO webhooks_owner', thing.kind, thing.name);
    END LOOP;
END $$;
COMMIT;
