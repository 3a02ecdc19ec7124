"""What every network interface has, whatever its kind.

A kind is a subclass in a file of its own under `kinds/`. Generic code asks a link questions (`needs`, `twin`,
`innate`, `borrowed`, `differences`); it never asks which kind it has.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, ClassVar, Self

from netwright.model.names import LOAN_PREFIX, OWNER_PREFIX
from netwright.model.netns import NetnsRef


@dataclass(frozen=True, slots=True)
class LinkKey:
    """A link's place: its namespace and its name there."""

    netns: NetnsRef
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """Desired and observed are the same type. `None` in a desired link means "not managed".

    An observed link of a kind that no file describes is a plain `Link`.
    """

    kind: ClassVar[str] = ""
    """As IFLA_INFO_KIND has it; empty for what has none (a physical NIC, the loopback)."""
    innate: ClassVar[bool] = False
    """There from the namespace's birth: never created, never deleted."""
    borrowed: ClassVar[bool] = False
    """Somebody else's: moved in and given back, never created, never deleted."""
    recreate_on: ClassVar[frozenset[str]] = frozenset()
    """Fields the kernel does not change on a living link."""
    hardware: ClassVar[int | None] = None
    """What has no IFLA_INFO_KIND is of this class if it is of this hardware type (linux/if_arp.h: ARPHRD_*)."""
    queues: ClassVar[int | None] = None
    """How many transmit and receive queues to be born with; None: as many as the kernel likes."""
    mtu_follows_ports: ClassVar[bool] = False
    """The kernel keeps its MTU at its ports' smallest, until somebody changes it on the living link (net/bridge: mtu_set_by_user)."""
    unstated: ClassVar[Mapping[str, Any]] = {}
    """What the kernel gives a new link of this kind. A field that leaves the file goes back to it."""
    mac_follows_ports: ClassVar[bool] = False
    """The kernel gives it the lowest MAC of its ports, whichever come and go, unless it was born with one."""
    paired: ClassVar[bool] = False
    """Its IFLA_LINK is a twin's index, by which the two are found to belong together."""
    stacked: ClassVar[bool] = False
    """Its IFLA_LINK is the index of the link it stands on, in this namespace or another."""

    name: str
    alias: str | None = None
    """IFLA_IFALIAS: our mark (`netwright:STACK`, or `netwright-loan:STACK` on a borrowed NIC), somebody's words, or `""`."""
    up: bool | None = None
    mtu: int | None = None
    mac: str | None = None
    """Lower case, colons."""
    master: str | None = None
    """The bridge it is a port of; `""` observed or wanted: of none."""

    @property
    def owner(self) -> str | None:
        """The stack that made it, by its mark; None: not ours."""
        return self.alias.removeprefix(OWNER_PREFIX) if self.alias is not None and self.alias.startswith(OWNER_PREFIX) else None

    @property
    def borrower(self) -> str | None:
        """The stack that has borrowed it, by its mark; None: none has."""
        return self.alias.removeprefix(LOAN_PREFIX) if self.alias is not None and self.alias.startswith(LOAN_PREFIX) else None

    def unlike(self, earlier: Link | None) -> Self:
        """With what `earlier` stated, and this link states no more, as it is on a new link."""
        if earlier is None or type(earlier) is not type(self):
            return self
        left = {name: value for name, value in self.unstated.items() if getattr(self, name) is None and getattr(earlier, name) is not None}
        return replace(self, **left) if left else self

    def needs(self) -> tuple[str, ...]:
        """Links in the same namespace that must be there before this one."""
        return (self.master,) if self.master else ()

    def twin(self) -> LinkKey | None:
        """The link that is born and dies with this one (a veth's other end)."""
        return None

    def beneath(self) -> LinkKey | None:
        """The link it stands on, in whichever namespace that is: it is made through that, and dies with it."""
        return None

    def origin(self) -> LinkKey | None:
        """Where a borrowed link is at this moment (which may be where it is wanted)."""
        return None

    def belongs(self) -> LinkKey | None:
        """Where a borrowed link was first, and goes back to."""
        return None

    def ip_words(self, fields: frozenset[str]) -> tuple[str, ...]:  # noqa: ARG002 - the same
        """What ip-link(8) takes behind `type KIND` for those of `fields` that only this kind has."""
        return ()

    def birth_data(self, twin: Link | None, twin_netns_fd: int | None) -> bytes:  # noqa: ARG002 - for kinds that have a twin
        """IFLA_INFO_DATA to be made with; the twin shall be in the namespace behind `twin_netns_fd` (None: in the same)."""
        return self.info_data(frozenset(managed_fields(type(self))))

    def info_data(self, fields: frozenset[str]) -> bytes:  # noqa: ARG002 - for kinds that have fields of their own
        """IFLA_INFO_DATA that sets those of `fields` that are the kind's own and not None; empty if none is."""
        return b""

    @classmethod
    def read_info_data(cls, data: bytes, other: LinkKey | None) -> dict[str, Any]:  # noqa: ARG003 - the same
        """The kind's own fields from IFLA_INFO_DATA, by name. `other`: the link that IFLA_LINK means, where that was found.

        Raises ValueError where it cannot be read.
        """
        return {}

    def veiled(self, observed: Link) -> frozenset[str]:  # noqa: ARG002 - for kinds that have such fields
        """Names of the managed fields that the kernel shows otherwise at this moment than they are set."""
        return frozenset()

    def fixed(self, observed: Link) -> frozenset[str]:
        """Of the differences those for which it must be made anew."""
        return self.differences(observed) & self.recreate_on

    def differences(self, observed: Link) -> frozenset[str]:
        """Names of the managed fields in which `observed` is not as wanted here."""
        return frozenset(
            name
            for name in managed_fields(type(self))
            if (want := getattr(self, name)) is not None and want != getattr(observed, name, None)
        )

    def changes(self, observed: Link, earlier: Link | None) -> frozenset[str]:
        """Names of the managed fields that are to be set. What cannot be seen at this moment is as `earlier` stated it."""
        differences = self.differences(observed)
        veiled = self.veiled(observed) & differences if differences else differences
        return differences - {name for name in veiled if type(earlier) is type(self) and getattr(earlier, name) == getattr(self, name)}


_managed: dict[type[Link], tuple[str, ...]] = {}


def managed_fields(cls: type[Link]) -> tuple[str, ...]:
    """The fields of a link class that are compared: all but what identifies or only describes it."""
    known = _managed.get(cls)
    if known is None:
        known = _managed[cls] = tuple(f.name for f in fields(cls) if f.name != "name" and f.compare)
    return known


ADDRGENMODE_EUI64 = 0
ADDRGENMODE_NONE = 1
ADDRGENMODE_STABLE_PRIVACY = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """What only the kernel knows of a link: never desired, kept beside the link."""

    index: int
    permanent_mac: str | None = None
    """The address burnt into a NIC (IFLA_PERM_ADDRESS)."""
    bus: str | None = None
    """The parent device's bus (IFLA_PARENT_DEV_BUS_NAME), e.g. `pci`."""
    device: str | None = None
    """The parent device's name (IFLA_PARENT_DEV_NAME), e.g. `0000:03:00.0`."""
    kind: str = ""
    """IFLA_INFO_KIND, also of kinds that no file here describes."""
    txqlen: int | None = None
    group: int = 0
    addrgenmode: int | None = None
