"""The files of the page: what is in `static`, and nothing else."""

import hashlib
import mimetypes
from pathlib import Path

from aiohttp import web

from streams.web.problems import NotKnown

STATIC = Path(__file__).parent / "static"
_TYPES = {".js": "text/javascript", ".mjs": "text/javascript", ".woff2": "font/woff2", ".svg": "image/svg+xml"}
_kept: dict[Path, tuple[tuple[int, int], str, bytes]] = {}  # file -> stamp, ETag, content


def serve(request: web.Request, path: str, root: Path = STATIC) -> web.Response:
    """Answer with a file of a folder; 304 when the browser has it already. Raises NotKnown."""
    file = (root / path).resolve() if "\0" not in path else root
    hidden = any(part.startswith(".") for part in Path(path).parts)
    if hidden or not file.is_relative_to(root.resolve()) or not file.is_file():
        raise NotKnown("no such file")
    etag, content = _content(file)
    headers = {"ETag": etag, "Cache-Control": "no-cache"}
    if etag in request.headers.get("If-None-Match", ""):
        return web.Response(status=304, headers=headers)
    kind = _TYPES.get(file.suffix) or mimetypes.guess_type(file.name)[0] or "application/octet-stream"
    charset = "utf-8" if kind.startswith("text/") or kind.endswith(("json", "svg+xml")) else None
    return web.Response(body=content, content_type=kind, charset=charset, headers=headers)


def _content(file: Path) -> tuple[str, bytes]:
    found = file.stat()
    stamp = found.st_mtime_ns, found.st_size
    kept = _kept.get(file)
    if kept is None or kept[0] != stamp:
        content = file.read_bytes()
        kept = _kept[file] = stamp, f'"{hashlib.sha256(content).hexdigest()[:32]}"', content
    return kept[1], kept[2]
