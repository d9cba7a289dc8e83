"""The door to other back ends: bounded in every direction, and nobody inside is ever reached."""

import itertools
import re
import socket
import ssl
import time
from functools import partial
from ipaddress import ip_address

import pytest
from django.conf import LazySettings

from messaging.outbound import (
    MAX_ANSWER,
    Answer,
    Forbidden,
    NoAnswer,
    Undelivered,
    Unreached,
    check_url,
    post,
)
from tests import sockets
from tests.receiver import HOST, PUBLIC, PUBLIC_6, Internet
from tests.receiver import internet as internet
from tests.sockets import floods, ok, resets, says, says_and_leaves, trickles
from wechat.ssrf import Listed, is_public
from wechat.transport import Outside

URL = f"https://{HOST}/hook?key=s3cret"
HEAD = b"HTTP/1.1 200 OK\r\n"


def send(url: str = URL, body: bytes = b"{}", *, within: float = 5) -> Answer:
    return post(url, body, {"webhook-id": "msg_1"}, deadline=time.monotonic() + within)


def fails(url: str = URL, body: bytes = b"{}", *, within: float = 5) -> Undelivered:
    """The error of sending; what may be a secret is not in it."""
    with pytest.raises(Undelivered) as caught:
        send(url, body, within=within)
    told = f"{caught.value!r} {caught.value.__cause__!r}"
    assert "s3cret" not in told
    assert caught.value.__suppress_context__ or caught.value.__context__ is None
    return caught.value


# What goes out


def test_a_post_arrives_as_it_was_given(internet: Internet) -> None:
    server = internet.receiver(says(ok(b'{"a": 1}')))
    answer = send(body='{"名": "甲"}'.encode())
    assert (answer.status, answer.body, answer.is_good) == (200, b'{"a": 1}', True)
    assert 0 < answer.seconds < 5
    [(_port, request)] = server.requests
    head, body = request.split(b"\r\n\r\n")
    assert head.startswith(b"POST /hook?key=s3cret HTTP/1.1\r\n")
    assert b"\r\nHost: hooks.example.com\r\n" in head
    assert b"\r\nwebhook-id: msg_1" in head
    assert b"\r\nContent-Type: application/json" in head
    assert b"\r\nAccept-Encoding: identity" in head
    assert body == '{"名": "甲"}'.encode()
    assert internet.world.dialled == [f"{PUBLIC}:443"]


def test_a_large_body_goes_out_whole(internet: Internet) -> None:
    server = internet.receiver()
    body = b"x" * 1_000_000
    assert send(body=body).is_good
    assert server.requests[0][1].endswith(b"\r\n\r\n" + body)


def test_an_answer_that_is_compressed_stays_so(internet: Internet) -> None:
    internet.receiver(
        says(HEAD + b"Content-Encoding: gzip\r\nContent-Length: 3\r\n\r\n\x1f\x8b\x08")
    )
    assert send().body == b"\x1f\x8b\x08"


def test_an_environment_does_not_lend_its_proxy(
    internet: Internet, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "HTTP_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{internet.world.trap.port}")
    internet.receiver()
    assert send().is_good
    assert internet.world.trap.hits == 0


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("length", [b"Content-Length: 0\r\n", b"Content-Length: 1073741824\r\n"])
def test_a_redirect_is_not_followed(internet: Internet, status: int, length: bytes) -> None:
    trap = internet.world.trap
    location = f"Location: http://127.0.0.1:{trap.port}/latest/meta-data/\r\n".encode()
    head = f"HTTP/1.1 {status} Go\r\n".encode()
    internet.receiver(floods(head + location + length + b"\r\n"))
    answer = send()
    assert (answer.status, answer.is_good) == (status, False)
    assert trap.hits == 0
    assert internet.world.dialled == [f"{PUBLIC}:443"]


@pytest.mark.parametrize("status", [199, 304, 400, 404, 410, 429, 500, 503])
def test_only_a_2xx_is_good(internet: Internet, status: int) -> None:
    internet.receiver(says(f"HTTP/1.1 {status} X\r\nContent-Length: 0\r\n\r\n".encode()))
    assert not send().is_good


def test_an_empty_answer_is_good(internet: Internet) -> None:
    internet.receiver(says(b"HTTP/1.1 204 No Content\r\n\r\n"))
    assert send().is_good


# Bounded


SLOW: dict[str, sockets.Answer] = {
    "a body that trickles": trickles(HEAD + b"Content-Length: 10000\r\n\r\n"),
    "a body without an end": trickles(HEAD + b"\r\n"),
    "chunks of one byte": trickles(HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n"),
    "a chunk's length that trickles": trickles(HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"0"),
    "headers that trickle": trickles(HEAD + b"X-Slow: ", b"x"),
    "a status line that trickles": trickles(b"HTTP/1.1 200 ", b"O"),
    "100 Continue for ever": trickles(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "nothing": sockets.is_silent,
    "half a body, then nothing": says(HEAD + b"Content-Length: 10\r\n\r\n{"),
}


@pytest.mark.parametrize("what", SLOW)
def test_an_answer_that_does_not_end_is_given_up(internet: Internet, what: str) -> None:
    internet.receiver(SLOW[what])
    started = time.monotonic()
    assert isinstance(fails(within=0.5), NoAnswer)
    assert time.monotonic() - started < 1


FLOODS: dict[str, sockets.Answer] = {
    "a body": floods(HEAD + b"\r\n"),
    "a body of 1 GiB": floods(HEAD + b"Content-Length: 1073741824\r\n\r\n"),
    "one chunk of 1 GiB": floods(HEAD + b"Transfer-Encoding: chunked\r\n\r\n40000000\r\n"),
}


@pytest.mark.parametrize("what", FLOODS)
def test_of_an_answer_too_large_only_the_beginning_is_read(internet: Internet, what: str) -> None:
    internet.receiver(FLOODS[what])
    started = time.monotonic()
    answer = send()
    assert time.monotonic() - started < 2
    assert answer.is_good
    assert len(answer.body) == MAX_ANSWER


ENDLESS: dict[str, sockets.Answer] = {
    "a header": floods(HEAD + b"X-Long: "),
    "headers": trickles(HEAD, b"X-Many: x\r\n" * 1000, 0),
}


@pytest.mark.parametrize("what", ENDLESS)
def test_headers_without_an_end_are_no_answer(internet: Internet, what: str) -> None:
    internet.receiver(ENDLESS[what])
    assert isinstance(fails(), NoAnswer)


BROKEN: dict[str, sockets.Answer] = {
    "cut in the body": says_and_leaves(HEAD + b"Content-Length: 99\r\n\r\n{}"),
    "cut in a chunk": says_and_leaves(HEAD + b"Transfer-Encoding: chunked\r\n\r\nff\r\n{"),
    "a chunk without a length": says_and_leaves(
        HEAD + b"Transfer-Encoding: chunked\r\n\r\nxyz\r\n{}\r\n0\r\n\r\n"
    ),
    "cut in the headers": says_and_leaves(HEAD + b"Content-Length: 1"),
    "closed without a word": says_and_leaves(b""),
    "reset": resets,
    "no HTTP": says_and_leaves(b"SSH-2.0-OpenSSH\r\n"),
    "a status that is no number": says_and_leaves(b"HTTP/1.1 OK\r\n\r\n"),
}


@pytest.mark.parametrize("what", BROKEN)
def test_a_broken_answer_is_none(internet: Internet, what: str) -> None:
    internet.receiver(BROKEN[what])
    assert isinstance(fails(), NoAnswer)


def test_a_body_that_is_taken_slowly_is_given_up(
    internet: Internet, settings: LazySettings
) -> None:
    settings.FORWARD_INTERNAL_HOSTS = ["127.0.0.1"]
    with socket.create_server(("127.0.0.1", 0)) as door:  # nobody reads
        internet.world.ports["127.0.0.1"] = door.getsockname()[1]
        started = time.monotonic()
        assert isinstance(fails("http://127.0.0.1", b"x" * 50_000_000, within=0.5), NoAnswer)
        assert time.monotonic() - started < 1


def _sleepy(seconds: float) -> list[str]:
    time.sleep(seconds)
    return [PUBLIC]


def test_a_resolver_that_hangs_does_not_hold_us(internet: Internet) -> None:
    internet.world.names[HOST] = partial(_sleepy, 3)
    started = time.monotonic()
    assert isinstance(fails(within=0.3), Unreached)
    assert time.monotonic() - started < 1
    assert internet.world.dialled == []


def test_a_handshake_that_hangs_is_given_up(internet: Internet) -> None:
    internet.receiver(sockets.is_silent, tls=False)
    started = time.monotonic()
    assert isinstance(fails(within=0.5), Unreached)
    assert time.monotonic() - started < 1


def test_time_that_is_over_sends_nothing(internet: Internet) -> None:
    server = internet.receiver()
    assert isinstance(fails(within=-1), Unreached)
    assert server.requests == []


# TLS


def test_the_certificate_must_be_of_the_host(internet: Internet) -> None:
    server = internet.receiver()
    internet.world.name("other.example.com", PUBLIC)
    error = fails("https://other.example.com/s3cret")
    assert isinstance(error, Unreached)
    assert server.requests == []


def test_a_certificate_nobody_vouches_for_is_refused(internet: Internet) -> None:
    server = internet.receiver()
    internet.world.__dict__["trust"] = Outside().trust  # the real one, which does not know it
    assert isinstance(fails(), Unreached)
    assert server.requests == []


def test_a_closed_port_is_no_connection(internet: Internet) -> None:
    with socket.create_server(("127.0.0.1", 0)) as door:
        internet.world.ports[PUBLIC] = door.getsockname()[1]
    assert isinstance(fails(), Unreached)


def test_the_next_address_is_tried_where_one_is_dead(internet: Internet) -> None:
    server = internet.receiver(address=PUBLIC)
    with socket.create_server(("127.0.0.1", 0)) as door:
        internet.world.ports[PUBLIC_6] = door.getsockname()[1]
    internet.world.name(HOST, PUBLIC_6, PUBLIC, PUBLIC)
    assert send().is_good
    assert internet.world.dialled == [f"{PUBLIC_6}:443", f"{PUBLIC}:443"]
    assert len(server.requests) == 1


# Nobody inside


IPV4_INSIDE = [
    *("127.0.0.1", "127.1.2.3", "127.255.255.254", "0.1.2.3", "10.0.0.1"),
    "0.0.0.0",  # noqa: S104
    *("10.255.255.255", "172.16.0.1", "172.31.255.254", "192.168.0.1", "192.168.255.255"),
    *("169.254.169.254", "169.254.0.23", "169.254.170.2", "100.64.0.1", "100.100.100.200"),
    *("100.127.255.255", "192.0.0.1", "192.0.0.192", "192.0.2.1", "192.88.99.1", "198.18.0.1"),
    *("198.51.100.7", "203.0.113.9", "224.0.0.1", "224.0.1.1", "239.255.255.255", "240.0.0.1"),
    *("255.255.255.255", "168.63.129.16"),
]
IPV6_INSIDE = [
    *("::1", "::", "0:0:0:0:0:0:0:1", "fe80::1", "febf::1", "fec0::1", "fc00::1", "fd00:ec2::254"),
    *("fd12:3456:789a::1", "ff02::1", "ff0e::1", "2001:db8::1", "3fff::1", "100::1", "5f00::1"),
    *("::ffff:127.0.0.1", "::ffff:7f00:1", "::ffff:169.254.169.254", "::ffff:10.0.0.1"),
    *("::ffff:93.184.216.34", "::ffff:0:127.0.0.1", "::127.0.0.1", "::7f00:1", "::a9fe:a9fe"),
    *("64:ff9b::127.0.0.1", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b::10.0.0.1"),
    *("64:ff9b:1::1", "64:ff9b:1::127.0.0.1", "2002:7f00:1::", "2002:7f00:1::1", "2002:a00:1::1"),
    *("2002:5db8:d822::1", "2001::1", "2001:0:4136:e378:8000:63bf:80ff:fffe", "2001:10::1"),
    *("2606:2800::5efe:127.0.0.1", "2606:2800::200:5efe:10.0.0.1"),
]
SPELLINGS = [
    # decimal, octal, hexadecimal, short, and mixtures of them
    *("2130706433", "017700000001", "0x7f000001", "0x7f.0.0.1", "0x7f.0x0.0x0.0x1", "0177.0.0.1"),
    *("0177.0.0.01", "00000177.0.0.1", "127.1", "127.0.1", "127.0x1", "127.0.0.0x1", "0", "0x0"),
    *(
        "00",
        "10.1",
        "0xa.0.0.1",
        "012.0.0.1",
        "3232235521",
        "0xc0a80001",
        "192.168.1",
        "192.168.257",
    ),
    *("2852039166", "0xa9fea9fe", "0xa9.0xfe.0xa9.0xfe", "0251.0376.0251.0376", "169.254.43518"),
    *("169.16689662", "025177524776", "0x", "127.0.0.0x", "127.0.0.1.", "127.0.0.1..", "0x7f.1."),
    *("2130706433.", "127.000.000.001", "127.0.0.001", "127.0.0.1.0", "1.127.0.0.1", "256.0.0.1"),
    *("127.0.0.256", "4294967295", "4294967297", "99999999999", "127..1", ".127.0.0.1", "-1"),
    *("+127.0.0.1", "127.0.0.-1", "127,0,0,1", "0X7F000001", "0x7F.1", "127.0.0.1e0", "1e3"),
    # digits, dots and letters that are none to a program, but are to another
    *("①②⑦.⓪.⓪.①", "１２７.０.０.１", "127。0。0。1", "127．0．0．1", "127｡0｡0｡1", "١٢٧.٠.٠.١"),
    *(
        "ⓛocalhost",
        "ｌｏｃａｌｈｏｓｔ",
        "localhoſt",
        "locаlhost",
        "loc\u00adalhost",
        "local\u200bhost",
    ),
    *(
        "127.0.0.1\u3002",
        "\u2488.0.0.1",
        "ℒocalhost",
        "％31％32％37.0.0.1",
        "ß.example",
        "bücher.de",
    ),
    # what IPv6 can be written as
    *("[0000:0000:0000:0000:0000:0000:0000:0001]", "[::01]", "[0::1]", "[::1%25lo]", "[::1%lo]"),
    *("[fe80::1%25eth0]", "[fe80::1%eth0]", "[v1.127.0.0.1]", "[127.0.0.1]", "[::ffff:0177.0.0.1]"),
    *("[::1", "::1", "::1]", "[[::1]]", "[::1].example.com", "[]", "[::ffff:127.1]"),
    *("[::1]127.0.0.1", "[:::1]", "[::FFFF:7F00:1]", "[0:0:0:0:0:ffff:127.0.0.1]"),
    # names of this very host, and of what is near it
    *("localhost", "LOCALHOST", "localhost.", "localhost.localdomain", "a.localhost", "localhost6"),
    *("ip6-localhost", "ip6-loopback", "loopback", "host.docker.internal", "metadata", "router"),
    *(
        "metadata.google.internal",
        "instance-data",
        "kubernetes.default.svc",
        "db",
        "postgres",
        "redis",
    ),
    *("127.0.0.1.nip.io", "10.0.0.1.xip.example", "spoofed.example.com", "xn--localhost", "wpad"),
    # names that are none
    *(
        "",
        ".",
        "..",
        "-a.example",
        "a-.example",
        "a..example",
        ".example.com",
        "*",
        "*.example.com",
    ),
    *("a" * 64 + ".example", "a." * 130 + "example", "exa mple.com", "%31%32%37.0.0.1", "%6c%6f"),
    *(
        "a,b.example",
        "hooks.example.com,127.0.0.1",
        "hooks.example.com;127.0.0.1",
        "~",
        "!",
        "$(id)",
    ),
]
# With the good name in them, so that a reader who takes another part for the host goes astray.
GOOD = HOST
ADDRESSES = [
    # who is the host? user names, backslashes, fragments and the like
    *(f"https://{GOOD}@127.0.0.1/", f"https://{GOOD}:443@127.0.0.1/", "https://@127.0.0.1/"),
    *("https://a:b@127.0.0.1/", f"https://127.0.0.1@{GOOD}/", f"https://a:b@{GOOD}/"),
    *(f"https://{GOOD}\\@127.0.0.1/", f"https://127.0.0.1\\@{GOOD}/", f"https:\\\\{GOOD}/"),
    *(f"https://127.0.0.1#@{GOOD}/", f"https://{GOOD}#@127.0.0.1/", f"https://127.0.0.1?@{GOOD}/"),
    *("https://127.0.0.1/#x", f"https://{GOOD}/#fragment", f"https://{GOOD}%40127.0.0.1/"),
    *(
        f"https://{GOOD}%00.127.0.0.1/",
        f"https://127.0.0.1%00.{GOOD}/",
        f"https://127.0.0.1%2f@{GOOD}/",
    ),
    *(
        f"https://{GOOD}%2f@127.0.0.1",
        f"https://127.0.0.1%23@{GOOD}/",
        f"https://127.0.0.1;@{GOOD}/",
    ),
    *(f"https://127.0.0.1,{GOOD}/", f"https://127.0.0.1 {GOOD}/", f"https://127.0.0.1&@{GOOD}/"),
    *(f"https://[{GOOD}]/", f"https://[::1]@{GOOD}/", f"https://{GOOD}:@127.0.0.1:443/"),
    # letters that cut a line, a header or a C string
    *(f"https://{GOOD}/\r\nX: y", f"https://{GOOD}/\nHost: 127.0.0.1", f"https://{GOOD}\r\n.x/"),
    *(f"https://{GOOD}/\x00", f"https://{GOOD}\x00.x/", f"https://127.0.0.1\x00.{GOOD}/"),
    *(f"https://{GOOD}/\t", f"https://{GOOD}\t/", f" https://{GOOD}/", f"https://{GOOD}/ "),
    *(f"https://{GOOD}/\n", f"https://{GOOD}\n", f"\nhttps://{GOOD}/", f"https://{GOOD}/a b"),
    *(
        f"https://{GOOD}/ä",
        f"https://{GOOD}/\u2028",
        f"https://{GOOD}/\ud800",
        f"ht\ntps://{GOOD}/",
    ),
    *(f'https://{GOOD}/"', f"https://{GOOD}/<>", f"https://{GOOD}/{{}}", f"https://{GOOD}/`id`"),
    # other doors: schemes and ports
    *(f"http://{GOOD}/", f"http://{GOOD}:443/", f"https://{GOOD}:80/", f"https://{GOOD}:8443/"),
    *(f"https://{GOOD}:22/", f"https://{GOOD}:6379/", f"https://{GOOD}:0/", f"https://{GOOD}:/"),
    *(
        f"https://{GOOD}:65536/",
        f"https://{GOOD}:65979/",
        f"https://{GOOD}:-443/",
        f"https://{GOOD}:443:80/",
    ),
    *(
        f"https://{GOOD}:+443/",
        f"https://{GOOD}:0443/",
        f"https://{GOOD}: 443/",
        f"https://{GOOD}:４４３/",
    ),
    *(
        f"https://{GOOD}:443abc/",
        f"https://{GOOD}:0x1bb/",
        f"https://{GOOD}:1e3/",
        f"ftp://{GOOD}/",
    ),
    *(f"{scheme}://{host}/secret" for scheme in ("file", "gopher", "ws") for host in (GOOD, "")),
    *(
        f"//{GOOD}/",
        f"https:{GOOD}",
        f"https:/{GOOD}/",
        f"https:///{GOOD}/",
        f"https//{GOOD}/",
        GOOD,
    ),
    *(
        "",
        "https://",
        "https:///",
        "https://:443/",
        "https://?",
        "https://#",
        "javascript:alert(1)",
    ),
    *(
        "data:text/plain,x",
        f"view-source:https://{GOOD}/",
        f"url:https://{GOOD}/",
        "unix:///run/x.sock",
    ),
    *(f"http+unix://{GOOD}/", f"dict://{GOOD}:11211/", f"ldap://{GOOD}/", f"jar:https://{GOOD}/!/"),
]


def _tricky() -> list[str]:
    hosts = [*IPV4_INSIDE, *(f"[{address}]" for address in IPV6_INSIDE), *SPELLINGS]
    return [*(f"https://{host}/hook" for host in hosts), *ADDRESSES]


TRICKY = _tricky()


def test_there_are_enough_tricky_addresses() -> None:
    assert len(TRICKY) == len(set(TRICKY)) > 280


def let_through(url: str) -> list[str]:
    """What lets URL through, of sending and a form's check."""
    found = []
    for act in (send, check_url):
        try:
            act(url)
        except Forbidden:
            continue
        except Undelivered as error:
            found.append(f"{url!r}: {error!r}")
        else:
            found.append(f"{url!r}: let through")
    return found


def test_a_tricky_address_leads_nowhere(internet: Internet) -> None:
    """Nothing is connected to at all: neither inside, nor the good host by a crooked address."""
    server = internet.receiver()
    assert [problem for url in TRICKY for problem in let_through(url)] == []
    assert internet.world.dialled == []
    assert internet.world.trap.hits == 0
    assert server.requests == []
    assert send().is_good  # there was somebody to reach


def test_a_name_that_leads_inside_is_not_followed(internet: Internet) -> None:
    """Alone or among addresses of the internet, first or last."""
    for public in (PUBLIC, PUBLIC_6):
        internet.receiver(address=public)
    for address in (*IPV4_INSIDE, *IPV6_INSIDE):
        for found in ([address], [PUBLIC, address], [address, PUBLIC], [PUBLIC_6, address, PUBLIC]):
            internet.world.name(HOST, *found)
            assert let_through(URL) == [], found
    assert internet.world.dialled == []
    assert internet.world.trap.hits == 0


def test_a_name_that_changes_its_mind_is_asked_once(internet: Internet) -> None:
    """What was judged is what is connected to: rebinding has nothing to bind to."""
    server = internet.receiver()
    minds = itertools.chain([[PUBLIC]], itertools.repeat(["127.0.0.1"]))
    internet.world.names[HOST] = lambda: next(minds)
    assert send().is_good
    assert internet.world.asked == [HOST]
    assert internet.world.dialled == [f"{PUBLIC}:443"]
    with pytest.raises(Forbidden):
        send()
    assert (len(server.requests), internet.world.trap.hits) == (1, 0)


def test_what_a_form_has_checked_is_judged_again_when_it_is_sent_to(internet: Internet) -> None:
    check_url(URL)
    internet.world.name(HOST, "169.254.169.254")
    with pytest.raises(Forbidden):
        send()
    assert internet.world.dialled == []


@pytest.mark.parametrize("address", ["8.8.8.8", PUBLIC, PUBLIC_6, "64:ff9b::5db8:d822", "1.1.1.1"])
def test_the_internet_is_public(address: str) -> None:
    assert is_public(ip_address(address))


@pytest.mark.parametrize(
    "url",
    [
        *(
            URL,
            f"https://{HOST}",
            f"https://{HOST}?a=b",
            f"HTTPS://{HOST.upper()}/",
            f"{URL}&a=%20",
        ),
        *(f"https://{HOST}:443/", f"https://{HOST}/a@b:c/;d=1,2?x=/y?z", f"https://{PUBLIC}/"),
        *(
            f"https://[{PUBLIC_6}]/",
            f"https://[{PUBLIC_6.upper()}]:443/",
            "https://xn--fiq228c.cn/",
        ),
    ],
)
def test_a_plain_address_of_the_internet_is_fine(internet: Internet, url: str) -> None:
    internet.world.name("xn--fiq228c.cn", PUBLIC)
    check_url(url)


@pytest.mark.parametrize("found", [[], ["what?"]])
def test_a_name_that_leads_nowhere_is_told(internet: Internet, found: list[str]) -> None:
    internet.world.name(HOST, *found)
    with pytest.raises(Unreached):
        check_url(URL)


def test_a_name_that_is_not_found_is_told(internet: Internet) -> None:
    def unknown() -> list[str]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    internet.world.names[HOST] = unknown
    assert isinstance(fails(), Unreached)


# What operators list


@pytest.mark.parametrize(
    ("entry", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:9999/x"),
        ("127.0.0.1:9999", "http://127.0.0.1:9999/x"),
        ("127.0.0.0/8", "http://127.3.2.1/x"),
        ("::1", "http://[::1]:9999/x"),
        ("[::1]:9999", "http://[::1]:9999/x"),
        ("fd00::/8", "http://[fd12::1]/x"),
        ("backend", "http://backend:8080/x"),
        ("Backend:8080", "http://backend:8080/x"),
        ("back_end.internal", "http://back_end.internal/x"),
        ("127.0.0.1", "http://named.example:9999/x"),
        ("127.0.0.0/30", "http://named.example/x"),
    ],
)
def test_what_is_listed_is_let_through(
    internet: Internet, settings: LazySettings, entry: str, url: str
) -> None:
    settings.FORWARD_INTERNAL_HOSTS = ["10.9.9.9", entry]
    check_url(url)
    assert send(url).is_good
    assert internet.world.trap.hits == 1


@pytest.mark.parametrize(
    ("entry", "url"),
    [
        ("127.0.0.1:9999", "http://127.0.0.1:9998/x"),
        ("127.0.0.1:9999", "http://127.0.0.1/x"),
        ("127.0.0.1", "http://127.0.0.2/x"),
        ("127.0.0.1", "http://[::ffff:127.0.0.1]/x"),
        ("127.0.0.1", "http://[::1]/x"),
        ("127.0.0.1", "http://2130706433/x"),
        ("10.0.0.0/8", "http://127.0.0.1/x"),
        ("backend", "http://backend.example/x"),
        ("backend", "http://127.0.0.1/x"),
        ("backend", "http://abackend/x"),
        ("backend:8080", "http://backend:8081/x"),
        ("backend", "http://user@backend/x"),
        (HOST + ":8080", f"http://{HOST}/x"),
        ("127.0.0.1", f"http://{HOST}/x"),
        ("127.0.0.1", "http://mixed.example/x"),
        ("*", "http://127.0.0.1/x"),
        ("0x7f.1", "http://127.0.0.1/x"),
        ("127.0.0.1/8", "http://127.0.0.1/x"),
        ("", "http://127.0.0.1/x"),
    ],
)
def test_what_is_not_listed_exactly_so_is_not(
    internet: Internet, settings: LazySettings, entry: str, url: str
) -> None:
    settings.FORWARD_INTERNAL_HOSTS = [entry]
    internet.world.name("mixed.example", "127.0.0.1", "10.0.0.1")
    for act in (send, check_url):
        with pytest.raises(Forbidden):
            act(url)
    assert internet.world.dialled == []


def test_one_inside_and_listed_does_not_let_http_out(
    internet: Internet, settings: LazySettings
) -> None:
    settings.FORWARD_INTERNAL_HOSTS = ["127.0.0.1"]
    internet.world.name("mixed.example", "127.0.0.1", PUBLIC)
    with pytest.raises(Forbidden):
        send("http://mixed.example/")
    check_url("https://mixed.example/")


@pytest.mark.parametrize(
    "text", ["", "*", "a b", "http://a/", "10.0.0.1/8", "a:65536", "1.2.3", "a@b"]
)
def test_an_entry_that_says_nothing_is_found_out(text: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(text)}$"):
        Listed.read(text)


def test_the_real_outside_looks_names_up_and_connects() -> None:
    outside = Outside()
    assert "127.0.0.1" in outside.look_up("localhost", 443)
    with sockets.serving(says(ok())) as server:
        outside.connect(ip_address("127.0.0.1"), server.port, 5).close()
    assert outside.trust.verify_mode == ssl.CERT_REQUIRED
    assert outside.trust.check_hostname
