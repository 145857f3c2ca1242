"""Choose what is replayed: good answers of the base, or a spread of the user's own rows, until they are enough."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from pathlib import Path

from scriptorium.artifacts.base_answers import answers_path, read_answers
from scriptorium.artifacts.dataset import Row, read_book_language
from scriptorium.contracts import TrainRequest
from scriptorium.jobs.reporter import Reporter
from scriptorium.models.tokenizer import ChatTokenizer, chat_tokenizer
from scriptorium.replay.bank import REQUESTS_VERSION
from scriptorium.replay.catalogue import ReplayRequest
from scriptorium.replay.judge import judge_answer
from scriptorium.sampling import spread
from services.trainer.replay.ask import Inquiry, ask_base
from services.trainer.replay.own_rows import KIND, read_own_rows
from services.trainer.replay.requests import as_asked, write_book_requests

MARGIN = 1.4  # times the tokens that are needed, in the first round: some answers are refused
FILL = 0.5  # of its token limit that a mean answer takes; a small model falls short of the length asked
MIN_ROUND = 72  # requests: two thirds are long ones, a whole batch on a CPU, which is slow with less
BEYOND_SEQUENCE = "over sequence_len"


@dataclass
class Choice:
    """The rows that are replayed, their trained tokens, the kinds of request, and why others were refused."""

    rows: list[Row] = field(default_factory=list)
    tokens: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    source: str = ""

    def add(self, row: Row, tokens: int, kind: str) -> None:
        """Add a row."""
        self.rows.append(row)
        self.tokens += tokens
        self.kinds[kind] += 1


def count_trained(tokenizer: ChatTokenizer, rows: Sequence[Row]) -> list[int]:
    """Return the trained tokens of each row: its last answer with the end of the turn."""
    return [count + 1 for count in tokenizer.count([row.answer for row in rows])]


def choose_own_rows(request: TrainRequest, needed: int) -> Choice:
    """Choose as many of the user's rows as give the tokens that are needed, evenly spread over all of them."""
    assert request.replay_rows  # noqa: S101  the caller has looked
    tokenizer, rows = chat_tokenizer(request.base), read_own_rows(request.replay_rows)
    lengths = tokenizer.count([tokenizer.render(row.messages) for row in rows])
    counted = list(zip(rows, count_trained(tokenizer, rows), lengths, strict=True))
    fitting = [(row, tokens) for row, tokens, length in counted if length <= request.training.sequence_len]
    number = bisect_left(
        range(len(fitting)), needed, key=lambda number: sum(tokens for _, tokens in spread(fitting, number))
    )
    choice = Choice(source=f"your own rows in {request.replay_rows.name}/")
    choice.refused.update([BEYOND_SEQUENCE] * (len(rows) - len(fitting)))
    for row, tokens in spread(fitting, number):
        choice.add(row, tokens, KIND)
    return choice


def choose_answers(
    request: TrainRequest,
    folder: Path,
    rows: Sequence[Row],
    needed: int,
    reporter: Reporter,
    *,
    hashes: Mapping[str, str],
) -> Choice:
    """Choose good answers of the base until they have the tokens that are needed; what the cache lacks is asked."""
    output = answers_path(request.replay_cache or folder, request.base, hashes)
    language = read_book_language(request.dataset, (row.passage for row in rows))
    rounds = plan_rounds(write_book_requests(rows, language), needed)

    def choose(requests: Sequence[ReplayRequest]) -> Choice:
        return choose_good(request, requests, output, needed)

    inquiry = Inquiry(rounds, output, lambda requests: choose(requests).tokens >= needed)
    if not inquiry.is_settled():
        reporter.message(f"[TRAIN] Replay: the base is asked for {needed:,} tokens of its own answers")
        ask_base(request, folder, inquiry, reporter)
    return choose(inquiry.complete_rounds())


def plan_rounds(requests: Sequence[ReplayRequest], needed: int) -> list[Sequence[ReplayRequest]]:
    """Divide requests into a first round, which should give the tokens that are needed, and others of half its size."""
    expected = list(accumulate(FILL * request.max_tokens for request in requests))
    first = max(MIN_ROUND, bisect_left(expected, MARGIN * needed) + 1)
    step = max(MIN_ROUND, first // 2)
    return [requests[:first], *(requests[start : start + step] for start in range(first, len(requests), step))]


def choose_good(request: TrainRequest, requests: Sequence[ReplayRequest], output: Path, needed: int) -> Choice:
    """Choose the first good answers with the tokens that are needed, as rows; all of them if they have fewer."""
    tokenizer, answers = chat_tokenizer(request.base), read_answers(output)
    choice = Choice(source=f"the base's own answers to requests {REQUESTS_VERSION}")
    for item in requests:
        if choice.tokens >= needed:
            break
        answer = answers[as_asked(item)]
        row = make_row(item, answer.text.strip())
        reason: str | None = judge_answer(item, answer.text, answer.ended)
        if not reason and tokenizer.count([tokenizer.render(row.messages)])[0] > request.training.sequence_len:
            reason = BEYOND_SEQUENCE
        if reason:
            choice.refused[reason] += 1
        else:
            choice.add(row, count_trained(tokenizer, [row])[0], item.kind)
    return choice


def make_row(item: ReplayRequest, answer: str) -> Row:
    """Make the training row of an answer."""
    messages = [{"role": "user", "content": item.request}, {"role": "assistant", "content": answer}]
    return Row.model_validate({"messages": messages, "chapter": ""})
