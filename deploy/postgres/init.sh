#!/bin/sh
# Run by the PostgreSQL image when it creates the database (docker-compose.yml): creates roles and sets passwords.
set -eu
psql --set ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" --file /etc/webhooks/roles.sql
psql --set ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" \
    --set owner="$OWNER_PASSWORD" --set fanout="$FANOUT_PASSWORD" --set sender="$SENDER_PASSWORD" <<'SQL'
ALTER ROLE webhooks_owner PASSWORD :'owner';
ALTER ROLE webhooks_fanout PASSWORD :'fanout';
ALTER ROLE webhooks_sender PASSWORD :'sender';
SQL
