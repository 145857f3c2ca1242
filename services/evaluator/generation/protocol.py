"""The protocol of an evaluation: a generation plan from held-out briefs and new scenes, a token budget, two engines."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from scriptorium.artifacts.dataset import Row, read_book_language, read_rows
from scriptorium.contracts import EvaluateRequest
from scriptorium.contracts.base import Message
from scriptorium.contracts.report.document import Decoding, ModelInfo, Role, Sample
from scriptorium.jobs.reporter import Reporter
from scriptorium.models.token_budget import choose_budget, count_room
from scriptorium.models.tokenizer import ChatTokenizer
from scriptorium.scenes.bank import Scene
from scriptorium.scenes.choose import SceneChoice, choose_scenes
from services.evaluator.generation.plan import (
    PlannedPassage,
    list_system_messages,
    list_temperatures,
    plan_passages,
    with_base_temperature,
)
from services.evaluator.generation.prompted_baseline import choose_excerpts
from services.evaluator.generation.samples import Writer, write_samples
from services.evaluator.generation.vllm_client import VllmClient

SEEDED = "one per brief, the same for every model"
ChooseTemperature = Callable[[Sequence[Sample]], float]  # from what the base wrote of dev briefs, at each of its own
UNSEEDED = "none: vLLM’s CPU engine crashes on a request with a seed"


@dataclass(frozen=True)
class Protocol:
    """The generation plan, how to decode, the excerpts that the prompted baseline is shown, and the new scenes."""

    plan: list[PlannedPassage]
    decoding: Decoding
    excerpts: list[str]
    scenes: SceneChoice


def plan_protocol(
    request: EvaluateRequest, test: list[Row], tokenizer: ChatTokenizer, models: tuple[ModelInfo, ModelInfo]
) -> Protocol:
    """Plan all passages; the engine with the shorter context limits the length of answers and excerpts."""
    context = min((model.max_model_len for model in models if model.max_model_len), default=None)
    train, dev = read_rows(request.dataset / "train.jsonl"), read_rows(request.dataset / "dev.jsonl")
    passages = [row.passage for row in (*train, *dev, *test)]
    choice = choose_scenes(passages, request.scenes, read_book_language(request.dataset, passages))
    scenes = [make_scene_row(scene, test[0]) for scene in choice.scenes]
    cap = min(request.max_tokens, count_room(scenes, tokenizer, context)) if scenes and context else request.max_tokens
    max_tokens = choose_budget(test, tokenizer, cap, context)
    room = count_room(test, tokenizer, context) - max_tokens if context else request.max_tokens
    excerpts = choose_excerpts(train, room, tokenizer)
    temperatures = list_temperatures(request.temperature, request.base_temperature)
    seed = request.seed if request.seeded else None
    plan = plan_passages(test, dev, excerpts, request.prompts, seed, temperatures=temperatures, scenes=scenes)
    return Protocol(plan, Decoding(max_tokens=max_tokens), excerpts, choice)


def make_scene_row(scene: Scene, example: Row) -> Row:
    """Make the row of a new scene, with the system message of a held-out row, if there is one, and no answer."""
    prompt: list[Message] = [{"role": "user", "content": scene.brief}, {"role": "assistant", "content": ""}]
    return Row(messages=[*list_system_messages(example.messages), *prompt], chapter="")


async def run_protocol(
    protocol: Protocol,
    pair: tuple[VllmClient, VllmClient],
    models: tuple[ModelInfo, ModelInfo],
    folder: Path,
    reporter: Reporter,
    *,
    choose_temperature: ChooseTemperature,
) -> list[Sample]:
    """Write every passage of the plan that `folder` does not have yet; returns all samples.

    If the base writes dev briefs at several temperatures, one of them is chosen before it writes a test brief.
    """
    base, tuned = (Writer(client, model, protocol.decoding) for client, model in zip(pair, models, strict=True))
    writers: dict[Role, Writer] = {"base": base, "prompted": base, "tuned": tuned}
    plan, calibration = protocol.plan, [passage for passage in protocol.plan if passage.split == "dev"]
    if len({passage.temperature for passage in calibration}) > 1:
        samples = await write_samples(calibration, writers, folder, reporter, whole=False)
        plan = with_base_temperature(plan, await asyncio.to_thread(choose_temperature, samples))
    return await write_samples(plan, writers, folder, reporter)
