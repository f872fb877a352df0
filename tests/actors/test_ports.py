import socket

import pytest

from openoutcry.actors.ports import FIRST_PORT, LAST_PORT, free_port


def test_a_free_port_can_be_listened_on_and_is_not_one_that_the_kernel_gives_away():
    port = free_port("127.0.0.1")
    assert FIRST_PORT <= port < LAST_PORT
    with socket.socket() as server:
        server.bind(("127.0.0.1", port))
        server.listen()


def test_a_host_that_is_not_ours():
    with pytest.raises(OSError, match="assign"):
        free_port("192.0.2.1")
