"""How stacks stand, in words: what `netwright status` prints."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Protocol

from netwright.model.route import MAIN_TABLE
from netwright.planning.text import operations_text

if TYPE_CHECKING:
    from netwright.engine.outcome import StackStatus
    from netwright.model.route import Route
    from netwright.report.policed import Policed, Policies
    from netwright.report.protected import ProtectedPort
    from netwright.report.standing import LinkStanding, Published, Standing

NO_STACKS = "There are no stacks. netwright apply FILE makes one."


class Style(Protocol):
    """Colours a text, or gives it back as it is."""

    def __call__(self, text: str, /, *, fg: str | None = None, bold: bool | None = None) -> str: ...


def plain(text: str, /, *, fg: str | None = None, bold: bool | None = None) -> str:  # noqa: ARG001 - a Style
    """The Style of a reader that knows no colours."""
    return text


def status_text(seen: Sequence[tuple[StackStatus, Standing]], style: Style = plain) -> str:
    """Every stack, a blank line between two."""
    return "\n".join("".join(f"{line}\n" for line in _lines(one, standing, style)) for one, standing in seen)


def _lines(one: StackStatus, standing: Standing, style: Style) -> Iterator[str]:
    when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(one.committed_at)) if one.committed_at else "never"
    yield f"{style(one.name, bold=True)}  {_verdict(one, standing, style)}"
    yield f"  from {one.source}, committed {when}"
    if one.confirm_before is not None:
        until = time.strftime("%H:%M:%S", time.localtime(one.confirm_before))
        due = (
            f"rolled back at {until} unless you run: netwright confirm {one.name}"
            if one.confirm_before > time.time()
            else f"should have been rolled back at {until}, and will be by: netwright recover"
        )
        yield f"  {style('not confirmed', fg='yellow')}: {due}"
    for place in standing.places:
        yield f"  {style(place.title, bold=True)}{'' if place.there else '  ' + style('missing', fg='red')}"
        rows = [_row(link) for link in place.links]
        widths = [max((len(row[column]) for row in rows), default=0) for column in range(3)]
        for row in rows:
            yield "    " + "  ".join([*(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=False)), *row[3:]]).rstrip()
        yield from (f"    route {_route(route)}" for route in place.routes)
        yield from (f"    publish {_published(publish)}" for publish in standing.publishes if publish.on == place.key)
    keys = {place.key for place in standing.places}
    yield from (f"  publish on {publish.on}: {_published(publish)}" for publish in standing.publishes if publish.on not in keys)
    if standing.policies is not None:
        yield from _policies(standing.policies)
    if standing.protected is not None:
        yield from _protected(standing.protected, style)
    if one.drift is not None:
        yield from (f"  waiting: {sentence}" for sentence in one.drift.waiting)
        yield from (f"  {style('warning', fg='yellow')}: {sentence}" for sentence in one.drift.warnings)
        if one.drift:
            yield f"  {style('drift', fg='yellow')}: an apply would"
            yield from (f"    {line}" for line in operations_text(one.drift, numbered=False).splitlines())


def _verdict(one: StackStatus, standing: Standing, style: Style) -> str:
    if one.changing is not None:
        return style(f"is being changed at this moment, by {one.changing}", fg="yellow")
    if one.unfinished:
        return style("a run was cut short: netwright recover", fg="red")
    if one.trouble is not None:
        return style(f"cannot be checked: {one.trouble}", fg="red")
    return style("in order", fg="green") if standing.in_order else style("drifted", fg="yellow")


def _row(link: LinkStanding) -> tuple[str, ...]:
    state = ("up" if link.up else "down") if link.there else "missing"
    return (link.name, link.kind, state, " ".join(link.addresses) or (f"in {link.master}" if link.master else ""))


def _route(route: Route) -> str:
    kind = "" if route.kind == "unicast" else f"{route.kind} "
    to = "default" if route.to in ("0.0.0.0/0", "::/0") else route.to
    via = f" via {route.via}" if route.via else f" dev {route.dev}" if route.dev else ""
    metric = "" if route.metric is None else f" metric {route.metric}"
    table = "" if route.table == MAIN_TABLE else f" table {route.table}"
    return f"{kind}{to}{via}{metric}{table}"


def _protected(ports: Sequence[ProtectedPort], style: Style) -> Iterator[str]:
    closed = sum(1 for port in ports if not port.opened)
    told = (
        f"{closed} of the {len(ports)} ports that Docker publishes are closed to the outside" if ports else "Docker publishes no port now"
    )
    yield f"  {style('protected', bold=True)}: {told}"
    width = max((len(port.container) for port in ports), default=0)
    listen_width = max((len(port.listen) for port in ports), default=0)
    for port in ports:
        words = "; ".join(
            f"open to {'everybody' if one.sources is None else ', '.join(one.sources)}"
            + (f" on {one.listen}" if ":" in one.listen else f" by {one.listen}" if one.listen.startswith("policy ") else "")
            + f" ({one.stack})"
            for one in port.opened
        )
        yield f"    {port.container:<{width}}  {port.listen:<{listen_width}}  {words or style('closed', fg='green')}"


def _policies(policies: Policies) -> Iterator[str]:
    yield "  policies"
    rows = [
        (one.name, _policy(one), "not in force" if one.packets is None else f"{one.packets} packets, {one.size} bytes")
        for one in policies.written
    ]
    rows.append(("", "refused, since no policy allows it", f"{policies.refused} packets, {policies.refused_bytes} bytes"))
    widths = [max(len(row[column]) for row in rows) for column in range(2)]
    yield from (f"    {name:<{widths[0]}}  {what:<{widths[1]}}  {counted}" for name, what, counted in rows)


def _policy(one: Policed) -> str:
    """`allow 10.0.0.0/16 to web: 80/tcp`."""
    sources, targets = (
        ", ".join(side) if side is not None else other for side, other in ((one.sources, "anyone"), (one.targets, "anywhere"))
    )
    return f"{one.action} {sources} to {targets}{'' if one.ports is None else ': ' + ', '.join(one.ports)}{', logged' if one.log else ''}"


def _published(publish: Published) -> str:
    sources = "" if publish.sources is None else f" from {', '.join(publish.sources)}"
    return f"{publish.listen}{sources} to {publish.to}{'' if publish.source == 'masquerade' else ', source preserved'}"
