"""What two values of a file can be wrong about together: all of it, each at its place."""

from __future__ import annotations

from netwright.spec.checks_names import check_names
from netwright.spec.findings import Findings
from netwright.spec.schema import Spec
from netwright.spec.topology import Topology


def check(spec: Spec, findings: Findings) -> None:
    """Add everything to `findings`. Nothing here looks at the host: that is for the resolver."""
    topology = Topology(spec)
    for look in (check_names,):
        look(topology, findings)
