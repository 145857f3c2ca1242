"""Mix the base's own answers, or the user's own rows, into the rows of a training.

What was chosen lies in <training>/replay, so that a resumed attempt learns from the same rows.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from pydantic import ValidationError

from scriptorium.artifacts.dataset import Row, read_rows, write_rows
from scriptorium.contracts import Level, ReplayResult, TrainRequest
from scriptorium.jobs.reporter import Reporter
from scriptorium.models.tokenizer import chat_tokenizer
from services.trainer.replay.choose import Choice, choose_answers, choose_own_rows, count_trained
from services.trainer.run.resume import REPLAY as FOLDER

ROWS = "rows.jsonl"
RESULT = "result.json"
TOLERANCE = 0.95  # of the share wanted; less is a warning


def replay_rows(
    request: TrainRequest,
    folder: Path,
    rows: Sequence[Row],
    reporter: Reporter,
    *,
    hashes: Mapping[str, str],
) -> tuple[list[Row], ReplayResult | None]:
    """Return the rows with those that are replayed behind them, and what those are; None if nothing is replayed.

    `hashes` are those of the base's weights. Raises InvalidTrainingFile (own rows), what `reporter.check` raises, or
    the error of the child that asks the base.
    """
    if not request.training.keep or request.training.method == "dpo":
        return list(rows), None
    chosen = read_choice(folder)
    if chosen is None:
        started, tokenizer = time.monotonic(), chat_tokenizer(request.base)
        trained = sum(count_trained(tokenizer, rows))
        needed = math.ceil(trained * request.training.keep / (1 - request.training.keep))
        if request.replay_rows:
            choice = choose_own_rows(request, needed)
        else:
            choice = choose_answers(request, folder / FOLDER, rows, needed, reporter, hashes=hashes)
        chosen = choice.rows, make_result(choice, trained, time.monotonic() - started)
        write_choice(folder, *chosen)
    replayed, result = chosen
    report(result, request.training.keep, reporter)
    return [*rows, *replayed], result


def make_result(choice: Choice, trained: int, seconds: float) -> ReplayResult:
    """Return what is replayed beside so many trained tokens of the author."""
    return ReplayResult(
        rows=len(choice.rows),
        tokens=choice.tokens,
        share=round(choice.tokens / (choice.tokens + trained), 4),
        kinds=dict(choice.kinds.most_common()),
        refused=dict(choice.refused.most_common()),
        source=choice.source,
        seconds=round(seconds, 1),
    )


def report(result: ReplayResult, keep: float, reporter: Reporter) -> None:
    """Report what is replayed; a share far below the one wanted is a warning."""
    reasons = ", ".join(f"{reason} {count}" for reason, count in result.refused.items())
    refused = f"; {sum(result.refused.values())} refused: {reasons.replace('_', ' ')}" if reasons else ""
    reporter.message(
        f"[TRAIN] Replay: {result.rows} rows ({result.source}), {result.share:.1%} of the trained tokens "
        f"({len(result.kinds)} kinds){refused}",
        **result.model_dump(),
    )
    if result.share < TOLERANCE * keep:
        reporter.message(
            f"[TRAIN] Replay reaches {result.share:.1%} of the trained tokens, not {keep:.1%}: there are no more good "
            "answers. More of the base's instructions may be lost.",
            Level.WARN,
        )


def write_choice(folder: Path, rows: Sequence[Row], result: ReplayResult) -> None:
    """Write what is replayed into a training folder, the result last."""
    write_rows(folder / FOLDER / ROWS, rows)
    (folder / FOLDER / RESULT).write_text(result.model_dump_json(), encoding="utf-8")


def read_choice(folder: Path) -> tuple[list[Row], ReplayResult] | None:
    """Read what a training folder replays; None if that is not there as a whole."""
    try:
        result = ReplayResult.model_validate_json((folder / FOLDER / RESULT).read_text(encoding="utf-8"))
    except (FileNotFoundError, ValidationError):
        return None
    rows = read_rows(folder / FOLDER / ROWS)
    return (rows, result) if len(rows) == result.rows else None
