-- A day in the life of the account's webhooks: made up, and the same at every run but for its times.

CREATE TEMP TABLE hour_of_day AS
    SELECT ago, date_trunc('hour', now(), 'UTC') - make_interval(hours => ago) AS hour,
        CASE WHEN ago < 9 THEN 34 + (ago * 13) % 17 WHEN ago < 12 THEN 12 + (ago * 7) % 9 ELSE 2 + (ago * 5) % 6 END AS events
    FROM generate_series(0, 23) AS ago;

INSERT INTO attempt_counts
    SELECT w.id, h.hour, h.events - failed, failed, failed * 2, h.events * (90 + (h.ago * 29) % 80)
    FROM webhooks w CROSS JOIN hour_of_day h
    CROSS JOIN LATERAL (SELECT CASE
        WHEN w.name = 'ERP Sync' AND h.ago BETWEEN 5 AND 6 THEN 9 - h.ago
        WHEN w.name = 'Support desk' AND h.ago < 3 THEN h.events
        WHEN w.name = 'Partner mailing' AND h.ago < 7 THEN least(h.events, 10)
        ELSE 0 END AS failed) AS failures
    WHERE w.name <> 'Deal alerts' OR h.ago > 4;

-- The newest lines of one log, newest first.
CREATE TEMP TABLE line AS
    SELECT row_number() OVER () AS number, * FROM (VALUES
        ('deal.won', 'delivered', 1, 200, NULL, 118, interval '40 seconds'),
        ('invoice.paid', 'delivered', 1, 202, NULL, 96, interval '3 minutes'),
        ('deal.won', 'retrying', 1, 503, NULL, 2104, interval '4 minutes'),
        ('invoice.paid', 'failed', 4, 500, NULL, 412, interval '58 minutes'),
        ('deal.won', 'delivered', 2, 200, NULL, 143, interval '61 minutes'),
        ('invoice.paid', 'delivered', 1, 200, NULL, 131, interval '68 minutes'),
        ('deal.won', 'delivered', 1, 200, NULL, 104, interval '75 minutes'),
        ('invoice.paid', 'delivered', 1, 200, NULL, 99, interval '92 minutes'),
        ('deal.won', 'failed', 4, NULL, 'timeout', 15000, interval '128 minutes')
    ) AS lines (event_type, state, attempts, http_status, error, response_time_ms, ago);

CREATE TEMP TABLE made AS
    SELECT md5('delivery ' || number)::uuid AS id, w.id AS webhook_id, l.*, now() - l.ago AS created_at
    FROM line l JOIN webhooks w ON w.name = 'ERP Sync';

SELECT create_log_partitions((created_at AT TIME ZONE 'UTC')::date) FROM made;

INSERT INTO deliveries (id, created_on, account, webhook_id, event_id, event_type, state, attempts, step, http_status,
        error, response_time_ms, payload, created_at, updated_at, next_attempt_at, subject)
    SELECT m.id, (m.created_at AT TIME ZONE 'UTC')::date, w.account, w.id, 'evt_' || left(md5(m.id::text), 20), m.event_type,
        m.state, m.attempts, m.attempts - 1, m.http_status, m.error, m.response_time_ms,
        convert_to(format('{"type":"%s","timestamp":"%s","id":"evt_%s","account":"acme","subject":"%s","data":%s}', m.event_type,
            to_char(m.created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'), left(md5(m.id::text), 20),
            CASE m.event_type WHEN 'deal.won' THEN 'deals/' || 9000 + m.number ELSE 'invoices/' || 70 + m.number END,
            CASE m.event_type
                WHEN 'deal.won' THEN format('{"id":"deal_%s","opportunity_id":"opp_%s","amount":"12000.00","currency":"EUR"}',
                    9000 + m.number, 30 + m.number)
                ELSE format('{"id":"inv_%s","number":"2026-%s","total":"480.00","currency":"EUR"}', 70 + m.number, 1040 + m.number)
            END), 'UTF8'),
        m.created_at, m.created_at, CASE m.state WHEN 'retrying' THEN now() + interval '55 seconds' END,
        CASE m.event_type WHEN 'deal.won' THEN 'deals/' || 9000 + m.number ELSE 'invoices/' || 70 + m.number END
    FROM made m JOIN webhooks w ON w.id = m.webhook_id;

INSERT INTO attempts (delivery_id, created_on, number, trigger, at, outcome, http_status, response_time_ms, error, response_excerpt)
    SELECT m.id, (m.created_at AT TIME ZONE 'UTC')::date, n, CASE n WHEN 1 THEN 'event' ELSE 'retry' END,
        m.created_at + make_interval(mins => (ARRAY[0, 1, 6, 36])[n]),
        CASE WHEN NOT went_well AND m.error IS NOT NULL THEN 'timeout' WHEN went_well THEN 'success' ELSE 'http_5xx' END,
        CASE WHEN went_well THEN m.http_status WHEN m.error IS NULL THEN CASE WHEN m.http_status < 500 THEN 502 ELSE m.http_status END END,
        m.response_time_ms + n * 7, CASE WHEN NOT went_well THEN m.error END,
        CASE WHEN went_well THEN convert_to('{"accepted":true}', 'UTF8')
            WHEN m.error IS NULL THEN convert_to('{"error":"database connection lost"}', 'UTF8') END
    FROM made m CROSS JOIN LATERAL generate_series(1, m.attempts) AS n
    CROSS JOIN LATERAL (SELECT m.state = 'delivered' AND n = m.attempts AS went_well) AS ending;

-- What waits for a paused webhook.
INSERT INTO waiting_deliveries (delivery_id, created_on, created_at, webhook_id, trigger, held)
    SELECT md5('waiting ' || n)::uuid, (now() AT TIME ZONE 'UTC')::date, now() - make_interval(mins => n), w.id, 'resume', true
    FROM webhooks w CROSS JOIN generate_series(1, 148) AS n WHERE w.name = 'Deal alerts';

UPDATE webhooks SET paused_reason = 'user', paused_at = now() - interval '3 hours' WHERE name = 'Deal alerts';
UPDATE webhooks SET consecutive_failures = 4, failed_attempts = 16 WHERE name = 'Support desk';
UPDATE webhooks SET consecutive_failures = 10, failed_attempts = 40, paused_reason = 'repeated_failures',
    paused_at = now() - interval '25 minutes' WHERE name = 'Partner mailing';

INSERT INTO notifications (id, account, webhook_id, kind, message, created_at, read_at, published_at, mailed_at)
    SELECT md5(kind || w.name)::uuid, w.account, w.id, kind, format(message, w.name), now() - ago,
        CASE WHEN is_read THEN now() END, now(), now()
    FROM (VALUES
        ('Partner mailing', 'webhook.auto_paused', 'Webhook ''%s'' has been paused due to repeated failures', interval '25 minutes', false),
        ('Partner mailing', 'webhook.failing', 'Webhook ''%s'' is failing: 5 deliveries in a row have failed', interval '2 hours', true),
        ('ERP Sync', 'webhook.recovered', 'Webhook ''%s'' is delivering again', interval '5 hours', true)
    ) AS told (name, kind, message, ago, is_read) JOIN webhooks w USING (name);
