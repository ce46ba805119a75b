"""What the page says: the same in both languages, names as in the terminal, nothing missing and nothing left over."""

import json
import re
from typing import get_args

import pytest

from schemas.values import Reason, Stage
from streams.words.explaining import RULES, TIERS
from streams.words.language import CARRIERS, MODES
from web.page.node import STATIC

ZH, EN = (json.loads((STATIC / name).read_text("utf-8")) for name in ("zh-CN.json", "en.json"))
SOURCES = {path: path.read_text("utf-8") for path in STATIC.rglob("*.js") if "vendor" not in path.parts}
NAMED = ("carrier", "mode", "rule", "tier", "stage", "reason")  # said by `t.named(kind, id)`


def test_both_languages_say_the_same_things():
    assert list(ZH) == list(EN)
    for key, text in ZH.items():
        assert sorted(re.findall(r"\{\w+\}", text)) == sorted(re.findall(r"\{\w+\}", EN[key])), key
        assert text
        assert EN[key]


@pytest.mark.parametrize(
    ("kind", "names"), [("carrier", CARRIERS), ("mode", MODES), ("rule", RULES), ("tier", TIERS)], ids=str
)
def test_names_are_those_of_the_terminal(kind, names):
    for name, text in names.items():
        assert (ZH[f"{kind}.{name}"], EN[f"{kind}.{name}"]) == (text.zh, text.en)


@pytest.mark.parametrize(("kind", "values"), [("stage", get_args(Stage)), ("reason", get_args(Reason))], ids=str)
def test_everything_that_the_contract_lists_has_a_name(kind, values):
    assert values
    for value in values:
        assert f"{kind}.{value}" in ZH


def test_what_the_page_asks_for_is_there_and_the_rest_is_not():
    whole, begun = set(), set()
    for source in SOURCES.values():
        whole |= set(re.findall(r"""\bt\(\s*"([\w.-]+)\"""", source))
        whole |= set(re.findall(r"""\bt\([^"`()]*\? "([\w.-]+)" : "[\w.-]+\"""", source))
        whole |= set(re.findall(r"""\bt\([^"`()]*\? "[\w.-]+" : "([\w.-]+)\"""", source))
        begun |= set(re.findall(r"\bt\(`([\w.-]+\.)\$\{", source))
    assert whole - set(ZH) == set()
    assert {prefix for prefix in begun if not any(key.startswith(prefix) for key in ZH)} == set()
    said = tuple(begun) + tuple(f"{kind}." for kind in NAMED)
    unused = {key for key in set(ZH) - whole if not key.startswith(said)}
    assert {key for key in unused if not any(f'"{key}"' in source for source in SOURCES.values())} == set()
