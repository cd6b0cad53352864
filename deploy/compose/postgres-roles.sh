#!/bin/sh
# Run by the PostgreSQL image when it creates the database: passes the passwords from files to deploy/postgres/init.sh.
set -eu
OWNER_PASSWORD=$(cat /run/secrets/postgres_owner)
FANOUT_PASSWORD=$(cat /run/secrets/postgres_fanout)
SENDER_PASSWORD=$(cat /run/secrets/postgres_sender)
export OWNER_PASSWORD FANOUT_PASSWORD SENDER_PASSWORD
sh /etc/webhooks/init.sh
