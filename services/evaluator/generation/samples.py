"""Let the models write what the protocol orders, and keep each passage as soon as it is there.

samples.jsonl has a line a passage: who wrote it, from what, how, and what came. An evaluation that was killed goes on
behind the last whole line.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ValidationError

from scriptorium.artifacts.dataset import write_lines
from scriptorium.jobs.reporter import Reporter
from scriptorium.models.tokenizer import Message
from services.evaluator.generation.concurrency import together
from services.evaluator.generation.plan import Order, Role, Split
from services.evaluator.generation.vllm_client import WHOLE, Card, Engine

SAMPLES = "samples.jsonl"
STEP = 5  # passages between two lines of progress


class Decoding(BaseModel):
    """How every model was asked to write. A lower temperature would make a caricature of a voice."""

    temperature: float = 1.0
    top_p: float = WHOLE["top_p"]
    top_k: int = int(WHOLE["top_k"])
    min_p: float = WHOLE["min_p"]
    repetition_penalty: float = WHOLE["repetition_penalty"]
    max_tokens: int


class Sample(BaseModel):
    """One passage: who wrote it from which brief, what was asked word for word, what came, and what the author wrote.

    `index` counts the briefs of a split; `engine` is vLLM's version, `model` the name that it serves.
    """

    role: Role
    split: Split
    index: int
    chapter: str
    author: str
    brief: str
    messages: list[Message]
    text: str
    finish_reason: str | None
    tokens: int | None
    decoding: Decoding
    seed: int | None
    model: str
    engine: str | None
    genuine: str

    @property
    def key(self) -> tuple[Role, Split, int]:
        """What tells it from the others."""
        return self.role, self.split, self.index


@dataclass(frozen=True)
class Writer:
    """Who writes, and how."""

    engine: Engine
    card: Card
    decoding: Decoding

    def fits(self, sample: Sample, order: Order) -> bool:
        """Whether a sample of an earlier attempt is what this writer would be asked for now."""
        asked = (order.messages, order.seed, self.decoding, self.card.model, self.card.version)
        return asked == (sample.messages, sample.seed, sample.decoding, sample.model, sample.engine)

    async def write(self, order: Order) -> Sample:
        """Have one passage written."""
        how, row = self.decoding, order.row
        written = await self.engine.write(order.messages, how.max_tokens, temperature=how.temperature, seed=order.seed)
        return Sample(
            role=order.role,
            split=order.split,
            index=order.index,
            chapter=row.chapter,
            author=row.author,
            brief=row.brief,
            messages=order.messages,
            **written.model_dump(),
            decoding=self.decoding,
            seed=order.seed,
            model=self.card.model,
            engine=self.card.version,
            genuine=row.passage,
        )


class Desk:
    """Keeps each passage on disk as soon as it is there, and says how far the writing is."""

    def __init__(self, path: Path, kept: Iterable[Sample], total: int, reporter: Reporter) -> None:
        self.path = path
        self.total = total
        self.reporter = reporter
        self.samples = {sample.key: sample for sample in kept}
        keep_samples(path, self.samples.values())

    def keep(self, sample: Sample) -> None:
        """One more passage is written."""
        with self.path.open("a", encoding="utf-8") as lines:
            lines.write(json.dumps(sample.model_dump(), ensure_ascii=False) + "\n")
        self.samples[sample.key] = sample
        written = len(self.samples)
        if written % STEP == 0 or written == self.total:
            text = f"[VALIDATE] {written}/{self.total} passages written"
            self.reporter.message(text, written=written, total=self.total)


async def write_samples(
    orders: Sequence[Order], writers: Mapping[Role, Writer], folder: Path, reporter: Reporter
) -> list[Sample]:
    """Have every order written; samples.jsonl grows as they come and ends in the order of `orders`.

    All requests to one engine run at once, as many as it takes; two engines one after the other, for on a CPU they
    share the same cores.
    """
    kept = [sample for sample in read_samples(folder / SAMPLES) if still_fits(sample, orders, writers)]
    desk = Desk(folder / SAMPLES, kept, len(orders), reporter)
    missing = [order for order in orders if order.key not in desk.samples]
    reporter.message(f"[VALIDATE] {describe(orders, len(kept))}")
    for queue in by_engine(missing, writers):
        await together([_write(order, writers[order.role], desk) for order in queue])
    samples = [desk.samples[order.key] for order in orders]
    keep_samples(folder / SAMPLES, samples)
    return samples


async def _write(order: Order, writer: Writer, desk: Desk) -> None:
    desk.keep(await writer.write(order))


def still_fits(sample: Sample, orders: Sequence[Order], writers: Mapping[Role, Writer]) -> bool:
    """Whether a sample answers one of the orders, as it would be asked now."""
    order = next((order for order in orders if order.key == sample.key), None)
    return order is not None and writers[order.role].fits(sample, order)


def by_engine(orders: Sequence[Order], writers: Mapping[Role, Writer]) -> list[list[Order]]:
    """Orders in one list for each engine, which on a GPU is the same for base and tuned."""
    queues: dict[str, list[Order]] = defaultdict(list)
    for order in orders:
        queues[writers[order.role].engine.endpoint.url].append(order)
    return list(queues.values())


def describe(orders: Sequence[Order], kept: int) -> str:
    """What is about to be written, in a line."""
    roles = Counter("calibration" if order.split == "dev" else order.role for order in orders)
    taken = f"; {kept} are there from an earlier attempt" if kept else ""
    return f"Writing {len(orders)} passages ({', '.join(f'{role} {n}' for role, n in roles.items())}){taken}"


def read_samples(path: Path) -> list[Sample]:
    """Every whole sample of a file, which may end in a torn line; an absent file has none."""
    if not path.exists():
        return []
    samples = []
    for line in path.read_text(encoding="utf-8", errors="replace").split("\n"):  # a text may have U+2028
        try:
            samples.append(Sample.model_validate_json(line))
        except ValidationError:
            continue
    return samples


def keep_samples(path: Path, samples: Iterable[Sample]) -> None:
    """Write samples, all of them or none."""
    temporary = path.with_suffix(".tmp")
    write_lines(temporary, (sample.model_dump() for sample in samples))
    temporary.replace(path)
