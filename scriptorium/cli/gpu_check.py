"""The command `gpu-check`, and the small job through the whole stack that is one of its steps."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from scriptorium.cli.app import Json, app, err, out
from scriptorium.errors import StackFailed
from scriptorium.settings import Settings, get_settings

DEFAULT_CAP = 31.0  # GiB: a card sold with 32 has a little less for programs
NO_CARD_STATUS = 2
JOB_STEPS = 9
PHASE_TAGS = ("[DATA]", "[TRAIN]", "[MERGE]", "[SERVE]", "[VALIDATE]")


@app.command("gpu-check")
def gpu_check(
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="New folder for the record; default: gpu-check-DATE.")
    ] = None,
    device: Annotated[Literal["auto", "cpu"], typer.Option(help="cpu: try the check itself, without a card.")] = "auto",
    shape: Annotated[Literal["8b", "tiny"], typer.Option(help="The model that is trained; tiny for a trial.")] = "8b",
    cap_gib: Annotated[float, typer.Option(min=1, help="Memory that a training may take, in GiB.")] = DEFAULT_CAP,
    step: Annotated[list[str] | None, typer.Option(help="Take only this step; may be repeated.")] = None,
    as_json: Json = False,
) -> None:
    """Check this machine's card with every phase: speed, memory beside the plan, hand-over. About ten minutes.

    The exit status is 1 if a step failed, and 2 without a card.
    """
    from scriptorium.gpu_check.check import STEPS, CheckPlan, GpuCheck
    from scriptorium.gpu_check.record import NO_CARD, CheckRecord, memory_share
    from scriptorium.gpu_check.shape import SHAPES
    from scriptorium.planning.this_machine import gpu_index
    from scriptorium.process.device_memory import read_card_name, read_device_memory

    if unknown := [name for name in step or () if name not in STEPS]:
        raise typer.BadParameter(f"{unknown[0]!r} is none of: {', '.join(STEPS)}", param_hint="--step")
    folder = (output or Path(time.strftime("gpu-check-%Y-%m-%d-%H%M%S"))).absolute()
    settings = get_settings()
    if device == "auto" and not settings.gpu:
        record = CheckRecord(card=NO_CARD, shape=shape)
        err.print("There is no NVIDIA card that the driver reports. `scriptorium doctor` says what is missing.")
        out.out(json.dumps(record.as_json()) if as_json else record.last_line())
        raise typer.Exit(NO_CARD_STATUS)
    if folder.exists():
        raise typer.BadParameter(f"{folder} already exists", param_hint="--output")
    gpu = None if device == "cpu" else gpu_index(settings)
    memory = read_device_memory(gpu)
    total = memory.total if memory else 0
    card = "cpu" if gpu is None else read_card_name(gpu) or "unknown"
    plan = CheckPlan(SHAPES[shape], folder, tuple(name for name in STEPS if not step or name in step))
    settings = use_settings(plan.work, "cpu" if gpu is None else "cuda", memory_share(cap_gib, total))
    record = CheckRecord(card=card, shape=shape, memory_bytes=total, cap_gib=cap_gib)
    check = GpuCheck(plan, settings, record, run_small_job, notify=err.print)
    check.run()
    out.out(json.dumps(record.as_json(), indent=2) if as_json else f"record: {folder}\n{record.last_line()}")
    raise typer.Exit(int(record.failed))


def use_settings(work: Path, device: str, share: float) -> Settings:
    """Let this process and its children work in a folder, on a device, with a share of its memory for training."""
    os.environ |= {
        "SCRIPTORIUM_DATA_DIR": str(work / "data"),
        "SCRIPTORIUM_DEVICE": device,
        "SCRIPTORIUM_TRAIN_MEMORY_SHARE": f"{share:.4f}",
        "SCRIPTORIUM_REDIS_URL": "",
    }
    get_settings.cache_clear()
    settings = get_settings()
    settings.data_dir.mkdir(parents=True)
    return settings


def run_small_job(folder: Path) -> Mapping[str, float]:
    """Send the demo's book through a stack of its own; returns the seconds of each phase. Raises StackFailed."""
    from scriptorium.cli.client import Client
    from scriptorium.cli.demo import demo_settings
    from scriptorium.cli.manuscript import open_manuscript
    from scriptorium.local import stack
    from scriptorium.local.demo_assets import BASE, demo_assets

    assets = demo_assets()
    settings = demo_settings(assets, folder)
    shutil.copytree(assets.references, folder / "references")
    try:
        client = Client(stack.up(settings, notify=lambda _: None, attached=True).api_url)
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
    from scriptorium.recipe import find_recipe

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
