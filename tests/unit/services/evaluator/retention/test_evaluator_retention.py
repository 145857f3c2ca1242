"""The gate as a whole, with stand-ins for the engines, and the verdict on made-up numbers."""

import asyncio
import math

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scriptorium.contracts import Endpoint
from scriptorium.contracts.report.retention import Retention, RetentionVerdict
from scriptorium.errors import Cancelled, EvaluationFailed
from scriptorium.instructions.catalogue import write_instructions
from scriptorium.instructions.instruction import Instruction
from scriptorium.jobs.reporter import SilentReporter
from services.evaluator.generation.vllm_client import open_clients
from services.evaluator.retention.compare import MAX_EXAMPLES, compare_answers
from services.evaluator.retention.measure import INSTRUCTIONS, MAX_TOKENS, measure_retention
from services.evaluator.retention.perplexity import compare_losses, read_neutral_paragraphs
from services.evaluator.retention.verdict import judge_instructions, judge_perplexity, judge_unseen_kinds, worst


def measure(engines, tokenizer, reporter=None, number=INSTRUCTIONS):
    async def work():
        base, tuned = (Endpoint(url=f"http://{name}.test", model=name) for name in ("base", "tuned"))
        async with open_clients(base, tuned, engines.transport, ()) as pair:
            return await measure_retention(pair, tokenizer, 1, reporter or SilentReporter(), number)

    return asyncio.run(work())


def test_both_models_are_asked_the_same_greedily_and_base_first(engines, tokenizer):
    reporter = SilentReporter()
    retention = measure(engines, tokenizer, reporter)
    questions = [(call, body) for call, body in engines.calls if call.endswith("chat/completions")]
    assert [call.partition("/")[0] for call, _ in questions] == ["base"] * INSTRUCTIONS + ["tuned"] * INSTRUCTIONS
    assert {(body["temperature"], body["max_tokens"]) for _, body in questions} == {(0.0, MAX_TOKENS)}
    requests = [body["messages"][0]["content"] for _, body in questions]
    assert (
        requests[:INSTRUCTIONS] == requests[INSTRUCTIONS:] == [one.request for one in write_instructions(INSTRUCTIONS)]
    )
    assert "[VALIDATE] 384/384 instructions answered" in reporter.messages
    assert "[VALIDATE] 160/160 neutral paragraphs read" in reporter.messages
    assert retention.following.base == retention.following.tuned
    assert Retention.model_validate_json(retention.model_dump_json()) == retention


def test_the_perplexities_are_those_of_the_engines(engines, tokenizer):
    """The stand-ins give every token -2.0 and -1.5."""
    perplexity = measure(engines, tokenizer, number=1).perplexity
    assert (perplexity.base, perplexity.tuned) == pytest.approx((math.exp(2), math.exp(1.5)))
    assert (perplexity.ratio, perplexity.low, perplexity.high) == pytest.approx((math.exp(-0.5),) * 3)
    assert perplexity.paragraphs == len(read_neutral_paragraphs())


def test_a_base_that_follows_nothing_is_no_pass(engines, tokenizer):
    engines.text = "What?"
    retention = measure(engines, tokenizer)
    assert retention.verdict is RetentionVerdict.WARN
    assert retention.parts[0].code == "instructions_unseen"
    assert "cannot be seen" in retention.parts[0].message
    assert retention.next_step == retention.parts[0].next_step


def test_an_engine_that_is_gone_is_a_clear_error(engines, tokenizer):
    engines.broken["tuned"] = [httpx.ConnectError("gone")]
    with pytest.raises(EvaluationFailed, match="tuned"):
        measure(engines, tokenizer)


def test_it_can_be_cancelled(engines, tokenizer):
    class CancellingReporter(SilentReporter):
        def check(self):
            raise Cancelled("enough")

    with pytest.raises(Cancelled):
        measure(engines, tokenizer, CancellingReporter())


def compare(base: set[int], tuned: set[int], number: int = 192, kinds: int = 32, replayed=()):
    """Instructions of which each model follows those at the given places, and none by accident."""
    instructions = [
        Instruction(f"kind {place % kinds}", f"Say {place}.", lambda text, right=f"yes {place}": text == right)
        for place in range(number)
    ]
    answers = [[f"yes {place}" if place in chosen else "no" for place in range(number)] for chosen in (base, tuned)]
    return compare_answers(instructions, *answers, replayed_kinds=replayed)


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
    assert judge_instructions(compare(set(base), set(tuned))).code == code


HALF_OF_THE_KINDS = {f"kind {kind}" for kind in range(16)}


def test_a_loss_in_the_unseen_kinds_alone_is_a_warning_of_its_own():
    """The replayed kinds gain what the others lose: the whole shows nothing."""
    seen = [place for place in range(192) if place % 32 < 16]
    unseen = [place for place in range(192) if place % 32 >= 16]
    following = compare({*seen[:60], *unseen[:40]}, {*seen[:85], *unseen[:15]}, replayed=HALF_OF_THE_KINDS)
    assert judge_instructions(following).code != "instructions_lost"
    (part,) = judge_unseen_kinds(following)
    assert (part.code, part.verdict) == ("unseen_kinds_lost", RetentionVerdict.WARN)
    assert "15 of 96, the base 40" in part.message
    assert (following.unseen.base, following.unseen.tuned, len(following.unseen.kinds)) == (40, 15, 16)
    assert (following.replayed.base, following.replayed.tuned) == (60, 85)
    assert following.unseen.margin_points > following.margin_points


@pytest.mark.parametrize("unseen_lost", [0, 2])
def test_a_small_loss_in_the_unseen_kinds_is_none_that_is_shown(unseen_lost):
    unseen = [place for place in range(192) if place % 32 >= 16]
    following = compare(set(unseen[:40]), set(unseen[unseen_lost:40]), replayed=HALF_OF_THE_KINDS)
    assert judge_unseen_kinds(following) == []


@given(st.sets(st.integers(0, 191)), st.sets(st.integers(0, 191)), st.sets(st.sampled_from(sorted(HALF_OF_THE_KINDS))))
def test_both_groups_together_are_the_whole(base, tuned, replayed):
    following = compare(base, tuned, replayed=replayed)
    groups = [group for group in (following.replayed, following.unseen) if group]
    assert bool(groups) is bool(replayed)
    if groups:
        assert {kind for group in groups for kind in group.kinds} == {kind.kind for kind in following.kinds}
        for count in ("asked", "base", "tuned"):
            assert sum(getattr(group, count) for group in groups) == getattr(following, count)


def test_few_instructions_show_nothing():
    part = judge_instructions(compare(set(range(90)), set(range(90)), number=100))
    assert (part.code, part.verdict) == ("instructions_unseen", RetentionVerdict.WARN)
    assert "100 instructions are too few" in part.message
    assert "SCRIPTORIUM_EVALUATION_INSTRUCTIONS" in (part.next_step or "")


def test_what_is_followed_by_accident_cannot_be_lost():
    """All answers are alike, and follow two kinds of three: none of it on demand."""
    instructions = [
        Instruction(f"kind {place % 3}", f"Say {place}.", lambda _, ok=place % 3: ok > 0) for place in range(192)
    ]
    following = compare_answers(instructions, ["Hm."] * 192, ["Hm."] * 192)
    assert (following.base, following.tuned) == (128, 128)
    assert following.by_chance == pytest.approx(2 / 3, abs=0.01)
    assert judge_instructions(following).code == "instructions_unseen"


@given(st.sets(st.integers(0, 191)), st.sets(st.integers(0, 191)))
def test_the_table_and_the_examples_agree_with_the_counts(base, tuned):
    following = compare(base, tuned)
    assert (following.gained, following.lost) == (len(tuned - base), len(base - tuned))
    assert sum(kind.base for kind in following.kinds) == following.base == len(base)
    assert sum(kind.tuned for kind in following.kinds) == following.tuned == len(tuned)
    assert sum(kind.asked for kind in following.kinds) == following.asked
    assert len(following.examples) == min(MAX_EXAMPLES, len({place % 32 for place in base - tuned}))
    assert all(lost.base.startswith("yes") and lost.tuned == "no" for lost in following.examples)


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
    losses = [300.0] * 20, [300 + 100 * change for change in nats]
    assert judge_perplexity(compare_losses(*losses, [100] * 20, seed=1)).code == code


losses = st.floats(1, 1e4)


@given(st.lists(st.tuples(losses, losses, st.integers(20, 500)), min_size=1, max_size=20), st.integers(0, 2**32 - 1))
def test_the_ratio_lies_between_its_bounds_extremes(rows, seed):
    rows = [(base, max(base / 2, min(tuned, base * 2)), tokens) for base, tuned, tokens in rows]
    base, tuned, tokens = zip(*rows, strict=True)
    perplexity = compare_losses(base, tuned, tokens, seed)
    changes = [(after - before) / count for before, after, count in rows]
    for value in (perplexity.low, perplexity.ratio, perplexity.high):
        assert min(changes) - 1e-6 <= math.log(value) <= max(changes) + 1e-6
    assert perplexity.low <= perplexity.high
    assert perplexity.ratio == pytest.approx(perplexity.tuned / perplexity.base)


def test_the_worse_part_decides():
    good = judge_perplexity(compare_losses([300.0], [300.0], [100], 1))
    bad = judge_perplexity(compare_losses([300.0], [330.0], [100], 1))
    assert worst((good, bad)) == worst((bad, good)) == bad


def test_neutral_text_is_what_it_says():
    text = read_neutral_paragraphs()
    assert len(set(text)) == len(text) == 80
    assert all(110 <= len(paragraph.split()) <= 140 for paragraph in text)
    assert not any(mark in "".join(text) for mark in '“”"!?')
