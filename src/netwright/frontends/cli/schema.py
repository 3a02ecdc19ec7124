"""`netwright schema`."""

from __future__ import annotations

import click

from netwright.frontends.cli import say


@click.command()
@click.option("--json", is_flag=True, expose_value=False, help="The schema is JSON in any case.")
def schema() -> int:
    """Print the JSON Schema of the file.

    For editors that complete and check YAML by it (yaml-language-server does, and so does every editor that uses it), and for
    programs that write such files.

    \b
    Example: netwright schema > netwright.schema.json
             # then, as the first line of shop.yaml:
             # yaml-language-server: $schema=netwright.schema.json

    Exit status: 0.
    """
    from netwright.spec.schema import Spec

    say.document({"$schema": "https://json-schema.org/draft/2020-12/schema", **Spec.model_json_schema(by_alias=True)})
    return 0
