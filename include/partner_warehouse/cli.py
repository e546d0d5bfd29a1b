"""The command `partner-warehouse`: the steps of the DAGs for scripts, without a scheduler.

Heavy imports are inside the commands, so that help and usage errors answer at once.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from partner_warehouse.errors import BadInputError, ExitStatus, PartnerWarehouseError
from partner_warehouse.instants import parse_instant
from partner_warehouse.reports.calendars import GRAINS

if TYPE_CHECKING:
    from partner_warehouse.ledger.payouts import PayoutState
    from partner_warehouse.settings import Settings

Command = Callable[[argparse.Namespace, "Settings"], None]

FORMATS = ("table", "csv", "json")
ACTIONS = ("draft", "submit", "approve", "reject", "export", "paid")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Returns:
        0 done, 1 a fault, 2 bad input or usage, 3 a gate failed, 4 not allowed. Errors are on stderr, one line first.
    """
    parser = _parser()
    given = sys.argv[1:] if arguments is None else arguments
    _refuse_bytes(parser, given)
    options = parser.parse_args(given)
    command: Command = options.command
    try:
        from partner_warehouse.settings import load_settings

        command(options, load_settings())
    except PartnerWarehouseError as error:
        sys.stderr.write(f"{error}\n")
        return int(error.exit_status)
    except KeyboardInterrupt:
        sys.stderr.write("interrupted\n")
        return int(ExitStatus.FAULT)
    except BrokenPipeError:
        # The reader of our output has gone (as `head` does). Nothing is left to flush into the closed pipe.
        sys.stdout = None
        return int(ExitStatus.DONE)
    except PermissionError as error:
        place = error.filename or "a file of the installation"
        sys.stderr.write(
            f"{place}: {error.strerror}; whoever runs this must be able to read, write and search what is in "
            "PARTNER_WAREHOUSE_HOME, and to read what the other settings name\n"
        )
        return int(ExitStatus.FAULT)
    except Exception as error:
        # A fault that we have no name for: its kind and place help whoever mends it, and its text may hold data.
        sys.stderr.write(f"unexpected fault: {type(error).__name__}\n{_place(error)}\n")
        return int(ExitStatus.FAULT)
    return int(ExitStatus.DONE)


def _place(error: BaseException) -> str:
    import traceback

    frames = traceback.extract_tb(error.__traceback__)
    return "\n".join(f"  {Path(frame.filename).name}:{frame.lineno} in {frame.name}" for frame in frames[-6:])


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in its first line, and how to write it after that."""

    def error(self, message: str) -> NoReturn:
        """End with the status of bad usage."""
        self.exit(int(ExitStatus.BAD_INPUT), f"{message}\n{self.format_usage()}")


def _refuse_bytes(parser: argparse.ArgumentParser, arguments: Iterable[str]) -> None:
    """End with bad usage where an argument is no text in UTF-8: no table could keep it and nothing show it."""
    for number, argument in enumerate(arguments, start=1):
        try:
            argument.encode()
        except UnicodeEncodeError:
            parser.error(f"argument {number} is not a text in UTF-8: {argument!a}")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="partner-warehouse",
        description="Partner facts, attribution, KPI marts and commissions, from sources to approved payouts.",
        epilog="Exit status: 0 done, 1 a fault, 2 bad input or usage, 3 a gate failed, 4 not allowed.",
    )
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")

    run = commands.add_parser("run", help="ingest what is configured, build, gate, publish")
    run.add_argument(
        "--as-of", type=_instant, metavar="INSTANT", help="compute for this instant (ISO 8601 with offset)"
    )
    run.set_defaults(command=_run)

    ingest = commands.add_parser("ingest", help="land what is new of one source, or fetch a range once more")
    ingest.add_argument("--source", required=True, metavar="NAME")
    ingest.add_argument("--object", metavar="NAME", help="one object; default: all of the source")
    ingest.add_argument("--since", metavar="INSTANT", help="fetch once more from here on (ISO 8601 with offset)")
    ingest.add_argument("--until", metavar="INSTANT", help="up to here, together with --since")
    ingest.set_defaults(command=_ingest)

    payouts = commands.add_parser("payouts", help="draft, approve, export and show the payouts of a month")
    actions = payouts.add_subparsers(title="actions", required=True, metavar="ACTION")
    for action in ACTIONS:
        one = actions.add_parser(action, help=_ACTION_HELP[action])
        one.add_argument("period", metavar="PERIOD", help="a month, YYYY-MM")
        one.add_argument("--user", required=True, metavar="NAME", help="who does it")
        one.add_argument("--reason", default="", metavar="TEXT", help="why, for the log")
        if action == "approve":
            one.add_argument("--content-hash", metavar="HASH", help="what was shown; refuse anything else")
        if action == "export":
            one.add_argument("--no-statements", action="store_true", help="leave the partners' statements out")
        if action == "paid":
            one.add_argument(
                "--by-hand", action="store_true", help="payouts in no bank file were paid otherwise; --reason says how"
            )
        one.set_defaults(command=_payouts, action=action)
    statements = actions.add_parser("statements", help="write the partners' statements of an approved month")
    statements.add_argument("period", metavar="PERIOD", help="a month, YYYY-MM")
    statements.add_argument("--partner", metavar="ID", help="one partner; default: all, with an index")
    statements.set_defaults(command=_statements)
    show = actions.add_parser("show", help="the payouts of a month, and where it stands")
    show.add_argument("period", metavar="PERIOD", help="a month, YYYY-MM")
    _add_format(show)
    show.set_defaults(command=_show)

    explain = commands.add_parser("explain", help="where an amount comes from, or why there is none")
    what = explain.add_mutually_exclusive_group(required=True)
    what.add_argument("--payout", metavar="ID")
    what.add_argument("--line", metavar="ID")
    what.add_argument("--movement", metavar="ID")
    what.add_argument("--partner", metavar="ID", help="together with --period")
    explain.add_argument("--period", metavar="PERIOD", help="a month, YYYY-MM, with --partner")
    _add_format(explain)
    explain.set_defaults(command=_explain)

    reproduce = commands.add_parser("reproduce", help="compute an approved month again from what was known then")
    reproduce.add_argument("period", metavar="PERIOD", help="a month, YYYY-MM")
    reproduce.set_defaults(command=_reproduce)

    simulate = commands.add_parser("simulate", help="what other plans would have paid over the real history")
    simulate.add_argument("--plans", required=True, type=_path, metavar="DIR", help="a directory of plan files")
    simulate.add_argument("--from", required=True, dest="first", metavar="PERIOD", help="the first month, YYYY-MM")
    simulate.add_argument("--to", required=True, dest="last", metavar="PERIOD", help="the last month, YYYY-MM")
    _add_format(simulate)
    simulate.set_defaults(command=_simulate)

    reports = commands.add_parser("reports", help="write the periodic reports as printable pages")
    reports.add_argument(
        "report", nargs="?", choices=GRAINS, metavar="REPORT", help=f"{', '.join(GRAINS)}; default: all"
    )
    reports.add_argument(
        "--period", metavar="PERIOD", help="2026-09-30, 2026-W40, 2026-09, 2026-Q3 or 2026; default: newest"
    )
    reports.set_defaults(command=_reports)

    dashboards = commands.add_parser("dashboards", help="bring the dashboards into a running Apache Superset")
    dashboards.set_defaults(command=_dashboards)

    commands.add_parser("status", help="what is published, and where the payouts stand").set_defaults(command=_status)
    commands.add_parser("verify", help="hold the ledger against itself").set_defaults(command=_verify)
    sandbox = commands.add_parser("sandbox", help="serve the sample company on loopback, until interrupted")
    sandbox.add_argument("--scale", type=float, default=1.0, help="size of the company; 1 is the default one")
    sandbox.set_defaults(command=_sandbox)
    return parser


_ACTION_HELP = {
    "draft": "compute what the month would pay",
    "submit": "put the draft to approval",
    "approve": "approve what was submitted, post it, publish it",
    "reject": "send it back to draft",
    "export": "write bills, bank files, journal lines and statements",
    "paid": "note that the month is paid",
}


def _add_format(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--format", choices=FORMATS, default="table")


def _instant(text: str) -> datetime:
    """An instant, as an option has it.

    Raises:
        argparse.ArgumentTypeError: It is none.
    """
    try:
        return parse_instant(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _path(text: str) -> Path:
    """A path, as an option has it, in full.

    Raises:
        argparse.ArgumentTypeError: No home directory is known for its ~.
    """
    from partner_warehouse.settings import absolute

    try:
        return absolute(Path(text))
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _run(options: argparse.Namespace, settings: Settings) -> None:
    from partner_warehouse import pipeline
    from partner_warehouse.ledger.status import set_aside

    pipeline.run(settings, as_of=options.as_of, progress=_progress)
    for sentence in set_aside(settings):
        sys.stderr.write(f"{sentence}\n")
    _say(f"published {settings.published_path}")


def _ingest(options: argparse.Namespace, settings: Settings) -> None:
    from partner_warehouse.extract.api import Window
    from partner_warehouse.extract.ingest import ingest_source, objects

    known = objects(options.source)
    if options.object is not None and options.object not in known:
        raise BadInputError(f"source {options.source} has no object {options.object!r}: use one of {', '.join(known)}")
    window = Window.parse(options.since, options.until) if options.since or options.until else None
    only = [options.object] if options.object is not None else None
    for outcome in ingest_source(options.source, settings, only=only, window=window):
        _say(
            f"{outcome.source} {outcome.object}: {outcome.received} received, {outcome.landed} landed, "
            f"{outcome.quarantined} quarantined, {outcome.duplicates} duplicates"
        )
        for warning in outcome.warnings:
            sys.stderr.write(f"{warning}\n")


def _progress(step: str) -> None:
    """For who watches. A script finds errors alone on stderr, the first line first."""
    if sys.stderr.isatty():
        sys.stderr.write(f"{step}\n")
        sys.stderr.flush()


def _payouts(options: argparse.Namespace, settings: Settings) -> None:
    from partner_warehouse.ledger.events import CLOSED
    from partner_warehouse.ledger.payouts import PayoutService
    from partner_warehouse.notifications import sums

    service = PayoutService(settings)
    given: dict[str, Any] = {}
    if options.action == "approve":
        given["content_hash"] = options.content_hash
    elif options.action == "paid":
        given["by_hand"] = options.by_hand
    before = service.state(options.period)
    if options.action == "submit" and before is not None and before.status == "draft":
        from partner_warehouse.quality import gates

        gates.check("payouts", settings)
    state = getattr(service, options.action)(options.period, options.user, options.reason, **given)
    from partner_warehouse import pipeline

    # Also what was posted by a command that was killed before it published.
    is_changed = before is None or before.status != state.status
    if state.status in CLOSED and (is_changed or not pipeline.publishes(settings, state)):
        unpublished = pipeline.after_posting(settings, progress=_progress)
        if unpublished is None:
            pipeline.serve(settings, progress=_progress)
        else:
            sys.stderr.write(f"{options.period} is {state.status}, and not published yet: {unpublished}\n")
    _say(state.message)
    _say(f"  {state.line_count} lines, {state.payout_count} payouts, content {state.content_hash}")
    for line in sums(state).splitlines():
        _say(f"  {line}")
    if options.action == "export":
        if not options.no_statements:
            _write_statements(settings, options.period, None)
        _say_export(state)


def _statements(options: argparse.Namespace, settings: Settings) -> None:
    _write_statements(settings, options.period, options.partner)


def _write_statements(settings: Settings, period: str, partner_id: str | None) -> None:
    from partner_warehouse.exports.statements import write

    written = write(settings, period, partner_id=partner_id)
    _say(f"  {written.statements} statements in {written.directory}")


def _say_export(state: PayoutState) -> None:
    """What there is for the banks.

    Raises:
        BadInputError: Some payouts are in no bank file. The others are exported all the same.
    """
    if not state.has_bank_files:
        _say("  no bank files: the connection bank_vault_default is not configured")
    if state.exceptions:
        raise BadInputError(
            f"{state.period}: {state.exceptions} payouts are in no bank file\n"
            "exceptions.csv says which and why: mend the bank vault and export again; the others are exported"
        )


def _show(options: argparse.Namespace, settings: Settings) -> None:
    from partner_warehouse.ledger.payouts import PayoutService

    service = PayoutService(settings)
    rows = service.payouts(options.period)
    state = service.state(options.period)
    if options.format == "table" and state is not None:
        prepared = f"drafted by {state.drafted_by}" + (
            f", submitted by {state.submitted_by}" * bool(state.submitted_by)
        )
        approved = f", approved by {state.approved_by}" * bool(state.approved_by)
        _say(f"{state.period} is {state.status}: draft {state.version}, {prepared}{approved}")
        _say(f"content {state.content_hash}")
    hidden = {"period", "status", "payout_id", "content_hash"} if options.format == "table" else set()
    columns = [name for name in _SHOWN if name not in hidden]
    _print_rows(columns, rows, options.format)


_SHOWN = (
    "payout_id",
    "period",
    "partner_id",
    "currency",
    "opening_balance",
    "earned",
    "adjustments",
    "payable",
    "closing_balance",
    "min_payout",
    "line_count",
    "status",
    "content_hash",
)


def _explain(options: argparse.Namespace, settings: Settings) -> None:
    if (options.partner is None) != (options.period is None):
        raise BadInputError("explain: --partner and --period go together")
    from partner_warehouse.ledger.explain import explain

    found = explain(
        settings,
        payout=options.payout,
        line=options.line,
        movement=options.movement,
        partner=options.partner,
        period=options.period,
    )
    sections = [
        (section.title, [dict(zip(section.columns, row, strict=True)) for row in section.rows], section.columns)
        for section in found.sections
        if section.rows
    ]
    if options.format == "json":
        document = {"summary": list(found.summary), "sections": [{"table": t, "rows": r} for t, r, _ in sections]}
        _say(_json(document))
        return
    if options.format == "csv":
        _print_rows(["step", "row", "field", "value"], _flat(sections), "csv")
        return
    for sentence in found.summary:
        _say(sentence)
    for title, rows, columns in sections:
        _say(f"\n{title}")
        filled = [name for name in columns if any(row[name] is not None for row in rows)]
        _print_rows(filled, rows, "table")


def _flat(sections: Iterable[tuple[str, list[dict[str, Any]], Sequence[str]]]) -> Iterable[dict[str, Any]]:
    """A derivation as one table: a row per field."""
    for title, rows, _ in sections:
        for number, row in enumerate(rows, start=1):
            for name, value in row.items():
                yield {"step": title, "row": number, "field": name, "value": value}


def _reproduce(options: argparse.Namespace, settings: Settings) -> None:
    from partner_warehouse.ledger.reproduction import reproduce

    result = reproduce(options.period, settings, progress=_progress)
    if not result.same:
        told = [f"  {difference}" for difference in result.differing.first]
        if result.differing.count > len(told):
            told.append(f"  and {result.differing.count - len(told)} more")
        raise PartnerWarehouseError(
            "\n".join([f"{options.period}: does not come out as it was approved (posted -> now)", *told])
        )
    _say(f"{options.period}: {result.line_count} lines come out as they were approved, to the cent")


def _simulate(options: argparse.Namespace, settings: Settings) -> None:
    from dataclasses import asdict, fields

    from partner_warehouse.ledger.periods import Period
    from partner_warehouse.ledger.simulation import Difference, simulate

    first, last = Period.parse(options.first), Period.parse(options.last)
    rows = [asdict(row) for row in simulate(options.plans, first, last, settings, progress=_progress)]
    _print_rows([field.name for field in fields(Difference)], rows, options.format)
    if options.format == "table":
        for currency in sorted({row["currency"] for row in rows}):
            of_it = [row for row in rows if row["currency"] == currency]
            earned, payable = (sum(row[name] for row in of_it) for name in ("earned_difference", "payable_difference"))
            _say(f"\n{currency}: earned {earned:+f}, payable {payable:+f} from {first} to {last}")


def _reports(options: argparse.Namespace, settings: Settings) -> None:
    from partner_warehouse.reports import pages

    if options.period and not options.report:
        raise BadInputError("reports: --period goes with one report, as in `reports monthly --period 2026-09`")
    for grain in [options.report] if options.report else GRAINS:
        if not options.report and pages.newest_period(settings, grain) is None:
            _say(f"{grain}: no period has ended yet")
            continue
        page = pages.write(settings, grain, options.period)
        _say(f"{page.headline}, {page.off_target} off target\n  {page.path}")


def _dashboards(_: argparse.Namespace, settings: Settings) -> None:
    from partner_warehouse.bi.superset import import_dashboards

    imported = import_dashboards()
    _say(f"{len(imported.dashboards)} dashboards with {imported.charts} charts over {imported.datasets} datasets")
    for name in imported.dashboards:
        _say(f"  {name}")


def _status(_: argparse.Namespace, settings: Settings) -> None:
    from partner_warehouse.extract.freshness import freshness, stale
    from partner_warehouse.ledger.payouts import PayoutService
    from partner_warehouse.ledger.status import published_status

    every = freshness(settings)
    fresh = f"fresh: {sum(one.status == 'fresh' for one in every)} of {len(every)} objects of the sources in use"
    for sentence in [*published_status(settings), fresh, *stale(settings)]:
        _say(sentence)
    states = PayoutService(settings).states()
    _say("payouts: none drafted" if not states else "payouts:")
    for state in states:
        totals = ", ".join(f"{total.payable} {total.currency}" for total in state.totals) or "nothing payable"
        _say(f"  {state.period}  {state.status:<9}  {totals}")


def _verify(_: argparse.Namespace, settings: Settings) -> None:
    from partner_warehouse.ledger.payouts import PayoutService

    service = PayoutService(settings)
    faults = service.verify()
    if faults:
        raise PartnerWarehouseError(f"the ledger is broken in {len(faults)} places\n" + "\n".join(faults))
    _say(f"the ledger is whole: {len(service.log())} events")


def _sandbox(options: argparse.Namespace, settings: Settings) -> None:
    from partner_warehouse.sandbox.__main__ import main as sandbox

    sandbox(["serve", "--home", str(settings.home), "--scale", str(options.scale)])


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")


def _json(document: object) -> str:
    return json.dumps(document, indent=2, default=str, ensure_ascii=False)


def _print_rows(columns: Sequence[str], rows: Iterable[Mapping[str, Any]], form: str) -> None:
    """Print rows as an aligned table, as CSV that a spreadsheet can open, or as JSON with amounts as text."""
    if form == "json":
        _say(_json([{name: row[name] for name in columns} for row in rows]))
        return
    if form == "csv":
        from partner_warehouse.exports.cells import write_csv

        write_csv(sys.stdout, columns, rows)
        return
    texts = [[("" if row[name] is None else str(row[name])) for name in columns] for row in rows]
    widths = [max(len(cell) for cell in cells) for cells in zip(columns, *texts, strict=True)]
    for cells in (columns, *texts):
        _say("  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip())


if __name__ == "__main__":
    sys.exit(main())
