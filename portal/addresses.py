"""Where a request comes from: the one answer for sign-in, rate limits, mails and the trail."""

import ipaddress

from django.conf import settings
from django.http import HttpRequest

IPV6_NETWORK = 64
UNKNOWN = "0.0.0.0"  # nosec B104
"""Stands for no address at all; nothing listens on it."""


def client_address(request: HttpRequest) -> str:
    """The address that the outermost proxy of ours was called from; `UNKNOWN` where none is told.

    Each proxy appends who called it to X-Forwarded-For, so with `PROXY_COUNT` proxies the client
    is that many from the end. Whatever stands before was written by the client, and whatever is no
    address was written by no proxy.
    """
    called_by = _address(request.META.get("REMOTE_ADDR", ""))
    if not settings.PROXY_COUNT:
        return called_by or UNKNOWN
    told = request.META.get("HTTP_X_FORWARDED_FOR", "").split(",")
    told = told[-settings.PROXY_COUNT] if len(told) >= settings.PROXY_COUNT else ""
    return _address(told) or called_by or UNKNOWN


def counted_address(request: HttpRequest) -> str:
    """What tries are counted by: an IPv6 client has a whole network of addresses to come from."""
    address = client_address(request)
    if ":" not in address:
        return address
    return str(ipaddress.ip_network(f"{address}/{IPV6_NETWORK}", strict=False))


def _address(text: str) -> str:
    """An address as it is written once and for all, without a port; empty where it is none."""
    text = text.strip().strip('"')
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return ""
    mapped = getattr(address, "ipv4_mapped", None)
    return str(mapped or address)
