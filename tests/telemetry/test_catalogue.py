"""What the metrics are called and what their labels may be; scraped as Prometheus does it."""

import asyncio
import shutil
import subprocess

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from streams.telemetry import REGISTRY, metrics_handler
from streams.telemetry.catalogue import LABELS
from streams.telemetry.reference import FILE, reference
from telemetry.runs import processed, samples, sent, show

OPEN_METRICS = "application/openmetrics-text; version=1.0.0"


@pytest.fixture(scope="module", autouse=True)
def _after_a_run(tmp_path_factory: pytest.TempPathFactory) -> None:
    processed(sent(tmp_path_factory.mktemp("home"), show(1500)))


def scrape(accept: str) -> tuple[str, str]:
    """What a scrape of a web server gets: content type and text."""

    async def get() -> tuple[str, str]:
        app = web.Application()
        app.router.add_get("/metrics", metrics_handler)
        async with TestClient(TestServer(app)) as client:
            answer = await client.get("/metrics", headers={"Accept": accept})
            return answer.headers["Content-Type"], await answer.text()

    return asyncio.run(get())


def test_promtool_finds_nothing_to_complain_of():
    if (promtool := shutil.which("promtool")) is None:
        pytest.skip("promtool is missing: apt-get install prometheus")
    kind, text = scrape("text/plain")
    assert kind.startswith("text/plain")
    assert "livepool_sales_total{" in text
    checked = subprocess.run([promtool, "check", "metrics"], input=text, text=True, capture_output=True, check=False)
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, "", "")


def test_open_metrics_for_those_who_ask():
    kind, text = scrape(OPEN_METRICS)
    assert kind.startswith("application/openmetrics-text")
    assert text.endswith("# EOF\n")
    names = {family.name for family in text_string_to_metric_families(text)}
    assert {"livepool_events", "livepool_event_lag_seconds", "process_cpu_seconds", "python_gc_collections"} <= names


def test_every_label_has_one_of_a_few_known_values():
    for family in REGISTRY.collect():
        for sample in family.samples:
            if not family.name.startswith("livepool_") or sample.name.endswith("_info"):
                continue
            labels = {name: value for name, value in sample.labels.items() if name != "le"}
            assert all(value in LABELS[name] for name, value in labels.items()), sample


def test_a_worker_has_few_series():
    assert 200 < len(samples()) < 1000


def test_the_reference_names_every_metric_and_label():
    assert FILE.read_text("utf-8") == reference(), "`make generate` writes it anew"
    for family in REGISTRY.collect():
        if family.name.startswith("livepool_"):
            assert f"`{family.name}" in reference()
    for name, values in LABELS.items():
        for part in (name, *values):
            assert f"`{part}`" in reference()
