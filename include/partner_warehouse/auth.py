"""Airflow's login manager for production: Flask-AppBuilder's, with approvers known by their logins.

An approval lists who may answer it. The list comes from `PARTNER_WAREHOUSE_APPROVERS`, which has logins, the same names
that the ledger keeps; Flask-AppBuilder compares it with row numbers of its user table, which nobody knows beforehand.
"""

from __future__ import annotations

from airflow.providers.fab.auth_manager.fab_auth_manager import FabAuthManager
from airflow.providers.fab.auth_manager.models import User


class WarehouseAuthManager(FabAuthManager):
    """Lets a user answer an approval that lists the user's login."""

    def is_authorized_hitl_task(self, *, assigned_users: set[str], user: User) -> bool:
        """Whether the user is among those who were asked. Roles are checked elsewhere, before this."""
        return user.get_name() in assigned_users
