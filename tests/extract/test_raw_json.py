"""Pages are taken apart without touching a character of their records."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from partner_warehouse.extract.raw_json import elements, members, one_line, whole_characters

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


@given(st.lists(JSON), st.sampled_from([None, 2]))
def test_elements_are_the_page_s_own_text(values: list[object], indent: int | None) -> None:
    text = json.dumps(values, indent=indent)
    found = elements(text)
    assert [json.loads(raw) for raw in found] == values
    assert all(raw in text for raw in found)
    assert [json.loads(one_line(raw)) for raw in found] == values
    assert not any("\n" in one_line(raw) for raw in found)


@given(st.dictionaries(st.text(), JSON))
def test_members_are_the_object_s_own_text(values: dict[str, object]) -> None:
    assert {name: json.loads(raw) for name, raw in members(json.dumps(values)).items()} == values


def test_digits_stay() -> None:
    assert elements('[ {"a": 1.10, "b": 12345678901234567.89} ]') == ['{"a": 1.10, "b": 12345678901234567.89}']


@pytest.mark.parametrize("text", ["", "5", "[1", "[1 2]", '{"a" 1}', '{"a": 1'])
def test_what_is_no_page_is_refused(text: str) -> None:
    with pytest.raises((ValueError, IndexError)):
        elements(text) if not text.startswith("{") else members(text)


@given(st.text(st.characters(codec=None, exclude_categories=()) | st.sampled_from("\\\ud83d\ude00ud83")))
def test_half_a_character_is_replaced_and_nothing_else(text: str) -> None:
    """What a source has cut in the middle of an emoji must not set its whole record aside."""
    whole = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    assert json.loads(whole_characters(json.dumps({"a": text}))) == {"a": whole}
