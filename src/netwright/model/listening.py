"""A socket that waits for connections, or for packets of anybody."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Listening:
    """`process`: `nginx (pid 812)`; empty where it could not be found out."""

    address: str
    port: int
    process: str
