"""Statements of an approved month: a page and a PDF per partner, and an index that ties with what was approved.

`HOME/exports/<period>/statements/` has the documents, `statements.csv` beside it a row per payout with the documents'
hashes, `statements-without-payout.csv` one per partner who is told why it has none, `statements-control.json` their
counts and sums. Making them again gives the same bytes.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from decimal import Decimal
from itertools import islice
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from partner_warehouse.errors import BadInputError, PartnerWarehouseError
from partner_warehouse.exports.cells import csv_bytes
from partner_warehouse.exports.currencies import in_minor_units
from partner_warehouse.exports.export import directory_of
from partner_warehouse.exports.files import digest, one_at_a_time, release, stage, sync_directory
from partner_warehouse.exports.statement_data import Row, Statement, read
from partner_warehouse.exports.texts import hashed
from partner_warehouse.ledger.payouts import PayoutService
from partner_warehouse.ledger.periods import Period
from partner_warehouse.settings import Settings

INDEX, WITHOUT_PAYOUT, CONTROL = "statements.csv", "statements-without-payout.csv", "statements-control.json"

_AMOUNTS = ("opening_balance", "earned", "adjustments", "payable", "closing_balance")
_WHOSE = ("statement_number", "partner_id", "partner_name")
_DOCUMENTS = ("html", "html_sha256", "pdf", "pdf_sha256")
_COLUMNS = (*_WHOSE, "payout_id", "currency", *_AMOUNTS, "line_count", *_DOCUMENTS)

_CHUNK = 50
_MOST_PROCESSES = 4
_SAFE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,79}")


@dataclass(frozen=True, slots=True)
class Written:
    """What was written.

    Attributes:
        statements: Partners.
        payouts: Theirs; a statement of what waits or earned nothing may have none.
    """

    directory: Path
    statements: int
    payouts: int


@dataclass(frozen=True, slots=True)
class _Task:
    """Statements that one process writes."""

    directory: Path
    issuer: str
    fonts: tuple[Path, ...]
    statements: tuple[Statement, ...]


def write(settings: Settings, period: str, *, partner_id: str | None = None) -> Written:
    """Write the statements of an approved period.

    Args:
        settings: The installation.
        period: `YYYY-MM`.
        partner_id: Only this partner's, without an index.

    Raises:
        BadInputError: Not a period, or the partner has nothing in it.
        NotAllowedError: The period is not approved.
        PartnerWarehouseError: The statements do not sum to what was approved; there is no index then.
    """
    directory = directory_of(settings, str(Period.parse(period))) / "statements"
    if settings.statement_fonts:
        from partner_warehouse.exports.statement_fonts import register

        # Before anything is kept: what is kept says how things stood when the statements were first made.
        register(settings.statement_fonts)
    # Two that write a month at once would take the files from each other that are not named yet.
    with one_at_a_time(directory.parents[1]):
        return _write(settings, period, directory, partner_id)


def _write(settings: Settings, period: str, directory: Path, partner_id: str | None) -> Written:
    statements = read(settings, period, directory, partner_id=partner_id)
    tasks = (_Task(directory, settings.company_name, settings.statement_fonts, chunk) for chunk in _chunks(statements))
    rows: list[Row] = []
    without: list[Row] = []
    for row in (row for written in _in_parallel(tasks) for row in written):
        (rows if "payout_id" in row else without).append(row)
    count = len({row["partner_id"] for row in rows}) + len(without)
    if partner_id is None:
        _write_index(settings, period, rows, without)
    elif not count:
        raise BadInputError(
            f"{period}: partner {partner_id} has no payout, no line that waits and nothing that is excluded, and so "
            "no statement"
        )
    return Written(directory, count, len(rows))


def _chunks(statements: Iterator[Statement]) -> Iterator[tuple[Statement, ...]]:
    while chunk := tuple(islice(statements, _CHUNK)):
        yield chunk


def _in_parallel(tasks: Iterator[_Task]) -> Iterator[list[Row]]:
    """Write one task here; where there are more, write all in as many processes as there are cores."""
    first = tuple(islice(tasks, 2))
    processes = min(os.cpu_count() or 1, _MOST_PROCESSES)
    if len(first) < 2 or processes == 1:
        yield from map(_write_some, first)
        yield from map(_write_some, tasks)
        return
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        waiting = [pool.submit(_write_some, task) for task in first]
        for task in tasks:
            # No more than a few chunks at once, so that memory does not grow with the month.
            if len(waiting) > 2 * processes:
                yield waiting.pop(0).result()
            waiting.append(pool.submit(_write_some, task))
        for future in waiting:
            yield future.result()


def _write_some(task: _Task) -> list[Row]:
    """Write a task's documents, and give a row for each payout, or for a statement without one."""
    from partner_warehouse.exports import statement_html, statement_pdf
    from partner_warehouse.exports.statement_fonts import Fonts
    from partner_warehouse.exports.statement_view import view

    fonts = Fonts(task.fonts)
    rows: list[Row] = []
    for statement in task.statements:
        printed = view(statement, task.issuer)
        page, document = statement_html.render(printed), statement_pdf.render(printed, fonts)
        name = file_name(statement.partner_id)
        for ending, content in (("html", page), ("pdf", document)):
            _replace(task.directory / f"{name}.{ending}", content)
        told = {
            "statement_number": statement.number,
            "partner_id": statement.partner_id,
            "partner_name": statement.partner_name,
            "html": f"statements/{name}.html",
            "html_sha256": digest(page),
            "pdf": f"statements/{name}.pdf",
            "pdf_sha256": digest(document),
        }
        if not statement.has_payout:
            rows.append(told)
        rows += [
            told
            | {
                "payout_id": account.payout["payout_id"],
                "currency": account.currency,
                **{amount: in_minor_units(account.payout[amount], account.currency) for amount in _AMOUNTS},
                "line_count": len(account.lines),
            }
            for account in statement.accounts
            if account.payout["payout_id"] is not None
        ]
    return rows


def file_name(partner_id: str) -> str:
    """A name for a partner's files: its id where that is a plain name, else one that no other partner has."""
    if _SAFE_NAME.fullmatch(partner_id):
        return partner_id
    return re.sub(r"[^A-Za-z0-9]+", "-", hashed(partner_id, 60)).strip("-")


def _replace(target: Path, content: bytes) -> None:
    """Whole or not there. Not synced one by one: the index, which is, says what each must be."""
    temporary = target.with_name(f".{target.name}.tmp")
    with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(content)
    temporary.replace(target)


def _write_index(settings: Settings, period: str, rows: list[Row], without: list[Row]) -> None:
    totals = _totals((row["currency"], row["payable"]) for row in rows)
    state = PayoutService(settings).state(period)
    approved = _totals((total.currency, total.payable) for total in state.totals) if state is not None else {}
    lines = sum(row["line_count"] for row in rows)
    if state is None or (totals, lines, len(rows)) != (approved, state.line_count, state.payout_count):
        raise PartnerWarehouseError(f"{period}: the statements do not sum to what was approved; there is no index")
    directory = directory_of(settings, period)
    index = csv_bytes(_COLUMNS, rows)
    control: dict[str, Any] = {
        "period": period,
        "content_hash": state.content_hash,
        "file": INDEX,
        "rows": len(rows),
        "statements": len({row["partner_id"] for row in rows}) + len(without),
        "lines": lines,
        "totals": {name: f"{in_minor_units(amount, name):f}" for name, amount in totals.items() if amount},
        "sha256": digest(index),
    }
    contents = {INDEX: index}
    if without:
        contents[WITHOUT_PAYOUT] = listed = csv_bytes((*_WHOSE, *_DOCUMENTS), without)
        control["without_payout"] = {"file": WITHOUT_PAYOUT, "rows": len(without), "sha256": digest(listed)}
    contents[CONTROL] = (json.dumps(control, indent=2) + "\n").encode()
    for name, content in contents.items():
        stage(directory / name, content)
        release(directory / name)
    sync_directory(directory)


def _totals(amounts: Iterable[tuple[str, Decimal]]) -> dict[str, Decimal]:
    totals: dict[str, Decimal] = {}
    for currency, amount in amounts:
        totals[currency] = totals.get(currency, Decimal(0)) + amount
    return dict(sorted(totals.items()))
