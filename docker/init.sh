#!/usr/bin/env bash
# Bring the metadata database, the pool, the roles and the first login to where the services expect them. Repeatable.
set -euo pipefail
airflow db migrate
airflow fab-db migrate
airflow pools set warehouse 1 "One process at a time holds the warehouse file"
airflow sync-perm
airflow roles import docker/roles.json
airflow users create --role Admin --username admin --password "$AIRFLOW_ADMIN_PASSWORD" \
    --firstname Admin --lastname Admin --email admin@localhost
