"""`scriptorium webhooks` and `scriptorium notices`: what was sent of jobs, a test, and a new secret for signing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer

from scriptorium.cli.app import Json, app, connect
from scriptorium.cli.failures import ExitStatus
from scriptorium.cli.jobs.ids import resolve_job
from scriptorium.cli.jobs.listing import format_time
from scriptorium.cli.terminal import out, show, show_json, tabulate
from scriptorium.webhook_signature import make_secret

WEBHOOK, NOTICE = "webhook", "notice"
EVENTS = ("succeeded", "failed", "cancelled")
webhooks_app = typer.Typer(no_args_is_help=True, help="Webhooks: jobs' ends for programs.", rich_markup_mode="markdown")
notices_app = typer.Typer(no_args_is_help=True, help="Notices of jobs, for people.", rich_markup_mode="markdown")
app.add_typer(webhooks_app, name="webhooks", rich_help_panel="Jobs")
app.add_typer(notices_app, name="notices", rich_help_panel="Jobs")

JobFilter = Annotated[
    str | None, typer.Option("--job", metavar="JOB", help="Only those of this job: its id, or a unique end of it.")
]
Limit = Annotated[int, typer.Option(min=1, max=100, help="How many to list, newest first.")]
Body = Mapping[str, Any]


@webhooks_app.command("list", epilog="Example: scriptorium webhooks list --job 1a2b")
def list_webhooks(job: JobFilter = None, limit: Limit = 20, as_json: Json = False) -> None:
    """List what was sent to webhooks, newest first, with what came of it."""
    list_deliveries(WEBHOOK, job, limit, as_json=as_json)


@notices_app.command("list", epilog="Example: scriptorium notices list")
def list_notices(job: JobFilter = None, limit: Limit = 20, as_json: Json = False) -> None:
    """List the notices that were sent, newest first, with what came of them."""
    list_deliveries(NOTICE, job, limit, as_json=as_json)


@webhooks_app.command("test", epilog="Example: scriptorium webhooks test --event failed")
def test_webhooks(
    event: Annotated[str, typer.Option(help=f"How the job in it ended: {', '.join(EVENTS)}.")] = EVENTS[0],
    as_json: Json = False,
) -> None:
    """Send an event of a job that does not exist (ftjob-test) to every webhook, once."""
    if event not in EVENTS:
        raise typer.BadParameter(f"must be one of {', '.join(EVENTS)}", param_hint="--event")
    show_test(connect().test_deliveries(WEBHOOK, {"type": f"fine_tuning.job.{event}"}), as_json=as_json)


@notices_app.command("test", epilog="Example: scriptorium notices test")
def test_notices(as_json: Json = False) -> None:
    """Send a notice to every service, once."""
    show_test(connect().test_deliveries(NOTICE), as_json=as_json)


@webhooks_app.command(epilog="Example: scriptorium webhooks secret")
def secret(as_json: Json = False) -> None:
    """Make a new secret for SCRIPTORIUM_WEBHOOK_SECRET; it is printed and kept nowhere."""
    made = make_secret()
    show({"secret": made}, as_json, made)


def list_deliveries(channel: str, job: str | None, limit: int, *, as_json: bool) -> None:
    """List the deliveries of a channel."""
    client = connect()
    deliveries = client.deliveries(channel, resolve_job(client, job) if job else None, limit)
    if as_json:
        show_json(deliveries)
        return
    print_deliveries(deliveries)
    if not deliveries:
        out.print(f"Nothing was sent yet. Test it: scriptorium {channel}s test")


def show_test(deliveries: Sequence[Body], *, as_json: bool) -> None:
    """Show what came of a test; exit with a failure unless everything arrived."""
    if as_json:
        show_json(deliveries)
    else:
        print_deliveries(deliveries)
    if any(delivery["state"] != "delivered" for delivery in deliveries):
        raise typer.Exit(ExitStatus.FAILED)


def print_deliveries(deliveries: Sequence[Body]) -> None:
    """Print deliveries as a table."""
    tabulate({"created": [format_time(delivery["created_at"]) for delivery in deliveries],
              "job": [delivery["job_id"] for delivery in deliveries],
              "event": [delivery["type"].rpartition(".")[2] for delivery in deliveries],
              "receiver": [delivery["receiver"] for delivery in deliveries],
              "state": [delivery["state"] for delivery in deliveries],
              "attempts": [len(delivery["attempts"]) for delivery in deliveries],
              "last problem": [last_problem(delivery) for delivery in deliveries]})  # fmt: skip


def last_problem(delivery: Body) -> str:
    """Return why the last attempt failed, and when the next one is due; "" after one that did not."""
    problem = (delivery["attempts"][-1]["problem"] or "") if delivery["attempts"] else ""
    due = delivery["next_attempt_at"]
    return f"{problem} Next attempt: {format_time(due)}." if problem and due else problem
