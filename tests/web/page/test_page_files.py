"""The page's files: vendored ones are what they say, and nothing of the page comes from elsewhere or breaks its CSP."""

import hashlib
import re
import tomllib

import pytest

from web.page.node import HERE, STATIC

VENDORED = [STATIC / "vendor" / "uplot", HERE / "vendor"]
OWN = [path for path in STATIC.rglob("*") if path.is_file() and "vendor" not in path.parts]


@pytest.mark.parametrize("folder", VENDORED, ids=lambda folder: folder.name)
def test_vendored_files_are_those_of_the_named_version(folder):
    said = tomllib.loads((folder / "SOURCE.toml").read_text("utf-8"))
    assert said["version"] in said["source"]
    assert "LICENSE" in said["sha256"]
    found = {path.name: path for path in folder.iterdir() if path.name != "SOURCE.toml"}
    assert {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in found.items()} == said["sha256"]


def test_nothing_is_asked_of_another_server():
    for path in OWN:
        addresses = re.findall(r"""https?://[^\s"'`)]+""", path.read_text("utf-8"))
        assert set(addresses) <= {"http://www.w3.org/2000/svg"}, path  # a name, not an address


def test_the_html_has_no_script_or_style_of_its_own():
    html = (STATIC / "index.html").read_text("utf-8")
    assert re.findall(r"<script(?![^>]*\bsrc=)|<style|\bstyle=|\son\w+=", html) == []


def test_no_module_writes_html_or_runs_text():
    for path in OWN:
        if path.suffix == ".js":
            source = path.read_text("utf-8")
            assert re.findall(r"\.(innerHTML|outerHTML|insertAdjacentHTML)|\beval\(|new Function", source) == [], path
            assert '"style"' not in source, path  # as an attribute it is against the policy


def test_modules_are_small():
    long = {
        path.name: lines
        for path in OWN
        if path.suffix == ".js" and (lines := path.read_text("utf-8").count("\n")) > 160
    }
    assert long == {}
