"""Runs one step of the main job, by the product's own functions, and dies at a chosen moment of it.

    python one_step.py STEP KILL_AT NOTED

`KILL_AT` 0 lives to the end. The report of the killer is written to the file `NOTED` then.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from killer import Killer

if TYPE_CHECKING:
    from partner_warehouse.settings import Settings

Act = Callable[[], object]

USER, APPROVER = "airflow", "fiona"


def main(step: str, at: int, noted: Path) -> None:
    """Do the step."""
    sys.dont_write_bytecode = True
    from partner_warehouse.settings import load_settings

    settings = load_settings()
    verb, _, what = step.partition(" ")
    act = _ingestion(what, settings) if verb == "ingest" else _other(verb, what, settings)
    killer = Killer(str(settings.home), at)
    killer.install()
    act()
    noted.write_text(killer.report(), encoding="ascii")


def _ingestion(source: str, settings: Settings) -> Act:
    """Each request and each answer is a moment too: between them, pages are only appended to a file that is open."""
    import httpx

    from partner_warehouse.extract import http
    from partner_warehouse.extract.ingest import ingest_source

    # The servers' faults ask for a second of patience each; whether it is waited is not what is looked at.
    http.pause = lambda _: None
    send = httpx.Client.send

    def sent(client: httpx.Client, request: httpx.Request, **options: Any) -> httpx.Response:
        sys.audit("chaos", "request")
        response = send(client, request, **options)
        sys.audit("chaos", "response")
        return response

    httpx.Client.send = sent  # type: ignore[method-assign]
    # One worker, so that the same moment is the same place whenever a failure is looked into.
    return lambda: ingest_source(source, settings, workers=1)


def _other(verb: str, what: str, settings: Settings) -> Act:
    """Each statement and each commit of the ledger is a moment too."""
    import sqlalchemy

    from partner_warehouse import pipeline
    from partner_warehouse.ledger.events import CLOSED
    from partner_warehouse.ledger.landing import land_ledger
    from partner_warehouse.ledger.payouts import PayoutService
    from partner_warehouse.publish.snapshot import publish
    from partner_warehouse.quality import gates
    from partner_warehouse.warehouse import runner

    for name in ("before_cursor_execute", "commit"):
        sqlalchemy.event.listen(sqlalchemy.Engine, name, lambda *_: sys.audit("chaos", "sql"))

    def post() -> None:
        service = PayoutService(settings)
        state = service.state(what)
        if state is None or state.status not in CLOSED:
            service.approve(what, APPROVER, content_hash=service.submit(what, USER).content_hash)
        land_ledger(settings)

    acts: dict[str, Act] = {
        "prepare": lambda: pipeline.prepare(settings),
        "build": lambda: runner.build(what, settings),  # type: ignore[arg-type]
        "gate": lambda: gates.check(what, settings),  # type: ignore[arg-type]
        "publish": lambda: publish(settings),
        "draft": lambda: PayoutService(settings).draft(what, USER),
        "post": post,
    }
    return acts[verb]


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]))
