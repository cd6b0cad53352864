-- Programs need not own the log to make its days: the function does it with its owner's rights. So that it does nothing
-- else with them, it and all others look for tables where they are themselves, and nowhere else.

DO $$
DECLARE
    our_function regprocedure;
BEGIN
    FOREACH our_function IN ARRAY ARRAY['create_log_partitions(date)', 'notify_webhook_change()', 'count_added()',
        'count_removed()', 'count_changed()', 'refuse_change_of_audit()']::regprocedure[]
    LOOP
        EXECUTE format('ALTER FUNCTION %s SET search_path = %I, pg_temp', our_function, current_schema());
    END LOOP;
END $$;

ALTER FUNCTION create_log_partitions(date) SECURITY DEFINER;
REVOKE ALL ON FUNCTION create_log_partitions(date) FROM PUBLIC;
