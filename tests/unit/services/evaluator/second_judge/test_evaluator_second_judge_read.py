"""What the base reads, and what follows from it, from the texts to T2."""

from __future__ import annotations

import asyncio
import json

import pytest

from scriptorium.contracts.report.voice import Estimate
from scriptorium.jobs.reporter import SilentReporter
from services.evaluator.second_judge.contexts import choose_contexts
from services.evaluator.second_judge.judge import judge_again
from services.evaluator.second_judge.read import read_passages
from tests.made_up_authors import write_passages

SURE = Estimate(value=95.0, low=90.0, high=100.0, lower_bound=91.0)


def read(inputs, tokenizer, base, prompts=40, max_tokens=600):
    return asyncio.run(
        read_passages(
            base, tokenizer, inputs, prompts=prompts, max_tokens=max_tokens, seed=1, reporter=SilentReporter()
        )
    )


@pytest.mark.parametrize(("writer", "place"), [(1, 100), (2, 0)])
def test_who_writes_like_the_author_is_placed_there(inputs_with, word_tokenizer, base, writer, place):
    readings = read(inputs_with(write_passages(writer, 3, 40)), word_tokenizer, base)
    judge = judge_again(readings, SURE, 1)
    assert judge.transfer.value == pytest.approx(place, abs=30)
    assert judge.agreement == ("agrees" if writer == 1 else "disagrees")
    assert judge.gap_bound > 0
    assert judge.impostors is not None
    assert judge.impostors.value < 60


def test_no_request_is_longer_than_the_engine_can_read(inputs_with, word_tokenizer, base):
    readings = read(inputs_with(write_passages(1, 3, 40)), word_tokenizer, base, prompts=9, max_tokens=100)
    assert max(map(len, base.requests)) <= 100
    assert len(base.requests) == 9 * 4 * 3
    assert (len(readings.tuned), readings.context_tokens) == (9, 48)


def test_a_passage_that_is_too_short_counts_as_the_base(inputs_with, word_tokenizer, base):
    short = [*write_passages(1, 3, 6), *["It is over."] * 34]
    readings = read(inputs_with(short), word_tokenizer, base)
    assert readings.tuned[6:] == pytest.approx(readings.base[6:])
    assert (readings.tuned[:6] != readings.base[:6]).all()


def test_too_few_briefs_are_not_read(inputs_with, word_tokenizer, base):
    assert read(inputs_with(write_passages(1, 3, 40)), word_tokenizer, base, prompts=7) is None
    assert base.requests == []


def test_contexts_are_of_equal_length_and_hold_nothing_that_is_tested(inputs_with, word_tokenizer):
    inputs = inputs_with(write_passages(1, 3, 40))
    contexts = choose_contexts(inputs, word_tokenizer, 12, 100, seed=1)
    assert len({tuple(context.author) for context in contexts}) == 12
    assert {len(set(map(len, context))) for context in contexts} == {1}
    tested = [passage.text for passage in inputs.held_out] + [
        text for other in inputs.unseen_impostors for text in other.texts
    ]
    runs = {tuple(ids[at : at + 20]) for ids in map(word_tokenizer.encode, tested) for at in range(len(ids) - 20)}
    for context in contexts:
        for ids in context:
            assert not runs & {tuple(ids[at : at + 20]) for at in range(len(ids) - 20)}
    assert json.dumps([list(c) for c in choose_contexts(inputs, word_tokenizer, 12, 100, seed=1)]) == json.dumps(
        [list(c) for c in contexts]
    )
