"""The Python API: what the command line does, as functions.

    import netwright

    document = netwright.load("article.yaml")
    for operation in netwright.plan(document).operations:
        print(operation.why)
    netwright.apply(document)
    netwright.destroy("article")

Every function raises subclasses of `netwright.NetwrightError`, whose text is a whole sentence (see `netwright.errors`). Changing
or reading the host takes root. For several calls in a row, or to be told of the progress, open one `Engine` and keep it:

    with netwright.open_engine(progress=my_progress) as engine:
        engine.apply(document)
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from netwright.engine.engine import Engine
from netwright.engine.outcome import Outcome, Progress, Revision, Silent, StackStatus
from netwright.engine.whole_host import look_everywhere
from netwright.errors import InvalidValue, NetwrightError, Problem, SpecError
from netwright.importing import compose, host
from netwright.importing.environment import read_env_file
from netwright.model.deed import Deed
from netwright.model.operation import Plan
from netwright.reading import read_file
from netwright.resolve.protection import ANY_ADDRESS
from netwright.revising.publication import Publish, Unpublish
from netwright.revising.request import Port, parse_listened, parse_port
from netwright.spec.document import Document
from netwright.spec.load import MOST_BYTES, decode, parse
from netwright.wiring import driver_folder, listening_on_host, open_engine, open_store, open_world

__all__ = [
    "Document",
    "Engine",
    "NetwrightError",
    "Outcome",
    "Plan",
    "Progress",
    "Revision",
    "Silent",
    "StackStatus",
    "apply",
    "destroy",
    "import_compose",
    "import_host",
    "load",
    "log",
    "open_engine",
    "parse",
    "plan",
    "publish",
    "recover",
    "status",
    "unpublish",
]


def load(path: str | Path) -> Document:
    """Read and check a file. Raises SpecError with everything that is wrong in it, or if it cannot be read."""
    return parse(_read(Path(path)), str(path))


def plan(document: Document, *, replace_networks: bool = False, state_folder: str | None = None) -> Plan:
    """What `apply` would do. Touches nothing."""
    with open_engine(state_folder=state_folder) as engine:
        return engine.plan(document, replace_networks=replace_networks)


def apply(
    document: Document,
    *,
    wait: bool = True,
    confirm_seconds: float | None = None,
    allow_lockout: bool = False,
    replace_networks: bool = False,
    state_folder: str | None = None,
) -> Outcome:
    """Make the host match, verified and committed; or leave it as it was and raise.

    `allow_lockout`: also where that takes the host's default route, or what carries the SSH session that this process belongs to.
    `replace_networks`: Docker networks may be made anew though others' containers are on them; these are put back as they were.
    """
    with open_engine(state_folder=state_folder) as engine:
        return engine.apply(
            document, wait=wait, confirm_seconds=confirm_seconds, allow_lockout=allow_lockout, replace_networks=replace_networks
        )


def destroy(stack: str, *, wait: bool = True, allow_lockout: bool = False, state_folder: str | None = None) -> Outcome:
    """Remove all that the stack owns and give back what it borrowed. `allow_lockout`: as of `apply`."""
    with open_engine(state_folder=state_folder) as engine:
        return engine.destroy(stack, wait=wait, allow_lockout=allow_lockout)


def recover(*, wait: bool = True, state_folder: str | None = None) -> tuple[str, ...]:
    """After a crash: back to the last committed state. The names of the stacks that were brought back."""
    with open_engine(state_folder=state_folder) as engine:
        return engine.recover(wait=wait)


def status(stack: str | None = None, *, state_folder: str | None = None) -> tuple[StackStatus, ...]:
    """Committed stacks and how the host stands to them."""
    with open_engine(state_folder=state_folder) as engine:
        return engine.status(stack)


def publish(
    target: str,
    port: str,
    *,
    from_: Sequence[str] = (),
    source: str = "masquerade",
    stack: str | None = None,
    replace: bool = False,
    wait: bool = True,
    allow_lockout: bool = False,
    state_folder: str | None = None,
) -> Revision:
    """Publish a port of the host (`8080:80`, as `netwright publish` takes it) to a running container or to a stack's namespace.

    Kept in the committed file of the stack that knows the target, or of `stack`. Raises as `apply`, and InvalidValue.
    """
    change = Publish(target=target, port=parse_port(port, from_=from_, source=source), stack=stack, replace=replace)
    with open_engine(state_folder=state_folder) as engine:
        return engine.revise(change, wait=wait, allow_lockout=allow_lockout)


def unpublish(
    target: str,
    listen: str | None = None,
    *,
    stack: str | None = None,
    wait: bool = True,
    allow_lockout: bool = False,
    state_folder: str | None = None,
) -> Revision:
    """Take a published port (`8080`, `8080/udp`, `10.0.0.1:8080`) back, and cut what is open through it; None: all of the target's."""
    change = Unpublish(target=target, listen=None if listen is None else parse_listened(listen), stack=stack)
    with open_engine(state_folder=state_folder) as engine:
        return engine.revise(change, wait=wait, allow_lockout=allow_lockout)


def warnings_of(revision: Revision, port: Port) -> tuple[str, ...]:
    """What the host does with that port besides: programs that listen on it, and hear nothing of the outside now."""
    if not revision.plan:
        return ()
    ports, address = port.listen.ports, port.listen.address
    there = listening_on_host(port.listen.protocol, ports.first, ports.last)
    return tuple(
        f"{one.process or 'Something'} listens on {one.address} port {one.port}/{port.listen.protocol} of the host: "
        "what comes to that port from outside goes to the target instead"
        for one in there
        # Docker's own helper stands where Docker publishes: what comes from outside never reached it.
        if not one.process.startswith("docker-proxy ") and (address is None or one.address in (address, *ANY_ADDRESS))
    )


def log(stack: str | None = None, *, state_folder: str | None = None) -> tuple[Deed, ...]:
    """Who changed what, and when, oldest first: of one stack or of all, and of the networks of Docker's driver."""
    found: list[Deed] = []
    for folder in (state_folder, driver_folder(state_folder)):
        with closing(open_store(folder)) as store:
            found += store.deeds(stack)
    return tuple(sorted(found, key=lambda deed: deed.at))


def import_compose(path: str | Path, *, text: str | None = None, name: str | None = None, project: str | None = None) -> str:
    """A Compose file as a file in Netwright's language, which joins what Compose makes.

    `text`: its content, where it is not to be read from `path`, whose folder counts all the same (for the project's name, and its
    `.env`). `name`: the stack's; `project`: as docker compose's `-p`. Raises SpecError.
    """
    path = Path(path)
    folder = path.absolute().parent
    return compose.import_compose(
        _read(path) if text is None else text,
        str(path),
        variables={**_env_file(folder / ".env"), **os.environ},
        folder=folder.name,
        project=project,
        name=name,
        remarks=[f"{other} beside it is not read: let `docker compose config` put both together." for other in _overrides(path)],
    )


def import_host(name: str = "host", *, everything: bool = False) -> str:
    """This host as a file that describes it: applying it changes nothing. `everything`: what Netwright's own stacks have made, too.

    Raises Refused if there is a stack of that name, BackendError.
    """
    with closing(open_world()) as world:
        return host.import_host(look_everywhere(world), name, everything=everything)


def _read(path: Path) -> str:
    try:
        data = read_file(path, MOST_BYTES + 1)
    except OSError as error:
        raise SpecError(str(path), [Problem(0, 0, "", f"cannot be read: {error.strerror}")]) from error
    return decode(data, str(path))


def _env_file(path: Path) -> dict[str, str]:
    if not path.is_file():
        return {}
    try:
        return read_env_file(_read(path), os.environ)
    except InvalidValue as error:
        raise SpecError(str(path), [Problem(0, 0, "", str(error), error.hint)]) from error


def _overrides(path: Path) -> list[str]:
    """The files that Compose would read after this one, unasked."""
    if path.stem not in ("compose", "docker-compose"):
        return []
    return [name for suffix in (".yaml", ".yml") if path.with_name(name := f"{path.stem}.override{suffix}").is_file()]
