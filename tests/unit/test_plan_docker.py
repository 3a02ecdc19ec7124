"""The planner's part for Docker: literal wishes and sights, literal operations and sentences."""

from __future__ import annotations

from dataclasses import replace

import pytest

from netwright.model.docker import Attachment, Container, DockerNetwork, DockerState, DockerSubnet
from netwright.model.loan import DetachmentLoan
from netwright.model.operation import ConnectContainer, CreateDockerNetwork, DisconnectContainer, RemoveDockerNetwork
from netwright.model.state import Claims, Desired, State
from netwright.planning.docker import DockerPart, docker_operations
from netwright.planning.planner import plan

SUBNET = DockerSubnet(subnet="172.30.0.0/16", gateway="172.30.0.1", reserved={"my_netns-uplink": "172.30.0.2"})
WANTED = DockerNetwork(
    name="custom",
    driver="bridge",
    owner="article",
    subnets=(SUBNET,),
    options={"com.docker.network.bridge.name": "docker1"},
    labels={"io.netwright.stack": "article", "team": "net"},
)
THERE = replace(WANTED, id="c0ffee", bridge="docker1")


def desired(*networks, **rest):
    return Desired(stack="article", state=State(), docker_networks={network.name: network for network in networks}, **rest)


def seen(*networks, containers=()):
    return State(
        docker=DockerState(
            networks={network.name: network for network in networks}, containers={container.name: container for container in containers}
        )
    )


def on(**addresses):
    return {network: Attachment(network=network, ipv4=address) for network, address in addresses.items()}


def web(pid=4711, **addresses):
    return Container(name="web", pid=pid, attachments=on(**addresses))


def test_a_network_that_is_not_there_is_created():
    assert docker_operations(desired(WANTED), seen()) == DockerPart(
        create=(CreateDockerNetwork(network=WANTED, why="in the file, not in Docker"),)
    )


def test_a_network_as_wanted_needs_nothing():
    assert docker_operations(desired(WANTED), seen(replace(THERE, used_by=("web",)))) == DockerPart()


def test_what_the_file_does_not_state_is_dockers_choice():
    chosen = replace(THERE, subnets=(replace(SUBNET, gateway="172.30.0.9"),))
    unstated = replace(WANTED, subnets=(replace(SUBNET, gateway=None),))
    assert docker_operations(desired(unstated), seen(chosen)) == DockerPart()
    assert docker_operations(desired(replace(WANTED, subnets=())), seen(THERE)) == DockerPart()


def test_an_ipv6_network_may_have_the_ipv4_subnet_that_docker_gave_it():
    six = DockerSubnet(subnet="fd00:30::/64", gateway="fd00:30::1")
    wanted = replace(WANTED, subnets=(six,), ipv6=True)
    there = replace(THERE, subnets=(DockerSubnet(subnet="172.18.0.0/16", gateway="172.18.0.1"), six), ipv6=True)
    assert docker_operations(desired(wanted), seen(there)) == DockerPart()


def test_options_that_newer_engines_write_themselves_are_no_difference():
    there = replace(THERE, options={**THERE.options, "com.docker.network.enable_ipv4": "true"})
    assert docker_operations(desired(WANTED), seen(there)) == DockerPart()


@pytest.mark.parametrize(
    ("wanted", "there", "why"),
    [
        (WANTED, replace(THERE, driver="macvlan"), "its driver is macvlan, not bridge"),
        (WANTED, replace(THERE, internal=True), "it is internal"),
        (replace(WANTED, internal=True), THERE, "it is not internal"),
        (WANTED, replace(THERE, ipv6=True), "it has IPv6"),
        (replace(WANTED, ipv6=True), THERE, "it has no IPv6"),
        (
            WANTED,
            replace(THERE, subnets=(DockerSubnet(subnet="172.31.0.0/16"), DockerSubnet(subnet="10.9.0.0/24"))),
            "its subnets are 172.31.0.0/16, 10.9.0.0/24, not 172.30.0.0/16",
        ),
        (
            replace(WANTED, subnets=(SUBNET, DockerSubnet(subnet="fd00:30::/64"))),
            THERE,
            "it lacks fd00:30::/64",
        ),
        (
            WANTED,
            replace(THERE, subnets=(replace(SUBNET, gateway="172.30.0.9"),)),
            "its gateway in 172.30.0.0/16 is 172.30.0.9, not 172.30.0.1",
        ),
        (
            WANTED,
            replace(THERE, subnets=(replace(SUBNET, ip_range="172.30.128.0/17"),)),
            "containers get addresses of 172.30.128.0/17, not of 172.30.0.0/16",
        ),
        (
            replace(WANTED, subnets=(replace(SUBNET, reserved={"a": "172.30.0.10", "b": "172.30.0.2", "c": "172.30.0.3"}),)),
            THERE,
            "172.30.0.3, 172.30.0.10 are not reserved in it",
        ),
        (WANTED, replace(THERE, options={}), "it has not the option com.docker.network.bridge.name=docker1"),
        (
            replace(WANTED, options={}),
            replace(THERE, options={"com.docker.network.bridge.enable_ip_masquerade": "false"}),
            "it has the option com.docker.network.bridge.enable_ip_masquerade=false",
        ),
        (
            WANTED,
            replace(THERE, options={"com.docker.network.bridge.name": "docker2"}),
            "its option com.docker.network.bridge.name is docker2, not docker1",
        ),
        (WANTED, replace(THERE, labels={"io.netwright.stack": "article", "team": "ops"}), "its label team is ops, not net"),
        (
            WANTED,
            replace(THERE, driver="macvlan", internal=True),
            "its driver is macvlan, not bridge and it is internal",
        ),
    ],
)
def test_what_differs_is_made_anew_for_that_reason(wanted, there, why):
    assert docker_operations(desired(wanted), seen(there)) == DockerPart(
        remove=(RemoveDockerNetwork(name="custom", why=f"made anew: {why}"),),
        create=(CreateDockerNetwork(network=wanted, why=f"made anew: {why}"),),
    )


def test_more_may_be_reserved_than_is_needed():
    there = replace(THERE, subnets=(replace(SUBNET, reserved={"other": "172.30.0.2", "spare": "172.30.0.3"}),))
    assert docker_operations(desired(WANTED), seen(there)) == DockerPart()


def test_an_address_that_docker_gives_to_nobody_needs_no_reservation():
    outside = replace(SUBNET, ip_range="172.30.128.0/17", reserved={"my_netns-uplink": "172.30.0.2"})
    there = replace(THERE, subnets=(replace(outside, reserved={}),))
    assert docker_operations(desired(replace(WANTED, subnets=(outside,))), seen(there)) == DockerPart()
    inside = replace(outside, reserved={"my_netns-uplink": "172.30.128.2"})
    assert docker_operations(desired(replace(WANTED, subnets=(inside,))), seen(there)).remove == (
        RemoveDockerNetwork(name="custom", why="made anew: 172.30.128.2 is not reserved in it"),
    )


def test_a_network_in_use_is_not_made_anew():
    there = replace(THERE, internal=True, used_by=("db", "web"))
    assert docker_operations(desired(WANTED), seen(there)) == DockerPart(
        refused=(
            "the Docker network custom must be made anew because it is internal, and db, web are on it: with --replace they are disconnected for a moment, and connected again as before",
        )
    )


@pytest.mark.parametrize(
    ("owner", "whose"), [(None, "Netwright did not make it"), ("other", "it is the stack other's")], ids=["nobody's", "another stack's"]
)
def test_a_network_of_somebody_else_is_never_taken(owner, whose):
    there = replace(THERE, owner=owner)
    assert docker_operations(desired(WANTED), seen(there)) == DockerPart(
        refused=(f"Docker has a network custom already, and {whose}: say `external: true` to join it, or choose another name",)
    )


def test_an_owned_network_that_left_the_file_is_removed_and_others_are_left_alone():
    others = (replace(THERE, name="theirs", owner="other"), replace(THERE, name="plain", owner=None))
    assert docker_operations(desired(), seen(THERE, *others)) == DockerPart(
        remove=(RemoveDockerNetwork(name="custom", why="ours, not in the file"),)
    )


def test_an_owned_network_in_use_is_not_removed():
    assert docker_operations(desired(), seen(replace(THERE, used_by=("web",)))) == DockerPart(
        refused=(
            "the Docker network custom is this stack's and not wanted any more, and web is on it: disconnect it first (`docker network disconnect custom web`)",
        )
    )


def test_a_container_that_is_not_on_its_network_is_connected():
    wanted = {"web": on(custom="172.30.0.10")}
    assert docker_operations(desired(WANTED, attachments=wanted), seen(THERE, containers=[web(bridge="172.17.0.2")])) == DockerPart(
        connect=(
            ConnectContainer(
                container="web", attachment=Attachment(network="custom", ipv4="172.30.0.10"), why="in the file, not on this network"
            ),
        )
    )


def test_a_stopped_container_is_connected_too_and_an_absent_one_waits():
    wanted = {"web": on(custom=None), "db": on(custom=None)}
    assert docker_operations(desired(WANTED, attachments=wanted), seen(THERE, containers=[web(pid=0)])) == DockerPart(
        connect=(ConnectContainer(container="web", attachment=Attachment(network="custom"), why="in the file, not on this network"),)
    )


def test_an_address_that_is_not_stated_is_dockers_choice():
    containers = [web(custom="172.30.0.77")]
    assert docker_operations(desired(WANTED, attachments={"web": on(custom=None)}), seen(THERE, containers=containers)) == DockerPart()


def test_another_address_takes_a_new_connection():
    want = Attachment(network="custom", ipv4="172.30.0.10", ipv6="fd00:30::10")
    why = "its address is 172.30.0.77, not 172.30.0.10 and it has not the address fd00:30::10"
    part = docker_operations(desired(WANTED, attachments={"web": {"custom": want}}), seen(THERE, containers=[web(custom="172.30.0.77")]))
    assert part == DockerPart(
        disconnect=(DisconnectContainer(container="web", network="custom", why=why),),
        connect=(ConnectContainer(container="web", attachment=want, why=why),),
        detached=(DetachmentLoan(container="web", attachment=Attachment(network="custom", ipv4="172.30.0.77")),),
    )


AS_IT_WAS = Attachment(
    network="custom",
    ipv4="172.30.0.20",
    ipv6="fd99::20",
    aliases=("www",),
    links=("db:store",),
    driver_options={"a": "b"},
    gateway_priority=7,
)


def test_a_network_in_use_is_made_anew_where_that_is_allowed_and_who_was_on_it_is_written_down():
    there = replace(THERE, internal=True, used_by=("ours", "web"))
    containers = [
        Container(name="web", pid=1, attachments={"custom": replace(AS_IT_WAS, gateway4="172.30.0.1")}),
        Container(name="ours", pid=2, attachments=on(custom="172.30.0.9")),
        Container(name="apart", pid=3, attachments=on(lan="10.0.0.3")),
    ]
    wanted = desired(WANTED, attachments={"ours": on(custom="172.30.0.9")}, earlier_attachments={"ours": frozenset({"custom"})})
    why = "custom is made anew: it is internal"
    assert docker_operations(wanted, seen(there, containers=containers), replace_networks=True) == DockerPart(
        disconnect=(
            DisconnectContainer(container="ours", network="custom", why=why),
            DisconnectContainer(container="web", network="custom", why=why),
        ),
        remove=(RemoveDockerNetwork(name="custom", why="made anew: it is internal"),),
        create=(CreateDockerNetwork(network=WANTED, why="made anew: it is internal"),),
        connect=(
            ConnectContainer(container="ours", attachment=on(custom="172.30.0.9")["custom"], why=why),
            ConnectContainer(
                container="web",
                attachment=replace(AS_IT_WAS, ipv6=None),
                why=why + "; fd99::20 is in no subnet of it any more: Docker gives another address",
            ),
        ),
        detached=(DetachmentLoan(container="web", attachment=replace(AS_IT_WAS, gateway4="172.30.0.1")),),
    )


def test_a_container_that_a_cut_off_run_has_taken_off_comes_back_as_it_was_and_is_not_ours():
    begun = {"web": {"custom": AS_IT_WAS}, "gone": {"custom": AS_IT_WAS}}
    part = docker_operations(desired(WANTED, detached=begun), seen(THERE, containers=[web(lan="10.0.0.2")]))
    back = ConnectContainer(
        container="web",
        attachment=replace(AS_IT_WAS, ipv6=None),
        why="it was on it before; fd99::20 is in no subnet of it any more: Docker gives another address",
    )
    assert part == DockerPart(connect=(back,))
    made = plan(desired(WANTED, detached=begun), seen(THERE, containers=[web(lan="10.0.0.2")]))
    assert (made.operations, made.loans) == ((back,), ())


def test_a_network_that_a_cut_off_run_was_allowed_to_make_anew_may_be_taken_back():
    there = replace(THERE, internal=True, used_by=("db", "web"))
    containers = [web(custom="172.30.0.77"), Container(name="db", pid=2, attachments={"custom": AS_IT_WAS})]
    part = docker_operations(desired(WANTED, detached={"web": on(custom="172.30.0.20")}), seen(there, containers=containers))
    assert part.refused == ()
    assert [(one.container, one.attachment.ipv4) for one in part.connect] == [("db", "172.30.0.20"), ("web", "172.30.0.20")]
    assert [loan.container for loan in part.detached] == ["db"]


def test_only_what_we_had_connected_is_disconnected():
    containers = [web(custom="172.30.0.10", lan="10.0.0.2")]
    part = docker_operations(
        desired(WANTED, earlier_attachments={"web": frozenset({"custom", "gone"})}), seen(THERE, containers=containers)
    )
    assert part == DockerPart(disconnect=(DisconnectContainer(container="web", network="custom", why="connected by us, not in the file"),))


def test_our_own_connections_are_undone_before_their_network_goes():
    there = replace(THERE, used_by=("web",))
    part = docker_operations(
        desired(earlier_attachments={"web": frozenset({"custom"})}), seen(there, containers=[web(custom="172.30.0.10")])
    )
    assert part == DockerPart(
        disconnect=(DisconnectContainer(container="web", network="custom", why="connected by us, not in the file"),),
        remove=(RemoveDockerNetwork(name="custom", why="ours, not in the file"),),
    )


def test_our_own_connections_survive_a_network_that_is_made_anew():
    there = replace(THERE, internal=True, used_by=("web",))
    want = Attachment(network="custom", ipv4="172.30.0.10")
    part = docker_operations(
        desired(WANTED, attachments={"web": {"custom": want}}, earlier_attachments={"web": frozenset({"custom"})}),
        seen(there, containers=[web(custom="172.30.0.10")]),
    )
    assert part == DockerPart(
        disconnect=(DisconnectContainer(container="web", network="custom", why="custom is made anew: it is internal"),),
        remove=(RemoveDockerNetwork(name="custom", why="made anew: it is internal"),),
        create=(CreateDockerNetwork(network=WANTED, why="made anew: it is internal"),),
        connect=(ConnectContainer(container="web", attachment=want, why="custom is made anew: it is internal"),),
    )


@pytest.mark.parametrize(
    ("container", "mode"),
    [(Container(name="web", pid=7, host_network=True), "host"), (Container(name="web", pid=7, attachments=on(none=None)), "none")],
)
def test_a_container_that_docker_connects_to_nothing_is_refused(container, mode):
    assert docker_operations(desired(WANTED, attachments={"web": on(custom=None)}), seen(THERE, containers=[container])) == DockerPart(
        refused=(f"the container web cannot be on custom: it was started with --network {mode}",)
    )


def test_a_network_that_nobody_has_is_refused():
    assert docker_operations(desired(attachments={"web": on(nowhere=None)}), seen(containers=[web()])) == DockerPart(
        refused=("the container web is to be on nowhere, and Docker has no such network, or will have none",)
    )


def test_an_engine_that_is_not_there_refuses_only_what_needs_it():
    away = State(docker=DockerState(reachable=False, why="nobody answers"))
    start = "start Docker (`systemctl start docker`), or install it (Debian's package is docker.io)"
    assert docker_operations(desired(), away) == DockerPart()
    assert docker_operations(desired(), State()) == DockerPart()
    assert docker_operations(desired(WANTED), away) == DockerPart(
        refused=(f"the Docker network custom needs Docker: nobody answers; {start}",)
    )
    assert docker_operations(desired(WANTED), State()).refused == (
        f"the Docker network custom needs Docker: Docker was not looked at; {start}",
    )
    everything = desired(
        WANTED,
        attachments={"web": on(custom=None)},
        earlier=State(docker=DockerState(networks={"old": THERE, "custom": THERE})),
        earlier_attachments={"db": frozenset({"custom"}), "web": frozenset({"custom"})},
        claims=Claims(docker_networks=frozenset({"begun"})),
    )
    assert docker_operations(everything, away).left == (
        "removing the Docker network begun",
        "removing the Docker network old",
        "disconnecting the container db from custom",
    )
    assert docker_operations(everything, away).refused == (
        "the Docker network custom, removing the Docker network begun, removing the Docker network old, the container web on custom, disconnecting the container db from custom need Docker: nobody answers; "
        + start,
    )
