"""`netwright plan`."""

from __future__ import annotations

import click

from netwright.frontends.cli import failure, say
from netwright.frontends.cli.arguments import file_argument, json_option, read_document, replace_option
from netwright.frontends.cli.daemon_socket import daemon_for_user
from netwright.frontends.cli.privilege import need_root
from netwright.frontends.cli.progress import shown


@click.command(short_help="Show what apply would do, and why.")
@file_argument
@click.option("--check", is_flag=True, help="Exit with 3 if anything would be done.")
@click.option("--commands", is_flag=True, help="Print the commands (ip, nft, iptables, sysctl, docker) that would do the same by hand.")
@click.option("--full", is_flag=True, help="List every operation, also where the same steps repeat.")
@replace_option
@json_option
def plan(file: str, *, check: bool, commands: bool, full: bool, replace: bool, as_json: bool) -> int:
    """Show what apply would do, and why; change nothing.

    The host is read for it, its namespaces and packet filters too: that needs root. (netwright validate checks a file without
    the host, netwright graph draws it.)

    \b
    Example: sudo netwright plan shop.yaml
             sudo netwright plan --check shop.yaml || echo "the host is not as the file says"
             sudo netwright plan --commands shop.yaml > by-hand.sh

    Exit status: 0; 1 something on the host stands in the way; 2 the file is wrong, or does not fit the host; with --check 3 if
    there is anything to do.
    """
    if commands and as_json:
        raise click.UsageError("--commands and --json exclude each other.")
    document = read_document(file)
    # The commands of a plan are made from more than its document has.
    if not commands and (daemon := daemon_for_user()) is not None:
        request = {"text": document.text, "source": document.source, "replace": replace}
        daemon.show("POST", "/v1/plan", {**request, "full": full}, as_json=as_json)
        return failure.DIFFERENT if check and daemon.ask("POST", "/v1/plan", request)["operations"] else 0
    need_root("plan", "reads the host's namespaces and packet filters")
    from netwright.wiring import open_engine

    with shown() as progress, open_engine(progress=progress) as engine:
        made = engine.plan(document, replace_networks=replace)
    if as_json:
        from netwright.planning.document import plan_document

        say.document(plan_document(made))
    elif commands:
        from netwright.planning.commands import shell_commands

        say.data("".join(f"{line}\n" for line in shell_commands(made)), verbatim=True)
    else:
        from netwright.planning.text import plan_text

        say.data(plan_text(made, full=full))
    return failure.DIFFERENT if check and made else 0
