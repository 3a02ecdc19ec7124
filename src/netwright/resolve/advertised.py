"""Router advertisements on the host: from whom it takes them.

On a network of a stack the host is the router. Whoever is plugged in there could make itself the host's way to the internet, since
the kernel takes advertisements on each interface that does not forward IPv6 (RFC 4861, 6.3.4): so none are taken there.

The kernel drops the default routes that it learnt from them when forwarding is turned on, and takes no more, where `accept_ra` is 1;
with 2 it goes on (Documentation/networking/ip-sysctl.rst; net/ipv6/route.c: rt6_purge_dflt_routers).
"""

from __future__ import annotations

from collections.abc import Iterable

from netwright.model.link import Link
from netwright.model.names import OWNER_PREFIX
from netwright.model.netns import HOST
from netwright.model.route import RA_PROTOCOL
from netwright.model.state import Namespace
from netwright.model.sysctl import ADVERTISEMENTS
from netwright.resolve.facts import Facts

_TAKES = ("1", "2")
"""With 0 somebody else does it, or nobody shall."""


def accept_ra(dev: str) -> str:
    """The sysctl of one interface."""
    return f"net.ipv6.conf.{dev.replace('.', '/')}{ADVERTISEMENTS}"


def untaken(links: Iterable[Link]) -> dict[str, str]:
    """The sysctls with which the host takes none on the links of a stack's own; a port's are its bridge's."""
    own = (link.name for link in links if not (link.innate or link.borrowed or link.master or link.beneath()))
    return {accept_ra(name): "0" for name in own}


def advertised(host: Namespace) -> frozenset[str]:
    """The sysctls of interfaces with routes from router advertisements, but for those that a stack made."""
    devices = {route.dev for route in host.routes if route.protocol == RA_PROTOCOL}
    return frozenset(
        accept_ra(link.name) for link in host.links.values() if link.name in devices and not (link.alias or "").startswith(OWNER_PREFIX)
    )


def still_accepted(facts: Facts) -> dict[str, str]:
    """The sysctls with which the host goes on to take them though it forwards.

    What was set for that stays so while the interface is there: its router may be silent just now.
    """
    keys = {key for key in advertised(facts.host) if facts.host.sysctls.get(key) in _TAKES}
    interfaces = {accept_ra(name) for name in facts.host.links}
    keys |= {loan.key for loan in facts.sysctl_loans if loan.netns == HOST and loan.key in interfaces}
    return dict.fromkeys(sorted(keys), "2")
