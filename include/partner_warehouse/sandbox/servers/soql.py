"""The part of SOQL that extraction needs: one object, a condition, an order, a limit.

SELECT Id, Name FROM Account WHERE SystemModstamp >= 2026-04-01T00:00:00Z AND IsDeleted = true ORDER BY Id LIMIT 5
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from partner_warehouse.sandbox.timeline import Record

TOKEN = re.compile(
    r"\s*(?:(?P<instant>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:?\d\d))|(?P<date>\d{4}-\d\d-\d\d)"
    r"|(?P<number>-?\d+(?:\.\d+)?)|(?P<text>'(?:[^'\\]|\\.)*')|(?P<op><=|>=|!=|<>|=|<|>|\(|\)|,)"
    r"|(?P<word>[A-Za-z_][A-Za-z0-9_.]*))"
)
INSTANT = re.compile(r"^\d{4}-\d\d-\d\dT")

Test = Callable[[Record], bool]

COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<>": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


class SoqlError(Exception):
    """A query that the org refuses.

    Attributes:
        code: Salesforce's error code.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(slots=True)
class Query:
    """A parsed query; `fields` is empty for COUNT()."""

    object_name: str
    fields: list[str]
    test: Test = lambda _: True
    order: list[tuple[str, bool]] = field(default_factory=list)
    limit: int | None = None

    def run(self, records: list[Record]) -> list[Record]:
        """The records that pass, in order."""
        found = [record for record in records if self.test(record)]
        for name, descending in reversed(self.order):
            # Nulls first, as Salesforce sorts by default.
            found.sort(key=lambda record: _sort_key(record.get(name)), reverse=descending)
        return found if self.limit is None else found[: self.limit]


def _sort_key(value: Any) -> tuple[bool, str, Any]:
    if value is None:
        return (False, "", 0)
    return (True, type(value).__name__, value)


def parse(text: str, schema: dict[str, set[str]]) -> Query:
    """Parse a query against the org's objects and their fields.

    Raises:
        SoqlError: MALFORMED_QUERY, INVALID_TYPE (no such object) or INVALID_FIELD.
    """
    return _Parser(text, schema).query()


class _Parser:
    def __init__(self, text: str, schema: dict[str, set[str]]) -> None:
        self._schema = schema
        self._tokens: list[tuple[str, str]] = []
        self._at = 0
        position = 0
        text = text.strip()
        while position < len(text):
            match = TOKEN.match(text, position)
            if match is None or match.lastgroup is None:
                raise SoqlError("MALFORMED_QUERY", f"unexpected token: '{text[position : position + 20]}'")
            self._tokens.append((match.lastgroup, match.group(match.lastgroup)))
            position = match.end()
        self._fields: set[str] = set()

    def _peek(self) -> tuple[str, str]:
        return self._tokens[self._at] if self._at < len(self._tokens) else ("end", "<EOF>")

    def _next(self) -> tuple[str, str]:
        token = self._peek()
        self._at += 1
        return token

    def _word(self, *expected: str) -> bool:
        """Take the next token if it is one of the keywords."""
        kind, value = self._peek()
        if kind == "word" and value.upper() in expected:
            self._at += 1
            return True
        return False

    def _symbol(self, expected: str) -> bool:
        if self._peek() == ("op", expected):
            self._at += 1
            return True
        return False

    def _need(self, met: bool) -> None:
        if not met:
            raise SoqlError("MALFORMED_QUERY", f"unexpected token: '{self._peek()[1]}'")

    def query(self) -> Query:
        self._need(self._word("SELECT"))
        names: list[str] = []
        if self._word("COUNT"):
            self._need(self._symbol("("))
            self._need(self._symbol(")"))
        else:
            names.append(self._name())
            while self._symbol(","):
                names.append(self._name())
        self._need(self._word("FROM"))
        object_name = self._name()
        if object_name not in self._schema:
            raise SoqlError("INVALID_TYPE", f"sObject type '{object_name}' is not supported.")
        self._fields = self._schema[object_name]
        for name in names:
            self._known(name, object_name)
        query = Query(object_name, names)
        if self._word("WHERE"):
            query.test = self._either()
        if self._word("ORDER"):
            self._need(self._word("BY"))
            query.order.append(self._ordering())
            while self._symbol(","):
                query.order.append(self._ordering())
        if self._word("LIMIT"):
            kind, value = self._next()
            self._need(kind == "number")
            query.limit = int(value)
        self._need(self._peek()[0] == "end")
        for name, _ in query.order:
            self._known(name, object_name)
        return query

    def _known(self, name: str, object_name: str = "") -> None:
        if name not in self._fields:
            raise SoqlError("INVALID_FIELD", f"No such column '{name}' on entity '{object_name}'.")

    def _name(self) -> str:
        kind, value = self._next()
        if kind != "word":
            raise SoqlError("MALFORMED_QUERY", f"unexpected token: '{value}'")
        return value

    def _ordering(self) -> tuple[str, bool]:
        name = self._name()
        descending = self._word("DESC")
        if not descending:
            self._word("ASC")
        if self._word("NULLS"):
            self._need(self._word("FIRST", "LAST"))
        return name, descending

    def _either(self) -> Test:
        tests = [self._both()]
        while self._word("OR"):
            tests.append(self._both())
        return tests[0] if len(tests) == 1 else lambda record: any(test(record) for test in tests)

    def _both(self) -> Test:
        tests = [self._single()]
        while self._word("AND"):
            tests.append(self._single())
        return tests[0] if len(tests) == 1 else lambda record: all(test(record) for test in tests)

    def _single(self) -> Test:
        if self._word("NOT"):
            inner = self._single()
            return lambda record: not inner(record)
        if self._symbol("("):
            inner = self._either()
            self._need(self._symbol(")"))
            return inner
        name = self._name()
        self._known(name)
        negated = self._word("NOT")
        if self._word("IN"):
            self._need(self._symbol("("))
            values = [self._value()]
            while self._symbol(","):
                values.append(self._value())
            self._need(self._symbol(")"))
            return lambda record: (_comparable(record.get(name)) in values) != negated
        kind, symbol = self._next()
        self._need(kind == "op" and symbol in COMPARE)
        value = self._value()
        compare = COMPARE[symbol]
        if value is None:
            return lambda record: compare(record.get(name), None)

        def test(record: Record) -> bool:
            found = _comparable(record.get(name))
            if found is None:
                return symbol in ("!=", "<>")
            return type(found) is type(value) and compare(found, value)

        return test

    def _value(self) -> Any:
        kind, value = self._next()
        if kind == "instant":
            return datetime.fromisoformat(value)
        if kind == "number":
            return float(value)
        if kind == "date":
            return value
        if kind == "text":
            return re.sub(r"\\(.)", r"\1", value[1:-1])
        if kind == "word" and value.lower() in ("true", "false", "null"):
            return {"true": True, "false": False, "null": None}[value.lower()]
        raise SoqlError("MALFORMED_QUERY", f"unexpected token: '{value}'")


def _comparable(value: Any) -> Any:
    """A record's value as a literal of the query would be."""
    if isinstance(value, str) and INSTANT.match(value):
        return datetime.fromisoformat(value)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    return value
