"""A processed show with shared rooms, and a board of it that asks for tokens."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from shows import random_show
from streams.settings import Settings
from views.shows_in_topics import processed
from web.serving import Client, served, tokens_of


@pytest.fixture(scope="session")
def shared_show(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Stores T1, T2, T3; sessions that link one or two of them; splits, co-hosts, refunds, dead letters."""
    return processed(tmp_path_factory.mktemp("show") / "run", random_show(50_005, size=400))


@pytest.fixture(scope="session")
def board(shared_show: Settings) -> Iterator[Client]:
    """A board without tokens."""
    with served(shared_show) as client:
        yield client


@pytest.fixture(scope="session")
def tokens_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where they are kept."""
    return tmp_path_factory.mktemp("tokens") / "tokens.toml"


@pytest.fixture(scope="session")
def tokens(tokens_file: Path) -> dict[str, str]:
    """Name -> token."""
    return tokens_of(tokens_file, "T1", "T2", "T1+T2", "all")


@pytest.fixture(scope="session")
def guarded(shared_show: Settings, tokens: dict[str, str], tokens_file: Path) -> Iterator[Client]:
    """A board with tokens."""
    assert tokens
    with served(shared_show, tokens=tokens_file) as client:
        yield client
