"""Which stack a published port goes into, and what its file is then."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from netwright.errors import InvalidValue, NetwrightError, Refused, SpecError
from netwright.model.docker import Container, DockerState, PortBinding
from netwright.revising.publication import Base, Publish, Unpublish
from netwright.revising.request import parse_listened, parse_port
from netwright.spec.document import Document
from netwright.spec.load import parse

SHOP = """\
version: 1
name: shop
namespaces:
  gate: {interfaces: {up: {peer: {namespace: host, interface: gate0}, addresses: [192.0.2.2/24]}}}
host: {interfaces: {gate0: {peer: {namespace: gate, interface: up}, addresses: [192.0.2.1/24]}}}
containers:
  front: {docker: shop.web-1, publish: ["80:80", "10.0.0.1:81:80"]}
  db:
"""


def docker(*names: str, bindings: tuple[PortBinding, ...] = ()) -> Callable[[], DockerState]:
    containers = {name: Container(name=name, id=f"{number:064x}", pid=number, bindings=bindings) for number, name in enumerate(names, 1)}
    return lambda: DockerState(containers=containers)


def stacks(*texts: str) -> dict[str, Document]:
    documents = [parse(text, f"{number}.yaml") for number, text in enumerate(texts)]
    return {document.spec.name: document for document in documents}


def publish(
    target: str, port: str, *texts: str, look: Callable[[], DockerState], stack: str | None = None, **options: str | list[str]
) -> tuple[str, str]:
    """The stack, and its new file."""
    sources = options.get("sources", [])
    change = Publish(target=target, port=parse_port(port, from_=sources, source=str(options.get("source", "masquerade"))), stack=stack)
    revised = change(stacks(*texts), look)
    assert revised.document is not None
    return revised.stack, revised.document.text


def test_a_container_that_no_file_knows_gets_a_stack_for_such_ports() -> None:
    stack, first = publish("web", "8080:80", look=docker("web", "db"))
    assert stack == "published"
    assert first == (
        "# Made by netwright publish; netwright unpublish takes ports out again.\n"
        'version: 1\nname: published\ncontainers:\n  web:\n    publish:\n      - "8080:80"\n'
    )
    _, second = publish(
        "db", "[fd00::1]:53-55:153-155/udp", first, look=docker("web", "db"), sources=["fd00::/8,2001:db8::/32"], source="preserve"
    )
    assert second == first + (
        '  db:\n    publish:\n      - {listen: "[fd00::1]:53-55/udp", from: ["fd00::/8", "2001:db8::/32"], to: 153-155, source: preserve}\n'
    )


def test_a_container_is_published_to_in_the_stack_that_knows_it_by_whatever_name() -> None:
    look = docker("shop.web-1", "db")
    for target in ("shop.web-1", f"{1:064x}"):
        assert publish(target, "eth1:8443:443", SHOP, look=look) == (
            "shop",
            SHOP.replace('"10.0.0.1:81:80"', '"10.0.0.1:81:80", "eth1:8443:443"'),
        )
    # The name of the file counts where Docker has no container of it.
    assert publish("front", "82:80", SHOP, look=docker("db"))[0] == "shop"


def test_a_namespace_is_published_to_from_the_host() -> None:
    assert publish("gate", "53:53/udp", SHOP, look=docker())[1] == SHOP.replace(
        "addresses: [192.0.2.1/24]}}}", 'addresses: [192.0.2.1/24]}}, publish: [{listen: 53/udp, to: "gate:53"}]}'
    )


def test_a_name_that_a_file_has_for_another_is_not_taken_twice() -> None:
    stack, text = publish("db", "8080:80", "version: 1\nname: mine\ncontainers: {db: {docker: other}}\n", look=docker("db"), stack="mine")
    assert stack == "mine"
    assert text == 'version: 1\nname: mine\ncontainers: {db: {docker: other}, db-f047a9cb: {docker: db, publish: ["8080:80"]}}\n'


def refusal(change: Publish | Unpublish, *texts: str, look: Callable[[], DockerState]) -> tuple[str, str | None]:
    with pytest.raises(NetwrightError) as raised:
        change(stacks(*texts), look)
    return str(raised.value), raised.value.hint


def test_what_cannot_be_published_is_said() -> None:
    port = parse_port("80:80")
    look = docker("shop.web-1", "db", "web")
    assert refusal(Publish(target="wep", port=port), look=look) == (
        "There is no container wep, and no namespace of that name in any stack.",
        "did you mean web?",
    )
    assert refusal(Publish(target="wep", port=port), look=lambda: DockerState(reachable=False, why="no Docker Engine answers")) == (
        "wep is no container and no namespace of any stack, and Docker cannot be asked: no Docker Engine answers.",
        None,
    )
    other = "version: 1\nname: other\ncontainers: {db: {}}\n"
    assert refusal(Publish(target="db", port=port), SHOP, other, look=look) == (
        "db is in several stacks: shop, other.",
        "say which one: --stack NAME",
    )
    assert refusal(Publish(target="db", port=port, stack="shop"), SHOP, other, look=look) == (
        "80/tcp of the host is published already, to front (stack shop).",
        None,
    )
    narrowed = parse_port("80:80", from_=["10.0.0.0/8"])
    assert refusal(Publish(target="shop.web-1", port=narrowed), SHOP, look=look) == (
        "shop.web-1 has that port published already, otherwise: 80/tcp → 80 (stack shop).",
        "--replace puts this in its place",
    )
    overlapping = parse_port("79-81:79-81")
    with pytest.raises(SpecError, match="port 80/tcp of host is published already"):
        Publish(target="db", port=overlapping, stack="shop")(stacks(SHOP), look)


def test_the_same_again_changes_nothing_and_replacing_changes_the_one_entry() -> None:
    look = docker("shop.web-1")
    again = Publish(target="front", port=parse_port("80:80"))(stacks(SHOP), look)
    assert again.document is not None
    assert again.document.text == SHOP
    instead = Publish(target="front", port=parse_port("80:8000", from_=["10.0.0.0/8"]), replace=True)(stacks(SHOP), look)
    assert instead.document is not None
    assert instead.document.text == SHOP.replace(
        '["80:80", "10.0.0.1:81:80"]', '["10.0.0.1:81:80", {listen: 80/tcp, from: [10.0.0.0/8], to: 8000}]'
    )
    assert instead.document.source == "0.yaml (with netwright publish)"


def test_a_port_is_taken_back_by_itself_with_its_address_or_all_together() -> None:
    look = docker("shop.web-1")
    for listen, left in (("80", '["10.0.0.1:81:80"]'), ("10.0.0.1:81", '["80:80"]'), ("81", '["80:80"]'), ("80:80", '["10.0.0.1:81:80"]')):
        revised = Unpublish(target="shop.web-1", listen=parse_listened(listen))(stacks(SHOP), look)
        assert revised.document is not None
        assert revised.document.text == SHOP.replace('["80:80", "10.0.0.1:81:80"]', left)
    everything = Unpublish(target="front", listen=None)(stacks(SHOP), docker())
    assert everything.document is not None
    assert everything.document.text == SHOP.replace(', publish: ["80:80", "10.0.0.1:81:80"]', "")


def test_a_stack_that_was_made_for_published_ports_goes_with_the_last_of_them() -> None:
    look = docker("web", "db")
    _, one = publish("web", "8080:80", look=look)
    _, two = publish("db", "8081:80", one, look=look)
    documents = {"published": parse(two, "netwright publish")}
    back = Unpublish(target="db", listen=None)(documents, look)
    assert back.document is not None
    assert back.document.text == one
    assert Unpublish(target="web", listen=None)({"published": parse(one, "netwright publish")}, look).document is None


def test_what_is_not_published_is_said() -> None:
    look = docker("shop.web-1", bindings=(PortBinding(protocol="tcp", host_ip="0.0.0.0", host_port=9090, container_port=90),))
    front = "shop.web-1"
    assert refusal(Unpublish(target=front, listen=parse_listened("90")), SHOP, look=look) == (
        "90/tcp is not published to shop.web-1.",
        "it has 80/tcp → 80 (stack shop); 10.0.0.1:81/tcp → 80 (stack shop)",
    )
    assert refusal(Unpublish(target=front, listen=parse_listened("9090")), SHOP, look=look) == (
        "Docker itself publishes 9090/tcp to shop.web-1 (docker run -p), and no stack does.",
        "netwright publish with --from shuts others out; without the port at all, start the container anew",
    )
    assert refusal(Unpublish(target="db", listen=None), SHOP, look=look) == (
        "db has nothing published by a stack.",
        "netwright status lists what stacks publish",
    )
    several = SHOP.replace('"80:80", ', '"10.0.0.2:81:80", ')
    assert refusal(Unpublish(target=front, listen=parse_listened("81")), several, look=look) == (
        "Several are meant: 10.0.0.2:81/tcp → 80 (stack shop); 10.0.0.1:81/tcp → 80 (stack shop).",
        "say which one: with its address or interface, as in 10.0.0.1:8080, or --stack NAME",
    )


def test_a_file_that_is_to_be_changed_as_well_must_be_what_was_committed() -> None:
    base = Base(stack="shop", text=SHOP, source="shop.yaml")
    change = Publish(target="db", port=parse_port("8080:80"), base=base)
    revised = change(stacks(SHOP), docker("db"))
    assert revised.document is not None
    assert (revised.document.source, revised.document.text) == ("shop.yaml", SHOP + '    publish:\n      - "8080:80"\n')
    assert refusal(change, SHOP + "# more\n", look=docker("db")) == (
        "shop.yaml is not what was applied last: changing it would do more than was asked for.",
        "netwright apply shop.yaml first",
    )
    assert refusal(change, look=docker("db"))[0] == "The stack shop is not there yet: changing it would do more than was asked for."


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("8080", "8080: a port of the host and one of the target are needed"),
        ("8080/udp", "8080/udp: a port of the host and one of the target are needed"),
        ("80-90:80-91", "80-90:80-91: a range maps to a range of the same size, or to one port"),
        ("80:80/icmp", "'icmp' is not a protocol: tcp, udp or sctp"),
        ("0:80", "0 is not a port: 1 to 65535"),
        ("fd00::1:80:80", r"'fd00::1:80:80' is not \[ADDRESS:\]PORT:CONTAINERPORT"),
    ],
)
def test_a_port_that_cannot_be_meant(text: str, message: str) -> None:
    with pytest.raises(InvalidValue, match=message):
        parse_port(text)


def test_what_others_share_is_refused() -> None:
    text = "version: 1\nname: mine\nx-p: &p ['1:1']\ncontainers: {web: {publish: *p}}\n"
    with pytest.raises(Refused, match="cannot be changed without changing more than it"):
        Publish(target="web", port=parse_port("2:2"))(stacks(text), docker("web"))
