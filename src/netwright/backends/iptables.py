"""Our marked rules in chains of iptables that belong to others: read, and replaced in one transaction."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import ClassVar

from netwright.backends.forward_filter import variant_of
from netwright.backends.netns import run_in
from netwright.backends.xtables import Variant, restore, save, variants
from netwright.errors import FirewallError, NetwrightError
from netwright.firewall.foreign import marked_stack
from netwright.model.firewall import ForeignChain, ForeignRules
from netwright.model.operation import AnyOperation, SetForeignRules
from netwright.ports import OperationFailed


class Iptables:
    """iptables and ip6tables, of whichever kind holds the chain."""

    HANDLES: ClassVar[tuple[type[AnyOperation], ...]] = (SetForeignRules,)
    """The operations that `execute` takes."""

    def observe_foreign(self, chains: Iterable[ForeignChain], stack: str) -> dict[ForeignChain, ForeignRules]:
        """The stack's rules in those chains of the namespace we run in; a chain that is not there has none of them.

        Raises FirewallError, KernelError, Missing.
        """
        saved: dict[tuple[int, Variant, str], str] = {}
        found = {}
        for chain in chains:
            found[chain] = ForeignRules()
            for variant in variants(chain.family, chain.table):
                key = (chain.family, variant, chain.table)
                if key not in saved:
                    saved[key] = save(*key)
                standing = _standing(saved[key], chain.chain)
                places = [place for place, rule in enumerate(standing) if marked_stack(rule) == stack]
                # Another stack's rules may stand above: they are nobody else's.
                on_top = not places or all(marked_stack(rule) is not None for rule in standing[: places[-1]])
                rules = found[chain].rules + tuple(standing[place] for place in places)
                found[chain] = ForeignRules(rules=rules, on_top=on_top and found[chain].on_top)
        return found

    def execute(self, operations: Sequence[AnyOperation], done: Callable[[int], None]) -> None:
        """Do them one by one. All rules of the stack in a chain are taken out, whatever the operation says was there.

        Raises OperationFailed with a FirewallError, KernelError or Missing.
        """
        for operation in operations:
            try:
                if not isinstance(operation, SetForeignRules):
                    raise TypeError(f"a {type(operation).__name__} is nothing that is done to a chain of iptables")
                run_in(operation.netns, partial(_set, operation))
            except NetwrightError as error:
                raise OperationFailed(operation, error) from error
            done(1)


def _set(operation: SetForeignRules) -> None:
    chain = operation.chain
    stacks = {marked_stack(rule) for rule in (*operation.old, *operation.new)} - {None}
    belongs = variant_of(chain.family) if operation.new else None
    present = variants(chain.family, chain.table)
    if operation.new and belongs is None:
        raise FirewallError(f"there is no chain {chain.chain} in {_words(chain)} any more: nothing can be put into it")
    for variant in present:
        standing = _standing(save(chain.family, variant, chain.table), chain.chain)
        gone = [rule for rule in standing if marked_stack(rule) in stacks]
        new = operation.new if variant is belongs else ()
        if not gone and not new:
            continue
        lines = [f"*{chain.table}"]
        lines += [f"-D {chain.chain} {rule}" for rule in gone]
        lines += [f"-I {chain.chain} {place} {rule}" for place, rule in enumerate(new, start=1)]
        try:
            restore(chain.family, variant, "\n".join([*lines, "COMMIT", ""]))
        except FirewallError as error:
            raise FirewallError(f"the rules were not put into {chain.chain} of {_words(chain)}: {error}") from error


def _standing(saved: str, chain: str) -> list[str]:
    """The rules of a chain, in order, behind `-A CHAIN `."""
    head = f"-A {chain} "
    return [line.removeprefix(head) for line in saved.splitlines() if line.startswith(head)]


def _words(chain: ForeignChain) -> str:
    return f"{'iptables' if chain.family == 4 else 'ip6tables'}' table {chain.table}"
