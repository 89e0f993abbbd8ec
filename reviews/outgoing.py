"""The one way from the portal to a server that somebody named: a receiver, a key set, FHIR.

An address that people or clients give could name the portal's own network. So each call

- takes https only; http is for loopback, and only where `settings.OUTGOING_TO_LOOPBACK` says that
  this is a machine of somebody who develops,
- looks the name up once, refuses it if *any* of its addresses is not a public one, and connects to
  the addresses that were checked: a name that answers otherwise the next time changes nothing,
- proves the certificate against the name, follows no redirect, and asks no proxy that the
  environment names,
- ends after `seconds` whatever the server does, and reads no more than `most_bytes`.
"""

import contextlib
import http.client
import ipaddress
import json
import re
import socket
import ssl
import threading
import time
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from django.conf import settings

from reviews.errors import DomainError

SECONDS = 10.0
MOST_SECONDS = 60.0
MOST_BYTES = 1024 * 1024
LONGEST_URL = 2_000
MOST_ADDRESSES = 8
"""Of a name that has more, the others are checked, and not tried."""
CHUNK = 64 * 1024
OWN_HEADERS = {"User-Agent": "prescription-safety-portal"}
VISIBLE = re.compile(r"[!-~]+")
HOST = re.compile(r"[a-z0-9.:-]+")

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

GLOBAL_UNICAST = ipaddress.IPv6Network("2000::/3")
NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
REFUSED_NETWORKS = [
    ipaddress.ip_network(each)
    for each in (
        "192.88.99.0/24",  # relays from IPv6 to IPv4, given up
        "2001::/32",  # Teredo: an IPv4 address of somebody's choice inside
        "2001:10::/28",  # ORCHID, and the next one: names of keys, not of hosts
        "2001:20::/28",
        "3fff::/20",  # for documentation
    )
]


class Refused(DomainError):
    """The address is none that the portal calls. Trying again changes nothing."""

    code = "address_refused"


class Unreachable(DomainError):
    """No whole answer came: no such name, no connection, a bad certificate, too slow, too long."""

    code = "unreachable"


class Unexpected(DomainError):
    """The server answered, but not with what was asked for. `status` is what it said."""

    code = "unexpected_answer"

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


class Question(NamedTuple):
    """What is asked of a server."""

    method: str
    body: bytes | None
    headers: Mapping[str, str]


class Reply(NamedTuple):
    """What a server answered. Names of `headers` are in lower case; of two the last one counts."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Json(NamedTuple):
    """A value that a server gave as JSON, and the header fields that came with it."""

    value: Any
    headers: Mapping[str, str]


class Target(NamedTuple):
    """An address taken apart. `host` is a name or a number without brackets."""

    scheme: str
    host: str
    port: int
    path: str


def get_json(
    url: str,
    *,
    headers: Mapping[str, str] | None = None,
    seconds: float = SECONDS,
    most_bytes: int = MOST_BYTES,
) -> Json:
    """What is at an address, as JSON.

    Raises `Refused`, `Unreachable`, and `Unexpected` for any status but 200 and for no JSON.
    """
    asked = {"Accept": "application/json", **(headers or {})}
    reply = send("GET", url, headers=asked, seconds=seconds, most_bytes=most_bytes)
    if reply.status != 200:
        raise Unexpected(f"The server answered with {reply.status}.", reply.status)
    try:
        value = json.loads(reply.body)
    except (ValueError, RecursionError) as error:
        raise Unexpected("The server answered with something that is no JSON.", 200) from error
    return Json(value, reply.headers)


def post(
    url: str,
    body: bytes,
    *,
    headers: Mapping[str, str],
    seconds: float = SECONDS,
    most_bytes: int = MOST_BYTES,
) -> Reply:
    """Send bytes to an address; any status is a reply. Raises `Refused` and `Unreachable`."""
    return send("POST", url, body=body, headers=headers, seconds=seconds, most_bytes=most_bytes)


def send(
    method: str,
    url: str,
    *,
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
    seconds: float = SECONDS,
    most_bytes: int = MOST_BYTES,
) -> Reply:
    """Ask a server something; any status is a reply, redirects included.

    Raises `Refused`, and `Unreachable` after `seconds` or `most_bytes` of body at the latest.
    """
    until = time.monotonic() + min(seconds, MOST_SECONDS)
    target = read(url)
    found = _checked(target, _looked_up(target, until))
    raw = _connected(found, until)
    # The time of a socket begins again with each byte. So the connection is cut from beside, by a
    # second handle: TLS takes the first one over.
    handle = raw.dup()
    cut = threading.Timer(max(0.0, until - time.monotonic()), _cut, [handle])
    cut.daemon = True
    cut.start()
    late = f"There was no whole answer within {round(seconds, 1):g} seconds."
    try:
        reply = _exchange(raw, target, Question(method, body, headers or {}), most_bytes)
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise Unreachable(late if time.monotonic() >= until else _in_words(error)) from error
    finally:
        cut.cancel()
        cut.join()
        handle.close()
        raw.close()
    if time.monotonic() >= until:
        # A body that ends with its connection looks whole after the cut.
        raise Unreachable(late)
    return reply


def read(url: str) -> Target:
    """Take an address apart, and refuse what is no plain https address. Looks nothing up."""
    if len(url) > LONGEST_URL:
        raise Refused(f"An address has at most {LONGEST_URL:,} signs.")
    if not VISIBLE.fullmatch(url) or "\\" in url:
        raise Refused("An address is written in ASCII signs without spaces.")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise Refused("This is no address of a server.") from error
    schemes = {"https": 443, "http": 80} if settings.OUTGOING_TO_LOOPBACK else {"https": 443}
    if parts.scheme not in schemes:
        raise Refused("An address begins with https://.")
    if "@" in parts.netloc:
        raise Refused("An address holds no user name or password.")
    if "#" in url:
        raise Refused("An address holds no “#”.")
    host = parts.hostname or ""
    if not HOST.fullmatch(host) or port == 0:
        raise Refused("This is no address of a server.")
    with contextlib.suppress(ValueError):
        # A number stands for itself: there is nothing to look up.
        _check(parts.scheme, ipaddress.ip_address(host))
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Target(parts.scheme, host, port or schemes[parts.scheme], path)


def is_public(address: Address) -> bool:
    """Whether an address is one of the public Internet, and none that stands for another one."""
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None or address.scope_id is not None:
            return False
        if address in NAT64:
            return is_public(ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF))
        if address.sixtofour is not None:
            return is_public(address.sixtofour)
        if address not in GLOBAL_UNICAST:
            return False
    if any(address.version == each.version and address in each for each in REFUSED_NETWORKS):
        return False
    return address.is_global and not (
        address.is_private
        or address.is_loopback
        or address.is_link_local
        or address.is_multicast
        or address.is_reserved
        or address.is_unspecified
    )


class Found(NamedTuple):
    """One address of a name, as the system gives and takes it."""

    family: socket.AddressFamily
    sockaddr: tuple[Any, ...]


def _looked_up(target: Target, until: float) -> list[Found]:
    """All addresses of a name. The system's look-up knows no time limit, so a thread does it."""
    found: list[Found] = []
    failed: list[OSError | UnicodeError] = []

    def look_up() -> None:
        try:
            rows = socket.getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            failed.append(error)
            return
        found.extend(Found(row[0], row[4]) for row in rows)

    thread = threading.Thread(target=look_up, daemon=True)
    thread.start()
    thread.join(max(0.0, until - time.monotonic()))
    if thread.is_alive():
        raise Unreachable("The name of the server was not found in time.")
    if failed or not found:
        raise Unreachable("There is no server of this name.")
    return found


def _checked(target: Target, found: list[Found]) -> list[Found]:
    """Refuse a name of which one address is refused: which one is taken is nobody's choice."""
    for each in found:
        _check(target.scheme, ipaddress.ip_address(each.sockaddr[0]))
    return found[:MOST_ADDRESSES]


def _check(scheme: str, address: Address) -> None:
    """Raises `Refused` for an address that is not called."""
    if address.is_loopback and settings.OUTGOING_TO_LOOPBACK:
        return
    if scheme == "http":
        raise Refused("An address begins with https://.")
    if not is_public(address):
        raise Refused("The server is at no public address of the Internet.")


def _connected(found: list[Found], until: float) -> socket.socket:
    """Connect to the first address that answers."""
    for number, each in enumerate(found):
        # What is left is shared among the addresses that are left.
        share = (until - time.monotonic()) / (len(found) - number)
        if share <= 0:
            break
        raw = socket.socket(each.family, socket.SOCK_STREAM)
        raw.settimeout(share)
        try:
            raw.connect(each.sockaddr)
        except OSError:
            raw.close()
            continue
        raw.settimeout(max(0.001, until - time.monotonic()))
        return raw
    raise Unreachable("The server takes no connection.")


def _exchange(raw: socket.socket, target: Target, question: Question, most_bytes: int) -> Reply:
    if target.scheme == "https":
        context = _context()
        client = http.client.HTTPSConnection(target.host, target.port, context=context)
        # It has a socket already, so it opens none of its own.
        client.sock = context.wrap_socket(raw, server_hostname=target.host)
    else:
        client = http.client.HTTPConnection(target.host, target.port)
        client.sock = raw
    try:
        client.request(
            question.method,
            target.path,
            body=question.body,
            headers={**OWN_HEADERS, **question.headers, "Connection": "close"},
        )
        answer = client.getresponse()
        received = bytearray()
        while part := answer.read(min(CHUNK, most_bytes + 1 - len(received))):
            received += part
            if len(received) > most_bytes:
                raise Unreachable(f"The answer is longer than {most_bytes:,} bytes.")
        if answer.length:
            raise http.client.IncompleteRead(bytes(received), answer.length)
        names = {name.lower(): value for name, value in answer.getheaders()}
        return Reply(answer.status, names, bytes(received))
    finally:
        client.close()


@lru_cache(maxsize=1)
def _context() -> ssl.SSLContext:
    """Certificates are judged by the authorities that the machine trusts."""
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def _cut(handle: socket.socket) -> None:
    with contextlib.suppress(OSError):  # it has ended by itself
        handle.shutdown(socket.SHUT_RDWR)


def _in_words(error: Exception) -> str:
    """What people see. Nothing of what the server sent: it chooses those words."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"The certificate of the server is not accepted: {error.verify_message}."
    if isinstance(error, ssl.SSLError):
        return "No secure connection to the server came about."
    if isinstance(error, TimeoutError):
        return "The server did not answer in time."
    if isinstance(error, OSError):
        return "The connection to the server broke off."
    return "The server's answer cannot be read."
