"""Which notices concern which stack, and in which words."""

from __future__ import annotations

import pytest
from scene import host, link, resolved, state

from netwright.engine.outcome import StackStatus
from netwright.keeping.interest import Interest, clause, concerns, displaces, follows, interest_of
from netwright.model.netns import HOST, container, named
from netwright.model.notice import Kind, Notice

SHOP = """\
version: 1
name: shop
networks:
  lan: {bridge: br7, subnets: [10.77.0.0/24]}
  custom: {managed_by: docker, bridge: docker7, subnets: [172.30.0.0/16]}
namespaces:
  a: {interfaces: {eth0: {network: lan, address: 10.77.0.10}}}
host:
  publish: [{listen: 8080/tcp, to: "a:80"}]
  routes: [{to: 198.51.100.0/24, via: 10.77.0.10}]
containers:
  web: {networks: {custom: {}}}
"""


def interest(text: str = SHOP) -> Interest:
    observed = state(host(link("br7", alias="netwright:shop")))
    return interest_of(
        StackStatus(
            name="shop",
            source="shop.yaml",
            committed_at=1.0,
            spec_text=text,
            drift=None,
            trouble=None,
            observed=observed,
            desired=resolved(text, observed).desired.state,
            unfinished=False,
        )
    )


def test_a_stack_cares_about_its_namespaces_its_links_its_table_and_its_containers() -> None:
    found = interest()
    assert found.namespaces == {HOST, named("a")}
    assert (found.places[named("a")].owned, found.places[HOST].owned) == (True, False)
    assert {"br7"} < found.places[HOST].links
    assert found.places[HOST].indexes == {2}
    assert "198.51.100.0/24" in found.places[HOST].destinations
    assert (found.table, found.forwards, found.docker) == ("nw_shop", True, True)
    assert (found.containers, found.docker_networks) == ({"web"}, {"custom"})


@pytest.mark.parametrize(
    "notice",
    [
        Notice(kind=Kind.LINK, netns=HOST, subject="br7", gone=True),
        Notice(kind=Kind.LINK, netns=named("a"), subject="whatever"),
        Notice(kind=Kind.ADDRESS, netns=HOST, subject="10.77.0.1/24", index=2, gone=True),
        Notice(kind=Kind.ADDRESS, netns=named("a"), subject="10.77.0.10/24", index=77),
        Notice(kind=Kind.ROUTE, netns=HOST, subject="203.0.113.0/24", protocol=78, gone=True),
        Notice(kind=Kind.ROUTE, netns=HOST, subject="198.51.100.0/24", protocol=4),
        Notice(kind=Kind.SETTING, netns=HOST),
        Notice(kind=Kind.TABLE, netns=HOST, subject="nw_shop", part="table", gone=True),
        Notice(kind=Kind.TABLE, netns=HOST, subject="nw_shop", part="element"),
        Notice(kind=Kind.TABLE, netns=HOST, subject="filter", part="DOCKER-USER"),
        Notice(kind=Kind.TABLE, netns=HOST, subject="firewalld", part="table"),
        Notice(kind=Kind.NAMESPACE, netns=named("a"), subject="a", gone=True),
        Notice(kind=Kind.CONTAINER, subject="web", action="start"),
        Notice(kind=Kind.CONTAINER, subject="somebody", action="rename"),
        Notice(kind=Kind.DOCKER_NETWORK, subject="custom", action="destroy"),
        Notice(kind=Kind.ENGINE),
        Notice(kind=Kind.LOST),
    ],
    ids=clause,
)
def test_what_touches_a_stack_concerns_it(notice: Notice) -> None:
    assert concerns(interest(), notice)


@pytest.mark.parametrize(
    "notice",
    [
        Notice(kind=Kind.LINK, netns=HOST, subject="veth1234", index=9),
        Notice(kind=Kind.LINK, netns=named("b"), subject="br7"),
        Notice(kind=Kind.ADDRESS, netns=HOST, subject="10.77.0.1/24", index=9),
        Notice(kind=Kind.ROUTE, netns=HOST, subject="203.0.113.0/24", protocol=4),
        Notice(kind=Kind.RULE, netns=HOST, subject="100"),
        Notice(kind=Kind.TABLE, netns=HOST, subject="nw_other", part="table", gone=True),
        Notice(kind=Kind.TABLE, netns=HOST, subject="filter", part="DOCKER"),
        Notice(kind=Kind.TABLE, netns=HOST, subject="f2b", part="element"),
        Notice(kind=Kind.TABLE, netns=named("b"), subject="nw_shop", part="table"),
        Notice(kind=Kind.TABLE, netns=HOST, subject="nw_shop", part="table", own=True),
        Notice(kind=Kind.NAMESPACE, netns=named("b"), subject="b"),
        Notice(kind=Kind.CONTAINER, subject="somebody", action="start"),
        Notice(kind=Kind.DOCKER_NETWORK, subject="bridge", action="connect"),
        Notice(kind=Kind.ENGINE, gone=True),
        Notice(kind=Kind.STATE),
    ],
    ids=clause,
)
def test_what_others_do_and_what_the_daemon_itself_does_concerns_nobody(notice: Notice) -> None:
    assert not concerns(interest(), notice)


def test_containers_that_are_chosen_by_label_may_be_any() -> None:
    labelled = interest(SHOP.replace("web: {networks", "web: {docker: {label: role=web}, networks"))
    assert labelled.containers is None
    assert concerns(labelled, Notice(kind=Kind.CONTAINER, subject="somebody", action="start"))


def test_policies_follow_containers_to_whatever_network_and_their_table_is_watched() -> None:
    policed = interest(SHOP + "policies: [{name: web, from: lan, to: web}]\n")
    assert concerns(policed, Notice(kind=Kind.DOCKER_NETWORK, subject="bridge", action="connect"))
    assert concerns(policed, Notice(kind=Kind.TABLE, netns=HOST, subject="nwp_shop", part="element"))
    for table in ("nw_other", "nwp_other", "nwa_other"):
        assert not concerns(policed, Notice(kind=Kind.TABLE, netns=HOST, subject=table, part="table"))


def test_a_stack_without_docker_does_not_listen_to_it() -> None:
    plain = interest("version: 1\nname: shop\nnamespaces: {a: {}}\n")
    assert not concerns(plain, Notice(kind=Kind.CONTAINER, subject="web", action="start"))
    assert not concerns(plain, Notice(kind=Kind.ENGINE))
    assert not concerns(plain, Notice(kind=Kind.TABLE, netns=HOST, subject="firewalld", part="table"))


def test_notices_are_told_in_words() -> None:
    assert [
        clause(notice)
        for notice in (
            Notice(kind=Kind.TABLE, netns=HOST, subject="nw_shop", part="table", gone=True, by="nft (PID 123)"),
            Notice(kind=Kind.LINK, netns=named("a"), subject="eth0", gone=True),
            Notice(kind=Kind.ADDRESS, netns=container("web"), subject="10.0.0.1/8"),
            Notice(kind=Kind.ROUTE, netns=named("a"), subject="0.0.0.0/0", gone=True),
            Notice(kind=Kind.RULE, netns=named("a"), subject="7800"),
            Notice(kind=Kind.NAMESPACE, netns=named("a"), subject="a", gone=True),
            Notice(kind=Kind.SETTING, netns=HOST),
            Notice(kind=Kind.CONTAINER, subject="web", action="start"),
            Notice(kind=Kind.DOCKER_NETWORK, subject="custom", action="destroy"),
            Notice(kind=Kind.ENGINE),
            Notice(kind=Kind.LOST),
        )
    ] == [
        "the nft table nw_shop is gone from the host, by nft (PID 123)",
        "the link eth0 is gone from a",
        "the address 10.0.0.1/8 changed in container web",
        "the route to 0.0.0.0/0 is gone from a",
        "the rule with priority 7800 changed in a",
        "the namespace a is gone",
        "settings changed in the host",
        "the container web: start",
        "the Docker network custom: destroy",
        "the Docker Engine is there",
        "notices were lost",
    ]


def test_a_stack_that_protects_cares_about_every_container_and_every_docker_network() -> None:
    guard = interest("version: 1\nname: shop\nhost: {protect: true}\n")
    assert concerns(guard, Notice(kind=Kind.CONTAINER, subject="somebody", action="start"))
    assert concerns(guard, Notice(kind=Kind.DOCKER_NETWORK, subject="theirs", action="create"))
    assert concerns(guard, Notice(kind=Kind.TABLE, netns=HOST, subject="nw_shop", part="table", gone=True))
    assert not concerns(guard, Notice(kind=Kind.LINK, netns=HOST, subject="veth1234", index=9))


def test_a_container_that_comes_and_goes_is_followed_and_a_flush_is_undone() -> None:
    flushed = Notice(kind=Kind.TABLE, netns=HOST, subject="nw_shop", gone=True)
    assert follows([flushed, Notice(kind=Kind.CONTAINER, subject="web", action="start")])
    assert not follows([flushed, Notice(kind=Kind.LINK, netns=HOST, subject="br-shop", gone=True)])


def test_what_may_be_under_another_number_afterwards_is_learnt_anew() -> None:
    assert displaces(Notice(kind=Kind.NAMESPACE, netns=named("web"), subject="web", gone=True))
    assert displaces(Notice(kind=Kind.LINK, netns=HOST, subject="br-shop"))
    assert not displaces(Notice(kind=Kind.ROUTE, netns=HOST, subject="10.0.0.0/8"))
