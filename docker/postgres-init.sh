#!/usr/bin/env bash
# Two databases, each with an owner of its own: Airflow's metadata, and the ledger, which Airflow's login cannot open.
set -euo pipefail
for name in airflow ledger; do
    password_variable="${name^^}_DB_PASSWORD"
    psql --set ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname postgres \
        --set name="$name" --set password="${!password_variable}" <<'SQL'
CREATE ROLE :"name" LOGIN PASSWORD :'password';
CREATE DATABASE :"name" OWNER :"name";
REVOKE ALL ON DATABASE :"name" FROM PUBLIC;
SQL
done
