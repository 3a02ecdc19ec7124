"""Five hundred endpoints on one network, in one file."""

from __future__ import annotations

import re
from pathlib import Path

import netwright
from clients import fetch
from conftest import Host
from netwright.model.netns import named
from netwright.model.operation import AddAddress, RemoveAddress, WriteFile

COUNT = 500


def the_file() -> str:
    endpoints = "".join(f"  ep{number}: {{interfaces: {{eth0: {{network: lan}}}}}}\n" for number in range(COUNT))
    return f"version: 1\nname: many\nnetworks: {{lan: {{bridge: br7, subnets: [10.77.0.0/16], multicast_snooping: false}}}}\nnamespaces:\n{endpoints}"


def test_five_hundred_endpoints_come_change_and_go(host: Host, tmp_path: Path) -> None:
    text = the_file()
    with netwright.open_engine(state_folder=str(tmp_path)) as engine:
        engine.apply(netwright.parse(text, "many.yaml"))
        assert len(host.namespaces()) == COUNT
        ports = [x for x in host.ip("link", "show", "master", "br7") if x["operstate"] == "UP"]
        assert len(ports) == COUNT
        for number in (0, 123, 499):
            (shown,) = host.ip("-4", "address", "show", "dev", "eth0", netns=f"ep{number}")
            assert [a["local"] for a in shown["addr_info"]] == [f"10.77.{(number + 2) // 256}.{(number + 2) % 256}"]
            assert [r["gateway"] for r in host.ip("route", "show", "default", netns=f"ep{number}")] == ["10.77.0.1"]
        assert fetch("/run/netns/ep3", "10.77.1.245", 9) == "refused", "by the kernel of ep499: it is reached"

        assert engine.apply(netwright.parse(text, "many.yaml")).plan.operations == ()

        edited = re.sub(r"ep123: .*", "ep123: {interfaces: {eth0: {network: lan, address: 10.77.200.1}}}", text)
        plan = engine.plan(netwright.parse(edited, "many.yaml"))
        assert {o.netns for o in plan.operations if not isinstance(o, WriteFile)} == {named("ep123")}
        assert {type(o).__name__: o.address.cidr for o in plan.operations if isinstance(o, AddAddress | RemoveAddress)} == {
            "AddAddress": "10.77.200.1/16",
            "RemoveAddress": "10.77.0.125/16",
        }
        assert [o.netns.name for o in plan.operations if isinstance(o, WriteFile)] == [""], "the names, once for the whole stack"
        engine.apply(netwright.parse(edited, "many.yaml"))
        assert fetch("/run/netns/ep3", "10.77.200.1", 9) == "refused"

        engine.destroy("many")
    assert host.namespaces() == []
    assert host.links() == ["lo"]
