"""The JSON documents that commands print with --json.

Each is one object with `version`, an integer that grows when a reader of the old document would be misled; keys may be added
without that. Times are seconds since the epoch; namespaces are `host`, `named/NAME` or `container/NAME`; what is not known or
does not apply is null. A plan inside another document is what `netwright plan --json` prints (netwright.planning.document).

    validate   {version, file, stack, networks: [NAME…], namespaces: […], containers: […]}
    apply      {version, stack, changed, plan, seconds, recovered: [STACK…], confirm_before}
    destroy    the same; confirm_before is null
    publish    the same as apply's, and {done, said, warnings: [SENTENCE…], spec}: done is false with --plan; spec: the stack's file
    unpublish  the same as publish's
    confirm    {version, confirmed: [STACK…]}
    recover    {version, recovered: [STACK…], rolled_back: [STACK…]}    rolled_back: not confirmed in time
    status     {version, stacks: [{name, source, committed_at, confirm_before, unfinished, changing, in_order, trouble, drift: plan,
               waiting: [SENTENCE…], warnings: [SENTENCE…], namespaces: [{name, there, links: [{name, kind, there, up, mtu, mac, master, addresses: […]}],
               routes: [{kind, to, via, dev, metric, table}]}], publishes: [{on, listen, from: […], to, source}],
               protected: [{container, listen, opened: [{stack, listen, from: […]}]}]}]}    protected: null without host.protect, and while Docker does not answer
               and policies: [{name, action, from: […], to: […], ports: […], log, packets, bytes}], refused: {packets, bytes}: what no policy allows
    graph      {version, format, drawing}
    an error   {version, error: {kind, message, hint, exit_status, rolled_back, problems: [{line, column, path, message, hint}]}}
               kind: Spec | InvalidValue | Refused | Busy | Missing | Kernel | Firewall | Docker | Backend | ApplyFailed |
               Interrupted | Usage | Unexpected; rolled_back: null unless something had been changed
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from netwright.errors import ApplyFailed, NetwrightError, SpecError

if TYPE_CHECKING:
    from netwright.engine.outcome import Outcome, Revision, StackStatus
    from netwright.report.standing import Standing
    from netwright.spec.document import Document

VERSION = 1


def error_document(error: NetwrightError, status: int) -> dict[str, Any]:
    """Of an error that Netwright raised on purpose."""
    kind = type(error).__name__.removesuffix("Error")
    document = plain_error_document(kind, str(error), error.hint, status)
    if isinstance(error, ApplyFailed):
        document["error"]["rolled_back"] = error.rolled_back
    if isinstance(error, SpecError):
        document["error"]["problems"] = [
            {"line": one.line or None, "column": one.column or None, "path": one.path, "message": one.message, "hint": one.hint}
            for one in error.problems
        ]
    return document


def plain_error_document(kind: str, message: str, hint: str | None, status: int) -> dict[str, Any]:
    """Of any failure."""
    return {
        "version": VERSION,
        "error": {"kind": kind, "message": message, "hint": hint, "exit_status": status, "rolled_back": None, "problems": []},
    }


def validate_document(document: Document) -> dict[str, Any]:
    spec = document.spec
    return {
        "version": VERSION,
        "file": document.source,
        "stack": spec.name,
        "networks": list(spec.networks),
        "namespaces": list(spec.namespaces),
        "containers": list(spec.containers),
    }


def apply_document(stack: str, outcome: Outcome) -> dict[str, Any]:
    from netwright.planning.document import plan_document

    return {
        "version": VERSION,
        "stack": stack,
        "changed": bool(outcome.plan),
        "plan": plan_document(outcome.plan),
        "seconds": outcome.seconds,
        "recovered": list(outcome.recovered),
        "confirm_before": outcome.confirm_before,
    }


def revision_document(revision: Revision, warnings: Sequence[str]) -> dict[str, Any]:
    """Of `publish` and `unpublish`."""
    from netwright.engine.outcome import Outcome

    outcome = revision.outcome or Outcome(plan=revision.plan, seconds=0.0)
    return {
        **apply_document(revision.stack, outcome),
        "done": revision.outcome is not None,
        "said": revision.said,
        "warnings": list(warnings),
        "spec": revision.spec,
    }


def confirm_document(confirmed: Sequence[str]) -> dict[str, Any]:
    return {"version": VERSION, "confirmed": list(confirmed)}


def recover_document(recovered: Sequence[str], rolled_back: Sequence[str]) -> dict[str, Any]:
    return {"version": VERSION, "recovered": list(recovered), "rolled_back": list(rolled_back)}


def graph_document(form: str, drawing: str) -> dict[str, Any]:
    return {"version": VERSION, "format": form, "drawing": drawing}


def import_document(text: str) -> dict[str, Any]:
    return {"version": VERSION, "file": text}


def status_document(stacks: Sequence[tuple[StackStatus, Standing]]) -> dict[str, Any]:
    return {"version": VERSION, "stacks": [_stack(status, standing) for status, standing in stacks]}


def _stack(status: StackStatus, standing: Standing) -> dict[str, Any]:
    from netwright.planning.document import plan_document

    return {
        "name": status.name,
        "source": status.source,
        "committed_at": status.committed_at or None,
        "confirm_before": status.confirm_before,
        "unfinished": status.unfinished,
        "changing": status.changing,
        "in_order": standing.in_order,
        "trouble": status.trouble,
        "drift": None if status.drift is None else plan_document(status.drift),
        "waiting": [] if status.drift is None else list(status.drift.waiting),
        "warnings": [] if status.drift is None else list(status.drift.warnings),
        "namespaces": [
            {
                "name": place.key,
                "there": place.there,
                "links": [
                    {
                        "name": link.name,
                        "kind": link.kind,
                        "there": link.there,
                        "up": link.up,
                        "mtu": link.mtu,
                        "mac": link.mac,
                        "master": link.master or None,
                        "addresses": list(link.addresses),
                    }
                    for link in place.links
                ],
                "routes": [
                    {
                        "kind": route.kind,
                        "to": route.to,
                        "via": route.via,
                        "dev": route.dev,
                        "metric": route.metric,
                        "table": route.table,
                    }
                    for route in place.routes
                ],
            }
            for place in standing.places
        ],
        "publishes": [
            {
                "on": one.on,
                "listen": one.listen,
                "from": None if one.sources is None else list(one.sources),
                "to": one.to,
                "source": one.source,
            }
            for one in standing.publishes
        ],
        "policies": [
            {
                "name": one.name,
                "action": one.action,
                "from": None if one.sources is None else list(one.sources),
                "to": None if one.targets is None else list(one.targets),
                "ports": None if one.ports is None else list(one.ports),
                "log": one.log,
                "packets": one.packets,
                "bytes": one.size,
            }
            for one in (standing.policies.written if standing.policies is not None else ())
        ],
        "refused": None if standing.policies is None else {"packets": standing.policies.refused, "bytes": standing.policies.refused_bytes},
        "protected": None
        if standing.protected is None
        else [
            {
                "container": port.container,
                "listen": port.listen,
                "opened": [
                    {"stack": one.stack, "listen": one.listen, "from": None if one.sources is None else list(one.sources)}
                    for one in port.opened
                ],
            }
            for port in standing.protected
        ],
    }
