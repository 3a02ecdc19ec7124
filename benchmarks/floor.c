/* The floor: what the kernel itself needs for N endpoints on bridges, asked in the cheapest way known.
 *
 *     floor NETWORKS ENDPOINTS
 *
 * Makes exactly what `netwright apply` makes of the benchmark's file: bridges with a gateway address; per endpoint a named
 * namespace with IPv6 off, a veth (both ends in place, one queue each, the outer one a port and up), the mark as alias on
 * both ends and lo, lo up, an address, a default route of protocol 78. It works in phases (all namespaces, all veths, all addresses),
 * 100 messages to a sendmsg, an acknowledgement asked of the last. It parses no file, looks at nothing first, verifies nothing.
 *
 * Messages as in rtnetlink(7); constants from the kernel's own headers.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define BATCH 100
#define PROTOCOL 78
#define MARK "netwright:bench"
#define INNER_INDEX 2 /* the first link after lo in a new namespace */

static char buffer[BATCH * 512];
static size_t filled;
static struct nlmsghdr *message;
static unsigned int sequence;

static void die(const char *what)
{
	fprintf(stderr, "floor: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void *append(const void *data, size_t size)
{
	void *at = buffer + filled;
	if (filled + NLMSG_ALIGN(size) > sizeof(buffer))
		die("buffer too small");
	memset(at, 0, NLMSG_ALIGN(size));
	if (data)
		memcpy(at, data, size);
	filled += NLMSG_ALIGN(size);
	message->nlmsg_len = (char *)buffer + filled - (char *)message;
	return at;
}

static void begin(int type, int flags, const void *head, size_t size)
{
	message = (struct nlmsghdr *)(buffer + filled);
	memset(message, 0, sizeof(*message));
	filled += sizeof(*message);
	message->nlmsg_type = type;
	message->nlmsg_flags = NLM_F_REQUEST | flags;
	message->nlmsg_seq = ++sequence;
	append(head, size);
}

static struct rtattr *attribute(int type, const void *data, size_t size)
{
	struct rtattr head = {.rta_len = RTA_LENGTH(size), .rta_type = type}, *at;
	at = append(&head, sizeof(head));
	if (size)
		append(data, size);
	return at;
}

static void number(int type, unsigned int value) { attribute(type, &value, sizeof(value)); }
static void text(int type, const char *value) { attribute(type, value, strlen(value) + 1); }
static void close_nest(struct rtattr *nest) { nest->rta_len = (char *)buffer + filled - (char *)nest; }

/* Send what was collected; every refusal is fatal. */
static void flush_to(int fd)
{
	char answer[16384];
	if (!filled)
		return;
	message->nlmsg_flags |= NLM_F_ACK;
	if (send(fd, buffer, filled, 0) < 0)
		die("send");
	for (filled = 0;;) {
		int size = recv(fd, answer, sizeof(answer), 0);
		if (size < 0)
			die("recv");
		for (struct nlmsghdr *one = (void *)answer; NLMSG_OK(one, size); one = NLMSG_NEXT(one, size)) {
			struct nlmsgerr *error = NLMSG_DATA(one);
			if (one->nlmsg_type != NLMSG_ERROR)
				continue;
			if (error->error) {
				errno = -error->error;
				die("the kernel refused a message");
			}
			if (one->nlmsg_seq == sequence)
				return;
		}
	}
}

static int open_netlink(void)
{
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	if (fd < 0)
		die("socket");
	return fd;
}

static void write_file(const char *path, const char *value)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, value, strlen(value)) < 0)
		die(path);
	close(fd);
}

static void add_address(unsigned int index, in_addr_t address)
{
	struct ifaddrmsg head = {.ifa_family = AF_INET, .ifa_prefixlen = 16, .ifa_index = index};
	begin(RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, &head, sizeof(head));
	attribute(IFA_LOCAL, &address, 4);
	attribute(IFA_ADDRESS, &address, 4);
}

static void add_default_route(in_addr_t gateway)
{
	struct rtmsg head = {.rtm_family = AF_INET, .rtm_table = RT_TABLE_MAIN, .rtm_protocol = PROTOCOL, .rtm_type = RTN_UNICAST};
	begin(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, &head, sizeof(head));
	attribute(RTA_GATEWAY, &gateway, 4);
	number(RTA_OIF, INNER_INDEX);
}

static void set_link(unsigned int index, const char *name, int up, const char *alias)
{
	struct ifinfomsg head = {.ifi_index = index, .ifi_flags = up ? IFF_UP : 0, .ifi_change = up ? IFF_UP : 0};
	begin(RTM_NEWLINK, 0, &head, sizeof(head));
	if (name)
		text(IFLA_IFNAME, name);
	if (alias)
		attribute(IFLA_IFALIAS, alias, strlen(alias));
}

static void add_bridge(const char *name)
{
	struct ifinfomsg head = {.ifi_flags = IFF_UP, .ifi_change = IFF_UP};
	begin(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, &head, sizeof(head));
	text(IFLA_IFNAME, name);
	struct rtattr *info = attribute(IFLA_LINKINFO, NULL, 0);
	text(IFLA_INFO_KIND, "bridge");
	close_nest(info);
}

static void add_veth(const char *port, unsigned int bridge, int netns)
{
	struct ifinfomsg outer = {.ifi_flags = IFF_UP, .ifi_change = IFF_UP}, inner = {.ifi_index = INNER_INDEX};
	begin(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, &outer, sizeof(outer));
	text(IFLA_IFNAME, port);
	number(IFLA_MASTER, bridge);
	number(IFLA_NUM_TX_QUEUES, 1);
	number(IFLA_NUM_RX_QUEUES, 1);
	struct rtattr *info = attribute(IFLA_LINKINFO, NULL, 0);
	text(IFLA_INFO_KIND, "veth");
	struct rtattr *data = attribute(IFLA_INFO_DATA, NULL, 0);
	struct rtattr *peer = attribute(VETH_INFO_PEER, NULL, 0);
	append(&inner, sizeof(inner));
	text(IFLA_IFNAME, "eth0");
	number(IFLA_NET_NS_FD, netns);
	number(IFLA_NUM_TX_QUEUES, 1);
	number(IFLA_NUM_RX_QUEUES, 1);
	close_nest(peer);
	close_nest(data);
	close_nest(info);
}

static in_addr_t address_of(int network, int host) { return htonl(0x0a640000u + ((unsigned int)network << 16) + host); }

int main(int count, char **words)
{
	struct rlimit files;
	if (count != 3)
		return 2;
	int networks = atoi(words[1]), endpoints = atoi(words[2]), each = (endpoints + networks - 1) / networks;
	int *netns = calloc(endpoints, sizeof(int)), *inside = calloc(endpoints, sizeof(int));
	unsigned int *bridge = calloc(networks, sizeof(int));
	char name[64];
	int host = open_netlink(), home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);

	getrlimit(RLIMIT_NOFILE, &files);
	files.rlim_cur = files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files);
	write_file("/proc/sys/net/ipv4/ip_forward", "1");

	for (int i = 0; i < endpoints; i++) {
		if (unshare(CLONE_NEWNET) < 0)
			die("unshare");
		write_file("/proc/sys/net/ipv6/conf/default/disable_ipv6", "1");
		snprintf(name, sizeof(name), "/run/netns/n%d", i);
		close(open(name, O_CREAT | O_RDONLY | O_CLOEXEC, 0444));
		if (mount("/proc/self/ns/net", name, NULL, MS_BIND, NULL) < 0)
			die("mount");
		netns[i] = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
		inside[i] = open_netlink();
	}
	if (setns(home, CLONE_NEWNET) < 0)
		die("setns");

	for (int i = 0; i < networks; i++) {
		snprintf(name, sizeof(name), "b%d", i);
		add_bridge(name);
		set_link(0, name, 0, MARK);
	}
	flush_to(host);
	for (int i = 0; i < networks; i++) {
		snprintf(name, sizeof(name), "b%d", i);
		bridge[i] = if_nametoindex(name);
		add_address(bridge[i], address_of(i, 1));
	}
	flush_to(host);

	for (int i = 0; i < endpoints; i++) {
		snprintf(name, sizeof(name), "p%d", i);
		add_veth(name, bridge[i / each], netns[i]);
		if ((i + 1) % BATCH == 0)
			flush_to(host);
	}
	flush_to(host);
	for (int i = 0; i < endpoints; i++) {
		snprintf(name, sizeof(name), "p%d", i);
		set_link(0, name, 0, MARK);
		if ((i + 1) % BATCH == 0)
			flush_to(host);
	}
	flush_to(host);

	for (int i = 0; i < endpoints; i++) {
		set_link(1, NULL, 1, MARK);
		add_address(INNER_INDEX, address_of(i / each, i % each + 2));
		set_link(INNER_INDEX, NULL, 1, MARK);
		add_default_route(address_of(i / each, 1));
		flush_to(inside[i]);
	}
	return 0;
}
