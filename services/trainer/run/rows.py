"""The rows that a training reads: read and checked here, and written again if Axolotl needs them in another form."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path

from pydantic import ValidationError

from scriptorium.artifacts.dataset import PreferenceRow, Row, iterate_lines, write_lines, write_rows
from scriptorium.contracts import TrainRequest
from scriptorium.errors import (
    BaseModelUnusable,
    InvalidRecipe,
    InvalidTrainingFile,
    Problem,
    TooFewExamples,
    explain,
)
from scriptorium.jobs.reporter import Reporter
from scriptorium.models.tokenizer import ChatTokenizer, chat_tokenizer
from scriptorium.recipe import Training
from scriptorium.sampling import spread
from services.trainer.run.axolotl import TrainingRows, training_rows_path

SHOWN_PROBLEMS = 20
NO_ROWS_NEXT_STEP = "Name a folder that `scriptorium prepare` has written, with a train.jsonl."


def read_rows_to_train(request: TrainRequest) -> list[Row]:
    """Read the rows that are learned. Raises TooFewExamples if there are none, or InvalidTrainingFile."""
    train = read_training_rows(request, "train")
    if not train:
        raise TooFewExamples(f"{request.dataset.name} holds no rows to train on.", next_step=NO_ROWS_NEXT_STEP)
    return train


def report_preferences(training: Training, reporter: Reporter) -> None:
    """Report how preferences are trained, and what is left out that other rows have."""
    if training.method == "dpo":
        reporter.message(
            f"[TRAIN] Direct preference optimisation with beta {training.beta:g}: each answer is compared with what "
            "the base makes of it. Rows are not packed, and nothing is replayed or anchored."
        )


def prepare_rows(request: TrainRequest, folder: Path, train: Sequence[Row], replayed: int = 0) -> TrainingRows:
    """Measure the rows of a training, and write into `folder` what Axolotl does not read from the dataset itself.

    The last `replayed` rows are replayed.
    Raises InvalidTrainingFile (dev rows), or InvalidRecipe (rows longer than sequence_len).
    """
    dev, lengths = read_training_rows(request, "dev"), check_lengths(request, train)
    if request.training.sample_packing:
        train, lengths = draw_order(train, lengths, request.seed)
    rows = TrainingRows(train, lengths, spread(dev, request.training.dev_rows), replayed)
    write_training_rows(request, folder, rows.train, rows.dev)
    return rows


def read_training_rows(request: TrainRequest, split: str) -> list[Row]:
    """Read chats, or preferences for the method dpo; a missing file has none. Raises InvalidTrainingFile."""
    path = request.dataset / f"{split}.jsonl"
    if not path.exists():
        return []
    kind = PreferenceRow if request.training.method == "dpo" else Row
    rows: list[Row] = []
    problems = []
    for number, line in enumerate(iterate_lines(path), start=1):
        try:
            rows.append(kind.model_validate(line))
        except ValidationError as error:
            first = error.errors()[0]
            field = ".".join(map(str, first["loc"])) or "row"
            problems.append(Problem(f"{path.name}, row {number}", f"{field}: {explain(first)}"))
    if problems:
        wanted = "preferences" if kind is PreferenceRow else "chats"
        raise InvalidTrainingFile(
            f"{len(problems)} of {len(problems) + len(rows)} rows are not {wanted}.",
            problems=problems[:SHOWN_PROBLEMS],
            next_step=f"training.method is {request.training.method}; docs/recipes.md has the rows of each method.",
        )
    return rows


def measure_lengths(request: TrainRequest, rows: Sequence[Row]) -> list[int]:
    """Return the tokens of each row as it is trained; of a preference those of the longer answer."""
    tokenizer = chat_tokenizer(request.base)
    lengths = tokenizer.count([tokenizer.render(row.messages) for row in rows])
    rejected = tokenizer.count([tokenizer.render(messages) for row in rows if (messages := row.rejected_messages)])
    return [max(pair) for pair in zip(lengths, rejected, strict=True)] if rejected else lengths


def draw_order(rows: Sequence[Row], lengths: Sequence[int], seed: int) -> tuple[list[Row], list[int]]:
    """Return rows and lengths in an order that depends on the seed alone; packed rows are packed in it, every epoch."""
    order = random.Random(seed).sample(range(len(rows)), len(rows))  # noqa: S311  an order, not a secret
    return [rows[place] for place in order], [lengths[place] for place in order]


def write_training_rows(request: TrainRequest, folder: Path, train: Sequence[Row], dev: Sequence[Row]) -> None:
    """Write the rows that Axolotl reads; the dataset's own training rows stay where they are if they are read so."""
    for path, rows in ((training_rows_path(request, folder), train), (folder / "dev.jsonl", dev)):
        if path.parent != folder:
            continue
        if request.training.method == "dpo":
            tokenizer = chat_tokenizer(request.base)
            write_lines(path, (render_preference(row, tokenizer) for row in rows))
        else:
            write_rows(path, rows)


def render_preference(row: Row, tokenizer: ChatTokenizer) -> dict[str, object]:
    """Return a preference as text: the prompt up to the assistant's turn, and both answers up to that turn's end."""
    prompt = tokenizer.render(row.messages[:-1], add_generation_prompt=True)
    answers = (row.messages, row.rejected_messages)
    chosen, rejected = (cut_answer(tokenizer.render(messages), prompt, tokenizer.end_of_turn) for messages in answers)
    return {"prompt": prompt, "chosen": chosen, "rejected": rejected}


def cut_answer(chat: str, prompt: str, end_of_turn: str) -> str:
    """Return the last turn of a rendered chat, without what the template writes behind it.

    Raises BaseModelUnusable if the template writes another beginning with the answer than without.
    """
    if not chat.startswith(prompt):
        raise BaseModelUnusable("The chat template writes the prompt in another way once the answer is there.")
    answer, end, _ = chat[len(prompt) :].rpartition(end_of_turn)
    return answer + end


def check_lengths(request: TrainRequest, rows: Sequence[Row]) -> list[int]:
    """Return the rows' tokens. Raises InvalidRecipe for rows whose end would be cut: the model must learn to stop."""
    lengths = measure_lengths(request, rows)
    limit = request.training.sequence_len
    problems = [
        Problem(f"train.jsonl, row {number}", f"{length:,} tokens, more than sequence_len {limit:,}")
        for number, length in enumerate(lengths, start=1)
        if length > limit
    ]
    if problems:
        raise InvalidRecipe(
            f"{len(problems)} of {len(rows)} rows do not fit into sequence_len.",
            problems=problems[:SHOWN_PROBLEMS],
            next_step="Raise training.sequence_len or lower data.chunking.maximum in the recipe.",
        )
    return lengths
