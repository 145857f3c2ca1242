"""Write the passages of the generation plan, and save each one as soon as it arrives.

samples.jsonl has one line per passage: its writer, its prompt, its decoding and its text. An evaluation that was killed
continues after the last complete line.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from scriptorium.artifacts.report import read_samples, save_samples
from scriptorium.contracts.report.document import SAMPLES, Decoding, ModelInfo, Role, Sample
from scriptorium.jobs.reporter import Reporter
from services.evaluator.generation.concurrency import run_concurrently
from services.evaluator.generation.plan import PlannedPassage
from services.evaluator.generation.vllm_client import VllmClient

PROGRESS_STEP = 5  # passages between two lines of progress


@dataclass(frozen=True)
class Writer:
    """A model behind its client, and how it decodes; each passage has its own temperature."""

    client: VllmClient
    model_info: ModelInfo
    decoding: Decoding

    def fits(self, sample: Sample, passage: PlannedPassage) -> bool:
        """Return whether a sample of an earlier attempt answers exactly what this writer would be asked."""
        decoding = self.decode(passage)
        request = (passage.messages, passage.seed, decoding, self.model_info.model, self.model_info.version)
        return request == (sample.messages, sample.seed, sample.decoding, sample.model, sample.engine)

    def decode(self, passage: PlannedPassage) -> Decoding:
        """Return how a passage is decoded."""
        return self.decoding.model_copy(update={"temperature": passage.temperature})

    async def write(self, passage: PlannedPassage) -> Sample:
        """Let the model write one passage."""
        row, decoding = passage.row, self.decode(passage)
        completion = await self.client.write(
            passage.messages, decoding.max_tokens, temperature=decoding.temperature, seed=passage.seed
        )
        return Sample(
            role=passage.role,
            split=passage.split,
            index=passage.index,
            chapter=row.chapter,
            author=row.author,
            brief=row.brief,
            messages=passage.messages,
            **completion.model_dump(),
            decoding=decoding,
            seed=passage.seed,
            model=self.model_info.model,
            engine=self.model_info.version,
            genuine=row.passage,
        )


class SampleFile:
    """The samples written so far, on disk as soon as each arrives; logs how far the writing is."""

    def __init__(self, path: Path, earlier: Iterable[Sample], total: int, reporter: Reporter) -> None:
        self.path = path
        self.total = total
        self.reporter = reporter
        self.samples = {sample.key: sample for sample in earlier}
        save_samples(path, self.samples.values())

    def append(self, sample: Sample) -> None:
        """Add one sample to the file."""
        with self.path.open("a", encoding="utf-8") as lines:
            lines.write(json.dumps(sample.model_dump(), ensure_ascii=False) + "\n")
        self.samples[sample.key] = sample
        written = len(self.samples)
        if written % PROGRESS_STEP == 0 or written == self.total:
            text = f"[VALIDATE] {written}/{self.total} passages written"
            self.reporter.message(text, written=written, total=self.total)


async def write_samples(
    plan: Sequence[PlannedPassage],
    writers: Mapping[Role, Writer],
    folder: Path,
    reporter: Reporter,
    *,
    whole: bool = True,
) -> list[Sample]:
    """Write every passage of the plan; samples.jsonl grows as they arrive and ends in the order of the plan.

    If the plan is not the `whole` one, samples of other passages stay in the file.

    All requests to one engine run at once, as many as it takes. Two engines run one after the other, because on a CPU
    they share the same cores.
    """
    keys = {passage.key for passage in plan}
    saved = read_samples(folder / SAMPLES)
    others = [] if whole else [sample for sample in saved if sample.key not in keys]
    earlier = [sample for sample in saved if still_fits(sample, plan, writers)]
    file = SampleFile(folder / SAMPLES, [*earlier, *others], len(plan) + len(others), reporter)
    missing = [passage for passage in plan if passage.key not in file.samples]
    reporter.message(f"[VALIDATE] {describe_plan(plan, len(earlier))}")
    for queue in group_by_engine(missing, writers):
        await run_concurrently([_write(passage, writers[passage.role], file) for passage in queue])
    samples = [file.samples[passage.key] for passage in plan]
    save_samples(folder / SAMPLES, [*samples, *others])
    return samples


async def _write(passage: PlannedPassage, writer: Writer, file: SampleFile) -> None:
    """Write one passage and add it to the file."""
    file.append(await writer.write(passage))


def still_fits(sample: Sample, plan: Sequence[PlannedPassage], writers: Mapping[Role, Writer]) -> bool:
    """Return whether a sample answers a passage of the plan exactly as it would be asked now."""
    passage = next((passage for passage in plan if passage.key == sample.key), None)
    return passage is not None and writers[passage.role].fits(sample, passage)


def group_by_engine(plan: Sequence[PlannedPassage], writers: Mapping[Role, Writer]) -> list[list[PlannedPassage]]:
    """Group the passages into one list per engine; on a GPU, base and tuned share one engine."""
    queues: dict[str, list[PlannedPassage]] = defaultdict(list)
    for passage in plan:
        queues[writers[passage.role].client.endpoint.url].append(passage)
    return list(queues.values())


def describe_plan(plan: Sequence[PlannedPassage], earlier: int) -> str:
    """Return the plan in one line; `earlier` passages exist already."""
    roles = Counter(_describe_part(passage) for passage in plan)
    reused = f"; {earlier} are there from an earlier attempt" if earlier else ""
    return f"Writing {len(plan)} passages ({', '.join(f'{role} {count}' for role, count in roles.items())}){reused}"


def _describe_part(passage: PlannedPassage) -> str:
    """Return the part of the plan that a passage belongs to."""
    return {"dev": "calibration", "scene": f"{passage.role} scenes"}.get(passage.split, passage.role)
