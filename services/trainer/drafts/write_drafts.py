"""Have the base retell passages, and put its good drafts in the place of their outlines.

Each passage is retold at most twice. The answers and the rows lie in <training>/drafts, not in the cache of the base:
they hold the author's text, and go with the job. A resumed attempt takes them over.
"""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from pydantic import ValidationError

from scriptorium.artifacts.base_answers import ANSWERS, read_answers
from scriptorium.artifacts.dataset import Row, read_book_language, read_rows, write_rows
from scriptorium.contracts import DraftResult, TrainRequest
from scriptorium.jobs.reporter import Reporter
from scriptorium.models.tokenizer import ChatTokenizer, chat_tokenizer
from scriptorium.replay.catalogue import ReplayRequest
from scriptorium.rewriting.book_words import BookWords, read_book
from scriptorium.rewriting.judge_draft import MAX_LENGTH, judge_draft
from scriptorium.rewriting.wording import TEMPERATURES, ask_to_retell, replace_draft
from services.trainer.replay.ask import Inquiry, ask_base
from services.trainer.replay.requests import as_asked
from services.trainer.run.resume import DRAFTS as FOLDER

KIND = "rewrite"
ROWS = "rows.jsonl"
RESULT = "result.json"
BEYOND_SEQUENCE = "over sequence_len"
TOKEN_STEP = 64  # token limits are rounded to it, so that passages of similar length are retold together
NEXT_STEP = "Its log is drafts.log in the training folder; `data.drafts: outline` in the recipe trains without drafts."


def write_drafts(
    request: TrainRequest, folder: Path, rows: Sequence[Row], reporter: Reporter
) -> tuple[list[Row], DraftResult | None]:
    """Return the rows with good drafts in those of the kind "rewrite", and how many; None if nothing was to be retold.

    Raises what `reporter.check` raises, or the error of the child in which the base retells.
    """
    places = [place for place, row in enumerate(rows) if row.kind == KIND]
    if request.drafts != "base" or not places:
        return list(rows), None
    chosen = read_choice(folder, len(places))
    if chosen is None:
        reporter.message(f"[TRAIN] Drafts: the base is asked to retell {len(places)} passages", rows=len(places))
        chosen = retell(request, folder / FOLDER, rows, places, reporter)
        write_choice(folder, *chosen)
    drafted, result = chosen
    report(result, reporter)
    by_place = dict(zip(places, drafted, strict=True))
    return [by_place.get(place, row) for place, row in enumerate(rows)], result


def retell(
    request: TrainRequest, folder: Path, rows: Sequence[Row], places: Sequence[int], reporter: Reporter
) -> tuple[list[Row], DraftResult]:
    """Have the base retell the passages at these places; return their rows, with a draft where there is a good one."""
    started, tokenizer = time.monotonic(), chat_tokenizer(request.base)
    passages = [row.answer for row in rows]
    book = read_book(passages, read_book_language(request.dataset, passages))
    output = folder / ANSWERS
    drafted: dict[int, Row] = {}
    refused: Counter[str] = Counter()
    for temperature in TEMPERATURES:
        left = [place for place in places if place not in drafted]
        requests = [make_order(rows[place], tokenizer, temperature) for place in left]
        ask_missing(request, folder, requests, output, reporter)
        answers = read_answers(output)
        refused.clear()  # what counts is why the last try of a passage was refused
        for place, order in zip(left, requests, strict=True):
            answer = answers[as_asked(order)]
            row = with_draft(rows[place], answer.text.strip())
            if reason := judge_row(row, answer.text, book, request, tokenizer, ended=answer.ended):
                refused[reason] += 1
            else:
                drafted[place] = row
    result = DraftResult(
        rows=len(places),
        by_base=len(drafted),
        refused=dict(refused.most_common()),
        seconds=round(time.monotonic() - started, 1),
    )
    return [drafted.get(place, rows[place]) for place in places], result


def make_order(row: Row, tokenizer: ChatTokenizer, temperature: float) -> ReplayRequest:
    """Make the request to retell a row's passage; more tokens than the longest good draft has are not written."""
    tokens = TOKEN_STEP * math.ceil(MAX_LENGTH * tokenizer.count([row.answer])[0] / TOKEN_STEP)
    return ReplayRequest(KIND, ask_to_retell(row.answer), tokens, temperature, language="")


def ask_missing(
    request: TrainRequest, folder: Path, requests: Sequence[ReplayRequest], output: Path, reporter: Reporter
) -> None:
    """Ask the base what it has not answered yet, all in one round."""
    known = read_answers(output)
    missing = [order for order in requests if as_asked(order) not in known]
    if missing:
        inquiry = Inquiry([missing], output, lambda _: False, "Drafts", "the request to retell passages", NEXT_STEP)
        ask_base(request, folder, inquiry, reporter)


def judge_row(
    row: Row, draft: str, book: BookWords, request: TrainRequest, tokenizer: ChatTokenizer, *, ended: bool
) -> str | None:
    """Return what is wrong with a draft, or with the length of its row; None if both are good."""
    if reason := judge_draft(row.answer, draft, book, ended=ended):
        return reason
    length = tokenizer.count([tokenizer.render(row.messages)])[0]
    return BEYOND_SEQUENCE if length > request.training.sequence_len else None


def with_draft(row: Row, draft: str) -> Row:
    """Return a row with this draft in its last request."""
    *turns, prompt, answer = row.messages
    return row.model_copy(
        update={"messages": [*turns, {**prompt, "content": replace_draft(prompt["content"], draft)}, answer]}
    )


def report(result: DraftResult, reporter: Reporter) -> None:
    """Report how many drafts are good, and why the others were refused."""
    outlines = result.rows - result.by_base
    reasons = ", ".join(f"{reason} {count}" for reason, count in result.refused.items())
    rest = f"; {outlines} keep their outline: {reasons}" if outlines else ""
    reporter.message(
        f"[TRAIN] Drafts: the base retold {result.by_base} of {result.rows} passages{rest}", **result.model_dump()
    )


def write_choice(folder: Path, rows: Sequence[Row], result: DraftResult) -> None:
    """Write the rows with their drafts into a training folder, the result last."""
    write_rows(folder / FOLDER / ROWS, rows)
    (folder / FOLDER / RESULT).write_text(result.model_dump_json(), encoding="utf-8")


def read_choice(folder: Path, count: int) -> tuple[list[Row], DraftResult] | None:
    """Read the rows with drafts of a training folder; None if `count` of them are not there as a whole."""
    try:
        result = DraftResult.model_validate_json((folder / FOLDER / RESULT).read_text(encoding="utf-8"))
    except (FileNotFoundError, ValidationError):
        return None
    rows = read_rows(folder / FOLDER / ROWS)
    return (rows, result) if len(rows) == count else None
