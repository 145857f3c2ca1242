"""The gate as a whole, with stand-ins for the engines, and the verdict on made-up numbers."""

import asyncio
import math

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scriptorium.contracts import Endpoint
from scriptorium.errors import Cancelled, EvaluationFailed
from scriptorium.jobs.reporter import SilentReporter
from services.evaluator.generation.vllm_client import engines
from services.evaluator.retention.ask import MAX_TOKENS
from services.evaluator.retention.compare import EXAMPLES, compare_answers
from services.evaluator.retention.instructions.catalogue import write_instructions
from services.evaluator.retention.instructions.instruction import Instruction
from services.evaluator.retention.measure import ASKED, measure_retention
from services.evaluator.retention.perplexity import compare_losses, neutral_text
from services.evaluator.retention.result import Retention, Verdict
from services.evaluator.retention.verdict import judge_following, judge_reading, worst


def measure(engines_, tokenizer, report=None, asked=ASKED):
    async def work():
        base, tuned = (Endpoint(url=f"http://{name}.test", model=name) for name in ("base", "tuned"))
        async with engines(base, tuned, engines_.transport, ()) as pair:
            return await measure_retention(pair, tokenizer, 1, report or SilentReporter(), asked)

    return asyncio.run(work())


def test_both_models_are_asked_the_same_greedily_and_base_first(engines_, tokenizer):
    reporter = SilentReporter()
    found = measure(engines_, tokenizer, reporter)
    asked = [(call, body) for call, body in engines_.calls if call.endswith("chat/completions")]
    assert [call.partition("/")[0] for call, _ in asked] == ["base"] * ASKED + ["tuned"] * ASKED
    assert {(body["temperature"], body["max_tokens"]) for _, body in asked} == {(0.0, MAX_TOKENS)}
    requests = [body["messages"][0]["content"] for _, body in asked]
    assert requests[:ASKED] == requests[ASKED:] == [one.request for one in write_instructions(ASKED)]
    assert "[VALIDATE] 384/384 instructions answered" in reporter.messages
    assert "[VALIDATE] 40/40 neutral paragraphs read" in reporter.messages
    assert found.following.base == found.following.tuned
    assert Retention.model_validate_json(found.model_dump_json()) == found


def test_the_perplexities_are_those_of_the_engines(engines_, tokenizer):
    """The stand-ins give every token -2.0 and -1.5."""
    found = measure(engines_, tokenizer, asked=1).perplexity
    assert (found.base, found.tuned) == pytest.approx((math.exp(2), math.exp(1.5)))
    assert (found.ratio, found.low, found.high) == pytest.approx((math.exp(-0.5),) * 3)
    assert found.paragraphs == len(neutral_text())


def test_a_base_that_follows_nothing_is_no_pass(engines_, tokenizer):
    engines_.text = "What?"
    found = measure(engines_, tokenizer)
    assert found.verdict is Verdict.WARN
    assert found.parts[0].code == "instructions_unseen"
    assert "cannot be seen" in found.parts[0].message
    assert found.next_step == found.parts[0].next_step


def test_an_engine_that_is_gone_is_a_clear_error(engines_, tokenizer):
    engines_.broken["tuned"] = [httpx.ConnectError("gone")]
    with pytest.raises(EvaluationFailed, match="tuned"):
        measure(engines_, tokenizer)


def test_it_can_be_cancelled(engines_, tokenizer):
    class CancelledReport(SilentReporter):
        def check(self):
            raise Cancelled("enough")

    with pytest.raises(Cancelled):
        measure(engines_, tokenizer, CancelledReport())


def made(base: set[int], tuned: set[int], asked: int = 192, kinds: int = 32):
    """Instructions of which each model follows those at the given places, and none by accident."""
    instructions = [
        Instruction(f"kind {place % kinds}", f"Say {place}.", lambda text, right=f"yes {place}": text == right)
        for place in range(asked)
    ]
    answers = [[f"yes {place}" if place in chosen else "no" for place in range(asked)] for chosen in (base, tuned)]
    return compare_answers(instructions, *answers)


@pytest.mark.parametrize(
    ("base", "tuned", "code"),
    [
        (range(80), range(80), "instructions_kept"),
        (range(80), range(4, 80), "instructions_kept"),
        (range(80), range(8, 88), "instructions_kept"),
        (range(80), range(20, 80), "instructions_lost"),
        (range(80), [], "instructions_lost"),
        (range(80), [*range(15, 80), *range(100, 108)], "instructions_unsure"),
        (range(10), range(10), "instructions_unseen"),
        (range(10), range(100), "instructions_unseen"),
        (range(18), [], "instructions_lost"),  # all of so little, but surely lost
    ],
)
def test_the_verdict_on_instructions(base, tuned, code):
    assert judge_following(made(set(base), set(tuned))).code == code


def test_few_instructions_show_nothing():
    part = judge_following(made(set(range(90)), set(range(90)), asked=100))
    assert (part.code, part.verdict) == ("instructions_unseen", Verdict.WARN)
    assert "100 instructions are too few" in part.message
    assert "SCRIPTORIUM_EVALUATION_INSTRUCTIONS" in (part.next_step or "")


def test_what_is_followed_by_accident_cannot_be_lost():
    """All answers are alike, and follow two kinds of three: none of it on demand."""
    instructions = [
        Instruction(f"kind {place % 3}", f"Say {place}.", lambda _, ok=place % 3: ok > 0) for place in range(192)
    ]
    found = compare_answers(instructions, ["Hm."] * 192, ["Hm."] * 192)
    assert (found.base, found.tuned) == (128, 128)
    assert found.by_chance == pytest.approx(2 / 3, abs=0.01)
    assert judge_following(found).code == "instructions_unseen"


@settings(deadline=None)
@given(st.sets(st.integers(0, 191)), st.sets(st.integers(0, 191)))
def test_the_table_and_the_examples_agree_with_the_counts(base, tuned):
    found = made(base, tuned)
    assert (found.gained, found.lost) == (len(tuned - base), len(base - tuned))
    assert sum(kind.base for kind in found.kinds) == found.base == len(base)
    assert sum(kind.tuned for kind in found.kinds) == found.tuned == len(tuned)
    assert sum(kind.asked for kind in found.kinds) == found.asked
    assert len(found.examples) == min(EXAMPLES, len({place % 32 for place in base - tuned}))
    assert all(lost.base.startswith("yes") and lost.tuned == "no" for lost in found.examples)


@pytest.mark.parametrize(
    ("nats", "code"),
    [
        ([0.0] * 20, "neutral_text_kept"),
        ([-0.2] * 20, "neutral_text_kept"),
        ([0.2] * 20, "neutral_text_lost"),
        ([0.0] * 10 + [0.18] * 10, "neutral_text_unsure"),
    ],
)
def test_the_verdict_on_neutral_text(nats, code):
    losses = [300.0] * 20, [300 + 100 * each for each in nats]
    assert judge_reading(compare_losses(*losses, [100] * 20, seed=1)).code == code


losses = st.floats(1, 1e4)


@settings(deadline=None)
@given(st.lists(st.tuples(losses, losses, st.integers(20, 500)), min_size=1, max_size=20), st.integers(0, 2**32 - 1))
def test_the_ratio_lies_between_its_bounds_extremes(rows, seed):
    rows = [(base, max(base / 2, min(tuned, base * 2)), tokens) for base, tuned, tokens in rows]
    base, tuned, tokens = zip(*rows, strict=True)
    found = compare_losses(base, tuned, tokens, seed)
    each = [(after - before) / count for before, after, count in rows]
    for value in (found.low, found.ratio, found.high):
        assert min(each) - 1e-6 <= math.log(value) <= max(each) + 1e-6
    assert found.low <= found.high
    assert found.ratio == pytest.approx(found.tuned / found.base)


def test_the_worse_part_decides():
    good = judge_reading(compare_losses([300.0], [300.0], [100], 1))
    bad = judge_reading(compare_losses([300.0], [330.0], [100], 1))
    assert worst((good, bad)) == worst((bad, good)) == bad


def test_neutral_text_is_what_it_says():
    text = neutral_text()
    assert len(text) == 20
    assert all(110 <= len(paragraph.split()) <= 140 for paragraph in text)
    assert not any(mark in "".join(text) for mark in '“”"!?')
