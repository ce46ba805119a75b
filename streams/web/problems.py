"""Errors as RFC 9457 has them: `application/problem+json`."""

from http import HTTPStatus

from aiohttp import web

from schemas.codec import encode


class Problem(Exception):  # noqa: N818 - the name in RFC 9457
    """A request that is refused; `detail` says what to do."""

    status = HTTPStatus.BAD_REQUEST

    def __init__(self, detail: str, **headers: str) -> None:
        super().__init__(detail)
        self.detail, self.headers = detail, {name.replace("_", "-"): value for name, value in headers.items()}


class BadRequest(Problem):
    """What was asked cannot be understood."""


class NotKnown(Problem):
    """There is no such thing, or it is not for this token: nobody learns which."""

    status = HTTPStatus.NOT_FOUND


class NotLoggedIn(Problem):
    """A token is needed."""

    status = HTTPStatus.UNAUTHORIZED


class Refused(Problem):
    """Not from there."""

    status = HTTPStatus.FORBIDDEN


class TooMany(Problem):
    """Asked too often."""

    status = HTTPStatus.TOO_MANY_REQUESTS


class Unavailable(Problem):
    """Not now."""

    status = HTTPStatus.SERVICE_UNAVAILABLE


def response_of(status: int, detail: str, headers: dict[str, str] | None = None) -> web.Response:
    """The answer to a request that is refused."""
    body = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": int(status), "detail": detail}
    return web.Response(
        status=status, body=encode(body), content_type="application/problem+json", headers=headers or {}
    )
