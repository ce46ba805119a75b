import asyncio
import inspect
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from conftest import VERSION_BY_VERSION
from contract.kafka_transport import Kafka
from contract.transports import Embedded


@pytest.fixture(params=["embedded", *VERSION_BY_VERSION])
def transport(
    request: pytest.FixtureRequest, tmp_path: Path, broker_of: Callable[[str], Any]
) -> Iterator[Embedded | Kafka]:
    """A transport, empty."""
    if request.param == "embedded":
        chosen: Embedded | Kafka = Embedded(tmp_path / "home")
    else:
        chosen = Kafka(tmp_path / "home", broker_of(request.param).bootstrap)
    yield chosen
    chosen.close()


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run coroutine tests, each in an event loop of its own."""
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    asyncio.run(pyfuncitem.obj(**{name: pyfuncitem.funcargs[name] for name in pyfuncitem._fixtureinfo.argnames}))
    return True
