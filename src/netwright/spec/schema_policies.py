"""The file's policies, as typed values."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from netwright.spec.fields import OneOrList, PeerField, PolicyNameField, ServiceField
from netwright.spec.part import Part


class PolicySpec(Part):
    """Who may open connections to whom. At least one of `from` and `to` is required. Replies always pass; a deny wins over every allow.

    Who is named under `to` of an allow is closed to all whom no policy allows. Where `to` is `internet` or prefixes
    outside the file's networks, those under `from` are confined instead: of what is outside they reach what a policy allows.
    """

    name: PolicyNameField = Field(description="its name, for the log, the counters and messages")
    from_: Annotated[list[PeerField], OneOrList()] | None = Field(
        None,
        alias="from",
        description="who opens the connection: containers, namespaces, networks, host, internet, prefixes; absent: anyone",
    )
    to: Annotated[list[PeerField], OneOrList()] | None = Field(
        None, description="to whom: containers, namespaces, networks, host, internet, prefixes; absent: anywhere"
    )
    ports: Annotated[list[ServiceField], OneOrList(str, int)] | None = Field(
        None, description="PORT[-PORT][/tcp|udp|sctp] as the client asked for it, or icmp; absent: everything"
    )
    action: Literal["allow", "deny"] = Field("allow", description="deny: refused, as by a closed port")
    log: bool = Field(False, description="write a line into the kernel's log for each connection that it is about, ten a second at most")
