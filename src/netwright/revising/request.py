"""What a command line asks for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from netwright.errors import InvalidValue
from netwright.model.address import parse_prefix
from netwright.revising.surgery import Value
from netwright.spec.values import Listen, Ports, parse_listen, parse_short_publish

SOURCES = ("masquerade", "preserve")


@dataclass(frozen=True, slots=True, kw_only=True)
class Port:
    """A port of the host, and what it leads to."""

    listen: Listen
    to: Ports
    sources: tuple[str, ...] | None = None
    """Who may use it: prefixes; None: anyone."""
    source: str = "masquerade"

    def same(self, other: Port) -> bool:
        """Whether one does what the other does."""
        mine, theirs = self.sources, other.sources
        return (self.listen, self.to, self.source) == (other.listen, other.to, other.source) and (
            mine == theirs if mine is None or theirs is None else set(mine) == set(theirs)
        )

    def words(self) -> str:
        """`8080/tcp → 80, for 10.0.0.0/16 only`."""
        text = f"{self.listen} → {self.to}"
        if self.sources is not None:
            text += f", for {', '.join(self.sources)} only"
        return f"{text}, source preserved" if self.source == "preserve" else text

    def of_container(self) -> Value:
        """As an element of `containers.X.publish`: Docker's short form where that says all."""
        if self.sources is None and self.source == "masquerade":
            listen, slash, protocol = str(self.listen).rpartition("/")
            return f"{listen}:{self.to}" + (slash + protocol if protocol != "tcp" else "")
        return self._long(self.to.first if len(self.to) == 1 else str(self.to))

    def of_host(self, name: str) -> Value:
        """As an element of `host.publish`, to the namespace `name`."""
        return self._long(f"{name}:{self.to}")

    def _long(self, to: str | int) -> Value:
        entry: dict[str, Value] = {"listen": str(self.listen)}
        if self.sources is not None:
            entry["from"] = list(self.sources)
        entry["to"] = to
        return {**entry, "source": self.source} if self.source != "masquerade" else entry


def parse_port(ports: str, *, from_: Sequence[str] = (), source: str = "masquerade") -> Port:
    """`8080:80`, `10.0.0.1:8080:80`, `eth1:5000-5009:6000-6009/udp`. Raises InvalidValue."""
    if ports.rpartition("/")[0].isdigit() or ports.isdigit():
        number = ports.partition("/")[0]
        raise InvalidValue(
            f"{ports}: a port of the host and one of the target are needed", hint=f"write {number}:{number} for the same port"
        )
    listen, to = parse_short_publish(ports)
    if len(to) not in (1, len(listen.ports)):
        raise InvalidValue(f"{ports}: a range maps to a range of the same size, or to one port")
    if source not in SOURCES:
        raise InvalidValue(f"{source!r} is neither masquerade nor preserve")
    prefixes = tuple(dict.fromkeys(parse_prefix(part.strip()) for one in from_ for part in one.split(",")))
    return Port(listen=listen, to=to, sources=prefixes or None, source=source)


def parse_listened(text: str) -> Listen:
    """What `unpublish` takes: `8080`, `8080/udp`, `10.0.0.1:8080`; `8080:80`, as it was published, too. Raises InvalidValue."""
    try:
        return parse_short_publish(text)[0]
    except InvalidValue:
        return parse_listen(text)
