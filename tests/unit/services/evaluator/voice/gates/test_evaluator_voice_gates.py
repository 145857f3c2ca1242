from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.evaluator.voice.align_lengths import align_lengths
from services.evaluator.voice.gates.caricature import check_caricature
from services.evaluator.voice.gates.coherence import check_coherence
from services.evaluator.voice.gates.degeneration import Windows, check_degeneration
from services.evaluator.voice.gates.length import check_length, is_shorter
from services.evaluator.voice.gates.measurable import check_measurable
from services.evaluator.voice.gates.memorisation import check_memorisation
from services.evaluator.voice.inputs import Endings, Losses
from services.evaluator.voice.transfer import measure_transfer


def align_changed(inputs, change):
    """Align the texts, with every tuned passage changed."""
    return align_lengths(replace(inputs, tuned=[change(index, text) for index, text in enumerate(inputs.tuned)]))


def take_words(text, count, start=0):
    return " ".join(text.replace(" -", "").split()[start : start + count])


def test_new_text_is_not_copied(inputs):
    gate = check_memorisation(align_lengths(inputs))
    assert (gate.outcome, gate.samples, gate.next_step) == ("pass", [], "")


@pytest.mark.parametrize(("run", "outcome"), [(7, "pass"), (14, "warn"), (25, "fail")])
def test_one_copied_run_is_enough(inputs, run, outcome):
    copied = take_words(inputs.author_train[3], run, 20)
    aligned = align_changed(inputs, lambda index, text: f"{text} " if index else f"Well. {copied} {text}")
    gate = check_memorisation(aligned)
    assert gate.outcome == outcome
    if run > 7:
        (shared,) = aligned.tuned[0].copied
        assert aligned.tuned[0].full[shared.start : shared.end] == shared.text
        assert gate.numbers["longest_run"] == shared.words >= run
        assert shared.text not in aligned.tuned[0].unmasked


def test_words_of_the_brief_are_no_copy_of_the_author(inputs):
    copied = take_words(inputs.author_train[3], 25, 20)
    first = replace(inputs.held_out[0], brief=copied)
    with_brief = replace(inputs, held_out=[first, *inputs.held_out[1:]])
    aligned = align_changed(with_brief, lambda index, text: text if index else f"{copied} {text}")
    assert check_memorisation(aligned).outcome == "pass"
    assert copied not in aligned.tuned[0].unmasked


def test_many_short_runs_are_copying(inputs):
    source = inputs.author_train[5]
    gate = check_memorisation(align_changed(inputs, lambda _, text: f"{take_words(source, 9)}; so {text}"))
    assert gate.outcome == "fail"
    assert gate.numbers["longest_run"] < 20


def test_regurgitated_passages_are_too_short_without_the_copies(inputs):
    aligned = align_changed(inputs, lambda index, _: inputs.author_train[index])
    assert not any(text.long_enough for text in aligned.tuned)


@pytest.mark.parametrize("change", [lambda n, t: (take_words(t, 40) + " ") * 5, lambda n, t: "the " * 200])
def test_loops_fail(inputs, learned, change):
    gate = check_degeneration(align_changed(inputs, change), learned.classes.author, None)
    assert gate.outcome == "fail"
    assert len(gate.samples) == len(inputs.tuned)
    assert gate.next_step


def test_text_beyond_the_common_length_is_checked_too(inputs, learned):
    source = take_words(inputs.author_train[5], 60)
    copied = align_changed(inputs, lambda _, text: f"{text} {source}")
    assert len(copied.tuned[0].trimmed) < len(copied.tuned[0].full)
    assert check_memorisation(copied).outcome == "fail"
    circles = align_changed(inputs, lambda _, text: text + " and then the" * 100)
    assert check_degeneration(circles, learned.classes.author, None).outcome == "fail"


def test_noise_fails_and_prose_passes(inputs, learned):
    letters = np.array(list("abcdefghijklmnopqrstuvwxyz"))
    chance = np.random.default_rng(0)
    noise = align_changed(inputs, lambda *_: " ".join("".join(chance.choice(letters, 6)) for _ in range(200)))
    assert check_degeneration(noise, learned.classes.author, None).outcome == "fail"
    assert check_degeneration(align_lengths(inputs), learned.classes.author, None).outcome == "pass"


def test_one_odd_passage_of_many_is_forgiven(inputs, learned):
    many = [*inputs.tuned] * 2
    double = replace(inputs, tuned=many, held_out=[*inputs.held_out] * 2, base=[*inputs.base] * 2)
    gate = check_degeneration(align_changed(double, lambda n, t: t if n else "so " * 200), learned.classes.author, None)
    assert gate.outcome == "warn"


def test_endings_that_are_lost_are_a_warning_and_gained_ones_are_none(inputs, learned):
    count = len(inputs.tuned)
    endings = Endings(base=[True] * count, tuned=[False] * count)
    gate = check_degeneration(align_lengths(inputs), learned.classes.author, endings)
    assert (gate.outcome, gate.numbers["ended_difference"]) == ("warn", -1.0)
    assert gate.finding.endswith("0% ended by themselves (the base's: 100%).")
    gained = Endings(base=endings.tuned, tuned=endings.base)
    assert check_degeneration(align_lengths(inputs), learned.classes.author, gained).outcome == "pass"


def test_a_short_text_has_a_window_of_its_own(learned):
    windows = Windows(learned.classes.author)
    assert windows.find(100).low > windows.find(400).low
    assert windows.find(101) is windows.find(99)


@pytest.mark.parametrize(
    ("mean", "outcome"), [(3.83, "pass"), (0.55, "fail"), (2.79, "fail"), (5.23, "fail"), (6.58, "fail")]
)
def test_coherence_is_a_range_to_both_sides(mean, outcome):
    chance = np.random.default_rng(1)
    genuine, written = chance.normal(3.83, 0.27, 48), chance.normal(mean, 0.25, 48)
    gate = check_coherence(Losses(list(genuine), [], list(written)))
    assert gate.outcome == outcome


def test_too_few_losses_leave_coherence_unmeasured():
    assert not check_coherence(None).measured
    assert not check_coherence(Losses([3.8] * 7, [], [3.8])).measured


def align_short(inputs, tuned, base):
    """Align the texts, with the first `tuned` passages of the tuned model cut short, and those of `base` by index."""
    cut = [take_words(text, 40) if index in base else text for index, text in enumerate(inputs.base)]
    return align_changed(replace(inputs, base=cut), lambda index, text: take_words(text, 40) if index < tuned else text)


@pytest.mark.parametrize(("short", "outcome"), [(0, "pass"), (2, "warn"), (3, "fail"), (24, "fail")])
def test_short_passages_are_counted(inputs, short, outcome):
    gate = check_length(align_short(inputs, short, ()))
    assert (gate.outcome, gate.samples) == (outcome, list(range(short)))


@pytest.mark.parametrize(
    ("short", "base", "outcome"),
    [(3, range(3), "warn"), (5, range(19, 23), "warn"), (7, range(3), "fail"), (24, range(20), "fail")],
)
def test_a_base_that_is_short_itself_is_the_measure(inputs, short, base, outcome):
    gate = check_length(align_short(inputs, short, base))
    assert (gate.outcome, gate.measured) == (outcome, True)
    assert gate.numbers["limit"] == pytest.approx(1 - len(base) / 24)


@pytest.mark.parametrize(("short", "measured"), [(12, False), (2, True)])
def test_a_hopeless_base_measures_nothing_unless_the_model_is_long_enough(inputs, short, measured):
    gate = check_length(align_short(inputs, short, range(12)))
    assert (gate.outcome, gate.measured) == ("warn", measured)


def test_short_passages_that_ended_by_themselves_are_told_from_those_at_the_limit(inputs):
    endings = Endings(base=[False] * 24, tuned=[index != 1 for index in range(24)])
    gate = check_length(align_short(inputs, 2, ()), endings)
    assert gate.numbers["ended_early"] == 1
    assert gate.finding.endswith("; 1 of the 2 short ones ended by themselves.")


@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=60))
def test_a_model_that_is_as_long_as_its_base_is_never_shorter_and_a_truncated_one_is(pairs):
    tuned, base = (list(marks) for marks in zip(*pairs, strict=True))
    assert not is_shorter(base, base)
    assert not (is_shorter(tuned, base) and sum(tuned) >= sum(base))
    assert not (is_shorter(tuned, base) and is_shorter(base, tuned))
    if sum(base) >= 3:
        assert is_shorter([False] * len(base), base)


@pytest.mark.parametrize(("center", "outcome"), [(1.0, "pass"), (1.16, "warn"), (1.5, "fail")])
def test_exaggeration_warns_then_fails(make_scores, center, outcome):
    assert check_caricature(measure_transfer(make_scores(center, noise=0.1), 0)).outcome == outcome


@pytest.mark.parametrize(
    ("noise", "prompts", "outcome"), [(0.1, 48, "pass"), (0.1, 30, "warn"), (0.1, 8, "fail"), (3, 48, "fail")]
)
def test_few_prompts_or_much_noise_cannot_be_measured(make_scores, noise, prompts, outcome):
    gate = check_measurable(make_scores(1, noise=noise, prompts=prompts))
    assert gate.outcome == outcome
    assert ("8 prompts are too few" in gate.finding) == (prompts == 8)
