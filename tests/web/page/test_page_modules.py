"""The page's modules without a browser: their own tests in node, and that they write numbers as the terminal does."""

import json

from hypothesis import given, settings
from hypothesis import strategies as st

from streams.words.language import number, yuan_short
from web.page.node import HERE, run_node

FEN = st.integers(-10_000_000_000_000, 10_000_000_000_000) | st.integers(-3_000_000, 3_000_000)
RATIO = st.integers(0, 200_000).map(lambda ten_thousandths: ten_thousandths / 10_000)
NUMBERS = st.tuples(FEN, st.just("fen")) | st.tuples(RATIO, st.just("ratio")) | st.tuples(st.none(), st.just("fen"))
LISTS = st.lists(st.tuples(NUMBERS, st.sampled_from(["zh", "en"])), min_size=200, max_size=400)


def test_the_tests_of_the_modules_pass():
    result = run_node("--test", *sorted(path.name for path in HERE.glob("*.test.mjs")))
    assert result.returncode == 0, result.stdout + result.stderr


@settings(max_examples=10, deadline=None)
@given(LISTS)
def test_numbers_are_written_as_in_the_terminal(numbers):
    asked = [[value, unit, lang] for (value, unit), lang in numbers]
    result = run_node("numbers.mjs", stdin=json.dumps(asked))
    assert result.returncode == 0, result.stderr
    for (value, unit, lang), (glance, exact) in zip(asked, json.loads(result.stdout), strict=True):
        assert exact == number(value, unit, lang)
        short = yuan_short(value, lang) if unit == "fen" and value is not None else number(value, unit, lang)
        assert glance == short
