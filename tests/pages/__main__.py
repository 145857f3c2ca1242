"""Show every page in a real Chromium, narrow and wide, in light and in dark, and use it as its owners do.

    python -m tests.pages [--output FOLDER]

Axe looks at each page; Tab has to reach every control; nothing may scroll sideways on a phone. The last line is
`pages: checks=<n> axe_violations=<n> tracebacks=<n>`, and the pictures are in build/pages.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

from playwright.sync_api import Browser

from scriptorium.artifacts.volume import Volume
from scriptorium.contracts import Job
from scriptorium.jobs.pipeline import Pipeline
from scriptorium.jobs.runner import Context
from scriptorium.settings import Settings
from scriptorium.store import open_store
from services.api.application import create_app
from tests.embedded_redis import embedded_redis
from tests.integration.standins import AnsweringEngine, Sent, serving
from tests.pages.browser import Checks, ChromiumMissing, check_keyboard, check_page, chromium, opened
from tests.pages.journeys import NARROW, WIDE, take_journeys
from tests.pages.seed import BASE, add_every_state, serve_models

OUTPUT = Path(__file__).resolve().parents[2] / "build" / "pages"
MISSING = "pages: Chromium is missing. Install it (Debian: apt-get install chromium), or name it in CHROMIUM.\n"
PAIRS = 6


def main() -> int:
    """Show and use every page; return 0 if nothing is wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.pages", description=__doc__)
    parser.add_argument("--output", type=Path, default=OUTPUT, help="the folder for the pictures")
    output: Path = parser.parse_args().output
    shutil.rmtree(output, ignore_errors=True)
    output.mkdir(parents=True)
    checks = Checks()
    try:
        with chromium() as browser, served_context() as (context, jobs, url):
            show_pages(browser, url, list_pages(jobs), checks, output)
            read_blind(browser, url, checks, output)
            take_journeys(browser, url, context, checks, output)
    except ChromiumMissing:
        sys.stderr.write(MISSING)
        return 1
    for line in [*checks.failures, *sorted(checks.axe_violations)]:
        sys.stdout.write(f"{line}\n")
    sys.stdout.write(f"{checks}\n")
    return 0 if checks.good else 1


@contextmanager
def served_context() -> Iterator[tuple[Context, dict[str, Job], str]]:
    """Serve the API with a real store, a job in every state, and an engine that answers for the finished one."""
    with tempfile.TemporaryDirectory() as folder, embedded_redis() as redis_url:
        root, sent = Path(folder), Sent()
        settings = Settings(
            data_dir=root / "data",
            models_dir=root / "models",
            redis_url=redis_url,
            device="cpu",
            default_recipe="cpu",
            chat_wait=timedelta(seconds=1),
        )
        store, volume = open_store(redis_url), Volume(settings.data_dir, settings.models)
        context = Context(settings, store, volume, Pipeline(store, volume, send=sent))
        jobs = add_every_state(context)
        app = create_app(context, reaping=False, count_waiting=sent.waiting)
        with serving(AnsweringEngine().app()) as engine_url, serving(app) as url:
            serve_models(context, jobs["succeeded"], engine_url)
            yield context, jobs, url


def list_pages(jobs: dict[str, Job]) -> dict[str, str]:
    """Return the addresses of the pages by the names of their pictures."""
    done, running, book = jobs["succeeded"], jobs["running"], jobs["succeeded"].training_file
    return {
        "jobs": "/",
        **{f"job-{state}": f"/jobs/{job.id}" for state, job in jobs.items()},
        "job-samples": f"/jobs/{running.id}/samples",
        "job-report": f"/jobs/{done.id}/report",
        "job-cancel": f"/jobs/{running.id}/cancel",
        "job-delete": f"/jobs/{done.id}/delete",
        "submit": "/submit",
        "submit-estimate": f"/submit/{book}?suffix=A+title&model={BASE}&recipe=cpu",
        "submit-problem": f"/submit/{book}?model=nobody",
        "submit-unknown": f"/submit/{book}?model=some/model",
        "chat": f"/chat?model={done.tuned_name}",
        "models": "/models",
        "models-delete": f"/models/delete?model={done.tuned_name}",
        "error": "/jobs/ftjob-nowhere",
    }


def show_pages(browser: Browser, url: str, pages: dict[str, str], checks: Checks, output: Path) -> None:
    """Show every page in both widths and both colours."""
    for width in (NARROW, WIDE):
        for scheme in ("light", "dark"):
            with opened(browser, url, checks, width=width, scheme=scheme) as page:
                for name, path in pages.items():
                    place = f"{name}-{width}-{scheme}"
                    answer = page.goto(path)
                    due = 404 if name == "error" else 200
                    checks.expect(answer is not None and answer.status == due, place, f"answers {answer}")
                    check_page(page, place, checks, output / f"{place}.png", everything=scheme == "light")
                    if scheme == "light":
                        check_keyboard(page, place, checks)


def read_blind(browser: Browser, url: str, checks: Checks, output: Path) -> None:
    """Read blind from the first page to the last, by keyboard."""
    with opened(browser, url, checks, width=NARROW) as page:
        page.goto("/jobs/ftjob-succeeded/read")
        check_page(page, "read-begin", checks, output / "read-begin-360-light.png")
        page.fill("#name", "Ann")
        page.keyboard.press("Enter")
        for number in range(1, PAIRS + 1):
            page.wait_for_selector(f"text={number} of {PAIRS}")
            if number == 1:
                check_page(page, "read-pair", checks, output / "read-pair-360-light.png")
                check_keyboard(page, "read-pair", checks)
            page.keyboard.press("1")
            page.keyboard.press("2")
            page.evaluate("document.activeElement.blur()")
            page.keyboard.press("Enter")
        page.wait_for_selector("table")
        check_page(page, "read-end", checks, output / "read-end-360-light.png")


if __name__ == "__main__":
    sys.exit(main())
