"""Time on the wire and inside (spec §1, §2)."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.values import format_time, parse_time

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
NOON = 1793534400000
ZONES = st.integers(-23 * 60 - 59, 23 * 60 + 59).map(lambda minutes: timezone(timedelta(minutes=minutes)))
TIMES = st.datetimes(datetime(2, 1, 1), datetime(9998, 12, 31), timezones=ZONES)  # noqa: DTZ001 - the zone is drawn


@pytest.mark.parametrize(
    ("text", "ms"),
    [
        ("2026-11-01T12:00:00Z", NOON),
        ("2026-11-01t12:00:00z", NOON),
        ("2026-11-01T12:00:00.000Z", NOON),
        ("2026-11-01T12:00:00.1Z", NOON + 100),
        ("2026-11-01T12:00:00.12Z", NOON + 120),
        ("2026-11-01T12:00:00.123Z", NOON + 123),
        ("2026-11-01T12:00:00.123456Z", NOON + 123),
        ("2026-11-01T12:00:00.1239Z", NOON + 123),
        ("2026-11-01T12:00:00.12345678Z", NOON + 123),  # as long as one with an offset
        ("2026-11-01T12:00:59.999999999999Z", NOON + 59_999),
        ("2026-11-01T20:00:00+08:00", NOON),
        ("2026-11-01T20:00:00.123+08:00", NOON + 123),
        ("2026-11-01T20:00:00.123456+08:00", NOON + 123),
        ("2026-11-01T06:30:00-05:30", NOON),
        ("2026-11-01T12:00:00-00:00", NOON),
        ("1969-12-31T23:59:59.9999Z", -1),
        ("1969-12-31T23:59:59.0001Z", -1000),
        ("2016-12-31T23:59:60Z", 1483228800000),  # a leap second
        ("2024-02-29T00:00:00Z", 1709164800000),
    ],
)
def test_parse_time(text, ms):
    assert parse_time(text) == ms


@pytest.mark.parametrize(
    "text",
    [
        "", "2026-11-01", "2026-11-01T12:00:00", "2026-11-01T12:00:00.123", "2026-11-01 12:00:00Z",
        "2026-11-01T12:00Z", "2026-11-01T12:00:00.Z", "2026-11-01T12:00:00,1Z", "2026-11-01T12:00:00+0800",
        "2026-11-01T12:00:00+08", "2026-11-01T12:00:00+24:00", "2026-11-01T12:00:00+08:60",
        "2026-02-29T00:00:00Z", "2026-13-01T00:00:00Z", "2026-11-01T24:00:00Z", "2026-11-01T12:60:00Z",
        "2026-11-01T12:00:61Z", " 2026-11-01T12:00:00Z", "2026-11-01T12:00:00Z\n", "20261101T120000Z",
        "2026-W44-7T12:00:00Z", "+2026-11-01T12:00:00Z", "２０２６-11-01T12:00:00Z",
        "2026-11-01T12:00:00.１２３Z", "2026-11-01T12:00:00 08:00", "1793534400",
    ],
)  # fmt: skip
def test_not_rfc_3339(text):
    with pytest.raises(ValueError, match=r"RFC 3339|day is out of range|month must be"):
        parse_time(text)


@given(TIMES, st.sampled_from(["seconds", "milliseconds", "microseconds"]))
def test_parse_time_is_the_time_of_the_standard_library_cut_to_milliseconds(time, precision):
    wanted = (time - EPOCH) // timedelta(milliseconds=1)
    if precision == "seconds":
        wanted -= wanted % 1000
    assert parse_time(time.isoformat(timespec=precision)) == wanted


@given(TIMES)
def test_format_time_is_that_of_the_standard_library(time):
    ms = (time - EPOCH) // timedelta(milliseconds=1)
    text = time.astimezone(UTC).isoformat(timespec="milliseconds")
    assert format_time(ms) == text.replace("+00:00", "Z")


@given(st.integers(parse_time("0000-01-01T00:00:00Z"), parse_time("9999-12-31T23:59:59.999Z")))
def test_every_time_of_rfc_3339_comes_back(ms):
    assert parse_time(format_time(ms)) == ms


@given(st.integers())
def test_format_time_never_raises_and_keeps_its_form(ms):
    text = format_time(ms)
    assert len(text) == len("2026-11-01T12:00:00.000Z")
    parse_time(text)  # is RFC 3339


def test_a_time_outside_rfc_3339_becomes_its_nearest():
    last = parse_time("9999-12-31T23:59:59.999Z")
    assert format_time(last + 48 * 3_600_000) == "9999-12-31T23:59:59.999Z"
    assert format_time(parse_time("0000-01-01T00:00:00+08:00")) == "0000-01-01T00:00:00.000Z"


def test_times_sort_as_their_texts():
    assert parse_time("9999-12-31T23:59:59-23:59") > parse_time("9999-12-31T23:59:59Z")
    assert format_time(parse_time("0000-03-01T00:00:00Z")) == "0000-03-01T00:00:00.000Z"
