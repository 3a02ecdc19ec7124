"""Stand-ins: what a sandbox builds instead of Docker, containers and NICs. Every expected file is whole."""

from __future__ import annotations

from textwrap import dedent

import pytest
import yaml

from netwright.errors import Refused, SpecError
from netwright.model.netns import HOST
from netwright.model.operation import AddAddress, ChangeLink, CreateLink, CreateNetns
from netwright.sandbox.article import article
from netwright.sandbox.outside import OutsideNic
from netwright.sandbox.standins import Sandboxed, stand_in
from netwright.spec.load import parse


def stood_in(text: str, **options: dict[str, list[str]]) -> Sandboxed:
    return stand_in(parse("version: 1\nname: lab\n" + dedent(text), "lab.yaml"), **options)


def written(sandboxed: Sandboxed) -> dict[str, object]:
    data = yaml.safe_load(sandboxed.document.text)
    assert data.pop("version") == 1
    assert data.pop("name") == "lab"
    return data


def test_the_article_needs_neither_docker_nor_a_nic() -> None:
    sandboxed = stand_in(article())
    assert sandboxed.document.text == dedent("""\
        version: 1
        name: article
        networks:
          custom:
            bridge: docker1
            subnets:
            - 172.30.0.0/16
        namespaces:
          my_netns:
            interfaces:
              eth1:
                nic: eth1
                addresses:
                - 10.0.0.1/8
              uplink:
                network: custom
                address:
                - 172.30.0.2
            routes:
            - to: default
              via: 10.255.255.254
            publish:
            - listen: eth1:1234/tcp
              from:
              - 10.0.0.0/16
              to: web:1234
          web:
            interfaces:
              eth0:
                network: custom
                address:
                - 172.30.0.10
        """)
    assert sandboxed.nics == (OutsideNic(name="eth1"),)
    assert sandboxed.containers == ("web",)
    assert sandboxed.notes == ("the NIC eth1 is a veth; its other end, eth1 too, is in the namespace outside-eth1",)


def test_a_file_that_needs_nothing_stays_as_it_is() -> None:
    text = """\
        networks: {lan: {bridge: br7, subnets: [192.0.2.0/24], mtu: 1400, stp: true}}
        namespaces:
          a: {interfaces: {eth0: {network: lan, mac: "02:00:00:00:00:0a"}}, sysctls: {net.ipv4.ip_default_ttl: 63}}
        host: {interfaces: {p0: {peer: {namespace: a, interface: p1}, addresses: [192.0.3.1/24]}}}
    """
    assert written(stood_in(text)) == {
        "networks": {"lan": {"bridge": "br7", "subnets": ["192.0.2.0/24"], "mtu": 1400, "stp": True}},
        "namespaces": {
            "a": {
                "interfaces": {"eth0": {"network": "lan", "mac": "02:00:00:00:00:0a"}},
                "sysctls": {"net.ipv4.ip_default_ttl": "63"},
            }
        },
        "host": {"interfaces": {"p0": {"peer": {"namespace": "a", "interface": "p1"}, "addresses": ["192.0.3.1/24"]}}},
    }
    assert stood_in(text).nics == ()


def test_dockers_own_settings_are_left_out_and_its_bridge_name_kept() -> None:
    sandboxed = stood_in("""\
        networks:
          d:
            managed_by: docker
            name: shop_default
            subnets: [192.0.2.0/24, "fd00:7::/64"]
            options: {com.docker.network.bridge.name: dk7, com.docker.network.bridge.enable_icc: "true"}
            labels: {who: us}
            internal: true
    """)
    assert written(sandboxed) == {
        "networks": {"d": {"subnets": ["192.0.2.0/24", "fd00:7::/64"], "internal": True, "bridge": "dk7"}},
        "host": {"sysctls": {"net.ipv6.conf.default.accept_dad": "0"}},
    }


def test_ipv6_addresses_need_not_wait_for_their_check_unless_the_file_says_so() -> None:
    sandboxed = stood_in("""\
        namespaces:
          a: {interfaces: {p0: {peer: {namespace: b, interface: p0}, addresses: ["fd00:7::1/64"]}}}
          b: {sysctls: {net.ipv6.conf.default.accept_dad: 2}}
    """)
    assert {name: part["sysctls"] for name, part in written(sandboxed)["namespaces"].items()} == {
        "a": {"net.ipv6.conf.default.accept_dad": "0"},
        "b": {"net.ipv6.conf.default.accept_dad": "2"},
    }


def test_external_parts_are_made_and_a_subnet_is_found_around_the_addresses_that_are_stated() -> None:
    sandboxed = stood_in("""\
        networks:
          theirs: {external: true, managed_by: docker}
          unknown: {external: true, managed_by: docker}
          bridged: {external: true, name: br-old, subnets: [192.0.2.0/24]}
        namespaces:
          a: {external: true, interfaces: {eth0: {network: theirs, address: 172.20.3.4}}}
        containers:
          c: {networks: {theirs: {address: 172.20.9.1}}}
    """)
    assert written(sandboxed) == {
        "networks": {
            "theirs": {"subnets": ["172.20.0.0/20"]},
            "unknown": {"subnets": ["198.18.1.0/24"]},
            "bridged": {"subnets": ["192.0.2.0/24"], "bridge": "br-old"},
        },
        "namespaces": {
            "a": {"interfaces": {"eth0": {"network": "theirs", "address": ["172.20.3.4"]}}},
            "c": {"interfaces": {"eth0": {"network": "theirs", "address": ["172.20.9.1"]}}},
        },
    }
    assert sandboxed.notes == (
        "networks.theirs: its subnet is not in the file; here it is 172.20.0.0/20",
        "networks.unknown: its subnet is not in the file; here it is 198.18.1.0/24",
    )


def test_where_a_stated_address_is_the_first_of_a_guessed_subnet_there_is_no_gateway() -> None:
    sandboxed = stood_in("""\
        networks: {theirs: {external: true, managed_by: docker}}
        namespaces: {a: {interfaces: {eth0: {network: theirs, address: 172.20.3.1}}}}
    """)
    assert written(sandboxed)["networks"] == {"theirs": {"subnets": ["172.20.3.0/24"], "gateway": "none"}}


def test_a_container_keeps_its_interfaces_and_routes_and_its_networks_take_the_free_names() -> None:
    sandboxed = stood_in("""\
        networks:
          x: {managed_by: docker, subnets: [192.0.2.0/24]}
          y: {managed_by: docker, subnets: [192.0.3.0/24]}
          z: {subnets: [192.0.4.0/24]}
        containers:
          c:
            docker: c-1
            networks: {x: {address: 192.0.2.9}, y: }
            interfaces: {eth0: {network: z, address: 192.0.4.9}}
            routes: [{to: 192.0.77.0/24, via: 192.0.4.7}]
    """)
    assert written(sandboxed)["namespaces"] == {
        "c": {
            "interfaces": {
                "eth1": {"network": "x", "address": ["192.0.2.9"]},
                "eth2": {"network": "y"},
                "eth0": {"network": "z", "address": ["192.0.4.9"]},
            },
            "routes": [{"to": "192.0.77.0/24", "via": "192.0.4.7"}],
        }
    }


def test_a_container_without_a_network_is_on_those_on_which_it_is_published() -> None:
    sandboxed = stood_in("""\
        networks:
          d: {managed_by: docker, subnets: [192.0.2.0/24]}
          own: {subnets: [192.0.3.0/24]}
        namespaces:
          gw:
            interfaces: {a: {network: own}, b: {network: d}}
            publish: [{listen: 80, to: "web:8080"}]
        containers: {web: }
    """)
    assert written(sandboxed)["namespaces"]["web"] == {"interfaces": {"eth0": {"network": "d"}}}


def test_a_container_that_nothing_places_is_on_a_network_that_plays_dockers_own() -> None:
    sandboxed = stood_in("""\
        networks: {lan: {subnets: [198.18.0.0/24]}}
        containers: {web: {publish: ["8080:80"]}}
    """)
    assert written(sandboxed) == {
        "networks": {"lan": {"subnets": ["198.18.0.0/24"]}, "bridge": {"subnets": ["198.18.2.0/24"]}},
        "namespaces": {"web": {"interfaces": {"eth0": {"network": "bridge"}}}},
        "host": {"publish": [{"listen": "8080/tcp", "to": "web:80"}]},
    }
    assert sandboxed.notes == ("containers.web: no network is stated; here it is on one that plays Docker's own, bridge",)


def test_a_containers_publishes_become_the_hosts() -> None:
    sandboxed = stood_in("""\
        networks: {lan: {managed_by: docker, subnets: [192.0.2.0/24]}}
        host: {publish: [{listen: 53/udp, to: "web:5353"}]}
        containers:
          web:
            networks: {lan: }
            publish:
              - "192.0.2.1:8080-8081:80-81/tcp"
              - {listen: 7/udp, from: [192.0.9.0/24], source: preserve}
    """)
    assert written(sandboxed)["host"] == {
        "publish": [
            {"listen": "53/udp", "to": "web:5353"},
            {"listen": "192.0.2.1:8080-8081/tcp", "to": "web:80-81"},
            {"listen": "7/udp", "from": ["192.0.9.0/24"], "source": "preserve", "to": "web:7"},
        ]
    }


def test_nics_that_are_known_by_mac_or_pci_get_names_that_stay_the_same() -> None:
    sandboxed = stood_in("""\
        namespaces:
          gw:
            interfaces:
              wan: {nic: {mac: "02:AB:00:00:00:09"}, addresses: [192.0.2.1/24]}
              dmz: {nic: {pci: "03:00.1"}, addresses: [192.0.3.1/24]}
    """)
    assert written(sandboxed)["namespaces"]["gw"]["interfaces"] == {
        "wan": {"nic": {"mac": "02:ab:00:00:00:09"}, "addresses": ["192.0.2.1/24"]},
        "dmz": {"nic": "pci0000-03-00.1", "addresses": ["192.0.3.1/24"]},
    }
    assert sandboxed.nics == (OutsideNic(name="nic02ab00000009", mac="02:ab:00:00:00:09"), OutsideNic(name="pci0000-03-00.1"))


def test_interfaces_that_only_the_hosts_rules_name_are_nics_too() -> None:
    sandboxed = stood_in("""\
        networks: {lan: {managed_by: docker, bridge: br7, subnets: [192.0.2.0/24]}}
        host:
          interfaces: {eth3: {nic: eth3, addresses: [192.0.3.1/24]}}
          masquerade: [eth4, br7]
          publish: [{listen: "eth5:80", to: "web:80"}]
        containers: {web: {networks: {lan: }, publish: [{listen: "eth6:81"}]}}
    """)
    assert [nic.name for nic in sandboxed.nics] == ["eth3", "eth5", "eth4", "eth6"]


def test_a_nics_other_end_gets_the_addresses_that_are_asked_for() -> None:
    text = "namespaces: {gw: {interfaces: {wan: {nic: eth7, addresses: [192.0.2.1/24]}}}}"
    (nic,) = stood_in(text, outside={"eth7": ["192.0.2.7/24", "fd00:7::7/64"]}).nics
    made = list(nic.operations())
    assert [type(operation) for operation in made] == [CreateNetns, ChangeLink, CreateLink, ChangeLink, AddAddress, AddAddress]
    created = made[2]
    assert (created.netns, created.link.name, created.link.alias, created.twin_netns.name) == (HOST, "eth7", None, "outside-eth7")
    assert [(o.netns.name, o.address.dev, o.address.cidr) for o in made[4:]] == [
        ("outside-eth7", "eth7", "192.0.2.7/24"),
        ("outside-eth7", "eth7", "fd00:7::7/64"),
    ]


def test_addresses_for_a_nic_that_the_file_has_not_are_refused() -> None:
    with pytest.raises(Refused) as refused:
        stood_in("namespaces: {gw: {interfaces: {wan: {nic: eth7}}}}", outside={"eth8": ["192.0.2.7/24"]})
    assert (str(refused.value), refused.value.hint) == ("The file has no NIC eth8.", "its NICs: eth7")


def test_a_namespace_that_is_called_as_the_world_beyond_a_nic_is_an_error_at_its_place() -> None:
    with pytest.raises(SpecError) as wrong:
        stood_in("namespaces:\n  gw: {interfaces: {wan: {nic: eth7}}}\n  outside-eth7: {}\n")
    assert str(wrong.value) == (
        "lab.yaml:5:3: namespaces.outside-eth7: in a sandbox outside-eth7 is the world beyond the NIC eth7\n"
        "    hint: call this one otherwise"
    )


def test_a_network_on_a_nic_stands_on_the_nics_stand_in_and_dockers_own_drivers_are_bridges():
    sandboxed = stand_in(
        parse(
            """\
version: 1
name: mix
networks:
  mesh: {managed_by: docker, driver: overlay, attachable: true, encrypted: true, subnets: [10.88.0.0/24]}
  lan: {managed_by: docker, driver: macvlan, parent: eth5, subnets: [10.89.0.0/24], host_access: true}
containers:
  web: {networks: {mesh: {}, lan: {address: 10.89.0.7}}}
""",
            "mix.yaml",
        )
    )
    mesh, lan = sandboxed.document.spec.networks["mesh"], sandboxed.document.spec.networks["lan"]
    assert (mesh.driver, mesh.managed_by, mesh.attachable, mesh.encrypted) == ("bridge", "netwright", False, False)
    assert (lan.driver, lan.managed_by, lan.parent, lan.host_access) == ("macvlan", "netwright", "eth5", True)
    assert [nic.name for nic in sandboxed.nics] == ["eth5"]
    assert "networks.mesh: a bridge stands in for Docker's overlay" in sandboxed.notes
