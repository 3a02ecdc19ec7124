"""Intents → the one nft table of a stack in a namespace.

    base chain    hook, priority        does
    prerouting    nat, -101             hands published ports on; before Docker's at -100
    output        nat, -101             the same for connections that begin here
    postrouting   nat, 99               masquerades published ports, interfaces and networks; before Docker's at 100
    forward       filter, 0             shuts internal networks, and isolated ones from outside
    input         filter, -1            shuts ports on which a proxy of Docker's listens for everybody, where the file says for whom

Sets, maps and chains that nothing uses are left out. Priorities are numbers: nft refuses `dstnat` in an output hook.
"""

from __future__ import annotations

from netwright.firewall.intents import Intents
from netwright.firewall.leaving import Leaving
from netwright.firewall.publishing import Translation
from netwright.firewall.restriction import Refusal
from netwright.firewall.sources import SourceSets
from netwright.firewall.text import chain_text
from netwright.model.firewall import Table
from netwright.model.names import table_name


def compile_table(stack: str, intents: Intents) -> Table | None:
    """The table that does what `intents` asks; None where that is nothing. Raises InvalidValue.

    Equal intents give equal text. Another order of writing may number sets otherwise, and so give another digest.
    """
    sources = SourceSets()
    translation = Translation(sources)
    for publish in intents.publishes:
        translation.add(publish)
    refusal = Refusal(sources)
    for restriction in intents.restrictions:
        refusal.add(restriction)
    leaving = Leaving(intents.networks, intents.masquerade_interfaces)

    hooks = {
        "prerouting": ("nat hook prerouting priority -101", translation.incoming()),
        "output": ("nat hook output priority -101", translation.local()),
        "postrouting": ("nat hook postrouting priority 99", translation.outgoing() + leaving.outgoing()),
        "forward": ("filter hook forward priority 0", leaving.forwarded()),
        "input": ("filter hook input priority -1", refusal.received()),
    }
    bases = [chain_text(name, rules, hook=hook) for name, (hook, rules) in hooks.items() if rules]
    if not bases:
        return None
    collections = [sources.text(), translation.collections(), leaving.collections(), refusal.collections()]
    chains = [translation.chains(), leaving.chains(), refusal.chains()]
    return Table.of(table_name(stack), "".join([*collections, *chains, *bases]), frozenset(translation.published))
