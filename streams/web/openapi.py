"""The OpenAPI 3.1 document, made from the routes and the shapes of their answers."""

import re
from importlib.metadata import version
from typing import Any

import msgspec

from streams.web.routes import ROUTES, TABLES, Parameter, Route
from streams.web.shapes import ProblemDetails

_TYPES = {
    "json": "application/json",
    "events": "text/event-stream",
    "html": "text/html",
    "csv": "text/csv",
    "text": "text/plain",
    "page": "text/html",
    "form": "application/json",
}
_EVENTS = (
    "`room` (or `rooms`): the whole document, first and whenever a patch cannot say what changed; `change`: an RFC 7396"
    " merge patch, of `rooms` the rows that changed and, when it changed, `order`: the session_id of every row;"
    " `beat`: {as_of, lag} when nothing else changed. One each second."
)
_NAMES = re.compile(r"\{(\w+)\}")


def document() -> dict[str, Any]:
    """The document; it is the same for everybody."""
    shapes = [route.answer for route in ROUTES if route.answer is not None]
    made, definitions = msgspec.json.schema_components(
        [*shapes, ProblemDetails], ref_template="#/components/schemas/{name}"
    )
    answers = dict(zip(map(str, shapes), made, strict=False))
    paths: dict[str, Any] = {}
    for route in ROUTES:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, answers, made[-1])
    return {
        "openapi": "3.1.0",
        "info": {"title": "Livepool board", "version": version("livepool"), "license": {"name": "Apache-2.0"}},
        "paths": paths,
        "components": {
            "schemas": _in_json_schema(definitions),
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer"},
                "cookie": {"type": "apiKey", "in": "cookie", "name": "livepool_token"},
            },
        },
    }


def _operation(route: Route, answers: dict[str, Any], problem: dict[str, Any]) -> dict[str, Any]:
    schema = {"type": "string"} if route.answer is None else _in_json_schema(answers[str(route.answer)])
    answer = {"description": _EVENTS if route.kind == "events" else route.summary}
    refusal = {"description": "Refused", "content": {"application/problem+json": {"schema": problem}}}
    found: dict[str, Any] = {
        "operationId": route.handler,
        "summary": route.summary,
        "parameters": [_in_path(name) for name in _NAMES.findall(route.path)] + list(map(_in_query, route.query)),
        "responses": {
            "200": {**answer, "content": {_TYPES[route.kind]: {"schema": schema}}},
            "default": refusal,
        },
        "security": [{}] if route.is_open else [{}, {"bearer": []}, {"cookie": []}],
    }
    if route.kind == "form":
        token = {"type": "object", "properties": {"token": {"type": "string"}}, "required": ["token"]}
        found["requestBody"] = {"content": {"application/x-www-form-urlencoded": {"schema": token}}}
        found["responses"]["303"] = {"description": "The cookie is set"}
        del found["responses"]["200"]
    return found


def _in_path(name: str) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "string", "minLength": 1}
    if name == "table":
        schema = {"type": "string", "enum": list(TABLES)}
    return {"name": name, "in": "path", "required": True, "schema": schema}


def _in_query(parameter: Parameter) -> dict[str, Any]:
    name, text, schema = parameter
    return {"name": name, "in": "query", "description": text, "schema": schema}


def _in_json_schema(node: Any) -> Any:
    """Patterns end as in JSON Schema, not as in Python."""
    if isinstance(node, list):
        return [_in_json_schema(part) for part in node]
    if not isinstance(node, dict):
        return node
    return {
        name: part.replace(r"\Z", "$") if name == "pattern" and isinstance(part, str) else _in_json_schema(part)
        for name, part in node.items()
    }
