"""The units' names, and witnesses of what their services make."""

from __future__ import annotations

import re

from booted_host import BootedHost

from daemon_process import until

DAEMON, PLUGIN = "netwright.service", "netwright-docker-plugin.service"
WITNESS = """\
for netns in $(ip netns list | cut -d' ' -f1 | sort); do
    echo "$netns: $(cat /etc/netns/$netns/hosts 2>/dev/null)"
    ip -n $netns -br address; ip -n $netns route; ip -n $netns -6 route
    ip netns exec $netns nft -s list ruleset
    ip netns exec $netns sysctl net.ipv4.ip_default_ttl
done
ip -br address; nft -s list ruleset; sysctl net.ipv4.ip_forward net.ipv6.conf.all.forwarding
"""


def seen(host: BootedHost) -> list[str]:
    """The host as iproute2 and nft show it, without what differs from one making of a link to the next.

    While it is being changed, they may fail.
    """
    lines = re.sub(r"@if\d+|fe80::\S+|proto kernel|metric 256", "", host.run("sh", "-c", WITNESS, check=False)).splitlines()
    # Columns are as wide as what is left out.
    return sorted(" ".join(line.split()) for line in lines if "veth" not in line)


def put_right(host: BootedHost, undoing: str, expected: list[str]) -> None:
    """Undo something; wait until the host is as it was."""
    host.sh(undoing)
    try:
        until(f"a repair after {undoing}", lambda: seen(host) == expected, 20)
    except TimeoutError:
        # What differs is what the test is about.
        assert seen(host) == expected, undoing
