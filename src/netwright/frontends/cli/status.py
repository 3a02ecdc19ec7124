"""`netwright status`."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from netwright.errors import Refused
from netwright.frontends.cli import say
from netwright.frontends.cli.arguments import StackType, json_option, stack_of
from netwright.frontends.cli.privilege import need_root
from netwright.frontends.cli.progress import shown

if TYPE_CHECKING:
    from netwright.engine.outcome import StackStatus
    from netwright.frontends.cli.standing import LinkStanding, Published, Standing


@click.command()
@click.argument("stack", metavar="[NAME|FILE]", type=StackType(), required=False)
@json_option
def status(stack: str | None, *, as_json: bool) -> int:
    """Show stacks, how they stand, and drift.

    Namespaces, links, addresses, routes, publishes. Drift is what an apply of the committed file would do: somebody has changed the host by hand, or a container has another
    address now. It is shown, and does not make the command fail (plan --check does).

    \b
    Example: sudo netwright status
             sudo netwright status shop --json

    Exit status: 0; 1 there is no such stack.
    """
    stacks = look_at("status", None if stack is None else stack_of(stack))
    from netwright.frontends.cli.standing import standing_of

    seen = [(one, standing_of(one)) for one in stacks]
    if as_json:
        from netwright.frontends.cli.documents import status_document

        say.document(status_document(seen))
    elif not seen:
        say.words("There are no stacks. netwright apply FILE makes one.")
    else:
        say.data("\n".join("".join(f"{line}\n" for line in _lines(one, standing)) for one, standing in seen))
    return 0


def look_at(command: str, name: str | None) -> tuple[StackStatus, ...]:
    """What the engine says of one stack, or of all. Raises Refused where there is none of that name."""
    need_root(command, "reads the state and the host's namespaces")
    from netwright.wiring import open_engine

    with shown() as progress, open_engine(progress=progress) as engine:
        found = engine.status(name)
        if found or name is None:
            return found
        names = sorted(one.name for one in engine.status())
    import difflib

    near = difflib.get_close_matches(name, names, n=1)
    hint = f"did you mean {near[0]}?" if near else f"there are: {', '.join(names)}" if names else "netwright apply FILE makes one"
    raise Refused(f"There is no stack {name} on this host.", hint=hint)


def _lines(one: StackStatus, standing: Standing) -> Iterator[str]:
    when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(one.committed_at)) if one.committed_at else "never"
    yield f"{_style(one.name, bold=True)}  {_verdict(one, standing)}"
    yield f"  from {one.source}, committed {when}"
    if one.confirm_before is not None:
        until = time.strftime("%H:%M:%S", time.localtime(one.confirm_before))
        yield f"  {_style('not confirmed', fg='yellow')}: rolled back at {until} unless you run: netwright confirm {one.name}"
    for place in standing.places:
        yield f"  {_style(place.title, bold=True)}{'' if place.there else '  ' + _style('missing', fg='red')}"
        rows = [_row(link) for link in place.links]
        widths = [max((len(row[column]) for row in rows), default=0) for column in range(3)]
        for row in rows:
            yield "    " + "  ".join([*(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=False)), *row[3:]]).rstrip()
        for route in place.routes:
            via = f" via {route.via}" if route.via else ""
            dev = f" dev {route.dev}" if route.dev and not route.via else ""
            yield f"    route {'default' if route.to in ('0.0.0.0/0', '::/0') else route.to}{via}{dev}"
        yield from (f"    publish {_published(publish)}" for publish in standing.publishes if publish.on == place.key)
    keys = {place.key for place in standing.places}
    yield from (f"  publish on {publish.on}: {_published(publish)}" for publish in standing.publishes if publish.on not in keys)
    if one.drift is not None:
        yield from (f"  waiting: {sentence}" for sentence in one.drift.waiting)
        if one.drift:
            from netwright.planning.text import plan_text

            yield f"  {_style('drift', fg='yellow')}: an apply would"
            operations = plan_text(one.drift, numbered=False).partition("\nWaiting:\n")[0]
            yield from (f"    {line}" for line in operations.splitlines())


def _verdict(one: StackStatus, standing: Standing) -> str:
    if one.unfinished:
        return _style("a run was cut short: netwright recover", fg="red")
    if one.trouble is not None:
        return _style(f"cannot be checked: {one.trouble}", fg="red")
    return _style("in order", fg="green") if standing.in_order else _style("drifted", fg="yellow")


def _row(link: LinkStanding) -> tuple[str, ...]:
    state = ("up" if link.up else "down") if link.there else "missing"
    return (link.name, link.kind, state, " ".join(link.addresses) or (f"in {link.master}" if link.master else ""))


def _published(publish: Published) -> str:
    sources = "" if publish.sources is None else f" from {', '.join(publish.sources)}"
    return f"{publish.listen}{sources} to {publish.to}{'' if publish.source == 'masquerade' else ', source preserved'}"


def _style(text: str, *, fg: str | None = None, bold: bool | None = None) -> str:
    return click.style(text, fg=fg, bold=bold) if say.coloured(sys.stdout) else text
