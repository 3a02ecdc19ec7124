"""Somebody for whom a port is not published, and who was let in before, or asks for it by other ways."""

from __future__ import annotations

from collections.abc import Iterator

from callers import conversation, goes_on
from stacks import HOST, Stacks, ask, run, serving

from torture.intruders import shop, some


def who_was_let_in_before(stacks: Stacks, every: int) -> Iterator[str]:
    """past `from`: connections from before it was narrowed"""
    port = 'host: {{publish: [{{listen: "{}/{}", to: "web:80", from: [{}, "fd09::/48"], source: {}}}]}}\n'
    changes = [
        (("8080", "10.9.0.0/16"), ("8080", "10.9.0.0/24")),
        (("eth1:8080", "10.9.0.0/16"), ("eth1:8080", "10.9.0.9/32, 10.9.2.0/24")),
        (("8080", "10.9.0.0/16"), ("127.0.0.1:8080", "127.0.0.0/8")),
        (("8080", "10.9.0.0/16"), ("br-back:8080", "10.9.0.0/16")),
    ]
    for before, after in changes[: None if every == 1 else 1]:
        for protocol in ("tcp", "udp"):
            for source in some(("masquerade", "preserve"), every):
                if "127." in after[0]:
                    continue
                stacks.apply(shop(more=port.format(before[0], protocol, before[1], source)))
                with conversation("web", "ext", "10.9.0.1", 8080, protocol, "10.9.1.9") as talk:
                    assert goes_on(talk)
                    stacks.apply(shop(more=port.format(after[0], protocol, after[1], source)))
                    yield f"{protocol} to {before} went on when it was {after}" if goes_on(talk) else ""
    stacks.destroy("shop")


def who_is_let_in_still(stacks: Stacks, every: int) -> Iterator[str]:
    """those who are let in, when others are not any more"""
    port = 'host: {{publish: [{{listen: 8080/{}, to: "web:80", from: [{}]}}]}}\n'
    for protocol in ("tcp", "udp"):
        stacks.apply(shop(more=port.format(protocol, "10.9.0.0/16")))
        with conversation("web", "ext", "10.9.0.1", 8080, protocol, "10.9.0.9") as talk:
            assert goes_on(talk)
            stacks.apply(shop(more=port.format(protocol, "10.9.0.0/24")))
            yield "" if goes_on(talk) else f"{protocol}: a client in 10.9.0.0/24 was cut off as well"
            assert ask("ext", "10.9.0.1", 8080, protocol, source="10.9.1.9") in ("refused", "silence")
    stacks.destroy("shop")


def ports_by_other_ways(stacks: Stacks, every: int) -> Iterator[str]:
    """past `from` and `listen`: other addresses, interfaces and ports"""
    publishes = (
        '{listen: "eth1:8080/udp", to: "web:53"}',
        '{listen: "10.9.0.1:8081-8083/udp", to: "web:53", from: [10.9.0.0/24]}',
        '{listen: 8090/udp, to: "web:53", from: [10.9.0.0/24]}',
    )
    stacks.apply(shop(more=f"host: {{publish: [{', '.join(publishes)}]}}\n"))
    run("ip", "route", "add", "10.30.0.0/15", "via", "10.9.0.1", netns="ext")
    with serving("web", "10.30.0.10", 53, protocol="udp"):
        for netns, address, port, source, served in (
            ("ext", "10.9.0.1", 8080, "", True),
            ("mate", "10.9.0.1", 8080, "", False),
            ("db", "10.9.0.1", 8080, "", False),
            (HOST, "10.9.0.1", 8080, "", False),
            ("ext", "10.30.0.1", 8080, "", False),
            ("ext", "10.9.0.1", 8081, "10.9.0.9", True),
            ("ext", "10.9.0.1", 8083, "10.9.0.9", True),
            ("ext", "10.9.0.1", 8084, "10.9.0.9", False),
            ("ext", "10.9.0.1", 8081, "10.9.1.9", False),
            ("db", "10.9.0.1", 8081, "", False),
            ("ext", "10.30.0.1", 8081, "10.9.0.9", False),
            ("ext", "10.9.0.1", 8090, "10.9.1.9", False),
            ("mate", "10.30.0.1", 8090, "", False),
        ):
            told = ask(netns, address, port, "udp", source=source, seconds=1).split()[0]
            expected = "served" if served else "refused"
            yield "" if told == expected else f"{netns or 'the host'} {source} was {told} at {address}:{port}, and not {expected}"
    stacks.destroy("shop")


GATECRASHERS = (who_was_let_in_before, who_is_let_in_still, ports_by_other_ways)
