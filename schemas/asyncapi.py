"""The AsyncAPI 3.0 document of the input and output topics, from the table of topics and the examples."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from schemas.events import EVENT_TYPES
from schemas.outputs import OUTPUT_TYPES
from schemas.topics import TOPICS, Topic

VERSION = "1.0.0"
_BINDING = "0.5.0"
_DEAD_LETTER = "dead-letter"


def document(examples: Path) -> dict[str, Any]:
    """Return the document; `examples` is the folder of golden examples."""
    topics = [topic for topic in TOPICS.values() if topic.kind != "internal"]
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Livepool",
            "version": VERSION,
            "description": "Events of live-stream shopping in; attributed sales, buyers and room numbers out."
            " Every message but a dead letter is a CloudEvents 1.0 JSON object (structured mode).",
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/cloudevents+json",
        "servers": {"cluster": {"host": "localhost:9092", "protocol": "kafka"}},
        "channels": {topic.name: _channel(topic) for topic in topics},
        "operations": dict(_operation(topic) for topic in topics),
        "components": {"messages": dict(_messages(topics, examples))},
    }


def _names(topic: Topic) -> tuple[str, ...]:
    return topic.event_types or (_DEAD_LETTER,)


def _channel(topic: Topic) -> dict[str, Any]:
    return {
        "address": topic.name,
        "description": topic.description,
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in _names(topic)},
        "bindings": {
            "kafka": {
                "topic": topic.name,
                "partitions": topic.partitions,
                "topicConfiguration": {
                    "cleanup.policy": ["compact" if topic.compacted else "delete"],
                    "retention.ms": -1 if topic.retention_ms is None else topic.retention_ms,
                },
                "bindingVersion": _BINDING,
            }
        },
    }


def _operation(topic: Topic) -> tuple[str, dict[str, Any]]:
    """Return the name and the operation as Livepool sees it: it receives inputs and sends outputs."""
    receives = topic.kind == "input"
    others = f"Written by: {', '.join(topic.producers)}. Read by: {', '.join(topic.consumers)}."
    return f"{'receive' if receives else 'send'}-{topic.name}", {
        "action": "receive" if receives else "send",
        "channel": {"$ref": f"#/channels/{topic.name}"},
        "summary": topic.description,
        "description": others,
    }


def _messages(topics: list[Topic], examples: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    types = {**EVENT_TYPES, **OUTPUT_TYPES}
    for topic in topics:
        for name in topic.event_types:
            payload = _example(examples / topic.name / f"{name}.json")
            yield (
                name,
                {
                    "name": name,
                    "title": types[name].__name__,
                    "summary": types[name].__doc__,
                    "payload": {"$ref": f"./json/{name}.schema.json"},
                    "bindings": _key(topic),
                    "examples": [{"name": name, "payload": payload}],
                },
            )
    headers = _example(examples / "dead-letters" / f"{_DEAD_LETTER}.headers.json")
    line = _example(examples / "dead-letters" / f"{_DEAD_LETTER}.line.json")
    yield (
        _DEAD_LETTER,
        {
            "name": _DEAD_LETTER,
            "title": "DeadLetter",
            "summary": "The original bytes of a refused event; the headers say why and whence.",
            "contentType": "application/octet-stream",
            "headers": {"$ref": f"./json/{_DEAD_LETTER}.headers.schema.json"},
            "payload": {"description": "Any bytes."},
            "examples": [{"name": _DEAD_LETTER, "headers": headers, "payload": line["payload"]}],
        },
    )


def _key(topic: Topic) -> dict[str, Any]:
    return {"kafka": {"key": {"type": "string", "description": topic.key}, "bindingVersion": _BINDING}}


def _example(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))
