"""The command line. A command is a file of its own, loaded when it is asked for: see `program`."""

from __future__ import annotations

import sys


def main() -> None:
    """The console script. Does not return."""
    if sys.argv[1:] == ["--version"]:
        # Answered before the command line's library is loaded: programs ask for it, and often.
        from netwright import __version__

        print(f"netwright {__version__}")
        sys.exit(0)
    from netwright.frontends.cli.program import run

    run()
