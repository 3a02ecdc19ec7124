"""Who is let in through published ports, read from a table's sets and maps: what was so far, and what shall be.

Connections are translated by their first packet (`netwright.firewall.publishing`); so who is let in no more would stay for as long as
the connection lives, if it were not forgotten.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Iterator, Mapping

from netwright.firewall.mark import PROTOCOLS_BY_NUMBER
from netwright.model.firewall import Admission, Published
from netwright.model.nft_text import Elements

_LISTEN = re.compile(r"listen_(?P<class>address|interface|anywhere)(?P<family>[46])")
_VERDICT = re.compile(r"jump [a-z]+(?:_(?P<sources>from[46]_\d+)|[46]_everybody)")


def narrowed(before: Elements, after: Elements, addresses: Mapping[str, Iterable[str]]) -> frozenset[Admission]:
    """All that `after` lets in through the ports through which `before` lets in others as well; empty where there is no such port.

    `addresses`: interface → its addresses.
    """
    had, has = _by_port(before, addresses), _by_port(after, addresses)
    return frozenset(
        admission
        for published, admissions in has.items()
        if not all(any(_holds(new, old) for new in admissions) for old in had.get(published, ()))
        for admission in admissions
    )


def _by_port(elements: Elements, addresses: Mapping[str, Iterable[str]]) -> dict[Published, set[Admission]]:
    found: dict[Published, set[Admission]] = {}
    for name, there in elements.items():
        if (listen := _LISTEN.fullmatch(name)) is None:
            continue
        goals = dict(one.split(" : ") for one in elements.get(name.replace("listen_", "target_"), ()))
        for one in there:
            key, _, verdict = one.partition(" : ")
            goal, jump = goals.get(key), _VERDICT.fullmatch(verdict)
            if goal is None or jump is None:
                continue
            *where, protocol, port = key.split(" . ")
            target, target_port = goal.split(" . ")
            published = Published(PROTOCOLS_BY_NUMBER.get(protocol, protocol), int(port), target, int(target_port))
            sources = tuple(sorted(elements.get(jump["sources"], ()))) if jump["sources"] else None
            for address in _addresses(listen["class"], where, addresses, int(listen["family"])):
                found.setdefault(published, set()).add(Admission(published=published, sources=sources, address=address))
    return found


def _addresses(class_: str, where: list[str], addresses: Mapping[str, Iterable[str]], version: int) -> Iterator[str | None]:
    """By which addresses a port is asked for; None: by any."""
    if class_ == "address":
        yield where[0]
        return
    own = addresses.get(where[0].strip('"'), ()) if class_ == "interface" else ()
    known = [address for address in own if ipaddress.ip_address(address).version == version]
    yield from known
    if not known:
        yield None


def _holds(new: Admission, old: Admission) -> bool:
    """Whether `new` lets in all that `old` does."""
    if new.address not in (None, old.address):
        return False
    if new.sources is None or new.sources == old.sources:
        return True
    wide = [ipaddress.ip_network(prefix) for prefix in new.sources]
    narrow = [ipaddress.ip_network(prefix) for prefix in old.sources or ("0.0.0.0/0", "::/0")]
    return all(any(inner.version == outer.version and inner.subnet_of(outer) for outer in wide) for inner in narrow)  # type: ignore[arg-type]
