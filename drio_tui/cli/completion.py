"""`drio-tui completion SHELL`."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from drio_tui.cli.completing import VARIABLE
from drio_tui.cli.output import echo_code


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print the completion script for SHELL.

    \b
    bash:  eval "$(drio-tui completion bash)"    in ~/.bashrc
    zsh:   eval "$(drio-tui completion zsh)"     in ~/.zshrc
    fish:  drio-tui completion fish > ~/.config/fish/completions/drio-tui.fish
    """
    completion_class = get_completion_class(shell)
    if completion_class is None:
        raise click.UsageError(f"there is no completion for {shell}")
    echo_code(completion_class(ctx.find_root().command, {}, "drio-tui", VARIABLE).source())
