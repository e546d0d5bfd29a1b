"""The payouts of a period, from draft to paid: draft → submitted → approved → exported → paid, or rejected to draft.

Every action is one transaction of the ledger under its one writer's lock, so an action has happened wholly or not at
all, and of several at once exactly one wins. What an action may do is decided here, whoever asks for it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
from sqlalchemy import Connection, Table, insert, literal, select

from partner_warehouse.errors import BadInputError, NotAllowedError
from partner_warehouse.ledger import (
    bulk,
    content,
    drafting,
    events,
    evidence,
    journal,
    people,
    schema,
    store,
    stored,
    verification,
)
from partner_warehouse.ledger.content import Content, CurrencyTotal, Differences
from partner_warehouse.ledger.events import CLOSED, Event
from partner_warehouse.ledger.periods import Period
from partner_warehouse.ledger.publication import Basis, Pins, basis, publication
from partner_warehouse.plans.files import copy_path
from partner_warehouse.settings import Settings


def utc_now() -> datetime:
    """The clock of the log."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class PayoutState:
    """Where a period stands.

    Attributes:
        version: Of its newest draft; a draft that changed is a further version.
        content_hash: SHA-256 of exactly what is to be approved, or was.
        totals: Control totals, by currency.
        message: What the action did, for people.
        exceptions: After an export, payouts that wait for a bank file although bank files are made.
        has_bank_files: After an export, whether bank files are made: not without a bank vault.
    """

    period: str
    status: str
    version: int
    content_hash: str
    line_count: int
    payout_count: int
    totals: tuple[CurrencyTotal, ...]
    drafted_by: str
    submitted_by: str | None
    approved_by: str | None
    message: str
    exceptions: int = 0
    has_bank_files: bool = False


class PayoutService:
    """Everything that people and DAGs do with payouts.

    Args:
        settings: The installation.
        clock: Gives the instant of an event; for tests.
    """

    def __init__(self, settings: Settings, *, clock: Callable[[], datetime] = utc_now) -> None:
        self._settings = settings
        self._clock = clock
        self._store = store.Store(settings)

    def draft(self, period: str, user: str, reason: str = "") -> PayoutState:
        """Compute what the period would pay, and keep it as a draft.

        A draft that is not approved is replaced by a further version when its content changed; when nothing changed,
        it stays as it is.

        Raises:
            BadInputError: Not a period, no user, or the period has not ended in the publication.
            NotAllowedError: The period is approved, a later one is, or an earlier one waits for approval.
        """
        month, actor = Period.parse(period), people.named(user)
        with publication(self._settings.published_path) as duck, self._store.writing() as connection:
            newest = events.newest_events(connection)
            self._refuse_out_of_order(month, newest)
            origin = basis(duck)
            self._refuse_unended(month, origin.as_of)
            drafting.compute(duck, connection, month, self._settings)
            found = content.of(duck, str(month))
            last = newest.get(str(month))
            if last is not None and last.content_hash == found.content_hash:
                return self._state(connection, last, f"{month}: nothing changed, draft {last.version} stands")
            version = (last.version if last else 0) + 1
            now = self._clock()
            self._keep_draft(connection, duck, month, version, found, origin, actor, now)
            added = events.append_event(
                connection,
                period=str(month),
                follows=last,
                action="draft",
                to_status="draft",
                version=version,
                actor=actor,
                reason=reason,
                at=now,
                content_hash=found.content_hash,
                evidence_hash=evidence.of_draft(connection, str(month), version),
            )
            return self._state(connection, added, f"{month}: draft {version}")

    def submit(self, period: str, user: str, reason: str = "") -> PayoutState:
        """Put the draft to approval. Asking again for what is submitted already changes nothing.

        Raises:
            BadInputError: Not a period, no user, or nothing is drafted.
            NotAllowedError: The period is approved, a later one is, or an earlier one waits for approval.
        """
        month, actor = Period.parse(period), people.named(user)
        with self._store.writing() as connection:
            last = _newest(connection, month)
            if last.to_status == "submitted":
                return self._state(connection, last, f"{month}: submitted already")
            _refuse_unless(last, "draft", "submitted")
            self._refuse_out_of_order(month, events.newest_events(connection))
            added = self._follow(connection, last, "submit", "submitted", actor, reason)
            return self._state(connection, added, f"{month}: submitted, waits for approval")

    def approve(self, period: str, user: str, reason: str = "", content_hash: str | None = None) -> PayoutState:
        """Approve what was submitted, and post it: lines, payouts and journal in one transaction.

        Above `two_approvers_above` the first approval is kept and nothing is posted; a second person completes it.

        Args:
            period: `YYYY-MM`.
            user: A name of `PARTNER_WAREHOUSE_APPROVERS`.
            reason: In their words, for the log.
            content_hash: What the approver was shown; None approves what is submitted now.

        Raises:
            BadInputError: Not a period, no user, or nothing is drafted.
            NotAllowedError: Not submitted, the user is not an approver or is its preparer, or the content is no longer
                what was shown; when the entitlement itself changed, the period is back in draft.
        """
        month, actor = Period.parse(period), people.named(user)
        with publication(self._settings.published_path) as duck, self._store.writing() as connection:
            newest = events.newest_events(connection)
            last = _newest(connection, month)
            _refuse_unless(last, "submitted", "approved")
            self._refuse_approver(connection, last, actor)
            self._refuse_out_of_order(month, newest)
            if content_hash is not None and content_hash != last.content_hash:
                raise NotAllowedError(
                    f"{month}: content changed: what was shown is not what is submitted (draft {last.version}); "
                    "look at it again"
                )
            submitted = _untampered(connection, duck, last)
            drafting.compute(duck, connection, month, self._settings)
            if content.agrees(duck, lines=schema.draft_lines.name, payouts=schema.draft_payouts.name):
                return self._approve(connection, last, submitted, actor, reason)
            self._follow(connection, last, "content_changed", "draft", actor, "the entitlement is not what was drafted")
        raise NotAllowedError(
            f"{month}: content changed since it was drafted; it is back in draft\n"
            f"draft it again (`partner-warehouse payouts draft {month}`), submit and approve what it is now"
        )

    def reject(self, period: str, user: str, reason: str = "") -> PayoutState:
        """Send what was submitted back to draft.

        Raises:
            BadInputError: Not a period, no user, or nothing is drafted.
            NotAllowedError: Not submitted, or the user is neither an approver nor its preparer.
        """
        month, actor = Period.parse(period), people.named(user)
        with self._store.writing() as connection:
            last = _newest(connection, month)
            _refuse_unless(last, "submitted", "rejected")
            preparers = _preparers(connection, last)
            if actor not in self._settings.approvers and people.identity(actor) not in map(people.identity, preparers):
                raise NotAllowedError(f"{month}: {actor} is neither an approver nor who prepared it")
            added = self._follow(connection, last, "reject", "draft", actor, reason)
            return self._state(connection, added, f"{month}: rejected, back in draft")

    def export(self, period: str, user: str, reason: str = "") -> PayoutState:
        """Write the files of an approved period. Asking again writes the same files again.

        With a bank vault, what can be paid is ordered from the banks, each payout once; asking again orders what was
        mended in the vault since.

        Raises:
            BadInputError: Not a period, no user, nothing is drafted, or the vault cannot be read.
            NotAllowedError: The period is not approved, or what was ordered before is not what was logged.
            PartnerWarehouseError: The files do not tie with what was approved, or do not validate; none is released.
        """
        from partner_warehouse.exports.export import directory_of, prepare
        from partner_warehouse.exports.files import one_at_a_time

        month, actor = Period.parse(period), people.named(user)
        with one_at_a_time(directory_of(self._settings, str(month)).parent):
            with self._store.writing() as connection:
                last = _newest(connection, month)
                if last.to_status not in CLOSED:
                    _refuse_unless(last, "approved", "exported")
                _refuse_changed_orders(connection, month)
                now = self._clock()
                prepared = prepare(connection, self._settings, last, now)
                # What was mended in the vault is ordered later than the rest, and logged as what it is: a further
                # export. So is that there are bank files now, although no payout could be ordered.
                is_new = prepared.has_bank_files and not evidence.makes_bank_files(connection, str(month))
                if last.to_status == "approved" or (last.to_status == "exported" and is_new):
                    ordered = evidence.of_orders(connection, str(month), has_bank_files=prepared.has_bank_files)
                    last = self._follow(
                        connection, last, "export", "exported", actor, reason, at=now, evidence_hash=ordered
                    )
                state = self._state(connection, last, f"{month}: exported to {prepared.directory}")
            # Only now does the ledger know what was ordered: a file that it does not know must not reach a bank.
            prepared.release()
        return replace(state, exceptions=prepared.exceptions, has_bank_files=prepared.has_bank_files)

    def paid(self, period: str, user: str, reason: str = "", *, by_hand: bool = False) -> PayoutState:
        """Note that an exported period is paid, and write the payment's journal lines.

        A period is paid as a whole. Where bank files are made, what is in none of them was not paid by them: it must be
        said that it was paid otherwise.

        Args:
            period: `YYYY-MM`.
            user: Who says so.
            reason: In their words, for the log.
            by_hand: Payouts that are in no bank file were paid otherwise; `reason` says how.

        Raises:
            BadInputError: Not a period, no user, nothing is drafted, or `by_hand` without a reason.
            NotAllowedError: The period is not exported, has payouts that are in no bank file and not `by_hand`, has
                bank files that were never given out, or what was ordered is not what was logged.
        """
        from partner_warehouse.exports import bank_files
        from partner_warehouse.exports.export import directory_of, prepare
        from partner_warehouse.exports.files import one_at_a_time

        month, actor = Period.parse(period), people.named(user)
        if by_hand and not reason.strip():
            raise BadInputError("--by-hand: say in --reason how the payouts without a bank file were paid")
        with one_at_a_time(directory_of(self._settings, str(month)).parent):
            with self._store.writing() as connection:
                last = _newest(connection, month)
                _refuse_unless(last, "exported", "paid")
                _refuse_changed_orders(connection, month)
                if waiting := bank_files.unreleased(connection, str(month), directory_of(self._settings, str(month))):
                    raise NotAllowedError(
                        f"{month}: its export was cut off before {', '.join(waiting)} had a name\n"
                        "export again: no bank can have paid what is in it"
                    )
                unordered = bank_files.count_unordered(connection, str(month))
                if unordered and not by_hand:
                    raise NotAllowedError(
                        f"{month}: {unordered} payouts are in no bank file, so no bank has paid them\n"
                        "mend the bank vault and export again; where they were paid otherwise, "
                        "`--by-hand --reason` says how"
                    )
                now = self._clock()
                journal.post_payment(connection, stored.payouts(connection, last), now)
                added = self._follow(connection, last, "pay", "paid", actor, reason, at=now)
                prepared = prepare(connection, self._settings, added, now)
                otherwise = f", {unordered} payouts by hand" if unordered else ""
                state = self._state(connection, added, f"{month}: paid{otherwise}")
            prepared.release()
        return replace(state, exceptions=prepared.exceptions, has_bank_files=prepared.has_bank_files)

    def state(self, period: str) -> PayoutState | None:
        """Where a period stands; None where nothing was drafted."""
        month = Period.parse(period)
        with self._store.reading() as connection:
            last = events.newest_events(connection).get(str(month))
            return None if last is None else self._state(connection, last, f"{month}: {last.to_status}")

    def states(self) -> list[PayoutState]:
        """Where every period stands, in their order."""
        with self._store.reading() as connection:
            return [
                self._state(connection, last, f"{period}: {last.to_status}")
                for period, last in events.newest_events(connection).items()
            ]

    def payouts(self, period: str) -> list[dict[str, Any]]:
        """A period's payouts, as posted, or as its newest draft has them; by partner and currency.

        Raises:
            BadInputError: Not a period, or nothing is drafted.
        """
        month = Period.parse(period)
        with self._store.reading() as connection:
            last = _newest(connection, month)
            return [
                {"period": str(month), "status": last.to_status}
                | {name: row[name] for name in content.PAYOUT_COLUMNS}
                | {"content_hash": last.content_hash}
                for row in stored.payouts(connection, last)
            ]

    def log(self, period: str | None = None) -> list[Event]:
        """The log, of one period or of all."""
        with self._store.reading() as connection:
            return events.read_events(connection, period)

    def verify(self) -> list[str]:
        """Everything that is wrong with the ledger, one line each; empty when it is whole.

        Holds the chain of the log, the content hash of every posted period and of every draft against its lines and
        payouts, the lines against the payouts, the journal and the payments ordered from banks against both, what
        drafts rest on and what was ordered against the log, and the plan files that approved periods are computed again
        by against their hash.
        """
        with self._store.reading() as connection, duckdb.connect() as duck:
            duck.execute("SET enable_progress_bar = false")
            return verification.faults(connection, duck)

    def write_drafts(self, path: Path) -> None:
        """Write every draft that is not approved into a new DuckDB file, for the gate on drafts.

        Args:
            path: Must not exist. Gets `payouts.draft_payouts` and `payouts.draft_lines`.
        """
        with self._store.reading() as connection, duckdb.connect(str(path)) as duck:
            waiting = [last for last in events.newest_events(connection).values() if last.to_status not in CLOSED]
            duck.execute("CREATE SCHEMA payouts")
            for table in (schema.draft_payouts, schema.draft_lines):
                parts = [table.c.period == "", *(stored.of_version(table, last) for last in waiting)]
                chosen = parts[0]
                for part in parts[1:]:
                    chosen = chosen | part
                bulk.load(connection, select(table).where(chosen), duck, "drafted")
                duck.execute(f"CREATE TABLE payouts.{table.name} AS FROM drafted")

    def recompute(self, period: str, published: Path) -> tuple[Content, Event, Differences]:
        """An approved period, computed again from another publication.

        Args:
            period: An approved one.
            published: The publication to compute from.

        Returns:
            What it comes to now, the event that approved it, and the columns of its payouts and lines that differ.

        Raises:
            BadInputError: The period is not approved.
        """
        month = Period.parse(period)
        with publication(published) as duck, self._store.reading() as connection:
            approval = self._approval(connection, month)
            drafting.compute(duck, connection, month, self._settings)
            found = content.of(duck, str(month))
            if found.content_hash == approval.content_hash:
                return found, approval, Differences()
            for table in (schema.payouts, schema.payout_lines):
                bulk.load(connection, select(table).where(table.c.period == str(month)), duck, f"posted_{table.name}")
            # What was posted while lines had no fee is compared without: all else of it is said by its other columns.
            duck.execute(
                "UPDATE lines SET fee = NULL WHERE NOT EXISTS (FROM posted_payout_lines WHERE fee IS NOT NULL)"
            )
            found = content.of(duck, str(month))
            differing = content.differences(duck, lines="posted_payout_lines", payouts="posted_payouts")
        return found, approval, differing

    def cut_off(self, period: str) -> tuple[datetime | None, datetime]:
        """What an approved period was computed for, and up to when it had seen what was landed; both UTC.

        Raises:
            BadInputError: The period is not approved.
        """
        month = Period.parse(period)
        with self._store.reading() as connection:
            approval = self._approval(connection, month)
            row = connection.execute(select(schema.drafts).where(stored.of_version(schema.drafts, approval))).one()
            return row.as_of, row.known_at

    def pins(self, period: str) -> tuple[Pins, str] | None:
        """What else decided an approved period, and the text of its plan files; None where its draft does not say.

        Raises:
            BadInputError: The period is not approved.
        """
        month = Period.parse(period)
        with self._store.reading() as connection:
            approval = self._approval(connection, month)
            pins = schema.draft_pins.c
            row = connection.execute(
                select(
                    pins.timezone,
                    pins.reporting_currency,
                    pins.fx_lookback_days,
                    pins.plans_hash,
                    schema.plan_sets.c.content,
                )
                .join_from(schema.draft_pins, schema.plan_sets, pins.plans_hash == schema.plan_sets.c.plans_hash)
                .where(stored.of_version(schema.draft_pins, approval))
            ).first()
            return None if row is None else (Pins(*row[:4]), row.content)

    def _approval(self, connection: Connection, month: Period) -> Event:
        for entry in events.read_events(connection, str(month)):
            if entry.action == "approve":
                return entry
        raise BadInputError(f"{month}: not approved")

    def _refuse_out_of_order(self, month: Period, newest: dict[str, Event]) -> None:
        """Periods are approved in their order: a later one has taken what an earlier one held."""
        own = newest.get(str(month))
        if own is not None and own.to_status in CLOSED:
            raise NotAllowedError(f"{month} is {own.to_status}: the period is closed; what changed is in the next one")
        for period, last in newest.items():
            if period > str(month) and last.to_status in CLOSED:
                raise NotAllowedError(
                    f"{month}: {period} is {last.to_status} already and holds what was open before it"
                )
            if period < str(month) and last.to_status == "submitted":
                raise NotAllowedError(f"{month}: {period} waits for approval; approve or reject it first")

    def _refuse_unended(self, month: Period, as_of: datetime | None) -> None:
        instant = as_of or self._settings.as_of or self._clock()
        if not month.ended_by(instant, self._settings.timezone):
            raise BadInputError(
                f"{month} has not ended: what is published was computed for {instant:%Y-%m-%d %H:%M} UTC; "
                "run again after its end"
            )

    def _refuse_approver(self, connection: Connection, last: Event, actor: str) -> None:
        if actor not in self._settings.approvers:
            known = ", ".join(self._settings.approvers) or "nobody"
            raise NotAllowedError(
                f"{last.period}: {actor} is not an approver\nPARTNER_WAREHOUSE_APPROVERS names: {known}"
            )
        if people.identity(actor) in map(people.identity, _preparers(connection, last)):
            raise NotAllowedError(f"{last.period}: {actor} prepared it; another person approves")

    def _approve(self, connection: Connection, last: Event, found: Content, actor: str, reason: str) -> PayoutState:
        """Post, or keep the first of two approvals."""
        names = [actor]
        if self._needs_two(found):
            first = last if last.action == "first_approval" else None
            if first is None:
                added = self._follow(connection, last, "first_approval", "submitted", actor, reason)
                return self._state(connection, added, f"{last.period}: first approval; a second person must approve")
            if people.identity(first.actor) == people.identity(actor):
                raise NotAllowedError(f"{last.period}: {actor} gave the first approval; a second person must approve")
            names = [first.actor, actor]
        now = self._clock()
        _post(connection, last, " + ".join(names), now)
        added = self._follow(connection, last, "approve", "approved", actor, reason, at=now)
        return self._state(connection, added, f"{last.period}: approved and posted")

    def _needs_two(self, found: Content) -> bool:
        limit = self._settings.two_approvers_above
        return limit is not None and any(total.payable > limit for total in found.totals)

    def _follow(
        self,
        connection: Connection,
        last: Event,
        action: str,
        to_status: str,
        actor: str,
        reason: str,
        *,
        at: datetime | None = None,
        evidence_hash: str | None = None,
    ) -> Event:
        return events.append_event(
            connection,
            period=last.period,
            follows=last,
            action=action,
            to_status=to_status,
            version=last.version,
            actor=actor,
            reason=reason,
            at=at or self._clock(),
            content_hash=last.content_hash,
            evidence_hash=evidence_hash,
        )

    def _keep_draft(
        self,
        connection: Connection,
        duck: duckdb.DuckDBPyConnection,
        month: Period,
        version: int,
        found: Content,
        origin: Basis,
        actor: str,
        now: datetime,
    ) -> None:
        connection.execute(
            insert(schema.drafts),
            {
                "period": str(month),
                "version": version,
                "drafted_by": actor,
                "drafted_at": now,
                "as_of": origin.as_of,
                "known_at": origin.known_at or now,
                "line_count": found.line_count,
                "payout_count": found.payout_count,
                "content_hash": found.content_hash,
            },
        )
        if origin.pins is not None:
            self._keep_pins(connection, origin.pins, {"period": str(month), "version": version})
        of_draft = f"'{month}' AS period, CAST({version} AS BIGINT) AS version"
        # In the order of the key, so that the index grows at its end.
        for table, source, key in (
            (schema.draft_payouts, "payouts", "payout_id"),
            (schema.draft_lines, "lines", "line_id"),
        ):
            bulk.append(connection, table, duck, f"SELECT {of_draft}, * FROM {source} ORDER BY {key}")  # noqa: S608

    def _keep_pins(self, connection: Connection, pins: Pins, draft: dict[str, Any]) -> None:
        """The plan files once for all drafts by them, and what else decided this one."""
        there = select(schema.plan_sets.c.plans_hash).where(schema.plan_sets.c.plans_hash == pins.plans_hash)
        if connection.execute(there).first() is None:
            kept = copy_path(self._settings, pins.plans_hash)
            if not kept.exists():
                raise BadInputError(
                    f"{kept}: the plan files that the publication was computed by are gone; "
                    "run again (`partner-warehouse run`) and draft then"
                )
            content = kept.read_text(encoding="utf-8")
            connection.execute(insert(schema.plan_sets), {"plans_hash": pins.plans_hash, "content": content})
        connection.execute(insert(schema.draft_pins), draft | asdict(pins))

    def _state(self, connection: Connection, last: Event, message: str) -> PayoutState:
        drafted = connection.execute(select(schema.drafts).where(stored.of_version(schema.drafts, last))).one()
        since = _since_draft(connection, last)
        submitted = [entry.actor for entry in since if entry.action == "submit"]
        approved = [entry.actor for entry in since if entry.action in {"first_approval", "approve"}]
        waiting = last.to_status != "draft"
        return PayoutState(
            period=last.period,
            status=last.to_status,
            version=last.version,
            content_hash=last.content_hash,
            line_count=drafted.line_count,
            payout_count=drafted.payout_count,
            totals=stored.totals(connection, last),
            drafted_by=drafted.drafted_by,
            submitted_by=submitted[-1] if submitted and waiting else None,
            approved_by=" + ".join(approved) if last.to_status in CLOSED else None,
            message=message,
        )


def _newest(connection: Connection, month: Period) -> Event:
    last = events.newest_events(connection).get(str(month))
    if last is None:
        raise BadInputError(f"{month}: nothing is drafted; `partner-warehouse payouts draft {month}` does")
    return last


def _refuse_unless(last: Event, status: str, wanted: str) -> None:
    if last.to_status == status:
        return
    reason = f"only what is {status} can be {wanted}"
    if last.to_status in CLOSED and status in {"draft", "submitted"}:
        reason = "the period is closed"
    # A command that was cut off after its posting is refused like any other: its rest is still to be done.
    remedy = (
        f"\nwhere a command was cut off, `partner-warehouse payouts export {last.period}` publishes and writes the rest"
        if wanted == last.to_status
        else ""
    )
    raise NotAllowedError(f"{last.period} is {last.to_status}: {reason}{remedy}")


def _refuse_changed_orders(connection: Connection, month: Period) -> None:
    if evidence.is_changed(connection, str(month)):
        raise NotAllowedError(
            f"{month}: what was ordered from banks is not what was logged\n"
            "someone has changed the ledger past its triggers; find out who before anything is ordered or booked"
        )


def _since_draft(connection: Connection, last: Event) -> list[Event]:
    """What happened to the present version since it was last in draft (with its drafting, where that is it)."""
    entries = [entry for entry in events.read_events(connection, last.period) if entry.version == last.version]
    starts = [index for index, entry in enumerate(entries) if entry.to_status == "draft"]
    return entries[starts[-1] :] if starts else entries


def _preparers(connection: Connection, last: Event) -> list[str]:
    """Who drafted the present version, and who submitted it, however often."""
    entries = events.read_events(connection, last.period)
    return [entry.actor for entry in entries if entry.version == last.version and entry.action in {"draft", "submit"}]


def _untampered(connection: Connection, duck: duckdb.DuckDBPyConnection, last: Event) -> Content:
    """The draft as stored, in DuckDB tables of the ledger's names; it must still be what was logged."""
    found = stored.drafted_content(connection, duck, last)
    if found.content_hash != last.content_hash:
        raise NotAllowedError(
            f"{last.period}: content changed: the stored draft is not what was submitted\n"
            "someone has changed the ledger past its triggers; find out who before drafting again"
        )
    return found


def _post(connection: Connection, submitted: Event, approved_by: str, at: datetime) -> None:
    """Copy the approved draft into what is posted, inside the database, and write the journal."""
    submission = [entry for entry in _since_draft(connection, submitted) if entry.action == "submit"][-1]
    stamped = {
        "submitted_by": submission.actor,
        "submitted_at": submission.at,
        "approved_by": approved_by,
        "approved_at": at,
        "content_hash": submitted.content_hash,
    }
    _copy(connection, schema.draft_payouts, schema.payouts, submitted, stamped)
    _copy(connection, schema.draft_lines, schema.payout_lines, submitted, {})
    journal.post_approval(connection, stored.payouts(connection, submitted), at)


def _copy(connection: Connection, drafted: Table, posted: Table, last: Event, stamped: dict[str, Any]) -> None:
    """Copy the rows of the present version, in the order of their key, with what its approval adds."""
    (key,) = posted.primary_key
    columns = [
        literal(stamped[column.name], column.type) if column.name in stamped else drafted.c[column.name]
        for column in posted.columns
    ]
    rows = select(*columns).where(stored.of_version(drafted, last)).order_by(drafted.c[key.name])
    with bulk.copying_into(connection, posted):
        connection.execute(insert(posted).from_select([column.name for column in posted.columns], rows))
