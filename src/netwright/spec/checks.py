"""What two values of a file can be wrong about together: all of it, each at its place."""

from __future__ import annotations

from netwright.spec.checks_addresses import check_addresses
from netwright.spec.checks_drivers import check_drivers
from netwright.spec.checks_external import check_external
from netwright.spec.checks_links import check_links
from netwright.spec.checks_names import check_names
from netwright.spec.checks_networks import check_networks
from netwright.spec.checks_policies import check_policies
from netwright.spec.checks_publish import check_publish
from netwright.spec.checks_routes import check_routes
from netwright.spec.findings import Findings
from netwright.spec.schema import Spec
from netwright.spec.topology import Topology


def check(spec: Spec, findings: Findings) -> None:
    """Add everything to `findings`. Nothing here looks at the host: that is for the resolver."""
    topology = Topology(spec)
    looks = (check_names, check_networks, check_drivers, check_addresses, check_links, check_external, check_routes, check_publish)
    for look in (*looks, check_policies):
        look(topology, findings)
