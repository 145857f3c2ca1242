"""The demo: its own stack, a real book, and a report at the end.

It has its own data folder and a free port, so it can run beside another stack; it leaves no process behind.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import psutil
from rich.console import Console

from scriptorium.cli.client import Client
from scriptorium.cli.follow import fetch_results, follow
from scriptorium.cli.manuscript import open_manuscript
from scriptorium.contracts.report import REPORT_PAGE
from scriptorium.errors import StackFailed
from scriptorium.local import stack
from scriptorium.local.demo_assets import BASE, DemoAssets, demo_assets
from scriptorium.local.environments import DEMO
from scriptorium.local.impostors import install
from scriptorium.settings import Settings

out = Console(highlight=False, soft_wrap=True)


def demo_settings(assets: DemoAssets, data_dir: Path) -> Settings:
    """Return settings for the demo's own stack: a free port, the small model, short evaluations."""
    return Settings(
        data_dir=data_dir, models_dir=assets.models, api_port=0, redis_url="", engine_context=2048,
        evaluation_prompts=8,
        evaluation_max_tokens=320, evaluation_passages=16, evaluation_instructions=32,
    )  # fmt: skip


def run_demo(settings: Settings, assets: DemoAssets) -> Path:
    """Send the book, follow the job, download the report. Raises StackFailed if the job does not succeed."""
    client = Client(stack.up(settings, notify=out.print, attached=True).api_url)
    with open_manuscript(assets.book) as (name, content):
        file = client.upload(content, name)
    body = {"model": BASE, "training_file": file["id"], "recipe": "cpu", "suffix": assets.book.stem}
    job = follow(client, client.create(body)["id"], out)
    if job["status"] != "succeeded":
        raise StackFailed(f"The demo's job ended as {job['status']}.", next_step=f"Read {settings.data_dir / 'logs'}.")
    out.print(f"model: {job['fine_tuned_model']}")
    paths = fetch_results(client, job, DEMO / "reports" / job["id"])
    return next(path for path in paths if path.name == REPORT_PAGE)


def demo() -> Path:
    """Run the demo once and return the report; always stop the stack."""
    data_dir = DEMO / f"data-{os.getpid()}"
    assets = demo_assets()
    for earlier in DEMO.glob("data-*"):
        if not psutil.pid_exists(int(earlier.name.removeprefix("data-"))):
            shutil.rmtree(earlier, ignore_errors=True)  # of a demo that was interrupted
    data_dir.mkdir(parents=True)
    shutil.copytree(assets.references, data_dir / "references")
    install(data_dir / "impostors")
    settings = demo_settings(assets, data_dir)
    try:
        report = run_demo(settings, assets)
    finally:
        stack.down(settings, notify=out.print)
    shutil.rmtree(data_dir)
    return report
