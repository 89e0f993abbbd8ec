"""The client's address: of what the headers say, only what our own proxies wrote."""

import pytest
from django.test import RequestFactory

from portal.addresses import UNKNOWN, client_address, counted_address

CLIENT, PROXY, OUTER, LIE = "203.0.113.7", "10.0.0.2", "10.0.0.3", "198.51.100.99"


def asked(called_by, *forwarded):
    told = {"HTTP_X_FORWARDED_FOR": ", ".join(forwarded)} if forwarded else {}
    return RequestFactory().get("/", REMOTE_ADDR=called_by, **told)


@pytest.mark.parametrize(
    ("proxies", "called_by", "forwarded", "address"),
    [
        (0, CLIENT, [], CLIENT),
        (0, CLIENT, [LIE], CLIENT),
        (0, CLIENT, [LIE, LIE], CLIENT),
        (1, PROXY, [CLIENT], CLIENT),
        (1, PROXY, [LIE, CLIENT], CLIENT),
        (1, PROXY, [LIE, LIE, CLIENT], CLIENT),
        (1, PROXY, [], PROXY),
        (1, PROXY, ["not an address"], PROXY),
        (1, PROXY, [LIE, "not an address"], PROXY),
        (2, PROXY, [CLIENT, OUTER], CLIENT),
        (2, PROXY, [LIE, CLIENT, OUTER], CLIENT),
        (2, PROXY, [CLIENT], PROXY),
        (2, PROXY, [], PROXY),
    ],
)
def test_only_what_our_proxies_appended_is_believed(
    settings, proxies, called_by, forwarded, address
):
    settings.PROXY_COUNT = proxies
    assert client_address(asked(called_by, *forwarded)) == address


@pytest.mark.parametrize(
    ("written", "address"),
    [
        (f"{CLIENT}:51234", CLIENT),
        ("[2001:db8::7]:443", "2001:db8::7"),
        ("[2001:db8::7]", "2001:db8::7"),
        ("2001:DB8:0:0::7", "2001:db8::7"),
        (f"::ffff:{CLIENT}", CLIENT),
        ("fe80::1%eth0", "fe80::1"),
        (f'"{CLIENT}"', CLIENT),
    ],
)
def test_one_address_is_one_however_it_is_written(settings, written, address):
    settings.PROXY_COUNT = 1
    assert client_address(asked(PROXY, written)) == address


def test_where_no_address_is_told_there_still_is_one_count(settings):
    settings.PROXY_COUNT = 0
    assert client_address(asked("")) == UNKNOWN


def test_an_ipv6_client_does_not_get_new_tries_by_another_address_of_its_network(settings):
    settings.PROXY_COUNT = 0
    first, second = asked("2001:db8:1:2::1"), asked("2001:db8:1:2:ffff::9")
    assert counted_address(first) == counted_address(second) == "2001:db8:1:2::/64"
    assert counted_address(asked("2001:db8:1:3::1")) != counted_address(first)
