"""The API chooses the default recipe by the cards that the workers wrote into the store: its container sees none."""

import dataclasses
from typing import Any

import httpx
import pytest
from standins import BASE, Sent, serving

from scriptorium.jobs.devices import record_devices
from scriptorium.jobs.runner import Context
from scriptorium.process.device_memory import GIB, DeviceMemory
from services.api.application import create_app


@pytest.mark.parametrize(
    ("cards", "recipe"), [([32], "lora"), ([24, 32], "qlora"), ([16], "qlora-16gb"), ([], "qlora")]
)
def test_the_default_recipe_follows_the_cards_in_the_store(
    context: Context, sent: Sent, cards: list[int], recipe: str
) -> None:
    settings = context.settings.model_copy(update={"device": "cuda", "gpus": "0", "default_recipe": "auto"})
    memories = {number: DeviceMemory(free=0, total=gib * GIB) for number, gib in enumerate(cards)}
    devices = [f"gpu:desk:{number}" for number in memories]
    record_devices(context.store, [*devices, "gpu:desk:9"], read=memories.get)  # the last one's driver does not tell
    assert context.store.leases.devices() == [*devices, "gpu:desk:9"]
    with serving(create_app(dataclasses.replace(context, settings=settings), reaping=False)) as url:
        file = httpx.post(
            f"{url}/v1/files", files={"file": ("book.txt", b"Once upon a time.")}, data={"purpose": "fine-tune"}
        ).json()
        body: dict[str, Any] = {"model": BASE, "training_file": file["id"], "overrides": {"training": {"lora_r": 8}}}
        job = httpx.post(f"{url}/v1/fine_tuning/jobs", json=body).json()
    assert job["scriptorium"]["recipe"] == recipe
    assert context.store.jobs.get(job["id"]).recipe.training.lora_r == 8
