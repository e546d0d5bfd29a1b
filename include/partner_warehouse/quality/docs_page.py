"""A gate's results as one page that needs nothing but itself: it opens from a disk, and without a network."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from html import escape
from itertools import groupby
from typing import Any

# Light or dark as the reader's system is; a failure is said in words too, not by its colour alone.
_STYLE = """
:root { color-scheme: light dark; --line: #8884; --bad: #c62828; --good: #2e7d32; }
@media (prefers-color-scheme: dark) { :root { --bad: #ff8a80; --good: #81c784; } }
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 72rem; padding: 0 1rem; }
h2 { margin-top: 2rem; font-size: 1.1rem; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; vertical-align: top; padding: .35rem .6rem; border-bottom: 1px solid var(--line); }
td.number { text-align: right; font-variant-numeric: tabular-nums; }
.failed { color: var(--bad); font-weight: 600; }
.holds { color: var(--good); }
code { font-size: .9em; overflow-wrap: anywhere; }
"""

_HEAD = ("Result", "Expectation", "Column", "Checked", "Unexpected", "For example", "About")


def render(stage: str, results: Iterable[Mapping[str, Any]]) -> str:
    """The page.

    Args:
        stage: The gate.
        results: Its results, as they are kept in `gates/results/<stage>.json`.
    """
    # What failed first, table by table.
    rows = sorted(results, key=lambda row: (row["success"], row["table_schema"], row["table_name"]))
    failed = sum(not row["success"] for row in rows)
    verdict = f"{failed} of {len(rows)} expectations failed" if failed else f"all {len(rows)} expectations hold"
    checked_at = max((str(row["checked_at"]) for row in rows), default="never")
    tables = [
        _table(f"{schema}.{table}", list(group))
        for (_, schema, table), group in groupby(
            rows, key=lambda row: (row["success"], row["table_schema"], row["table_name"])
        )
    ]
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>Gate {escape(stage)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n"
        f"<h1>Gate {escape(stage)}</h1>\n"
        f'<p class="{"failed" if failed else "holds"}">{verdict}</p>\n<p>Checked at {escape(checked_at)}</p>\n'
        + "\n".join(tables)
        + "\n</body>\n</html>\n"
    )


def _table(name: str, rows: list[Mapping[str, Any]]) -> str:
    head = "".join(f'<th scope="col">{title}</th>' for title in _HEAD)
    body = "\n".join(_row(row) for row in rows)
    return f"<h2>{escape(name)}</h2>\n<table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody>\n</table>"


def _row(row: Mapping[str, Any]) -> str:
    status = "holds" if row["success"] else "failed"
    keys = "<br>".join(f"<code>{escape(str(key))}</code>" for key in row["sample_keys"])
    checked = "" if row["checked"] is None else str(row["checked"])
    return (
        f'<tr><td class="{status}">{status}</td><td><code>{escape(row["expectation"])}</code></td>'
        f'<td>{escape(row["column"] or "")}</td><td class="number">{checked}</td>'
        f'<td class="number">{row["unexpected"] or ""}</td><td>{keys}</td><td>{escape(row["about"])}</td></tr>'
    )
