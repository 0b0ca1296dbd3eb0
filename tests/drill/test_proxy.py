"""The proxy between a program and its dependency: pass, refuse, delay, swallow, and where it puts its address."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator

import pytest

from runtime_ops.drill.options import Dependency, WrongOption
from runtime_ops.drill.proxy import Proxy


@pytest.fixture
def proxy(dependency: str) -> Iterator[Proxy]:
    host, _, port = dependency.rpartition(":")
    made = Proxy(host, int(port), delay_seconds=0.4)
    yield made
    made.close()


def _ask(connection: socket.socket, limit: float = 2) -> bytes:
    connection.settimeout(limit)
    connection.sendall(b"ping\n")
    return connection.recv(16)


def test_it_passes_bytes_and_ends(proxy: Proxy) -> None:
    with socket.create_connection(proxy.address, 2) as connection:
        assert _ask(connection) == b"pong\n"
        connection.shutdown(socket.SHUT_WR)
        assert connection.recv(16) == b""
    assert proxy.accepted == 1


def test_refusing_resets_what_is_open_and_refuses_what_is_new_until_it_passes_again(proxy: Proxy) -> None:
    with socket.create_connection(proxy.address, 2) as connection:
        assert _ask(connection) == b"pong\n"
        proxy.set("refuse")
        with pytest.raises(ConnectionResetError):
            connection.recv(16)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(proxy.address, 2)
    proxy.set("pass")
    with socket.create_connection(proxy.address, 2) as connection:
        assert _ask(connection) == b"pong\n"


def test_swallowing_takes_bytes_and_gives_none_on_old_and_new_connections(proxy: Proxy) -> None:
    with socket.create_connection(proxy.address, 2) as old:
        assert _ask(old) == b"pong\n"
        proxy.set("swallow")
        with socket.create_connection(proxy.address, 2) as new:
            for connection in (old, new):
                with pytest.raises(TimeoutError):
                    _ask(connection, 0.3)
            proxy.set("pass")
            with pytest.raises(ConnectionResetError):
                new.recv(16)


def test_delaying_holds_bytes_both_ways(proxy: Proxy) -> None:
    proxy.set("delay")
    with socket.create_connection(proxy.address, 2) as connection:
        began = time.monotonic()
        assert _ask(connection) == b"pong\n"
        assert 0.75 < time.monotonic() - began < 1.9


def test_many_connections_at_once_do_not_wait_for_each_other(proxy: Proxy) -> None:
    began = time.monotonic()
    connections = [socket.create_connection(proxy.address, 2) for _ in range(40)]
    assert [_ask(connection) for connection in connections] == [b"pong\n"] * 40
    assert time.monotonic() - began < 1.5
    for connection in connections:
        connection.close()


def test_a_dependency_that_is_down_is_told_to_the_program() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        down = Proxy("127.0.0.1", unused.getsockname()[1])
        # the reset may be there before connect() has returned, which then tells it
        with pytest.raises(ConnectionResetError), socket.create_connection(down.address, 2) as connection:
            _ask(connection)
        down.close()


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("", "{host}:{port}"),
        ("db:5432", "{host}:{port}"),
        ("postgres://u:p@db:5432/x?y=db:54321", "postgres://u:p@{host}:{port}/x?y=db:54321"),
        ("redis://db/0", "redis://{host}:{port}/0"),
        ("http://db", "http://{host}:{port}"),
    ],
)
def test_the_variable_leads_to_the_proxy(value: str, expected: str, proxy: Proxy) -> None:
    host, port = proxy.address
    found = proxy.redirect(value, Dependency("d", "db", 5432, "V"))
    assert found == expected.format(host=host, port=port)


@pytest.mark.parametrize("value", ["5432", "elsewhere:5432", "mydb:5432", "db:54321"])
def test_a_variable_without_the_address_is_refused(value: str, proxy: Proxy) -> None:
    with pytest.raises(WrongOption, match="V "):
        proxy.redirect(value, Dependency("d", "db", 5432, "V"))


def test_a_variable_with_the_host_alone_gets_a_host_with_the_same_port(proxy: Proxy) -> None:
    host, port = proxy.address
    assert port == proxy.target[1]
    assert proxy.redirect("127.0.0.1", Dependency("d", "127.0.0.1", port, "V")) == host == "127.0.0.2"
