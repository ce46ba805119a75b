"""The committed JSON Schemas and the AsyncAPI document follow from the types."""

import jsonschema_rs
import pytest
import yaml
from golden import EXAMPLES, HERE, schema

from schemas import generate
from schemas.topics import TOPICS

ASYNCAPI = yaml.safe_load((HERE / "asyncapi.yaml").read_text(encoding="utf-8"))


def test_nothing_has_drifted():
    assert generate.drift() == []


def test_drift_is_noticed(tmp_path, monkeypatch):
    monkeypatch.setattr(generate, "files", lambda: [(tmp_path / "new.json", "{}\n")])
    assert "new.json" in generate.drift()
    assert "order.paid.schema.json" in generate.drift()  # which nothing would write any more
    with pytest.raises(SystemExit, match=r"new\.json"):
        generate.main(["--check"])


@pytest.mark.parametrize("name", EXAMPLES)
def test_schema_is_valid_2020_12(name):
    jsonschema_rs.meta.validate(schema(name))
    assert schema(name)["$schema"].endswith("2020-12/schema")


@pytest.mark.parametrize("name", ["order.paid", "buyer.erased"])
def test_schema_of_an_input_says_that_one_point_zero_is_refused(name):
    assert "1.0 is refused" in schema(name)["$comment"]


def test_every_reference_of_the_asyncapi_document_leads_somewhere():
    references = list(found(ASYNCAPI))
    assert len(references) > len(EXAMPLES)
    for reference in references:
        if reference.startswith("./json/"):
            assert (HERE / reference).is_file()
        else:
            node = ASYNCAPI
            for step in reference.removeprefix("#/").split("/"):
                node = node[step]


def found(node):
    """Yield every $ref outside the examples."""
    if isinstance(node, list):
        for part in node:
            yield from found(part)
    elif isinstance(node, dict):
        yield from [node["$ref"]] if "$ref" in node else []
        for name, part in node.items():
            if name != "examples":
                yield from found(part)


def test_asyncapi_describes_every_topic_that_others_see():
    public = {topic.name: topic for topic in TOPICS.values() if topic.kind != "internal"}
    assert ASYNCAPI["asyncapi"] == "3.0.0"
    assert ASYNCAPI["channels"].keys() == public.keys()
    assert len(ASYNCAPI["operations"]) == len(public)
    for operation in ASYNCAPI["operations"].values():
        topic = public[operation["channel"]["$ref"].removeprefix("#/channels/")]
        assert operation["action"] == ("receive" if topic.kind == "input" else "send")
    for name, topic in public.items():
        kafka = ASYNCAPI["channels"][name]["bindings"]["kafka"]
        assert kafka["partitions"] == topic.partitions
        settings = kafka["topicConfiguration"]
        assert settings["cleanup.policy"] == (["compact"] if topic.compacted else ["delete"])
        assert settings["retention.ms"] == (-1 if topic.retention_ms is None else topic.retention_ms)
        assert set(topic.event_types or ["dead-letter"]) == ASYNCAPI["channels"][name]["messages"].keys()
