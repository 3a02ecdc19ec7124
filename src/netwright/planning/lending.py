"""A NIC as it is before it is borrowed: what giving it back takes."""

from __future__ import annotations

from netwright.model.address import link_local
from netwright.model.link import ADDRGENMODE_EUI64, ADDRGENMODE_NONE, Link, LinkKey, Observation
from netwright.model.loan import NicLoan
from netwright.model.route import KERNEL_PROTOCOLS, Address
from netwright.model.state import Namespace


def new_loan(key: LinkKey, origin: LinkKey, home: LinkKey, source: Namespace, have: Link) -> NicLoan:
    """Of the NIC `have`, which is at `origin` in `source`, belongs to `home`, and goes to `key`."""
    seen = source.seen[origin.name]
    # Of one that is away already, for a reason that is forgotten, only itself is known.
    before = source if origin.netns == home.netns else Namespace(ref=home.netns)
    return NicLoan(
        home=home.netns,
        name=home.name,
        netns=key.netns,
        new_name=key.name,
        mac=have.mac or "",
        permanent_mac=seen.permanent_mac,
        mtu=have.mtu or 0,
        up=bool(have.up),
        master=have.master or "",
        alias="" if have.borrower is not None else have.alias or "",
        txqlen=seen.txqlen,
        group=seen.group,
        addrgenmode=seen.addrgenmode,
        addresses=tuple(
            sorted(
                (a for a in before.addresses if a.dev == origin.name and not _by_itself(a, have, seen)),
                key=lambda a: (a.cidr, a.peer or ""),
            )
        ),
        routes=tuple(
            sorted(
                (r for r in before.routes if r.dev == origin.name and r.protocol not in KERNEL_PROTOCOLS),
                key=lambda r: (r.via or "", r.to, r.table, r.metric or 0, r.kind),
            )
        ),
    )


def _by_itself(address: Address, link: Link, seen: Observation) -> bool:
    """The link-local address that the kernel gives an interface as it comes up (linux/if_link.h: IN6_ADDR_GEN_MODE_*)."""
    if not address.cidr.startswith("fe80:") or seen.addrgenmode == ADDRGENMODE_NONE:
        return False
    return seen.addrgenmode != ADDRGENMODE_EUI64 or address.cidr == f"{link_local(link.mac or '')}/64"
