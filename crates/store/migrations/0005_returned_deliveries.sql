-- Deliveries that came back since their webhook's last turn: what is marked is unmarked by the next.

CREATE INDEX waiting_returned ON waiting_deliveries (webhook_id) WHERE returned;
