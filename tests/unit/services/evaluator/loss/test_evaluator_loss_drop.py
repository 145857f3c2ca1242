import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scriptorium.contracts import Endpoint
from scriptorium.contracts.report.document import PassageLoss
from scriptorium.errors import EvaluationFailed
from scriptorium.jobs.reporter import SilentReporter
from services.evaluator.generation.vllm_client import open_clients
from services.evaluator.loss.loss_drop import measure_loss_drop, measure_passage_losses, render_passage, render_passages


def scored(base: float, tuned: float, tokens: int = 100) -> PassageLoss:
    return PassageLoss(author="A", chapter="1", tokens=tokens, cut=False, base=base, tuned=tuned)


def test_only_the_passage_and_its_end_of_turn_count(tokenizer, row):
    passage = render_passage(row(), tokenizer, 1024)
    words = [tokenizer._tokenizer.id_to_token(token) for token in passage.ids[passage.start :]]
    assert words == ["It", "rained", "all", "night", "<|end|>"]
    assert not passage.cut


def test_a_long_passage_is_cut(tokenizer, row):
    passage = render_passage(row("It rained all night " * 30), tokenizer, 20)
    assert len(passage.ids) == 20
    assert passage.cut


def test_hand_computed_loss(tokenizer, row, engines):
    """Six tokens of brief, then five of the passage at -2.0 and -1.5 each."""
    (loss,) = score([row()], tokenizer, engines)
    assert loss.tokens == 5
    assert loss.base == pytest.approx(10.0)
    assert loss.tuned == pytest.approx(7.5)


def score(rows, tokenizer, engines):
    rendered = render_passages(rows, tokenizer, 1024)

    async def work():
        base, tuned = (Endpoint(url=f"http://{name}.test", model=name) for name in ("base", "tuned"))
        async with open_clients(base, tuned, engines.transport, ()) as pair:
            return await measure_passage_losses(rows, rendered, pair, SilentReporter())

    return asyncio.run(work())


def test_each_position_is_read_at_its_own_place(tokenizer, row, engines, monkeypatch):
    """The log-probability of token n stands at place n; a shift by one would take the brief's last."""

    async def answer(role, path, body):
        logprobs = [{str(token): {"logprob": -float(place)}} for place, token in enumerate(body["prompt"][1:], start=1)]
        return {"choices": [{"prompt_logprobs": [None, *logprobs]}]}

    monkeypatch.setattr(engines, "answer", answer)
    (loss,) = score([row()], tokenizer, engines)
    assert loss.base == 6 + 7 + 8 + 9 + 10


def test_briefs_that_leave_no_room(tokenizer, row):
    with pytest.raises(EvaluationFailed) as caught:
        render_passages([row(), row(brief="rain " * 40), row(brief="rain " * 20)], tokenizer, 20)
    assert [problem.place for problem in caught.value.problems] == ["Anon, Chapter 7"] * 2
    assert caught.value.next_step


def test_the_drop_is_that_of_the_sums_over_tokens():
    drop = measure_loss_drop([scored(300, 240, 100), scored(100, 100, 50)], seed=1)
    assert drop.drop_percent == pytest.approx(15.0)  # 1 - 340 / 400
    assert drop.base == pytest.approx(400 / 150)
    assert drop.tuned == pytest.approx(340 / 150)
    assert (drop.low_percent, drop.high_percent) == pytest.approx((0.0, 20.0))


def test_more_passages_give_a_narrower_interval():
    few, many = ([scored(300, 240), scored(300, 290)] * n for n in (2, 50))
    assert width(measure_loss_drop(many, seed=1)) < width(measure_loss_drop(few, seed=1)) / 2


def width(drop):
    return drop.high_percent - drop.low_percent


def test_the_interval_covers_the_truth_about_as_often_as_it_says():
    """Drops around 10 % with a spread of 5 points, 24 passages, 100 worlds."""
    import numpy as np

    world = np.random.default_rng(3)
    covered = 0
    for _ in range(100):
        passages = [scored(300, 300 * (1 - drop)) for drop in world.normal(0.10, 0.05, 24)]
        drop = measure_loss_drop(passages, seed=1)
        covered += drop.low_percent <= 10 <= drop.high_percent
    assert 86 <= covered <= 99


losses = st.floats(min_value=1, max_value=1e4)


@given(st.lists(st.tuples(losses, losses), min_size=1, max_size=12), st.integers(0, 2**32 - 1))
def test_drop_and_interval_lie_between_the_extremes(pairs, seed):
    drop = measure_loss_drop([scored(base, tuned) for base, tuned in pairs], seed)
    percents = [100 * (1 - tuned / base) for base, tuned in pairs]
    slack = 1e-6 * max(1.0, *map(abs, percents))
    assert drop.low_percent <= drop.high_percent
    for value in (drop.low_percent, drop.drop_percent, drop.high_percent):
        assert min(percents) - slack <= value <= max(percents) + slack
    assert drop == measure_loss_drop([scored(base, tuned) for base, tuned in pairs], seed)
