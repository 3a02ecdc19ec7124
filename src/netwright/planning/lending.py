"""A NIC as it is before it is borrowed: what giving it back takes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from netwright.model.address import link_local
from netwright.model.link import ADDRGENMODE_EUI64, ADDRGENMODE_NONE, ADDRGENMODE_STABLE_PRIVACY, Link, LinkKey, Observation
from netwright.model.loan import NicLoan, SysctlLoan
from netwright.model.route import KERNEL_PROTOCOLS, Address
from netwright.model.state import Namespace
from netwright.model.sysctl import SECRET, birth_key, interface_of, of_interface

_WITH_THE_LINK = (".addr_gen_mode", ".mtu")
"""What comes back by rtnetlink; net.ipv6's MTU is the link's again each time that goes up (net/ipv6/addrconf.c: addrconf_notify)."""


def new_loan(key: LinkKey, origin: LinkKey, home: LinkKey, source: Namespace, have: Link, lent: Iterable[SysctlLoan]) -> NicLoan:
    """Of the NIC `have`, which is at `origin` in `source`, belongs to `home`, and goes to `key`. `lent`: sysctls that the stack has set."""
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
        sysctls=_own_sysctls(origin, home, source, lent) if leaves(key, origin, home) else {},
    )


def leaves(key: LinkKey, origin: LinkKey, home: LinkKey) -> bool:
    """Whether it goes from its home's namespace to another: with that the kernel forgets its sysctls."""
    return origin.netns == home.netns != key.netns


def passed_on(loan: NicLoan, key: LinkKey, origin: LinkKey, source: Namespace, lent: Iterable[SysctlLoan]) -> NicLoan:
    """The loan of a NIC that is at `origin` in `source`, and goes on to `key`."""
    home = LinkKey(loan.home, loan.name)
    sysctls: Mapping[str, str] = loan.sysctls
    if leaves(key, origin, home):
        # One that has not its mark has come home otherwise (after a power loss, say): what it has now is what it has. On others
        # a run that was cut off may not have restored all.
        kept = sysctls if source.links[origin.name].borrower is not None else {}
        sysctls = {**kept, **_own_sysctls(origin, home, source, lent)}
    return replace(loan, netns=key.netns, new_name=key.name, sysctls=sysctls)


def address_generation(loan: NicLoan) -> int | None:
    """What is set as it comes home. Stable privacy is refused without a secret, and comes with one: its own, or the namespace's."""
    return loan.addrgenmode if loan.addrgenmode != ADDRGENMODE_STABLE_PRIVACY else None


def _own_sysctls(origin: LinkKey, home: LinkKey, source: Namespace, lent: Iterable[SysctlLoan]) -> dict[str, str]:
    """Those of the NIC that are not as a new link's. Of one that the stack has set it is what it was before."""
    before = {loan.key: loan.value for loan in lent if loan.netns == source.ref}
    stable = source.seen[origin.name].addrgenmode == ADDRGENMODE_STABLE_PRIVACY
    values = {
        key: before.get(key, value)
        for key, value in sorted(source.sysctls.items())
        if interface_of(key) == origin.name and not key.endswith(_WITH_THE_LINK) and (stable or not key.endswith(SECRET))
    }
    return {of_interface(key, home.name): value for key, value in values.items() if value != source.sysctls.get(birth_key(key))}


def _by_itself(address: Address, link: Link, seen: Observation) -> bool:
    """The link-local address that the kernel gives an interface as it comes up (linux/if_link.h: IN6_ADDR_GEN_MODE_*)."""
    if not address.cidr.startswith("fe80:") or seen.addrgenmode == ADDRGENMODE_NONE:
        return False
    return seen.addrgenmode != ADDRGENMODE_EUI64 or address.cidr == f"{link_local(link.mac or '')}/64"
