"""When two payloads are the same (spec §6 "Envelope"): compared as parsed JSON, all attributes included."""

import json
from decimal import Decimal

import pytest
from golden import JSON
from hypothesis import given

from schemas.codec import canonical


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (b'{"a":1,"b":[2]}', b' { "b" : [ 2 ],\n"a":1.0 }'),
        (b"[100, 0, 0, -15, 0.1]", b"[1e2, -0, 0e5, -1.50E1, 1e-1]"),
        (b"[18446744073709551616]", b"[18446744073709551616.0]"),
        (b"[1" + b"0" * 1000 + b"]", b"[1e1000]"),
        (b'["\\u8d2d"]', '["购"]'.encode()),
    ],
)
def test_equal_json_has_one_canonical_form(one, other):
    assert canonical(one) == canonical(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (b"[1]", b'["1"]'),
        (b"[1.5]", b'["15e-1"]'),
        (b"[1]", b"[true]"),
        (b"[null]", b"[]"),
        (b'{"a":null}', b"{}"),
        (b"[1,2]", b"[2,1]"),
        (b"[18446744073709551616]", b"[18446744073709551617]"),
        (b"[9007199254740993]", b"[9007199254740992.0]"),
        (b"[0.1]", b"[0.10000000000000001]"),
    ],
)
def test_different_json_has_different_canonical_forms(one, other):
    assert canonical(one) != canonical(other)


@given(JSON)
def test_canonical_form_is_json_of_the_same_value_and_its_own_form(value):
    text = json.dumps(value, indent=1)
    form = canonical(text.encode())
    assert canonical(form) == form
    assert exactly(form.decode()) == exactly(text)


def exactly(text):
    return json.loads(text, parse_float=Decimal, parse_int=Decimal)
