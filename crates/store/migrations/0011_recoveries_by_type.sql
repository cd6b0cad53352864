-- The event types whose failed deliveries are sent again; null for all.
ALTER TABLE recoveries ADD COLUMN event_types text[];
