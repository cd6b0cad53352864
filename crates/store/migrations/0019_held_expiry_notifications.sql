-- Two more kinds: `webhook.held_expiring` and `webhook.held_expired`. A program leaves those that it does not know to a newer one.
-- An older fanout does not, and cannot read the notifications of an account that has one of these.
ALTER TABLE notifications DROP CONSTRAINT kind_is_known,
    ADD CONSTRAINT kind_is_known CHECK (kind LIKE 'webhook.%');
