"""Runs one step of the main job, by the product's own functions, and dies at a chosen moment of it.

    python one_step.py STEP KILL_AT NOTED

`KILL_AT` 0 lives to the end. The moments that were seen are written to the file `NOTED` then.
"""

from __future__ import annotations

import sys
from pathlib import Path

from killer import Killer

USER, APPROVER = "airflow", "fiona"


def main(step: str, at: int, noted: Path) -> None:
    """Do the step."""
    sys.dont_write_bytecode = True
    import httpx
    import sqlalchemy

    from partner_warehouse import pipeline
    from partner_warehouse.extract import http
    from partner_warehouse.extract.ingest import ingest_source
    from partner_warehouse.ledger.landing import land_ledger
    from partner_warehouse.ledger.payouts import CLOSED, PayoutService
    from partner_warehouse.publish.snapshot import publish
    from partner_warehouse.quality import gates
    from partner_warehouse.settings import load_settings
    from partner_warehouse.warehouse import runner

    settings = load_settings()
    # The servers' faults ask for a second of patience each; whether it is waited is not what is looked at.
    http.pause = lambda _: None
    send = httpx.Client.send

    def sent(client: httpx.Client, request: httpx.Request, **options: object) -> httpx.Response:
        sys.audit("chaos", "request")
        response: httpx.Response = send(client, request, **options)  # type: ignore[arg-type]
        sys.audit("chaos", "response")
        return response

    httpx.Client.send = sent  # type: ignore[assignment,method-assign]
    for name in ("before_cursor_execute", "commit"):
        sqlalchemy.event.listen(sqlalchemy.Engine, name, lambda *_: sys.audit("chaos", "sql"))

    verb, _, what = step.partition(" ")
    killer = Killer(str(settings.home), at)
    killer.install()
    if verb == "ingest":
        # One worker, so that the same moment is the same place whenever a failure is looked into.
        ingest_source(what, settings, workers=1)
    elif verb == "prepare":
        pipeline.prepare(settings)
    elif verb == "build":
        runner.build(what, settings)  # type: ignore[arg-type]
    elif verb == "gate":
        gates.check(what, settings)  # type: ignore[arg-type]
    elif verb == "publish":
        publish(settings)
    elif verb == "draft":
        PayoutService(settings).draft(what, USER)
    elif verb == "post":
        service = PayoutService(settings)
        state = service.state(what)
        if state is None or state.status not in CLOSED:
            service.approve(what, APPROVER, content_hash=service.submit(what, USER).content_hash)
        land_ledger(settings)
    else:
        raise ValueError(step)
    noted.write_text(str(killer.seen), encoding="ascii")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]))
