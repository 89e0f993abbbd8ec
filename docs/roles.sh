#!/bin/sh
# Run once by the postgres image, on an empty data directory: the role that web and worker connect as.
# It owns nothing; `manage.py prepare`, which connects as the owner, gives it its rights.
set -eu
psql --set=ON_ERROR_STOP=1 --set=password="$APPLICATION_PASSWORD" --username="$POSTGRES_USER" --dbname="$POSTGRES_DB" <<'SQL'
CREATE ROLE portal_application LOGIN NOSUPERUSER NOBYPASSRLS PASSWORD :'password';
GRANT pg_read_all_stats TO portal_application;
SQL
