-- Whether a delivery that is on its way to a sender is so because a person asked for it. The list of what waits says it
-- as long as it waits there; a delivery that was lost on its way must be sent again for the same reason.
ALTER TABLE deliveries ADD COLUMN manual boolean NOT NULL DEFAULT false;
