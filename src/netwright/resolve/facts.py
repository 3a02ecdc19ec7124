"""What must be looked up to understand a spec, and what is remembered from before."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from netwright.model.docker import Attachment, Container, DockerState
from netwright.model.loan import ConnectionLoan, DetachmentLoan, Loan, NicLoan, SysctlLoan, nic_loans
from netwright.model.netns import HOST, NetnsRef
from netwright.model.netns import container as container_ref
from netwright.model.route import FOREVER, Address
from netwright.model.state import Namespace, State
from netwright.spec.schema import ContainerSpec
from netwright.spec.schema_containers import LabelSelector


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """The host as it was just observed, and the stack's memory."""

    observed: State
    leases: Mapping[str, str] = field(default_factory=dict)
    loans: tuple[Loan, ...] = ()
    elsewhere: frozenset[str] = frozenset()
    """Addresses that other stacks have: none of them is given out anew."""
    elsewhere_subnets: Mapping[str, str] = field(default_factory=dict)
    """Subnet → the other stack that has it: none that overlaps one is chosen."""
    begun_networks: frozenset[str] = frozenset()
    """Docker networks that an unfinished run was about to make: what they are like was never decided."""

    @property
    def host(self) -> Namespace:
        return self.observed.namespaces.get(HOST, Namespace(ref=HOST))

    @property
    def docker(self) -> DockerState:
        return self.observed.docker or DockerState(reachable=False, why="Docker was not asked")

    @property
    def nic_loans(self) -> tuple[NicLoan, ...]:
        """Those that are out. One whose NIC was set up anew at home is over: what it has now is what it has."""
        return tuple(loan for loan in nic_loans(self.loans) if not self._set_up_anew(loan))

    @property
    def sysctl_loans(self) -> tuple[SysctlLoan, ...]:
        return tuple(loan for loan in self.loans if isinstance(loan, SysctlLoan))

    @property
    def connections(self) -> dict[str, frozenset[str]]:
        """Container → the Docker networks that the stack has put it on."""
        found: dict[str, frozenset[str]] = {}
        for loan in self.loans:
            if isinstance(loan, ConnectionLoan):
                found[loan.container] = found.get(loan.container, frozenset()) | {loan.network}
        return found

    @property
    def detached(self) -> dict[str, dict[str, Attachment]]:
        """Container → Docker network → how it was on it, before a run took it off."""
        found: dict[str, dict[str, Attachment]] = {}
        for loan in self.loans:
            if isinstance(loan, DetachmentLoan):
                found.setdefault(loan.container, {})[loan.attachment.network] = loan.attachment
        return found

    def _set_up_anew(self, loan: NicLoan) -> bool:
        """After a power loss, say: it came back with the host, and whoever sets up the host's network has given it another address."""
        home = self.observed.namespaces.get(loan.home, Namespace(ref=loan.home))
        link = home.links.get(loan.name)
        if link is None or link.mac != loan.mac or link.borrower is not None:
            return False
        before = {address.key for address in loan.addresses}
        return any(
            address.dev == loan.name and address.key not in before and (":" not in address.cidr or _is_static(address))
            for address in home.addresses
        )


def _is_static(address: Address) -> bool:
    """Not what the kernel gives an interface by itself, or takes from a router."""
    return address.valid_seconds == FOREVER and not address.cidr.startswith("fe80:")


def matches(key: str, spec: ContainerSpec | None, docker: DockerState) -> tuple[Container, ...]:
    """The containers that an entry of `containers:` means: by (the start of) an id, by name, or by label.

    An id first: it is given by chance, and a name by whoever starts a container, who could give it the start of another's id.
    """
    wanted = spec.docker if spec is not None and spec.docker is not None else key
    if isinstance(wanted, LabelSelector):
        return tuple(sorted((c for c in docker.containers.values() if wanted.matches(c.labels)), key=lambda c: c.name))
    by_id = [c for c in docker.containers.values() if len(wanted) >= 12 and c.id.startswith(wanted)]
    if not by_id and wanted in docker.containers:
        return (docker.containers[wanted],)
    return tuple(by_id[:1])


def netns_of(container: Container) -> NetnsRef:
    """Where a running container's interfaces are."""
    return container_ref(container.name, container.pid)
