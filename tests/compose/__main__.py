"""Build the images, start the stack, run the demo's job through it, look at every panel and alert, clean up.

    python -m tests.compose [--pictures FOLDER] [--keep]

Its last line is `compose: services=<healthy>/<n> job=<status> panels=<with data>/<n> alerts=<valid>/<n>`.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from deploy.local.demo_assets import BOOK, make_book
from deploy.local.environments import DEMO
from deploy.monitoring.check import check
from deploy.monitoring.live import Prometheus
from tests.compose.engine import current_compose, engine, old_compose
from tests.compose.journey import disturb, finish, hardened, send_book, use
from tests.compose.shell import Skip, run, say, wait
from tests.compose.stack import Stack
from tests.compose.standins import base_images


def main() -> int:
    """Run the test; 0 where all is well or the machine cannot run it."""
    parser = argparse.ArgumentParser(prog="python -m tests.compose", description=__doc__)
    parser.add_argument("--pictures", type=Path, help="draw every board from the finished job's data into this folder")
    parser.add_argument("--keep", action="store_true", help="leave the stack and the engine running")
    options = parser.parse_args()
    try:
        with engine() as docker:
            stack = Stack(docker, current_compose(docker), base_images(docker))
            return journey(stack, options)
    except Skip as reason:
        say(f"compose: SKIPPED, NOTHING WAS TESTED: {reason}")
        return 0


def journey(stack: Stack, options: argparse.Namespace) -> int:
    """Everything that needs the engine."""
    read_by_old_compose(stack)
    say("building the images")
    stack.build()
    try:
        say("starting the stack")
        stack.up()
        hardened(stack)
        return verdict(stack, options)
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


def verdict(stack: Stack, options: argparse.Namespace) -> int:
    """The job's way through the containers, and what Prometheus then knows."""
    book = DEMO / BOOK
    make_book(book)
    say(f"sending {book.name}")
    job_id = send_book(stack, book)
    disturb(stack, job_id)
    job = finish(stack, job_id)
    if job.status == "succeeded":
        use(stack, job)
    wait("every service healthy again", lambda: not stack.unhealthy(), seconds=180)
    time.sleep(20)  # four scrapes
    url = f"http://127.0.0.1:{stack.prometheus_port}"
    counts = check(Prometheus(url))
    for line in counts.missing:
        say(f"  {line}")
    if options.pictures and counts.complete:
        run([sys.executable, "-m", "deploy.monitoring.picture", url, options.pictures])
    services = stack.services()
    healthy = len(services) - len(stack.unhealthy())
    good = healthy == len(services) and job.status == "succeeded" and counts.complete
    sys.stdout.write(f"compose: services={healthy}/{len(services)} job={job.status} {counts}\n")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
