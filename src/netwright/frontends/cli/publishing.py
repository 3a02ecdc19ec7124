"""`netwright publish` and `netwright unpublish`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from netwright.frontends.cli import failure, say
from netwright.frontends.cli.arguments import FileType, json_option, lockout_option, no_wait_option
from netwright.frontends.cli.daemon_socket import daemon_for_user
from netwright.frontends.cli.privilege import need_root
from netwright.frontends.cli.progress import shown
from netwright.frontends.cli.targets import OwnStackType, PortType, TargetType

if TYPE_CHECKING:
    from netwright.frontends.cli.rewriting import Original


def _options(command: Any) -> Any:
    for option in (
        json_option,
        lockout_option,
        click.option("--quiet", "-q", is_flag=True, help="Say nothing unless it fails."),
        no_wait_option,
        click.option("--plan", "--dry-run", "planned", is_flag=True, help="Show what would be done, and do nothing."),
        click.option("--write", metavar="FILE", type=FileType(), help="Change the stack's file as well; it must be what was applied last."),
        click.option(
            "--stack", metavar="NAME", type=OwnStackType(), help="The stack that keeps it; absent: the one that knows the target."
        ),
    ):
        command = option(command)
    return command


@click.command(short_help="Publish a port to a container that runs.")
@click.argument("target", metavar="CONTAINER|NAMESPACE", type=TargetType())
@click.argument("port", metavar="PORT:PORT[/PROTOCOL]")
@click.option("--from", "sources", metavar="PREFIX", multiple=True, help="Who may use it: may be repeated; absent: anyone.")
@click.option(
    "--source",
    type=click.Choice(["masquerade", "preserve"]),
    default="masquerade",
    show_default=True,
    help="Whom the target sees: the host, or the client.",
)
@click.option("--replace", is_flag=True, help="Change what the same port of the host leads to, or who may use it, in one step.")
@_options
def publish(
    target: str,
    port: str,
    *,
    sources: tuple[str, ...],
    source: str,
    replace: bool,
    stack: str | None,
    write: str | None,
    planned: bool,
    allow_lockout: bool,
    no_wait: bool,
    quiet: bool,
    as_json: bool,
) -> int:
    """Publish a port of the host to a container that runs, without a restart, or to a namespace of a stack.

    PORT:PORT is as with docker run -p, the host's before the target's, [INTERFACE:|ADDRESS:|[IPV6]:]PORT[-PORT]:PORT[-PORT][/tcp|udp|sctp].

    It is kept in a stack: in the one whose file names the target, else in the stack "published", which is made for it (netwright
    destroy published takes all of it back). The stack's file is changed as it was committed, comments and layout stay; the file on
    disk is yours: --write changes it as well, and without it the next apply of that file takes the port away again, as its plan
    says. A container keeps the port over restarts, if it is applied again then or the daemon runs.

    \b
    Example: sudo netwright publish web 8080:80 --from 10.0.0.0/16
             sudo netwright publish web 5000-5009:6000-6009/udp --source preserve
             sudo netwright publish web 8443:443 --write shop.yaml

    Exit status: 0 done, or there was nothing to do; 1 it failed or something stands in the way, and says what is the state now;
    2 the command line is wrong, or does not fit the host (a port that another stack or Docker publishes), nothing was touched; 130
    interrupted, rolled back.
    """
    from netwright.revising.request import parse_port

    asked = parse_port(port, from_=sources, source=source)
    original = _original(write, stack)
    request = {"target": target, "port": port, "from": list(sources), "source": source, "replace": replace}
    if (daemon := daemon_for_user()) is not None:
        document = daemon.ask(
            "POST", "/v1/publish", {**request, **_rest(stack, original, plan=planned, wait=not no_wait, allow_lockout=allow_lockout)}
        )
        return _tell(document, original, quiet=quiet, as_json=as_json)
    need_root("publish", "changes the host's networks")
    from netwright.api import warnings_of
    from netwright.report.documents import revision_document
    from netwright.revising.publication import Publish
    from netwright.wiring import open_engine

    change = Publish(target=target, port=asked, stack=stack, replace=replace, base=original.base if original else None)
    with failure.untouched(), shown(quiet=quiet) as progress, open_engine(progress=progress) as engine:
        made = engine.foresee(change) if planned else engine.revise(change, wait=not no_wait, allow_lockout=allow_lockout)
    return _tell(revision_document(made, warnings_of(made, asked)), original, quiet=quiet, as_json=as_json)


@click.command(short_help="Take a published port back.")
@click.argument("target", metavar="CONTAINER|NAMESPACE", type=TargetType())
@click.argument("port", metavar="[PORT[/PROTOCOL]]", type=PortType(), required=False)
@click.option("--all", "everything", is_flag=True, help="All that is published to it.")
@_options
def unpublish(
    target: str,
    port: str | None,
    *,
    everything: bool,
    stack: str | None,
    write: str | None,
    planned: bool,
    allow_lockout: bool,
    no_wait: bool,
    quiet: bool,
    as_json: bool,
) -> int:
    """Take a published port back, from a container that runs or is gone, or from a namespace. What is open through it is cut.

    PORT is the host's, [INTERFACE:|ADDRESS:|[IPV6]:]PORT[-PORT][/tcp|udp|sctp]; a range as it was published. Also what was written
    in the stack's file can be taken back; the file on disk stays as it is unless --write names it.

    \b
    Example: sudo netwright unpublish web 8080
             sudo netwright unpublish web 5000-5009/udp
             sudo netwright unpublish web --all

    Exit status: 0 done; 1 it failed, or it is not published, and says what is the state now; 2 the command line is wrong; 130
    interrupted, rolled back.
    """
    if everything == (port is not None):
        raise click.UsageError("Say which port, or --all.")
    from netwright.revising.request import parse_listened

    listen = None if port is None else parse_listened(port)
    original = _original(write, stack)
    if (daemon := daemon_for_user()) is not None:
        request = {"target": target, **({"port": port} if port is not None else {})}
        document = daemon.ask(
            "POST", "/v1/unpublish", {**request, **_rest(stack, original, plan=planned, wait=not no_wait, allow_lockout=allow_lockout)}
        )
        return _tell(document, original, quiet=quiet, as_json=as_json)
    need_root("unpublish", "changes the host's networks")
    from netwright.report.documents import revision_document
    from netwright.revising.publication import Unpublish
    from netwright.wiring import open_engine

    change = Unpublish(target=target, listen=listen, stack=stack, base=original.base if original else None)
    with failure.untouched(), shown(quiet=quiet) as progress, open_engine(progress=progress) as engine:
        made = engine.foresee(change) if planned else engine.revise(change, wait=not no_wait, allow_lockout=allow_lockout)
    return _tell(revision_document(made, ()), original, quiet=quiet, as_json=as_json)


def _original(write: str | None, stack: str | None) -> Original | None:
    if write is None:
        return None
    from netwright.frontends.cli.rewriting import open_original

    original = open_original(write)
    if stack not in (None, original.base.stack):
        raise click.UsageError(f"{write} is the stack {original.base.stack}, and --stack says {stack}.")
    return original


def _rest(stack: str | None, original: Original | None, **flags: bool) -> dict[str, Any]:
    request: dict[str, Any] = {**flags}
    if stack is not None:
        request["stack"] = stack
    return {**request, "file": original.base.source, "text": original.base.text} if original else request


def _tell(document: dict[str, Any], original: Original | None, *, quiet: bool, as_json: bool) -> int:
    from netwright.report.revision_text import revision_text, revision_words

    if original is not None and document["done"] and document["spec"] is not None:
        original.write(document["spec"])
    if as_json:
        say.document(document)
        return 0
    if quiet:
        return 0
    say.data(revision_text(document))
    for line in revision_words(document):
        say.words(line)
    if original is not None and document["done"]:
        say.words(f"{original.base.source} says so, too.")
    return 0
