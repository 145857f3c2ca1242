"""Build the images, start the stack, run the demo's job through it, look at every panel and alert, clean up.

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

from deploy.monitoring.check import Outcome, check
from deploy.monitoring.live import Prometheus
from scriptorium.local.demo_assets import BOOK, make_book
from scriptorium.local.environments import DEMO
from tests.compose.engine import current_compose, engine, old_compose
from tests.compose.journey import disturb, finish, hardened, send_book, use
from tests.compose.shell import Skip, run, say, wait
from tests.compose.stack import Stack
from tests.compose.standins import base_images


def main() -> int:
    """Run the test; 0 where all is well or the machine cannot run it."""
    parser = argparse.ArgumentParser(prog="python -m tests.compose", description=__doc__)
    parser.add_argument("--pictures", type=Path, help="draw every board from the finished job's data into this folder")
    parser.add_argument(
        "--keep", action="store_true", help="leave the stack running, where the engine was running before"
    )
    options = parser.parse_args()
    try:
        with engine() as docker:
            verdict = journey(Stack(docker, current_compose(docker), base_images(docker)), options)
    except Skip as reason:
        say(f"compose: SKIPPED, NOTHING WAS TESTED: {reason}")
        return 0
    sys.stdout.write(f"{verdict}\n")
    return 0 if verdict.good else 1


@dataclass(frozen=True)
class Verdict:
    """What was seen; as text it is the test's last line."""

    services: int
    healthy: int
    status: str
    asked: Outcome

    @property
    def good(self) -> bool:
        """Whether all is as it should be."""
        return self.healthy == self.services and self.status == "succeeded" and self.asked.complete

    def __str__(self) -> str:
        return f"compose: services={self.healthy}/{self.services} job={self.status} {self.asked}"


def journey(stack: Stack, options: argparse.Namespace) -> Verdict:
    """Everything that needs the engine."""
    read_by_old_compose(stack)
    say("building the images")
    stack.build()
    try:
        say("starting the stack")
        stack.up()
        hardened(stack)
        job = travel(stack)
        return look(stack, job.status, options.pictures)
    except BaseException:
        sys.stdout.write(stack.compose("logs", "--tail", "60"))
        raise
    finally:
        if not options.keep:
            say("stopping the stack")
            stack.down()


def read_by_old_compose(stack: Stack) -> None:
    """Compose 1.29 must understand the same files."""
    for program in (old for old in [old_compose()] if old):
        run([*program, "config", "--quiet"], env=stack.env)
        say("docker-compose 1.29 reads the files, too")


def travel(stack: Stack) -> FineTuningJob:
    """The demo's book on its way through the containers, with accidents."""
    book = DEMO / BOOK
    make_book(book)
    say(f"sending {book.name}")
    job_id = send_book(stack, book)
    disturb(stack, job_id)
    job = finish(stack, job_id)
    if job.status == "succeeded":
        use(stack, job)
    return job


def look(stack: Stack, status: str, pictures: Path | None) -> Verdict:
    """Whether every service is well again, and every panel and alert has data."""
    wait("every service healthy again", lambda: not stack.unhealthy(), seconds=180)
    time.sleep(20)  # four scrapes
    url = f"http://127.0.0.1:{stack.prometheus_port}"
    asked = check(Prometheus(url))
    for line in asked.missing:
        say(f"  {line}")
    if pictures and asked.complete:
        run([sys.executable, "-m", "deploy.monitoring.picture", url, pictures, "--minutes", "15"])
    services = stack.services()
    return Verdict(len(services), len(services) - len(stack.unhealthy()), status, asked)


if __name__ == "__main__":
    sys.exit(main())
