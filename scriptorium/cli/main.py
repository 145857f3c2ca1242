"""The `scriptorium` command, which prints one message for whatever fails."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

import typer
from typer.exceptions import TyperException

from scriptorium.cli import phases, space, stack, tensorboard  # noqa: F401  # each adds its commands
from scriptorium.cli.app import app
from scriptorium.cli.failures import ExitStatus, exit_status, explain, print_failure
from scriptorium.cli.jobs import clone, deliveries, follow_job, listing, plan, reports, search, steering, tags  # noqa: F401
from scriptorium.cli.jobs import run as run_job  # noqa: F401
from scriptorium.cli.machine import keys  # noqa: F401
from scriptorium.cli.models import chat, compare, export, list_models, serve  # noqa: F401
from scriptorium.cli.terminal import err
from scriptorium.process.log_records import log_one_line_each
from scriptorium.process.tool_environment import opt_out_of_telemetry


def main(words: Sequence[str] | None = None) -> None:
    """Run the command and exit with its status."""
    log_one_line_each()
    opt_out_of_telemetry()
    sys.exit(run(words))


def run(words: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status; print one message if it fails."""
    try:
        return app(args=words, prog_name="scriptorium", standalone_mode=False) or ExitStatus.DONE
    except TyperException as error:
        return report_usage(error)
    except (KeyboardInterrupt, typer.Abort):
        return ExitStatus.INTERRUPTED
    except BrokenPipeError:  # `| head` has read enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ExitStatus.DONE
    except Exception as error:  # noqa: BLE001  the outermost wrapper: a traceback helps no user
        failure = explain(error)
        print_failure(failure)
        return exit_status(failure)


def report_usage(error: TyperException) -> int:
    """Print what is wrong with the command line, and which help to read."""
    context = getattr(error, "ctx", None)
    command = context.command_path if context else "scriptorium"
    if message := error.format_message().replace("Value error, ", ""):  # Typer's own choices carry pydantic's prefix
        err.print(f"error (usage): {message}", style="red")
        err.print(f"next step: {command} --help")
    return error.exit_code


if __name__ == "__main__":
    main()
