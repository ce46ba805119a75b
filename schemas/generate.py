"""Writes what follows from the types: `python -m schemas.generate [--check]`.

These are the JSON Schema of each type and the AsyncAPI document of the topics. A development tool: it needs
PyYAML, which nothing else here does.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import yaml

from schemas.asyncapi import document
from schemas.events import EVENT_TYPES
from schemas.outputs import OUTPUT_TYPES, DeadLetterHeaders, DeadLetterLine
from schemas.values import NAMESPACES, RFC3339, Time

HERE = Path(__file__).parent
_INPUT_RULES = (
    "At most 65,536 bytes of UTF-8. An integer has no fraction and no exponent: 1.0 is refused, although JSON"
    " Schema counts it as one. null counts as absent. Unknown fields are ignored. Each line_id of an order"
    " occurs once."
)
_OUTPUT_RULES = "Consumers ignore fields that they do not know: new ones may be added."


def json_schema(type_: type[Any], name: str, rules: str) -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of a type, complete in itself."""
    _, definitions = msgspec.json.schema_components([type_], schema_hook=_custom_type, ref_template="#/$defs/{name}")
    if "Ids" in definitions:
        definitions["Ids"]["anyOf"] = [
            {"required": [namespace], "properties": {namespace: {"type": "string"}}} for namespace in NAMESPACES
        ]
    root = definitions.pop(type_.__name__)
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:livepool:schema:{name}",
        "$comment": rules,
        **root,
        "$defs": definitions,
    }
    published: dict[str, Any] = _published(schema, nullable=rules is _INPUT_RULES)
    return published


def _custom_type(type_: type) -> dict[str, Any]:
    if type_ is not Time:
        raise NotImplementedError(type_)
    return {"type": "string", "format": "date-time", "pattern": f"^{RFC3339.pattern}$"}


def _published(node: Any, *, nullable: bool) -> Any:
    """Return a part of a schema in the dialect of JSON Schema: its end of text, no null defaults."""
    if isinstance(node, list):
        return [_published(part, nullable=nullable) for part in node]
    if not isinstance(node, dict):
        return node
    out = {
        name: _published(part, nullable=nullable)
        for name, part in node.items()
        if (name, part) not in (("default", None), ("required", []), ("$defs", {}))
    }
    if isinstance(pattern := out.get("pattern"), str):
        out["pattern"] = pattern.replace(r"\Z", "$")
    if nullable and isinstance(values := out.get("additionalProperties"), dict):
        out["additionalProperties"] = {"anyOf": [values, {"type": "null"}]}
    return out


def files() -> Iterator[tuple[Path, str]]:
    """Yield every generated file and its text."""
    shapes: dict[str, tuple[type[Any], str]] = {
        **{name: (type_, _INPUT_RULES) for name, type_ in EVENT_TYPES.items()},
        **{name: (type_, _OUTPUT_RULES) for name, type_ in OUTPUT_TYPES.items()},
        "dead-letter.headers": (DeadLetterHeaders, _OUTPUT_RULES),
        "dead-letter.line": (DeadLetterLine, _OUTPUT_RULES),
    }
    for name, (type_, rules) in shapes.items():
        text = json.dumps(json_schema(type_, name, rules), ensure_ascii=False, indent=2)
        yield HERE / "json" / f"{name}.schema.json", f"{text}\n"
    text = yaml.safe_dump(document(HERE / "examples"), sort_keys=False, allow_unicode=True, width=110)
    yield (
        HERE / "asyncapi.yaml",
        f"# Generated from the types by `python -m schemas.generate`.\n{text}",
    )


def drift() -> list[str]:
    """Return the files that are not what the types say, by name."""
    wanted = dict(files())
    stale = [path.name for path in (HERE / "json").glob("*") if path not in wanted]
    return stale + [
        path.name for path, text in wanted.items() if not path.is_file() or path.read_text(encoding="utf-8") != text
    ]


def main(arguments: list[str]) -> None:
    """Write the files, or with `--check` only say which are out of date."""
    if arguments == ["--check"]:
        if late := drift():
            raise SystemExit(f"out of date, run `python -m schemas.generate`: {', '.join(late)}")
        return
    (HERE / "json").mkdir(exist_ok=True)
    for path, text in files():
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
