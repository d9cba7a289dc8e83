"""The proxy that other tests break their servers' connections with."""

import socket
from collections.abc import Iterator

import pytest

from tests.proxy import Fault, Proxy, proxied
from tests.sockets import ok, says, serving

REQUEST = b"GET / HTTP/1.1\r\n\r\n"


@pytest.fixture
def proxy() -> Iterator[Proxy]:
    with serving(says(ok())) as server, proxied(server.url) as (proxy, _url):
        yield proxy


def connect(proxy: Proxy) -> socket.socket:
    return socket.create_connection(("127.0.0.1", proxy.port), timeout=0.3)


def answer(connection: socket.socket) -> bytes:
    connection.sendall(REQUEST)
    return connection.recv(65_536)


def test_it_carries(proxy: Proxy) -> None:
    with connect(proxy) as connection:
        assert answer(connection) == answer(connection) == ok()


def test_old_ones_are_frozen_and_go_on(proxy: Proxy) -> None:
    with connect(proxy) as old:
        assert answer(old) == ok()
        proxy.break_old(Fault.FROZEN)
        with pytest.raises(TimeoutError):
            answer(old)
        with connect(proxy) as new:
            assert answer(new) == ok()
        proxy.heal()
        assert old.recv(65_536) == ok()


def test_what_is_swallowed_is_gone(proxy: Proxy) -> None:
    with connect(proxy) as old:
        assert answer(old) == ok()
        proxy.break_all(Fault.SWALLOWED)
        proxy.heal()
        with pytest.raises(TimeoutError):
            answer(old)
        with connect(proxy) as new:
            assert answer(new) == ok()


@pytest.mark.parametrize("fault", [Fault.RESET, Fault.REFUSED])
def test_it_cuts_and_refuses_until_it_is_healed(proxy: Proxy, fault: Fault) -> None:
    with connect(proxy) as old:
        assert answer(old) == ok()
        proxy.break_all(fault)
        with pytest.raises(OSError):  # noqa: PT011 -- reset, or a broken pipe
            answer(old)
    with pytest.raises(OSError), connect(proxy) as new:  # noqa: PT011
        answer(new)
    proxy.heal()
    with connect(proxy) as new:
        assert answer(new) == ok()
