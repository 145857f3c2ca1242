"""Build the images, start the stack, run the demo's job through it, check every panel and alert, clean up.

    python -m tests.compose [--pictures FOLDER] [--keep]

Its last line is `compose: services=<healthy>/<n> job=<status> panels=<with data>/<n> alerts=<valid>/<n>`.
"""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from openai.types.fine_tuning import FineTuningJob

from deploy.monitoring.check import CheckOutcome, check
from deploy.monitoring.live import Prometheus
from scriptorium.local.demo_assets import BOOK, make_book
from scriptorium.local.environments import DEMO
from tests.compose.engine import docker_engine, find_current_compose, find_old_compose
from tests.compose.journey import (
    check_hardening,
    check_results,
    disturb,
    lose_and_restore,
    send_book,
    wait_for_job,
)
from tests.compose.shell import Skip, log, run, wait_for
from tests.compose.stack import ComposeStack
from tests.compose.standins import base_images


def main() -> int:
    """Run the test; return 0 if it succeeds or the machine cannot run it."""
    parser = argparse.ArgumentParser(prog="python -m tests.compose", description=__doc__)
    parser.add_argument("--pictures", type=Path, help="draw every board from the finished job's data into this folder")
    parser.add_argument("--keep", action="store_true", help="leave the stack running if the engine was running before")
    options = parser.parse_args()
    try:
        with docker_engine() as docker:
            result = run_journey(ComposeStack(docker, find_current_compose(docker), base_images(docker)), options)
    except Skip as reason:
        log(f"compose: SKIPPED, NOTHING WAS TESTED: {reason}")
        return 0
    sys.stdout.write(f"{result}\n")
    return 0 if result.good else 1


@dataclass(frozen=True)
class ComposeResult:
    """The result of the test; as text it is the test's last line."""

    services: int
    healthy: int
    status: str
    monitoring: CheckOutcome

    @property
    def good(self) -> bool:
        """Whether everything is as it should be."""
        return self.healthy == self.services and self.status == "succeeded" and self.monitoring.complete

    def __str__(self) -> str:
        return f"compose: services={self.healthy}/{self.services} job={self.status} {self.monitoring}"


def run_journey(stack: ComposeStack, options: argparse.Namespace) -> ComposeResult:
    """Run everything that needs the engine."""
    read_by_old_compose(stack)
    log("building the images")
    stack.build()
    try:
        log("starting the stack")
        stack.up()
        check_hardening(stack)
        job = run_job(stack)
        result = check_stack(stack, job.status, options.pictures)
        if job.status == "succeeded":
            lose_and_restore(stack, job)
        return result
    except BaseException:
        sys.stdout.write(stack.compose("logs", "--tail", "60"))
        raise
    finally:
        if not options.keep:
            log("stopping the stack")
            stack.down()


def read_by_old_compose(stack: ComposeStack) -> None:
    """Check that Compose 1.29, if it is installed, reads the same files."""
    for program in (compose for compose in [find_old_compose()] if compose):
        run([*program, "config", "--quiet"], env=stack.env)
        log("docker-compose 1.29 reads the files as well")


def run_job(stack: ComposeStack) -> FineTuningJob:
    """Send the demo's book through the containers, with accidents."""
    book = DEMO / BOOK
    make_book(book)
    log(f"sending {book.name}")
    job_id = send_book(stack, book)
    disturb(stack, job_id)
    job = wait_for_job(stack, job_id)
    if job.status == "succeeded":
        check_results(stack, job)
    return job


def check_stack(stack: ComposeStack, status: str, pictures: Path | None) -> ComposeResult:
    """Check that every service is healthy again, and that every panel and alert has data."""
    wait_for("every service healthy again", lambda: not stack.unhealthy(), seconds=180)
    time.sleep(20)  # four scrapes
    url = f"http://127.0.0.1:{stack.prometheus_port}"
    monitoring = check(Prometheus(url))
    for line in monitoring.missing:
        log(f"  {line}")
    if pictures and monitoring.complete:
        run([sys.executable, "-m", "deploy.monitoring.picture", url, pictures, "--minutes", "15"])
    services = stack.services()
    return ComposeResult(len(services), len(services) - len(stack.unhealthy()), status, monitoring)


if __name__ == "__main__":
    sys.exit(main())
