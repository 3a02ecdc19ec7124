"""The socket's manners, against a kernel that the test plays with literal bytes at the other end of a socket pair."""

from __future__ import annotations

import errno
import socket
import struct
import threading

import pytest

from netwright.backends.netlink.channel import ATTEMPTS, Channel
from netwright.errors import KernelError
from netwright.rtnl import link
from netwright.rtnl.constants import RTM_NEWLINK

pytestmark = pytest.mark.netns

INTERRUPTED = 0x12
WHOLE = 0x02


def new_link(sequence, flags, index):
    return struct.pack("=IHHII", 32, 16, flags, sequence, 0) + struct.pack("=BxHiII", 0, 1, index, 0, 0)


def done(sequence, flags, code=0):
    return struct.pack("=IHHIIi", 20, 3, flags, sequence, 0, code)


def refusal(sequence, code):
    return struct.pack("=IHHIIiIHHII", 36, 2, 0x100, sequence, 0, -code, 40, 16, 5, sequence, 0)


@pytest.fixture
def played():
    """A channel, and a function that plays the kernel: for each request that comes, the datagrams that `answers` has for it."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    channel = Channel(ours)
    players = []

    def play(*answers):
        def body():
            for answer in answers:
                sequence = struct.unpack_from("=I", theirs.recv(65536), 8)[0]
                for datagram in answer(sequence):
                    theirs.send(datagram)

        players.append(threading.Thread(target=body))
        players[-1].start()

    yield channel, play
    channel.close()
    for player in players:
        player.join(10)
    theirs.close()


def indexes(channel):
    return channel.dump(link.dump(), RTM_NEWLINK, link.decode_index)


def test_an_interrupted_dump_is_begun_again(played):
    channel, play = played
    play(
        lambda n: [new_link(n, WHOLE, 1) + new_link(n, INTERRUPTED, 2), done(n, WHOLE)],
        lambda n: [new_link(n, WHOLE, 1), done(n, INTERRUPTED)],
        lambda n: [new_link(n, WHOLE, 7), new_link(n, WHOLE, 8) + done(n, WHOLE)],
    )
    assert indexes(channel) == [7, 8]


def test_a_dump_that_is_interrupted_without_end_fails(played):
    channel, play = played
    play(*[lambda n: [new_link(n, INTERRUPTED, 1), done(n, INTERRUPTED)]] * ATTEMPTS)
    with pytest.raises(KernelError) as failure:
        indexes(channel)
    assert failure.value.errno == errno.EINTR
    assert str(failure.value) == "the kernel's tables changed each of the 16 times they were read"


def test_answers_to_something_else_are_passed_over(played):
    channel, play = played
    play(lambda n: [new_link(n + 40, WHOLE, 3) + done(n + 40, WHOLE), new_link(n, WHOLE, 4), done(n, WHOLE)])
    assert indexes(channel) == [4]


@pytest.mark.parametrize("answer", [lambda n: [done(n, WHOLE, -13)], lambda n: [refusal(n, 13)]], ids=["at its end", "at once"])
def test_a_dump_that_is_refused_is_an_error(played, answer):
    channel, play = played
    play(answer)
    with pytest.raises(KernelError, match=r"^reading the kernel's tables: Permission denied$") as failure:
        indexes(channel)
    assert failure.value.errno == errno.EACCES


def test_refusals_are_matched_by_number_and_awaited_to_the_last(played):
    channel, play = played
    play(lambda n: [refusal(n + 1, 17), refusal(n + 2, 19) + refusal(n + 3, 0)])
    answers = channel.exchange([link.delete("a"), link.delete("b"), link.delete("c"), link.delete("d")])
    assert {position: answer.code for position, answer in answers.items()} == {1: 17, 2: 19}


def test_a_kernel_that_hangs_up_is_an_error(played):
    channel, _ = played
    channel.close()
    with pytest.raises(KernelError):
        indexes(channel)
