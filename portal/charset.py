"""Everything that is sent is UTF-8, whatever a client calls it.

Django decodes question and form by the charset that a request names, before any of our code is
asked, and there are charsets by which nothing can be decoded.
"""

from collections.abc import Callable, Iterable
from typing import Any

from django.utils.http import parse_header_parameters

from portal.refusing import for_machines

UTF_8 = frozenset({"utf-8", "utf8", "us-ascii", "ascii"})
"""What UTF-8 is called; ASCII is part of it."""
REFUSED = "What is sent is read as UTF-8; this says that it is something else (charset)."

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


def in_utf_8(application: Application) -> Application:
    """`application`, which is given no body that says it is of another charset."""

    def answer(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        kind, charset = _said(environ.get("CONTENT_TYPE", ""))
        if charset in UTF_8:
            return application(environ, start_response)
        if not int(environ.get("CONTENT_LENGTH") or 0):
            # Nothing is in it, and what is asked is in the address.
            return application({**environ, "CONTENT_TYPE": kind}, start_response)
        title = "Unsupported Media Type"
        machines = for_machines(environ.get("PATH_INFO", ""), 415, title, REFUSED)
        body, fields = machines or (
            REFUSED.encode(),
            [("Content-Type", "text/plain; charset=utf-8")],
        )
        start_response(f"415 {title}", [*fields, ("Content-Length", str(len(body)))])
        return [body]

    return answer


def _said(content_type: str) -> tuple[str, str]:
    """The media type, and the charset that is named; what nobody has named is UTF-8."""
    try:
        kind, said = parse_header_parameters(content_type)
    except ValueError:
        # A parameter may be encoded itself (RFC 2231), by what nobody knows.
        return content_type.partition(";")[0].strip().lower(), "unknown"
    return kind, said.get("charset", "utf-8").strip("\"' ").lower()
