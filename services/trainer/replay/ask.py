"""Ask the base in a child process in Axolotl's environment, until enough of its answers are good.

The model is loaded once for all rounds. The child appends to the cache, which is read while it writes; as soon as a
round is complete and enough, it is told to end.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path

from scriptorium.artifacts.base_answers import read_answers
from scriptorium.artifacts.writing_progress import ProgressWatch
from scriptorium.contracts import TrainRequest
from scriptorium.errors import ModelTooLarge, OutOfMemory, TrainingFailed
from scriptorium.jobs.reporter import Reporter
from scriptorium.models.tokenizer import chat_tokenizer
from scriptorium.process.child import Child
from scriptorium.replay.catalogue import ReplayRequest
from services.trainer.failures.explain import Ending, find_cause
from services.trainer.replay.requests import as_asked
from services.trainer.run.launch import start_program

ORDER = "order.json"
ENOUGH = "enough"
PROGRESS = "progress.json"
PROGRAM = "services.trainer.inside_axolotl.writing.write_answers"
POLL_INTERVAL = timedelta(seconds=0.5)
NEXT_STEP = "Its log is replay.log in the training folder; `training.keep: 0` in the recipe trains without replay."


@dataclass(frozen=True)
class Inquiry:
    """What a base is asked: rounds of requests whose answers go into the file `output`, until they are enough.

    `label`, `subject` and `next_step` are for messages: what it is part of, what is asked, and what to do if it fails.
    """

    rounds: Sequence[Sequence[ReplayRequest]]
    output: Path
    is_enough: Callable[[Sequence[ReplayRequest]], bool]
    label: str = "Replay"
    subject: str = "the requests that are replayed"
    next_step: str = NEXT_STEP

    def complete_rounds(self) -> list[ReplayRequest]:
        """Return the requests of the rounds up to the first that is not answered as a whole."""
        known = read_answers(self.output)
        complete: list[ReplayRequest] = []
        for items in self.rounds:
            if any(as_asked(item) not in known for item in items):
                break
            complete += items
        return complete

    def is_settled(self) -> bool:
        """Return whether the rounds that are complete are enough."""
        return self.is_enough(self.complete_rounds())


def ask_base(request: TrainRequest, folder: Path, inquiry: Inquiry, reporter: Reporter) -> None:
    """Have the base answer until the complete rounds are enough, or all are complete.

    `folder` gets the order; its log lies beside it. Raises what `reporter.check` raises, or the error that explains why
    the child failed.
    """
    folder.mkdir(exist_ok=True)
    inquiry.output.parent.mkdir(parents=True, exist_ok=True)
    order, enough, progress = folder / ORDER, folder / ENOUGH, ProgressWatch(folder / PROGRESS)
    enough.unlink(missing_ok=True)
    progress.clear()
    files = {"enough": str(enough), "progress": str(folder / PROGRESS)}
    order.write_text(json.dumps({**make_order(request, inquiry), **files}), encoding="utf-8")
    child = start_program(PROGRAM, order, folder.with_suffix(".log"), request.training)
    watch(child, inquiry, enough, progress, reporter)
    if child.returncode and not enough.exists():
        raise explain_child(child, inquiry)
    order.unlink()
    enough.unlink(missing_ok=True)


def make_order(request: TrainRequest, inquiry: Inquiry) -> dict[str, object]:
    """Make the child's order; requests that the cache answers are left out."""
    tokenizer, known = chat_tokenizer(request.base), read_answers(inquiry.output)

    def encode(item: ReplayRequest) -> dict[str, object]:
        prompt = tokenizer.render([{"role": "user", "content": item.request}], add_generation_prompt=True)
        return {**asdict(as_asked(item)), "ids": tokenizer.encode(prompt)}

    return {
        "base": str(request.base),
        "seed": request.seed,
        "end": tokenizer.encode(tokenizer.end_of_turn)[0],
        "rounds": [[encode(item) for item in items if as_asked(item) not in known] for items in inquiry.rounds],
        "output": str(inquiry.output),
    }


def watch(child: Child, inquiry: Inquiry, enough: Path, progress: ProgressWatch, reporter: Reporter) -> None:
    """Report how far the answers are, and tell the child when they are enough; leaves none of its processes."""
    before, answers, size = len(read_answers(inquiry.output)), 0, -1
    try:
        while child.wait(POLL_INTERVAL) is None:
            reporter.check()
            if inquiry.output.exists() and inquiry.output.stat().st_size != size:
                size, answers = inquiry.output.stat().st_size, len(read_answers(inquiry.output)) - before
                if inquiry.is_settled():
                    enough.touch()
            if batch := progress.news():
                text = f"[TRAIN] {inquiry.label}: the base has answered {answers} requests and writes {batch}"
                reporter.message(text, answers=answers, **asdict(batch))
    finally:
        child.stop(grace=timedelta(seconds=1))
        progress.clear()


def explain_child(child: Child, inquiry: Inquiry) -> Exception:
    """Return the error of a child that failed, with the last words of its log."""
    cause, line = find_cause(Ending(child.log, child.log_start, child.returncode, step=0, begun=False))
    failure = cause.failure if cause else TrainingFailed
    lack = ModelTooLarge if failure is OutOfMemory else failure
    return lack(f"The base could not answer {inquiry.subject}: {line}", next_step=inquiry.next_step)
