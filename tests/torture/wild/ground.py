"""The host that an example plays on: three NICs, a wire to clients, and what others have made there.

client `ext`  10.9.0.9  10.9.1.9  fd09::9  ── up0 ── 10.9.0.1/16  fd09::1/48  the host
              the other ends of nic0, nic1, nic2
`room`        a namespace of somebody else's, for what is external; br-ext, a bridge of somebody else's
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

from own_host import FOLDERS, away, new_network

NICS = ("nic0", "nic1", "nic2")
ROOM = "room"
EXT = "ext"
FOREIGN_BRIDGE = "br-ext"
MACS = {name: f"02:00:00:00:c0:0{number}" for number, name in enumerate(NICS)}

LAID = f"""\
ip netns add {EXT}
ip link add up0 type veth peer name up0 netns {EXT}
ip address add 10.9.0.1/16 dev up0
ip address add fd09::1/48 dev up0 nodad
ip -n {EXT} address add 10.9.0.9/16 dev up0
ip -n {EXT} address add 10.9.1.9/16 dev up0
ip -n {EXT} address add fd09::9/48 dev up0 nodad
ip link set up0 up
ip -n {EXT} link set up0 up
ip -n {EXT} link set lo up
ip netns add {ROOM}
ip -n {ROOM} link add old0 type veth peer name old1
ip -n {ROOM} address add 10.62.0.1/24 dev old0
ip -n {ROOM} address add 10.63.0.1/32 dev lo
ip -n {ROOM} link set old0 up
ip -n {ROOM} link set lo up
ip -n {ROOM} route add blackhole 198.51.100.0/25
ip link add {FOREIGN_BRIDGE} address 02:00:00:00:c0:60 type bridge
ip link set {FOREIGN_BRIDGE} mtu 1480
ip address add 10.60.0.1/24 dev {FOREIGN_BRIDGE}
ip link set {FOREIGN_BRIDGE} up
nft add table inet theirs
nft add chain inet theirs input '{{ type filter hook input priority 10; }}'
ip rule add pref 77 to 203.0.113.0/24 lookup 77
ip route add blackhole 203.0.113.0/24 table 77
"""
"""What stands there before Netwright comes, as commands."""

PLUGGED = {
    "nic0": """\
ip link set nic0 mtu 1450 txqueuelen 77 alias 'the uplink' group 9
ip link set nic0 up
ip address add 192.0.2.7/24 broadcast 192.0.2.200 label nic0:one dev nic0
ip address add 2001:db8::7/64 dev nic0 nodad
ip route add 198.51.100.128/25 via 192.0.2.1 metric 77 proto static
ip -6 route add 2001:db8:9::/48 via 2001:db8::1 metric 78
""",
    "nic1": "ip link set nic1 txqueuelen 55\n",
    "nic2": """\
ip link set nic2 mtu 9000
ip link set nic2 up
ip address add 198.18.0.7/24 dev nic2
ip route add 198.18.9.0/24 dev nic2 table 99
""",
}


def laid() -> str:
    """The commands that lay the ground."""
    # What is in the middle of being checked is not what it was before.
    return "sysctl -qw net.ipv6.conf.all.accept_dad=0 net.ipv6.conf.default.accept_dad=0\n" + LAID + "".join(map(plug_in, NICS))


def sh(script: str) -> str:
    """Run commands in the thread's namespace, stopping at the first that fails; their stdout. Raises CalledProcessError."""
    return subprocess.run(["sh", "-ec", script], check=True, capture_output=True, text=True).stdout


def plug_in(nic: str) -> str:
    """Commands that give the host a NIC."""
    made = f"ip link add {nic} address {MACS[nic]} type veth peer name {nic} netns {EXT}\nip -n {EXT} link set {nic} up\n"
    return made + PLUGGED[nic]


@contextmanager
def ground() -> Iterator[None]:
    """A fresh host for the thread; no names and no files are left of it afterwards."""
    with away():
        new_network()
        sh(laid())
        try:
            yield
        finally:
            for entry in FOLDERS[0].iterdir():
                subprocess.run(["umount", "--lazy", str(entry)], check=False, capture_output=True)
                entry.unlink()
            subprocess.run(["find", str(FOLDERS[1]), "-mindepth", "1", "-delete"], check=True)
