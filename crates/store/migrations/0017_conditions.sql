-- Conditions of a webhook: a list of {"field", "op", "value"?}, all of which must hold for an event. An older fanout does not
-- read them, and sends every event of the webhook's types.
ALTER TABLE webhooks ADD COLUMN conditions jsonb NOT NULL DEFAULT '[]'
    CONSTRAINT conditions_are_a_short_list CHECK (jsonb_typeof(conditions) = 'array' AND jsonb_array_length(conditions) <= 10);
