"""The way out: only public servers, only what was checked, and never for long."""

import ipaddress
import json
import re
import socket
import ssl
import threading
import time
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from reviews import outgoing
from reviews.outgoing import Refused, Unexpected, Unreachable

REFUSED = [
    ("0.0.0.0", "unspecified"),
    ("10.0.0.1", "private"),
    ("100.64.0.1", "shared by customers of one provider"),
    ("127.0.0.1", "loopback"),
    ("127.8.9.10", "loopback too"),
    ("169.254.169.254", "link-local: the metadata of clouds"),
    ("172.16.0.1", "private"),
    ("172.31.255.255", "the last private one of these"),
    ("192.0.2.1", "for documentation"),
    ("192.88.99.1", "a relay to anywhere"),
    ("192.168.1.1", "private"),
    ("198.18.0.1", "for measurements"),
    ("224.0.0.1", "multicast"),
    ("239.255.255.255", "multicast"),
    ("240.0.0.1", "reserved"),
    ("255.255.255.255", "broadcast"),
    ("::", "unspecified"),
    ("::1", "loopback"),
    ("::7f00:1", "IPv4 inside, of old"),
    ("::ffff:127.0.0.1", "IPv4-mapped"),
    ("::ffff:8.8.8.8", "IPv4-mapped, even of a public one"),
    ("64:ff9b::7f00:1", "NAT64 of loopback"),
    ("64:ff9b::a00:1", "NAT64 of a private one"),
    ("64:ff9b:1::808:808", "NAT64 of a network's own"),
    ("100::1", "discard"),
    ("2001:0:7f00:1::", "Teredo"),
    ("2001:db8::1", "for documentation"),
    ("2002:7f00:1::1", "6to4 of loopback"),
    ("2002:a00:1::1", "6to4 of a private one"),
    ("3fff::1", "for documentation"),
    ("fc00::1", "unique local"),
    ("fe80::1", "link-local"),
    ("fe80::1%1", "link-local with its zone"),
    ("fec0::1", "site-local, of old"),
    ("ff02::1", "multicast"),
]
PUBLIC = [
    ("8.8.8.8", "public"),
    ("172.15.255.255", "the last one before the private ones"),
    ("172.32.0.0", "the first one after them"),
    ("223.255.255.255", "the last one before multicast"),
    ("2606:4700::1111", "public"),
    ("64:ff9b::808:808", "NAT64 of a public one"),
    ("2002:808:808::1", "6to4 of a public one"),
]


@pytest.mark.parametrize(("address", "why"), REFUSED)
def test_what_is_not_public_is_refused(address, why):
    assert not outgoing.is_public(ipaddress.ip_address(address)), why


@pytest.mark.parametrize(("address", "why"), PUBLIC)
def test_what_is_public_is_not(address, why):
    assert outgoing.is_public(ipaddress.ip_address(address)), why


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("http://example.com/", "https"),
        ("ftp://example.com/", "https"),
        ("file:///etc/passwd", "https"),
        ("https:///path", "no address"),
        ("https://", "no address"),
        ("https://[::1", "no address"),
        ("https://example.com:0/", "no address"),
        ("https://example.com:70000/", "no address"),
        ("https://exa_mple.com/", "no address"),
        ("https://somebody@example.com/", "user name"),
        ("https://somebody:word@example.com/", "user name"),
        ("https://example.com/#part", "#"),
        ("https://example.com/a b", "ASCII"),
        ("https://example.com/\r\nHost: x", "ASCII"),
        ("https://example.com\\@127.0.0.1/", "ASCII"),
        ("https://exämple.com/", "ASCII"),
        (f"https://example.com/{'a' * 2000}", "signs"),
    ],
)
def test_what_is_no_plain_address_is_refused(url, why, settings):
    settings.OUTGOING_TO_LOOPBACK = False
    with pytest.raises(Refused, match=why):
        outgoing.read(url)


@pytest.mark.parametrize(
    ("address", "taken"),
    [(address, False) for address, _ in REFUSED] + [(address, True) for address, _ in PUBLIC],
)
def test_a_number_is_judged_where_it_is_written(address, taken, settings):
    settings.OUTGOING_TO_LOOPBACK = False
    host = f"[{address}]" if ":" in address else address
    if taken:
        assert outgoing.read(f"https://{host}/").host == address
        return
    with pytest.raises(Refused):
        outgoing.read(f"https://{host}/")


def test_a_number_of_this_machine_is_taken_where_somebody_develops(settings):
    settings.OUTGOING_TO_LOOPBACK = True
    assert outgoing.read("http://127.0.0.1:8000/").port == 8000
    for url in ("http://8.8.8.8/", "https://10.0.0.1/"):
        with pytest.raises(Refused):
            outgoing.read(url)


def test_what_an_address_says():
    assert outgoing.read("https://Example.com") == ("https", "example.com", 443, "/")
    assert outgoing.read("https://example.com:8443/a?b=c") == (
        "https",
        "example.com",
        8443,
        "/a?b=c",
    )
    assert outgoing.read("https://[2606:4700::1]/x") == ("https", "2606:4700::1", 443, "/x")


# -- The law: nothing that is refused is ever connected to ---------------------------------------


def in_six(value):
    return str(ipaddress.IPv6Address(value))


addresses = st.one_of(
    st.sampled_from([address for address, _ in REFUSED + PUBLIC]),
    st.ip_addresses(v=4).map(str),
    st.ip_addresses(v=6).map(str),
    # Any IPv4 address in each of the dresses that IPv6 has for it.
    st.ip_addresses(v=4).map(lambda inner: f"::ffff:{inner}"),
    st.ip_addresses(v=4).map(lambda inner: in_six((0x64FF9B << 96) + int(inner))),
    st.ip_addresses(v=4).map(lambda inner: in_six((0x2002 << 112) + (int(inner) << 80))),
)


class Seen:
    """Stands for the network: notes who is connected to, and lets nobody through."""

    def __init__(self, answers):
        self.answers, self.connected = list(answers), []

    def getaddrinfo(self, host, port, **_):
        rows = []
        # Another answer each time that somebody asks, as a name made to deceive gives.
        for address in self.answers.pop(0):
            family = socket.AF_INET6 if ":" in address else socket.AF_INET
            rows.append((family, socket.SOCK_STREAM, 6, "", (address, port)))
        return rows

    def connect(self, sockaddr):
        self.connected.append(sockaddr[0])
        raise ConnectionRefusedError


def is_refused_by_another_hand(text):
    """Say it again in other words: the value of an address against plain ranges."""
    address = ipaddress.ip_address(text)
    inner = address
    if address.version == 6:
        if int(address) >> 32 == 0x64FF9B << 64:
            inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        elif int(address) >> 112 == 0x2002:
            inner = ipaddress.IPv4Address((int(address) >> 80) & 0xFFFFFFFF)
        else:
            return not (0x2000 <= int(address) >> 112 < 0x4000) or address.is_private
    bad = ["0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16"]
    bad += ["172.16.0.0/12", "192.0.2.0/24", "192.168.0.0/16", "198.18.0.0/15", "224.0.0.0/3"]
    return any(inner in ipaddress.ip_network(each) for each in bad)


@given(st.lists(addresses, min_size=1, max_size=10), st.lists(addresses, min_size=1, max_size=3))
def test_no_refused_address_is_ever_connected_to(first, second):
    network = Seen([first, second, second])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("django.conf.settings.OUTGOING_TO_LOOPBACK", False)
        patch.setattr(socket, "getaddrinfo", network.getaddrinfo)
        patch.setattr(socket.socket, "connect", lambda _, to: network.connect(to))
        refused = any(is_refused_by_another_hand(address) for address in first)
        with pytest.raises((Refused, Unreachable)) as caught:
            outgoing.get_json("https://deceiver.example/")
    assert set(network.connected) <= set(first)
    assert not any(is_refused_by_another_hand(address) for address in network.connected)
    if refused:
        assert (caught.type, network.connected) == (Refused, [])


LOOPBACK = ["127.0.0.1", "localhost", "2130706433", "127.1", "0x7f000001", "[::1]"]


@pytest.mark.parametrize("host", [*LOOPBACK, "[::ffff:7f00:1]"])
def test_loopback_by_any_name_is_refused(host, settings):
    settings.OUTGOING_TO_LOOPBACK = False
    with pytest.raises(Refused):
        outgoing.get_json(f"https://{host}/")


def test_plain_http_is_for_loopback_and_only_where_somebody_develops(settings):
    settings.OUTGOING_TO_LOOPBACK = True
    with pytest.raises(Refused, match="https"):
        outgoing.get_json("http://8.8.8.8/")
    with pytest.raises(Refused, match="public"):
        outgoing.get_json("https://10.0.0.1/")


# -- Real servers ----------------------------------------------------------------------------------


def whole(made):
    """A request with its body, which may come in pieces."""
    read = made.recv(65536)
    length = re.search(rb"(?i)content-length: (\d+)", read)
    while length and len(read.partition(b"\r\n\r\n")[2]) < int(length[1]):
        piece = made.recv(65536)
        if not piece:
            break
        read += piece
    return read


@contextmanager
def server(answer, wrap=lambda raw: raw):
    """A server that calls `answer(connection, what it read)`; gives its port."""
    listening = socket.create_server(("127.0.0.1", 0))
    ended = threading.Event()

    def serve():
        while True:
            try:
                raw, _ = listening.accept()
            except OSError:
                return
            try:
                made = wrap(raw)
                answer(made, whole(made), ended)
                made.close()
            except OSError:
                pass
            finally:
                raw.close()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield listening.getsockname()[1]
    finally:
        ended.set()
        listening.shutdown(socket.SHUT_RDWR)
        listening.close()
        thread.join(5)


def saying(text):
    return lambda made, _read, _ended: made.sendall(text)


def ok(body, more=b""):
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n%s\r\n%s" % (len(body), more, body)


def test_json_is_read_with_the_fields_that_came_with_it():
    with server(saying(ok(b'{"keys": []}', b"Cache-Control: max-age=60\r\n"))) as port:
        found = outgoing.get_json(f"http://127.0.0.1:{port}/jwks")
    assert found.value == {"keys": []}
    assert found.headers["cache-control"] == "max-age=60"


def test_bytes_are_posted_as_they_are():
    seen = []

    def answer(made, read, _ended):
        seen.append(read)
        made.sendall(b"HTTP/1.1 204 No Content\r\n\r\n")

    with server(answer) as port:
        reply = outgoing.post(f"http://127.0.0.1:{port}/x?y", b"\x00z", headers={"webhook-id": "m"})
    assert reply.status == 204
    head, _, body = seen[0].partition(b"\r\n\r\n")
    assert body == b"\x00z"
    assert head.startswith(b"POST /x?y HTTP/1.1\r\nHost: 127.0.0.1:")
    assert b"webhook-id: m" in head


def test_a_redirect_is_an_answer_and_not_followed():
    met = []

    def answer(made, read, _ended):
        met.append(read)
        made.sendall(
            b"HTTP/1.1 307 X\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n"
        )

    with server(answer) as port:
        url = f"http://127.0.0.1:{port}/"
        assert outgoing.post(url, b"", headers={}).status == 307
        with pytest.raises(Unexpected) as caught:
            outgoing.get_json(url)
    assert caught.value.status == 307
    assert len(met) == 2


def test_no_proxy_of_the_environment_is_asked(monkeypatch):
    with server(saying(ok(b"1"))) as port, server(saying(ok(b"2"))) as proxy:
        for name in ("http_proxy", "https_proxy", "all_proxy"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy}")
        assert outgoing.get_json(f"http://127.0.0.1:{port}/").value == 1


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (ok(b"x" * 2000), "longer"),
        (b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 2000, "longer"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx", "read"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab", "read"),
        (b"SSH-2.0-server\r\n", "read"),
        (b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 200 + b"\r\n", "read"),
        (b"HTTP/1.1 200 OK\r\nA: " + b"b" * 70_000 + b"\r\n\r\n", "read"),
        (b"", "broke"),
    ],
)
def test_what_is_no_whole_answer_in_bounds_is_none(text, why):
    with server(saying(text)) as port, pytest.raises(Unreachable, match=why):
        outgoing.get_json(f"http://127.0.0.1:{port}/", most_bytes=1000)


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b"[" * 100_000])
def test_what_is_no_json_is_said_to_be_none(body):
    with server(saying(ok(body))) as port, pytest.raises(Unexpected, match="JSON"):
        outgoing.get_json(f"http://127.0.0.1:{port}/")


@pytest.mark.parametrize(
    "head", [b"", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\n\r\n", b"HTTP/1.1 200 OK\r\nA: "]
)
def test_a_server_that_drips_is_cut(head):
    def answer(made, _read, ended):
        made.sendall(head)
        while not ended.wait(0.05):
            made.sendall(b"x")

    with server(answer) as port:
        begun = time.monotonic()
        with pytest.raises(Unreachable, match="within"):
            outgoing.get_json(f"http://127.0.0.1:{port}/", seconds=0.5)
        assert time.monotonic() - begun < 8


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_server_that_hangs_is_left(scheme):
    with server(lambda _made, _read, ended: ended.wait(10)) as port:
        begun = time.monotonic()
        with pytest.raises(Unreachable):
            outgoing.post(f"{scheme}://127.0.0.1:{port}/", b"x", headers={}, seconds=0.5)
        assert time.monotonic() - begun < 8


def test_a_name_that_is_not_found_in_time_is_left(monkeypatch):
    let_go = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: let_go.wait(10) and [])
    with pytest.raises(Unreachable, match="name"):
        outgoing.get_json("https://slow.example/", seconds=0.2)
    let_go.set()


def test_nobody_listens():
    with server(saying(b"")) as port:
        pass
    with pytest.raises(Unreachable, match="no connection"):
        outgoing.get_json(f"http://127.0.0.1:{port}/")


# -- Certificates ----------------------------------------------------------------------------------


@pytest.fixture
def authority(tmp_path, monkeypatch):
    """An authority that the machine trusts, and servers with a certificate of it for a name."""
    key = ec.generate_private_key(ec.SECP256R1())
    root = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Authority")])
    now = datetime.now(UTC)

    def signed(name, public, extension, **basic):
        made = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(root)
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=1))
            .add_extension(x509.BasicConstraints(**basic), critical=True)
        )
        if extension:
            made = made.add_extension(extension, critical=False)
        return made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)

    trusted = tmp_path / "authority.pem"
    trusted.write_bytes(signed(root, key.public_key(), None, ca=True, path_length=None))
    monkeypatch.setenv("SSL_CERT_FILE", str(trusted))
    outgoing._context.cache_clear()

    def wrapper(host):
        own = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, host)])
        names = x509.SubjectAlternativeName([x509.DNSName(host)])
        file = tmp_path / f"{host}.pem"
        pem, plain = serialization.Encoding.PEM, serialization.NoEncryption()
        private = own.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain)
        public = signed(subject, own.public_key(), names, ca=False, path_length=None)
        file.write_bytes(private + public)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)
        asked = []
        context.sni_callback = lambda _socket, name, _context: asked.append(name)
        return asked, lambda raw: context.wrap_socket(raw, server_side=True)

    yield wrapper
    outgoing._context.cache_clear()


def test_the_name_is_proved_and_told_though_the_address_was_connected_to(authority):
    asked, wrap = authority("localhost")
    seen = []

    def answer(made, read, _ended):
        seen.append(read)
        made.sendall(ok(json.dumps("hello").encode()))

    with server(answer, wrap) as port:
        assert outgoing.get_json(f"https://localhost:{port}/").value == "hello"
    assert asked == ["localhost"]
    assert f"Host: localhost:{port}\r\n".encode() in seen[0]


def test_a_certificate_of_another_name_is_refused(authority):
    _, wrap = authority("other.example")
    with server(saying(ok(b"1")), wrap) as port, pytest.raises(Unreachable, match="certificate"):
        outgoing.get_json(f"https://localhost:{port}/")


def test_a_certificate_of_an_authority_nobody_trusts_is_refused(authority, monkeypatch):
    _, wrap = authority("localhost")
    monkeypatch.delenv("SSL_CERT_FILE")
    outgoing._context.cache_clear()
    with server(saying(ok(b"1")), wrap) as port, pytest.raises(Unreachable, match="certificate"):
        outgoing.get_json(f"https://localhost:{port}/")


def test_an_encrypted_server_that_drips_is_cut(authority):
    _, wrap = authority("localhost")

    def answer(made, _read, ended):
        made.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        while not ended.wait(0.05):
            made.sendall(b"x")

    with server(answer, wrap) as port:
        begun = time.monotonic()
        with pytest.raises(Unreachable, match="within"):
            outgoing.get_json(f"https://localhost:{port}/", seconds=0.5)
        assert time.monotonic() - begun < 8
