"""Intents → the one nft table of a stack in a namespace.

    base chain    hook, priority        does
    martians      filter, prerouting, -300: where a port of 127.0.0.1 is published: nobody else comes near that address
    prerouting    nat, -101             hands published ports on; before Docker's at -100
    output        nat, -101             the same for connections that begin here
    postrouting   nat, 99               masquerades published ports, interfaces and networks; before Docker's at 100
    forward       filter, 0             shuts internal networks, and isolated ones from outside
    docker        filter, forward, -1   where Docker has no DOCKER-USER: shuts ports that the file limits, and marks what its bridges shall let in
    input         filter, -1            shuts ports on which a proxy of Docker's listens for everybody, where the file says for whom

and those of `netwright.firewall.protection`, which close what Docker publishes, and let pass what the file opens.

Sets, maps and chains that nothing uses are left out. Priorities are numbers: nft refuses `dstnat` in an output hook.
"""

from __future__ import annotations

from netwright.firewall.docker_nft import Passage
from netwright.firewall.foreign import beyond
from netwright.firewall.intents import Intents
from netwright.firewall.leaving import Leaving
from netwright.firewall.protection import Closing, Openings
from netwright.firewall.publishing import Translation
from netwright.firewall.restriction import Refusal, refuse_chain
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
    passage = Passage(intents.accepted_mark, [publish for of_family in (4, 6) for publish in beyond(intents, of_family)])

    openings = Openings(sources, intents.opened_bridges)
    for opening in intents.openings:
        openings.add(opening)
    closing = Closing(intents.protection)

    hooks = {
        "martians": ("filter hook prerouting priority -300", translation.guarded()),
        "prerouting": ("nat hook prerouting priority -101", translation.incoming()),
        "output": ("nat hook output priority -101", translation.local()),
        "postrouting": ("nat hook postrouting priority 99", translation.outgoing() + leaving.outgoing()),
        "forward": ("filter hook forward priority 0", leaving.forwarded()),
        "docker": ("filter hook forward priority -1", refusal.forwarded(intents.shut_here) + passage.forwarded()),
        "input": ("filter hook input priority -1", refusal.received()),
        "close_forward": ("filter hook forward priority -12", closing.unopened()),
        "open_forward": ("filter hook forward priority -11", openings.forwarded()),
        "protect_forward": ("filter hook forward priority -9", closing.forwarded()),
        "close_input": ("filter hook input priority -12", closing.unopened()),
        "open_input": ("filter hook input priority -11", openings.received()),
        "protect_input": ("filter hook input priority -9", closing.received()),
    }
    bases = [chain_text(name, rules, hook=hook) for name, (hook, rules) in hooks.items() if rules]
    if not bases:
        return None
    collections = [sources.text(), *(part.collections() for part in (translation, leaving, refusal, passage, openings, closing))]
    refuse = refuse_chain() if refusal.present or intents.protection is not None else ""
    chains = [refuse, *(part.chains() for part in (translation, leaving, refusal, openings))]
    return Table.of(table_name(stack), "".join([*collections, *chains, *bases]), frozenset(translation.published))
