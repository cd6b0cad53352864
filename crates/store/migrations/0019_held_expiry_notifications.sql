-- Two more kinds: `webhook.held_expiring` and `webhook.held_expired`. From now on the program knows which kinds there are.
ALTER TABLE notifications DROP CONSTRAINT kind_is_known,
    ADD CONSTRAINT kind_is_known CHECK (kind LIKE 'webhook.%');
