"""Models are SQL that DuckDB, PostgreSQL, Spark and Snowflake take; what engines write differently is a macro's.

A model is rendered with a placeholder for each call of a macro, which keeps the SQL that is given to it; what is left
is read by sqlglot. Named windows are allowed, which are standard, though Snowflake lacks them. What types alone decide,
such as one date less another, no parser sees.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import sqlglot
from jinja2 import Environment, Undefined
from sqlglot import exp
from sqlglot.errors import SqlglotError

PROJECT = Path(__file__).parents[2] / "dbt_project"

ENGINE_BOUND = {
    "int_journeys_channel_effects": "solves a system of equations: Python, over DuckDB's Arrow tables",
    "int_journeys_removal_effects": "solves a system of equations: Python, over DuckDB's Arrow tables",
    "int_journeys_removal_intervals": "draws samples and solves for each: Python, over DuckDB's Arrow tables",
    "int_journeys_shapley_values": "goes over coalitions: Python, over DuckDB's Arrow tables",
}
"""Models that another engine's adapter cannot take as they are, and why. docs/architecture.md names them too."""


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


FUNCTIONS = _words("""
    abs avg cast ceil coalesce concat count date_trunc dense_rank first_value floor greatest lag last_value lead least
    left length lower max md5 min nullif percentile_disc position pow power rank replace round row_number sign
    split_part substr substring sum trim upper
""")
"""What may be called. Anything else that stands before a parenthesis is a word of the syntax, or a finding."""

WORDS = _words("""
    and as between by case distinct else exists from group in join not on or over select then using when where
""")

TYPES = _words("bigint boolean date decimal int integer smallint")

SYNTAX = _words("""
    add alias and between boolean case cast column cte datatype datatypeparam distinct div dpipe eq exists from group gt
    gte having identifier if in is join like limit literal lt lte mod mul neg neq not null or order ordered paren select
    star sub subquery table tablealias tuple union var where window windowspec with withingroup
""")
"""Nodes of sqlglot's tree. Functions are not among them: they are known by how they are written."""

SIGNS = _words("( ) , . * + - / % || = < > <= >= <>")
"""Operators and punctuation. An array, a struct, a lambda, `::`, `//` and a pattern's `~` have others."""


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """One place of a model that only some engines understand."""

    model: str
    line: int
    what: str

    def __str__(self) -> str:
        return f"{self.model}, line {self.line}: {self.what} is not portable SQL: move it into a macro"


_MACRO = re.compile(r"\{%-? macro (?:default__|duckdb__)?(\w+)\(.*?\) -?%\}(.*?)\{%-? endmacro", re.DOTALL)
_JINJA = re.compile(r"\{#.*?#\}|\{%.*?%\}", re.DOTALL)
_LINE = re.compile(r"/\*L(\d+)\*/")


@cache
def queries() -> frozenset[str]:
    """The macros that are a whole select."""
    found = set()
    for path in (PROJECT / "macros").glob("*.sql"):
        for name, body in _MACRO.findall(path.read_text(encoding="utf-8")):
            if re.match(r"(select|with)\b", _JINJA.sub("", body).strip()):
                found.add(name)
    return frozenset(found - {"qualified"})


class Placeholder(Undefined):
    """A name that only dbt knows. As a macro's call it keeps the SQL among the arguments."""

    def __str__(self) -> str:
        return f"macro_{self._undefined_name}"

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(name)

    def __call__(self, *arguments: Any, caller: Any = None, **named: Any) -> str:
        given = [value for value in (*arguments, *named.values()) if isinstance(value, str)]
        kept = ", ".join(text for text in given if is_sql(text))
        this = f"{self}({kept})" if kept else str(self)
        if caller is not None:
            return f"select * from ({caller()}) as called where {this}"
        return f"select {this} from called" if self._undefined_name in queries() else this


@cache
def is_sql(text: str) -> bool:
    """Whether a macro's argument is an expression, or a list of some."""
    try:
        sqlglot.parse_one(f"select called({text})", dialect="duckdb")
    except SqlglotError:
        return False
    return text != ""


def rendered(source: str) -> str:
    """A model's SQL with its macros as placeholders, and at each line's end the number it had."""
    environment = Environment(undefined=Placeholder, extensions=["jinja2.ext.do"])  # noqa: S701
    marked = ""
    for number, kind, text in environment.lex(source):
        if kind == "data":
            lines = text.split("\n")
            marked += "".join(f"{line} /*L{number + place}*/\n" for place, line in enumerate(lines[:-1])) + lines[-1]
        else:
            marked += text
    template = environment.from_string(
        marked, {"ref": lambda name: name, "source": lambda _, name: name, "config": lambda **_: ""}
    )
    return f"{template.render()} /*L{source.count(chr(10)) + 1}*/"


def findings(model: str, source: str) -> list[Finding]:
    """What a model has that only some engines understand."""
    sql = rendered(source)

    def at(place: int, what: str) -> Finding:
        marker = _LINE.search(sql, place)
        assert marker
        return Finding(model, int(marker[1]), what)

    try:
        tree = sqlglot.parse_one(sql, dialect="duckdb")
    except SqlglotError as error:
        return [Finding(model, 1, f"what cannot be parsed ({error})")]
    found = {at(place, what) for place, what in words(sql)}
    found |= {at(start_of(node), what) for node in tree.walk() for what in unportable(node)}
    return sorted(found)


def words(sql: str) -> Iterator[tuple[int, str]]:
    """Functions and signs, by how they are written: sqlglot knows many by one name."""
    tokens = sqlglot.tokenize(sql, dialect="duckdb")
    for token, following in zip(tokens, [*tokens[1:], tokens[-1]], strict=True):
        name = token.text.lower()
        if re.fullmatch(r"\w[\w ]*", name):
            is_ours = name.rpartition(" ")[2] in FUNCTIONS | WORDS | TYPES or name.startswith("macro_")
            if following.text == "(" and token.token_type.name != "STRING" and not is_ours:
                yield token.start, f"{name}()"
        elif token.token_type.name not in {"STRING", "IDENTIFIER", "NUMBER"} and name not in SIGNS:
            yield token.start, f"`{name}`"


def unportable(node: exp.Expression) -> Iterator[str]:
    """What of a node of the syntax tree, apart from those below it, is not standard."""
    given = {name for name, value in node.args.items() if value}
    if node.key not in SYNTAX and not isinstance(node, exp.Func):
        yield node.key
    elif isinstance(node, exp.Star) and given:
        yield "a star with exclude or replace"
    elif isinstance(node, exp.Group) and "all" in given:
        yield "group by all"
    elif isinstance(node, exp.Union) and "by_name" in given:
        yield "union by name"
    elif isinstance(node, exp.Distinct) and "on" in given:
        yield "distinct on"
    elif isinstance(node, exp.Join) and ("method" in given or node.kind in {"SEMI", "ANTI"}):
        yield f"{node.method or node.kind} join".lower()
    elif isinstance(node, exp.DataType):
        name = node.sql(dialect="duckdb").lower().split("(")[0]
        if name not in TYPES and not name.startswith("macro_"):
            yield f"the type {name}"


def start_of(node: exp.Expression) -> int:
    """Where the first name below a node stands, else where its parent's does."""
    starts = [below.meta["start"] for below in node.walk() if "start" in below.meta]
    if starts:
        return int(min(starts))
    return start_of(node.parent) if node.parent else 0


def test_models_have_portable_sql_outside_macros() -> None:
    found = [
        finding
        for path in sorted((PROJECT / "models").rglob("*.sql"))
        for finding in findings(path.stem, path.read_text(encoding="utf-8"))
    ]
    assert not found, "\n" + "\n".join(map(str, found))


@pytest.mark.parametrize(
    ("sql", "line", "what"),
    [
        ("select a from t\nqualify row_number() over (partition by a order by b) = 1", 2, "qualify"),
        ("select\n    * exclude (a)\nfrom t", 2, "a star with exclude or replace"),
        ("select a, max(b)\nfrom t\ngroup by all", 1, "group by all"),
        ("select\n    count(*) as a,\n    sum(b) filter (where c) as d\nfrom t", 3, "filter()"),
        ("select\n    a,\n    max_by(b, c) as d\nfrom t\ngroup by a", 3, "max_by()"),
        ("select a from t\nwhere b < c + interval 1 day", 2, "interval"),
        ("select\n    a::bigint as a\nfrom t", 2, "`::`"),
        ("select\n    ['x'] as a", 2, "`[`"),
        ("select\n    {'x': a} as b\nfrom t", 2, "`{`"),
        ("select\n    a,\n    cast(b as hugeint) as c\nfrom t", 3, "the type int128"),
        ("select try_cast(a as bigint) as a\nfrom t", 1, "try_cast()"),
        ("select\n    {{ exact_ratio('list_sum(a)', 'b') }} as c\nfrom t", 2, "list_sum()"),
        ("select a from t\nasof join u on t.a >= u.a", 2, "asof join"),
        ("select a from t\nunion all by name\nselect a from u", 1, "union by name"),
        ("select distinct on (a) a, b\nfrom t", 1, "distinct on"),
        ("select a.x\nfrom read_parquet('f') as a", 2, "read_parquet()"),
        ("{% for part in ['x', 'y'] %}\nselect len({{ part }}) from t\nunion all\n{% endfor %}\nselect 1", 2, "len()"),
    ],
)
def test_what_only_some_engines_take_is_found(sql: str, line: int, what: str) -> None:
    assert Finding("model", line, what) in findings("model", sql)


def test_models_bound_to_duckdb_are_the_ones_named() -> None:
    """A model in Python is one that only this engine takes; what each is for stands in the docs too."""
    models = {path.stem for path in (PROJECT / "models").rglob("*.py")}
    assert models == set(ENGINE_BOUND)


def dispatched() -> set[str]:
    """The macros that an adapter may override."""
    texts = [path.read_text(encoding="utf-8") for path in (PROJECT / "macros").glob("*.sql")]
    return {name for text in texts for name in re.findall(r"adapter\.dispatch\('(\w+)'\)", text)}


def test_docs_name_what_an_adapter_provides_and_what_it_cannot_take() -> None:
    text = (PROJECT.parent / "docs" / "architecture.md").read_text(encoding="utf-8")
    portability = text.partition("*Another engine.*")[2].partition("\n*")[0]
    named = set(re.findall(r"`(\w+)`", portability))
    assert named >= dispatched() | set(ENGINE_BOUND)


class Spark:
    """dbt's `adapter` on Spark: the macros without `duckdb__`."""

    macros: Any = None

    def dispatch(self, name: str) -> Any:
        return getattr(self.macros, f"default__{name}")


@cache
def on_spark() -> Environment:
    """Jinja with the project's macros as Spark has them."""
    adapter = Spark()
    environment = Environment(extensions=["jinja2.ext.do"])  # noqa: S701
    environment.globals |= {
        "adapter": adapter,
        "return": lambda value: value,
        "ref": lambda name: name,
        "source": lambda _, name: name,
        "config": lambda **_: "",
        "env_var": lambda _, default="": default,
    }
    macros = "\n".join(path.read_text(encoding="utf-8") for path in sorted((PROJECT / "macros").glob("*.sql")))
    adapter.macros = environment.from_string(macros).module
    environment.globals |= {name: macro for name, macro in vars(adapter.macros).items() if not name.startswith("__")}
    return environment


@pytest.mark.parametrize("name", sorted(dispatched()))
def test_a_macro_has_a_form_that_is_not_duckdbs(name: str) -> None:
    assert callable(on_spark().globals["adapter"].dispatch(name))  # type: ignore[attr-defined]


def test_models_are_spark_sql_with_the_macros_defaults() -> None:
    """As sqlglot reads Spark's; no server is asked. What a group is numbered by is its key, and no aggregate."""
    for path in sorted((PROJECT / "models").rglob("*.sql")):
        sql = on_spark().from_string(path.read_text(encoding="utf-8")).render()
        tree = sqlglot.parse_one(sql, dialect="spark")
        assert not list(tree.find_all(exp.Qualify, exp.Filter)), path.stem
        for group in tree.find_all(exp.Group):
            if all(key.is_int for key in group.expressions):
                columns = group.parent_select.selects
                keys = columns[: len(group.expressions)]
                others = [column for column in columns[len(keys) :] if column.find(exp.Column)]
                assert not any(column.find(exp.AggFunc) for column in keys), path.stem
                assert all(column.find(exp.AggFunc) for column in others), path.stem
