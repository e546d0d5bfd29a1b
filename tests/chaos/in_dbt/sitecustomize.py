"""Python loads this first where it is on the path: so the moments of dbt count, and not only those of its parent.

It does nothing but in a process that was started as `dbt` by a child runner.
"""

from __future__ import annotations

import os
import sys


def _begin() -> None:
    if "CHAOS_DBT" not in os.environ or "partner_warehouse.warehouse.dbt_process" not in sys.orig_argv:
        return
    sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    import atexit

    from killer import Killer

    at, _, noted = os.environ["CHAOS_DBT"].partition(":")
    killer = Killer(os.environ["PARTNER_WAREHOUSE_HOME"], int(at))
    killer.install()

    @atexit.register
    def _note() -> None:
        killer._at = 0
        with open(noted, "w", encoding="ascii") as file:
            file.write(killer.report())


_begin()
