"""What the database keeps as JSON: claims, loans and text maps, each written out field by field and read back the same.

By hand, because the database outlives the program: a field that is renamed in the model must not silently change what
an older version wrote. A change of these shapes is a migration of the database (`schema.MIGRATIONS`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from netwright.model.docker import Attachment
from netwright.model.link import LinkKey
from netwright.model.loan import ConnectionLoan, DetachmentLoan, Loan, NicLoan, SysctlLoan
from netwright.model.netns import from_key
from netwright.model.route import Address, Route
from netwright.model.state import Claims


def dump_texts(texts: Mapping[str, str]) -> str:
    """Leases and fingerprints: a JSON object of strings."""
    return _dump(dict(texts))


def load_texts(text: str) -> dict[str, str]:
    """The inverse of `dump_texts`. Raises ValueError on what it did not write."""
    data = json.loads(text)
    if not isinstance(data, dict) or not all(isinstance(value, str) for value in data.values()):
        raise ValueError("not an object of strings")
    return data


def dump_claims(claims: Claims) -> str:
    """`{"netns": [KEY…], "links": [[KEY, NAME]…], "docker_networks": [NAME…]}`, each sorted."""
    return _dump(
        {
            "netns": sorted(ref.key for ref in claims.netns),
            "links": sorted([link.netns.key, link.name] for link in claims.links),
            "docker_networks": sorted(claims.docker_networks),
        }
    )


def load_claims(text: str) -> Claims:
    """The inverse of `dump_claims`. Raises ValueError, KeyError or TypeError on what it did not write."""
    data = json.loads(text)
    return Claims(
        netns=frozenset(from_key(key) for key in data["netns"]),
        links=frozenset(LinkKey(from_key(key), name) for key, name in data["links"]),
        docker_networks=frozenset(data["docker_networks"]),
    )


def dump_loans(loans: Sequence[Loan]) -> str:
    """A list, in order; each with a `loan` that tells which it is."""
    return _dump([_loan(loan) for loan in loans])


def load_loans(text: str) -> tuple[Loan, ...]:
    """The inverse of `dump_loans`. Raises ValueError, KeyError or TypeError on what it did not write."""
    return tuple(_load_loan(data) for data in json.loads(text))


def _load_loan(data: Mapping[str, Any]) -> Loan:
    match data["loan"]:
        case "nic":
            return _load_nic(data)
        case "sysctl":
            return SysctlLoan(netns=from_key(data["netns"]), key=data["key"], value=data["value"])
        case "connection":
            return ConnectionLoan(container=data["container"], network=data["network"])
        case "detachment":
            return DetachmentLoan(container=data["container"], attachment=_load_attachment(data["attachment"]))
        case other:
            raise ValueError(f"a loan of the kind {other!r}")


def _loan(loan: Loan) -> dict[str, Any]:
    match loan:
        case NicLoan():
            return _nic(loan)
        case SysctlLoan():
            return {"loan": "sysctl", "netns": loan.netns.key, "key": loan.key, "value": loan.value}
        case ConnectionLoan():
            return {"loan": "connection", "container": loan.container, "network": loan.network}
        case DetachmentLoan():
            return {"loan": "detachment", "container": loan.container, "attachment": _attachment(loan.attachment)}


def _nic(loan: NicLoan) -> dict[str, Any]:
    return {
        "loan": "nic",
        "home": loan.home.key,
        "name": loan.name,
        "netns": loan.netns.key,
        "new_name": loan.new_name,
        "mac": loan.mac,
        "permanent_mac": loan.permanent_mac,
        "mtu": loan.mtu,
        "up": loan.up,
        "master": loan.master,
        "alias": loan.alias,
        "txqlen": loan.txqlen,
        "group": loan.group,
        "addrgenmode": loan.addrgenmode,
        "addresses": [_address(address) for address in loan.addresses],
        "routes": [_route(route) for route in loan.routes],
        "sysctls": dict(loan.sysctls),
    }


def _load_nic(data: Mapping[str, Any]) -> NicLoan:
    return NicLoan(
        home=from_key(data["home"]),
        name=data["name"],
        netns=from_key(data["netns"]),
        new_name=data["new_name"],
        mac=data["mac"],
        permanent_mac=data["permanent_mac"],
        mtu=data["mtu"],
        up=data["up"],
        master=data["master"],
        alias=data["alias"],
        txqlen=data["txqlen"],
        group=data["group"],
        addrgenmode=data["addrgenmode"],
        addresses=tuple(_load_address(address) for address in data["addresses"]),
        routes=tuple(_load_route(route) for route in data["routes"]),
        sysctls=data["sysctls"],
    )


def _attachment(attachment: Attachment) -> dict[str, Any]:
    return {
        "network": attachment.network,
        "ipv4": attachment.ipv4,
        "ipv6": attachment.ipv6,
        "gateway4": attachment.gateway4,
        "gateway6": attachment.gateway6,
        "aliases": list(attachment.aliases),
        "links": list(attachment.links),
        "mac": attachment.mac,
        "link_local": list(attachment.link_local),
        "driver_options": dict(attachment.driver_options),
        "gateway_priority": attachment.gateway_priority,
    }


def _load_attachment(data: Mapping[str, Any]) -> Attachment:
    return Attachment(
        network=data["network"],
        ipv4=data["ipv4"],
        ipv6=data["ipv6"],
        gateway4=data["gateway4"],
        gateway6=data["gateway6"],
        aliases=tuple(data["aliases"]),
        links=tuple(data["links"]),
        mac=data["mac"],
        link_local=tuple(data["link_local"]),
        driver_options=data["driver_options"],
        gateway_priority=data["gateway_priority"],
    )


def _address(address: Address) -> dict[str, Any]:
    return {
        "dev": address.dev,
        "cidr": address.cidr,
        "peer": address.peer,
        "scope": address.scope,
        "label": address.label,
        "broadcast": address.broadcast,
        "flags": address.flags,
        "valid_seconds": address.valid_seconds,
        "preferred_seconds": address.preferred_seconds,
    }


def _load_address(data: Mapping[str, Any]) -> Address:
    return Address(
        dev=data["dev"],
        cidr=data["cidr"],
        peer=data["peer"],
        scope=data["scope"],
        label=data["label"],
        broadcast=data["broadcast"],
        flags=data["flags"],
        valid_seconds=data["valid_seconds"],
        preferred_seconds=data["preferred_seconds"],
    )


def _route(route: Route) -> dict[str, Any]:
    return {
        "to": route.to,
        "via": route.via,
        "dev": route.dev,
        "source": route.source,
        "metric": route.metric,
        "table": route.table,
        "kind": route.kind,
        "scope": route.scope,
        "onlink": route.onlink,
        "mtu": route.mtu,
        "protocol": route.protocol,
    }


def _load_route(data: Mapping[str, Any]) -> Route:
    return Route(
        to=data["to"],
        via=data["via"],
        dev=data["dev"],
        source=data["source"],
        metric=data["metric"],
        table=data["table"],
        kind=data["kind"],
        scope=data["scope"],
        onlink=data["onlink"],
        mtu=data["mtu"],
        protocol=data["protocol"],
    )


def _dump(data: Any) -> str:
    return json.dumps(data, separators=(",", ":"))
