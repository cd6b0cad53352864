-- Since when the webhook's turns have been taken without a long gap; null while there was none. Time in which no relay ran is
-- not time in which a receiver refused.
ALTER TABLE releases ADD COLUMN attended_since timestamptz;
