"""An operation of every sort, with values that differ from every default; some sorts in two shapes."""

from __future__ import annotations

from dataclasses import replace

from netwright.kinds.bridge import Bridge
from netwright.kinds.macvlan import Macvlan
from netwright.kinds.veth import Veth
from netwright.model.docker import Attachment, DockerNetwork, DockerSubnet
from netwright.model.firewall import Admission, ForeignChain, Published, Table
from netwright.model.link import LinkKey
from netwright.model.names import SHARED_FILE
from netwright.model.netns import HOST, container, named
from netwright.model.operation import (
    AddAddress,
    AddRoute,
    AddRule,
    AnyOperation,
    ChangeElements,
    ChangeLink,
    ConnectContainer,
    CreateDockerNetwork,
    CreateLink,
    CreateNetns,
    DeleteLink,
    DeleteNetns,
    DeleteTable,
    DisconnectContainer,
    FlushConntrack,
    MoveLink,
    RemoveAddress,
    RemoveDockerNetwork,
    RemoveFile,
    RemoveRoute,
    RemoveRule,
    ReplaceTable,
    SetForeignRules,
    SetSysctl,
    WriteFile,
)
from netwright.model.route import SCOPE_LINK, Address, Route, Rule

WEB = named("web")
BOX = container("box", 4711)
WHY = "because"
MARK = "netwright:lab"
BRIDGE = Bridge(
    name="br-lab-lan", alias=MARK, up=True, mtu=1400, stp=True, forward_delay_seconds=7, ageing_seconds=33, multicast_snooping=False
)
ETH0 = Veth(name="eth0", alias=MARK, up=True, mtu=1400, mac="02:00:00:00:00:02", peer=LinkKey(HOST, "web-port"))
PORT = Veth(name="web-port", alias=MARK, up=True, mtu=1400, master="br-lab-lan", peer=LinkKey(WEB, "eth0"))
ON_WIRE = Macvlan(name="eth7", alias=MARK, up=True, mtu=1400, mac="02:00:00:00:00:07", lower=LinkKey(HOST, "enp3s0"), mode="private")
TABLE = Table(
    name="nw_lab", digest="0123abcd", text="\tchain c {\n\t}\n", published=frozenset({Published("tcp", 8080, "10.5.0.2", 80)})
)  # fmt: skip
DOCKER_USER = ForeignChain(4, "filter", "DOCKER-USER")
RULE = '-i br-lab-lan -m comment --comment "netwright:lab network" -j ACCEPT'
REPLY = Rule(family=6, priority=7800, table=780001, from_="fd00:5::2/128", ip_protocol="tcp", source_ports=(80, 81))
SHOP = DockerNetwork(
    name="shop",
    driver="bridge",
    owner="lab",
    subnets=(
        DockerSubnet(subnet="172.31.0.0/24", gateway="172.31.0.1", ip_range="172.31.0.128/25", reserved={"uplink": "172.31.0.2"}),
        DockerSubnet(subnet="fd00:31::/64", gateway="fd00:31::1"),
    ),
    internal=True,
    ipv6=True,
    options={"com.docker.network.bridge.name": "br-shop"},
    labels={"team": "net works"},
)

CASES: list[tuple[AnyOperation, str, list[str]]] = [
    (
        CreateNetns(netns=WEB, sysctls={"net.ipv6.conf.default.disable_ipv6": "1"}, why=WHY),
        "create namespace web with net.ipv6.conf.default.disable_ipv6=1",
        ["ip netns add web", "ip netns exec web sysctl -q -w net.ipv6.conf.default.disable_ipv6=1"],
    ),
    (DeleteNetns(netns=WEB, why=WHY), "delete namespace web", ["ip netns delete web"]),
    (
        CreateLink(netns=HOST, link=BRIDGE, why=WHY),
        "create bridge br-lab-lan on the host",
        [
            "ip link add name br-lab-lan type bridge stp_state 1 forward_delay 700 ageing_time 3300 mcast_snooping 0",
            "ip link set dev br-lab-lan alias netwright:lab up mtu 1400",
        ],
    ),
    (
        CreateLink(netns=HOST, link=Bridge(name="br7"), sysctls={"net.ipv6.conf.br7.accept_ra": "0"}, why=WHY),
        "create bridge br7 on the host",
        ["ip link add name br7 type bridge", "sysctl -q -w net.ipv6.conf.br7.accept_ra=0"],
    ),
    (
        CreateLink(netns=HOST, link=PORT, twin=ETH0, twin_netns=WEB, why=WHY),
        "create veth web-port as a port of br-lab-lan on the host, its other end eth0 in web",
        [
            (
                "ip link add name web-port mtu 1400 numtxqueues 1 numrxqueues 1 type veth"
                " peer name eth0 mtu 1400 address 02:00:00:00:00:02 numtxqueues 1 numrxqueues 1 netns web"
            ),
            "ip link set dev web-port alias netwright:lab master br-lab-lan up",
        ],
    ),
    (
        CreateLink(netns=BOX, link=ETH0, twin=PORT, twin_netns=HOST, why=WHY),
        "create veth eth0 in container box, its other end web-port as a port of br-lab-lan on the host",
        [
            (
                "nsenter --net=/proc/4711/ns/net ip link add name eth0 mtu 1400 address 02:00:00:00:00:02 numtxqueues 1 numrxqueues 1"
                " type veth peer name web-port mtu 1400 numtxqueues 1 numrxqueues 1 netns $$"
            ),
            "nsenter --net=/proc/4711/ns/net ip link set dev eth0 alias netwright:lab up",
        ],
    ),
    (
        CreateLink(netns=BOX, link=ON_WIRE, why=WHY),
        "create macvlan mode private eth7 in container box, standing on enp3s0 on the host",
        [
            "ip link add name eth7 link enp3s0 mtu 1400 address 02:00:00:00:00:07 netns /proc/4711/ns/net type macvlan mode private",
        ],
    ),
    (
        CreateLink(netns=WEB, link=replace(ON_WIRE, name="enp3s0", mac=None), why=WHY),
        "create macvlan mode private enp3s0 in web, standing on enp3s0 on the host",
        [
            "ip link add name nw-655ac2c2a48 link enp3s0 mtu 1400 netns web type macvlan mode private",
            "ip -n web link set dev nw-655ac2c2a48 name enp3s0",
        ],
    ),
    (
        ChangeLink(netns=HOST, link=BRIDGE, fields=frozenset({"mtu", "ageing_seconds"}), why=WHY),
        "set ageing seconds 33, mtu 1400 of br-lab-lan on the host",
        ["ip link set dev br-lab-lan type bridge ageing_time 3300", "ip link set dev br-lab-lan mtu 1400"],
    ),
    (
        ChangeLink(netns=WEB, link=ETH0, fields=frozenset({"alias", "up"}), why=WHY),
        "set eth0 up with alias netwright:lab in web",
        ["ip -n web link set dev eth0 alias netwright:lab up"],
    ),
    (DeleteLink(netns=WEB, name="eth0", why=WHY), "delete link eth0 in web", ["ip -n web link delete dev eth0"]),
    (
        MoveLink(source=HOST, name="enp3s0", target=WEB, new_name="wan0", alias="netwright-loan:lab", why=WHY),
        "move NIC enp3s0 from the host to web as wan0",
        [
            "ip link set dev enp3s0 down",
            "ip link set dev enp3s0 netns web name wan0",
            "ip -n web link set dev wan0 alias netwright-loan:lab",
        ],
    ),
    (
        MoveLink(source=WEB, name="wan0", target=HOST, new_name="enp3s0", alias="", address_generation=1, txqlen=77, group=5, why=WHY),
        "move NIC wan0 from web to the host as enp3s0",
        [
            "ip -n web link set dev wan0 down",
            "ip -n web link set dev wan0 netns $$ name enp3s0",
            "ip link set dev enp3s0 alias '' addrgenmode none txqueuelen 77 group 5",
        ],
    ),
    (
        MoveLink(source=WEB, name="wan0", target=WEB, new_name="wan1", alias="x y", why=WHY),
        "rename wan0 to wan1 in web",
        ["ip -n web link set dev wan0 down", "ip -n web link set dev wan0 name wan1", "ip -n web link set dev wan1 alias 'x y'"],
    ),
    (
        AddAddress(netns=WEB, address=Address(dev="eth0", cidr="10.5.0.2/24"), why=WHY),
        "add address 10.5.0.2/24 on eth0 in web",
        ["ip -n web address replace 10.5.0.2/24 dev eth0"],
    ),
    (
        AddAddress(
            netns=HOST,
            address=Address(
                dev="enp3s0",
                cidr="10.9.0.1/32",
                peer="10.9.0.2/32",
                scope=SCOPE_LINK,
                label="enp3s0:1",
                broadcast="10.9.0.3",
                flags=0x200,
                valid_seconds=600,
                preferred_seconds=300,
            ),
            why=WHY,
        ),
        "add address 10.9.0.1/32 peer 10.9.0.2/32 on enp3s0 on the host",
        [
            (
                "ip address replace 10.9.0.1 peer 10.9.0.2/32 broadcast 10.9.0.3 scope link label enp3s0:1 dev enp3s0"
                " valid_lft 600 preferred_lft 300 noprefixroute"
            )
        ],
    ),
    (
        RemoveAddress(netns=WEB, address=Address(dev="eth0", cidr="fd00:5::2/64"), why=WHY),
        "remove address fd00:5::2/64 on eth0 in web",
        ["ip -n web -6 address delete fd00:5::2/64 dev eth0"],
    ),
    (
        AddRoute(netns=WEB, route=Route(to="0.0.0.0/0", via="10.5.0.1", dev="eth0", source="10.5.0.2", metric=7, mtu=1300), why=WHY),
        "add default route via 10.5.0.1 through eth0 from 10.5.0.2 metric 7 in web",
        ["ip -n web route add default via 10.5.0.1 dev eth0 proto 78 src 10.5.0.2 metric 7 mtu 1300"],
    ),
    (
        AddRoute(netns=BOX, route=Route(to="fd00:9::/64", via="fd00:5::1", dev="eth7", table=780001, onlink=True), why=WHY),
        "add route to fd00:9::/64 via fd00:5::1 through eth7 in table 780001 in container box",
        ["nsenter --net=/proc/4711/ns/net ip -6 route add fd00:9::/64 via fd00:5::1 dev eth7 proto 78 table 780001 onlink"],
    ),
    (
        RemoveRoute(netns=HOST, route=Route(to="198.51.100.0/24", kind="blackhole"), why=WHY),
        "remove blackhole route to 198.51.100.0/24 on the host",
        ["ip route delete blackhole 198.51.100.0/24 proto 78"],
    ),
    (
        AddRule(netns=WEB, rule=REPLY, why=WHY),
        "add IPv6 rule 7800: from fd00:5::2/128 tcp from port 80-81 looks in table 780001 in web",
        ["ip -n web -6 rule add priority 7800 from fd00:5::2/128 ipproto tcp sport 80-81 lookup 780001 protocol 78"],
    ),
    (
        RemoveRule(netns=WEB, rule=Rule(family=4, priority=7801, table=7, to="10.0.0.0/8", iif="eth0"), why=WHY),
        "remove IPv4 rule 7801: to 10.0.0.0/8 coming in by eth0 looks in table 7 in web",
        ["ip -n web rule delete priority 7801 from all to 10.0.0.0/8 iif eth0 lookup 7 protocol 78"],
    ),
    (
        SetSysctl(netns=HOST, key="net.ipv4.conf.eth0/7.rp_filter", value="2", why=WHY),
        "set net.ipv4.conf.eth0/7.rp_filter to 2 on the host",
        ["sysctl -q -w net.ipv4.conf.eth0/7.rp_filter=2"],
    ),
    (
        ReplaceTable(netns=WEB, table=TABLE, owner="lab", why=WHY),
        "load nft table nw_lab (1 published port) in web",
        [
            (
                "ip netns exec web nft -f - <<'EOF'\n"
                "table inet nw_lab\n"
                "delete table inet nw_lab\n"
                "table inet nw_lab {\n"
                '\tcomment "netwright:lab 0123abcd"\n'
                "\tchain c {\n"
                "\t}\n"
                "}\n"
                "EOF"
            )
        ],
    ),
    (
        ChangeElements(
            netns=WEB,
            table="nw_lab",
            remove={"target": frozenset({"6 . 80 : 10.5.0.2 . 8080"})},
            add={"target": frozenset({"6 . 80 : 10.5.0.3 . 8080"}), "from4_1": frozenset({"10.9.0.0/24", "10.8.0.0/24"})},
            why=WHY,
        ),
        "replace 6 . 80 : 10.5.0.2 . 8080 by 3 elements in nft table nw_lab in web",
        [
            (
                "ip netns exec web nft -f - <<'EOF'\n"
                "delete element inet nw_lab target { 6 . 80 }\n"
                "add element inet nw_lab from4_1 { 10.8.0.0/24, 10.9.0.0/24 }\n"
                "add element inet nw_lab target { 6 . 80 : 10.5.0.3 . 8080 }\n"
                "EOF"
            )
        ],
    ),
    (DeleteTable(netns=HOST, name="nw_lab", why=WHY), "delete nft table nw_lab on the host", ["nft delete table inet nw_lab"]),
    (
        SetForeignRules(netns=HOST, chain=DOCKER_USER, old=("-j RETURN",), new=(RULE, "-j ACCEPT"), why=WHY),
        "replace our 1 rule by 2 on top of iptables filter chain DOCKER-USER on the host",
        [
            "iptables -w -t filter -D DOCKER-USER -j RETURN",
            "iptables -w -t filter -I DOCKER-USER 1 -i br-lab-lan -m comment --comment 'netwright:lab network' -j ACCEPT",
            "iptables -w -t filter -I DOCKER-USER 2 -j ACCEPT",
        ],
    ),
    (
        FlushConntrack(netns=WEB, published=frozenset({Published("udp", 53, "fd00:5::3", 5353)}), why=WHY),
        "forget connections to 53/udp in web",
        ["ip netns exec web conntrack -D -f ipv6 -p udp --orig-port-dst 53 --reply-src fd00:5::3 --reply-port-src 5353 || true"],
    ),
    (
        FlushConntrack(
            netns=HOST, published=frozenset({Published("tcp", 80, "10.5.0.3", 8080), Published("tcp", 80, "fd00:5::3", 8080)}), why=WHY
        ),
        "forget connections to 80/tcp on the host",
        [
            "conntrack -D -f ipv4 -p tcp --orig-port-dst 80 --reply-src 10.5.0.3 --reply-port-src 8080 || true",
            "conntrack -D -f ipv6 -p tcp --orig-port-dst 80 --reply-src fd00:5::3 --reply-port-src 8080 || true",
        ],
    ),
    (
        FlushConntrack(
            netns=HOST,
            published=frozenset({Published("tcp", 80, "10.5.0.3", 8080)}),
            admitted=frozenset(
                {
                    Admission(published=Published("udp", 53, "10.5.0.3", 53), sources=("10.0.0.0/16",)),
                    Admission(published=Published("udp", 53, "10.5.0.3", 53), address="192.0.2.1"),
                }
            ),
            why=WHY,
        ),
        "forget connections to 80/tcp, and to 53/udp of clients who are let in no more on the host",
        [
            "conntrack -D -f ipv4 -p tcp --orig-port-dst 80 --reply-src 10.5.0.3 --reply-port-src 8080 || true",
            "conntrack -D -f ipv4 -p udp --orig-port-dst 53 --reply-src 10.5.0.3 --reply-port-src 53 || true",
        ],
    ),
    (
        WriteFile(netns=WEB, name="resolv.conf", content="# netwright:lab\nnameserver 192.0.2.53\n", why=WHY),
        "write /etc/netns/web/resolv.conf",
        ["mkdir -p /etc/netns/web", "cat >/etc/netns/web/resolv.conf <<'EOF'\n# netwright:lab\nnameserver 192.0.2.53\nEOF"],
    ),
    (
        WriteFile(netns=HOST, name="hosts", content="no newline", why=WHY),
        "write the file hosts of the stack's namespaces",
        ["mkdir -p /etc/netns/.netwright/lab", "printf %s 'no newline' >/etc/netns/.netwright/lab/hosts"],
    ),
    (
        WriteFile(netns=WEB, name="hosts", content=SHARED_FILE, why=WHY),
        "link /etc/netns/web/hosts to the stack's",
        ["mkdir -p /etc/netns/web", "ln -sfn ../.netwright/lab/hosts /etc/netns/web/hosts"],
    ),
    (
        RemoveFile(netns=WEB, name="hosts", why=WHY),
        "remove /etc/netns/web/hosts",
        ["rm -f /etc/netns/web/hosts", "rmdir --ignore-fail-on-non-empty /etc/netns/web"],
    ),
    (
        RemoveFile(netns=HOST, name="hosts", why=WHY),
        "remove the file hosts of the stack's namespaces",
        [
            "rm -f /etc/netns/.netwright/lab/hosts",
            "rmdir --ignore-fail-on-non-empty /etc/netns/.netwright/lab /etc/netns/.netwright",
        ],
    ),
    (
        CreateDockerNetwork(network=SHOP, why=WHY),
        "create Docker network shop (bridge) with 172.31.0.0/24 (gateway 172.31.0.1), fd00:31::/64 (gateway fd00:31::1)",
        [
            (
                "docker network create --driver bridge --subnet 172.31.0.0/24 --gateway 172.31.0.1 --ip-range 172.31.0.128/25"
                " --aux-address uplink=172.31.0.2 --subnet fd00:31::/64 --gateway fd00:31::1 --internal --ipv6"
                " --opt com.docker.network.bridge.name=br-shop --label 'team=net works' --label io.netwright.stack=lab shop"
            )
        ],
    ),
    (RemoveDockerNetwork(name="shop", why=WHY), "remove Docker network shop", ["docker network rm shop"]),
    (
        ConnectContainer(container="box", attachment=Attachment(network="shop", ipv4="172.31.0.9", ipv6="fd00:31::9"), why=WHY),
        "connect container box to Docker network shop as 172.31.0.9, fd00:31::9",
        ["docker network connect --ip 172.31.0.9 --ip6 fd00:31::9 shop box"],
    ),
    (
        DisconnectContainer(container="box", network="shop", why=WHY),
        "disconnect container box from Docker network shop",
        ["docker network disconnect shop box"],
    ),
]
"""Operation, its sentence, its commands for the stack `lab`."""
