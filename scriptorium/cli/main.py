"""The `scriptorium` command: every room of it, and one message for whatever is expected to fail."""

from __future__ import annotations

import sys

from scriptorium.cli import jobs, phases, stack  # noqa: F401  # each brings its commands
from scriptorium.cli.app import app, err
from scriptorium.errors import ScriptoriumError


def main() -> None:
    """Run the command; what is expected to fail fails in one message."""
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
