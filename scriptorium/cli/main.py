"""The `scriptorium` command, which prints one message for an expected failure."""

from __future__ import annotations

import sys

from scriptorium.cli import jobs, phases, plan, space, stack, tensorboard  # noqa: F401  # each adds its commands
from scriptorium.cli.app import app, err
from scriptorium.cli.models import compare, export, serve  # noqa: F401  # so do these
from scriptorium.errors import ScriptoriumError


def main() -> None:
    """Run the command; print one message for an expected failure."""
    try:
        app()
    except ScriptoriumError as error:
        err.print(f"error ({error.code}): {error}", style="red", markup=False)
        if error.next_step:
            err.print(f"next step: {error.next_step}", markup=False)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
