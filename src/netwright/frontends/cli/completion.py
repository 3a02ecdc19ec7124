"""`netwright completion`."""

from __future__ import annotations

import click

from netwright.frontends.cli import say


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> int:
    """Print completion for a shell.

    It completes commands, options, files, stacks and namespaces.

    \b
    Example, bash:  netwright completion bash | sudo tee /etc/bash_completion.d/netwright > /dev/null
                    or, for yourself: netwright completion bash > ~/.local/share/bash-completion/completions/netwright
             zsh:   netwright completion zsh > "${fpath[1]}/_netwright"
             fish:  netwright completion fish > ~/.config/fish/completions/netwright.fish

    It works in shells that are started afterwards. Stacks are completed for root alone: nobody else may read the state.

    Exit status: 0.
    """
    from click.shell_completion import get_completion_class

    from netwright.frontends.cli.program import program

    kind = get_completion_class(shell)
    assert kind is not None
    script = kind(program, {}, "netwright", "_NETWRIGHT_COMPLETE")
    # Not `source()`: that starts a bash to ask for its version, and it may not be this machine's.
    say.data(script.source_template % script.source_vars() + "\n", verbatim=True)
    return 0
