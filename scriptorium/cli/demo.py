"""The demo: its own stack, a real book, and a report at the end; and the small job of the check of a card.

It has its own data folder and a free port, so it can run beside another stack; it leaves no process behind.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import psutil
from rich.console import Console

from scriptorium.cli.client import Client
from scriptorium.cli.follow import fetch_results, follow
from scriptorium.cli.jobs.manuscript import open_manuscript
from scriptorium.cli.terminal import out
from scriptorium.contracts.report.document import REPORT_PAGE
from scriptorium.errors import StackFailed
from scriptorium.local import stack
from scriptorium.local.demo_assets import BASE, DemoAssets, demo_assets
from scriptorium.local.environments import DEMO
from scriptorium.local.impostors import install
from scriptorium.recipe import find_recipe
from scriptorium.settings import Settings

JOB_STEPS = 9
DEMO_OVERRIDES = {"training": {"max_steps": 30, "checkpoints": 2}}  # the loss falls little after 30 updates
PHASE_TAGS = ("[DATA]", "[TRAIN]", "[CALIBRATE]", "[MERGE]", "[SERVE]", "[VALIDATE]")


def demo_settings(assets: DemoAssets, data_dir: Path) -> Settings:
    """Return settings for the demo's own stack: a free port, the small model, an evaluation that is over soon.

    Eight passages measure no voice, and the report says so; what could show nothing on so few is left out.
    """
    return Settings(
        data_dir=data_dir, models_dir=assets.models, api_port=0, redis_url="", engine_context=2048,
        evaluation_prompts=8,
        evaluation_max_tokens=320, evaluation_passages=8, evaluation_instructions=0, evaluation_scenes=0,
        evaluation_rewrites=0, evaluation_judged_prompts=0,
    )  # fmt: skip


def run_demo(settings: Settings, assets: DemoAssets, console: Console) -> Path:
    """Send the book, follow the job, download the report. Raises StackFailed if the job does not succeed."""
    client = Client(stack.up(settings, notify=console.print, attached=True).api_url, key=settings.api_key)
    with open_manuscript(assets.book) as (name, content):
        file = client.upload(content, name)
    body = {"model": BASE, "training_file": file["id"], "recipe": "cpu", "suffix": assets.book.stem}
    body |= {"overrides": DEMO_OVERRIDES}
    job = follow(client, client.create(body)["id"], console)
    if job["status"] != "succeeded":
        raise StackFailed(f"The demo's job ended as {job['status']}.", next_step=f"Read {settings.data_dir / 'logs'}.")
    console.print(f"model: {job['fine_tuned_model']}")
    paths = fetch_results(client, job, DEMO / "reports" / job["id"])
    return next(path for path in paths if path.name == REPORT_PAGE)


def demo(console: Console = out) -> Path:
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
        report = run_demo(settings, assets, console)
    finally:
        stack.down(settings, notify=console.print)
    shutil.rmtree(data_dir)
    return report


def run_small_job(folder: Path) -> Mapping[str, float]:
    """Send the demo's book through a stack of its own; returns the seconds of each phase. Raises StackFailed."""
    assets = demo_assets()
    settings = demo_settings(assets, folder)
    shutil.copytree(assets.references, folder / "references")
    try:
        client = Client(stack.up(settings, notify=lambda _: None, attached=True).api_url, key=settings.api_key)
        with open_manuscript(assets.book) as (name, content):
            file = client.upload(content, name)
        job = client.create({"model": BASE, "training_file": file["id"], "recipe": small_recipe(settings)})
        events = list(client.events(job["id"]))
        job = client.job(job["id"])
    finally:
        stack.down(settings, notify=lambda _: None)
    (folder / "events.jsonl").write_text("".join(json.dumps(event) + "\n" for event in events), encoding="utf-8")
    if job["status"] != "succeeded":
        message = (job.get("error") or {}).get("message") or "no reason was given"
        raise StackFailed(f"The job ended as {job['status']}: {message}")
    return phase_seconds(events)


def small_recipe(settings: Settings) -> dict[str, Any]:
    """Return the demo's recipe with a fifth of its steps."""
    recipe = find_recipe("cpu", settings.recipes_dir).model_dump(mode="json", exclude_none=True)
    recipe["training"] |= {"max_steps": JOB_STEPS, "checkpoints": 1, "dev_rows": 2}
    return {**recipe, "name": "gpu-check"}


def phase_seconds(events: Iterable[Mapping[str, Any]]) -> dict[str, float]:
    """Return the seconds between the first and the last event of each phase."""
    times: dict[str, list[float]] = {}
    for event in events:
        tag = next((tag for tag in PHASE_TAGS if str(event["message"]).startswith(tag)), None)
        if tag:
            times.setdefault(f"{tag.strip('[]').lower()}_s", []).append(float(event["created_at"]))
    return {name: moments[-1] - moments[0] for name, moments in times.items()}
