from dataclasses import replace

import numpy as np
import pytest

from services.evaluator.voice.align_lengths import prepare_texts
from services.evaluator.voice.gates.caricature import check_caricature
from services.evaluator.voice.gates.coherence import check_coherence
from services.evaluator.voice.gates.degeneration import Windows, check_degeneration
from services.evaluator.voice.gates.length import check_length
from services.evaluator.voice.gates.measurable import check_measurable
from services.evaluator.voice.gates.memorisation import check_memorisation
from services.evaluator.voice.inputs import Endings, Losses
from services.evaluator.voice.transfer import Scores, measure_transfer


def tuned(material, change):
    """The material with every tuned passage changed, ready to be looked at."""
    return prepare_texts(replace(material, tuned=[change(place, text) for place, text in enumerate(material.tuned)]))


def words(text, count, start=0):
    return " ".join(text.replace(" -", "").split()[start : start + count])


def test_new_text_is_not_copied(material):
    gate = check_memorisation(prepare_texts(material))
    assert (gate.outcome, gate.samples, gate.next_step) == ("pass", [], "")


@pytest.mark.parametrize(("run", "outcome"), [(7, "pass"), (14, "warn"), (25, "fail")])
def test_one_copied_run_is_enough(material, run, outcome):
    copied = words(material.author_train[3], run, 20)
    prepared = tuned(material, lambda place, text: f"{text} " if place else f"Well. {copied} {text}")
    gate = check_memorisation(prepared)
    assert gate.outcome == outcome
    if run > 7:
        (span,) = prepared.tuned[0].copied
        assert prepared.tuned[0].whole[span.start : span.end] == span.text
        assert gate.numbers["longest_run"] == span.words >= run
        assert span.text not in prepared.tuned[0].own


def test_what_the_brief_said_is_no_copy_of_the_author(material):
    copied = words(material.author_train[3], 25, 20)
    first = replace(material.held_out[0], brief=copied)
    asked = replace(material, held_out=[first, *material.held_out[1:]])
    prepared = tuned(asked, lambda place, text: text if place else f"{copied} {text}")
    assert check_memorisation(prepared).outcome == "pass"
    assert copied not in prepared.tuned[0].own


def test_many_short_runs_are_copying(material):
    source = material.author_train[5]
    gate = check_memorisation(tuned(material, lambda _, text: f"{words(source, 9)}; so {text}"))
    assert gate.outcome == "fail"
    assert gate.numbers["longest_run"] < 20


def test_a_regurgitator_has_nothing_of_its_own(material):
    prepared = tuned(material, lambda place, _: material.author_train[place])
    assert not any(text.long_enough for text in prepared.tuned)


@pytest.mark.parametrize("change", [lambda n, t: (words(t, 40) + " ") * 5, lambda n, t: "the " * 200])
def test_loops_are_found(material, learned, change):
    gate = check_degeneration(tuned(material, change), learned.classes.author, None)
    assert gate.outcome == "fail"
    assert len(gate.samples) == len(material.tuned)
    assert gate.next_step


def test_what_comes_after_the_length_compared_is_looked_at_too(material, learned):
    source = words(material.author_train[5], 60)
    copied = tuned(material, lambda _, text: f"{text} {source}")
    assert len(copied.tuned[0].told) < len(copied.tuned[0].whole)
    assert check_memorisation(copied).outcome == "fail"
    circles = tuned(material, lambda _, text: text + " and then the" * 100)
    assert check_degeneration(circles, learned.classes.author, None).outcome == "fail"


def test_noise_is_found_and_prose_is_not(material, learned):
    letters = np.array(list("abcdefghijklmnopqrstuvwxyz"))
    chance = np.random.default_rng(0)
    noise = tuned(material, lambda *_: " ".join("".join(chance.choice(letters, 6)) for _ in range(200)))
    assert check_degeneration(noise, learned.classes.author, None).outcome == "fail"
    assert check_degeneration(prepare_texts(material), learned.classes.author, None).outcome == "pass"


def test_one_odd_passage_of_many_is_forgiven(material, learned):
    many = [*material.tuned] * 2
    held, base = [*material.held_out] * 2, [*material.base] * 2
    double = replace(material, tuned=many, held_out=held, base=base)
    gate = check_degeneration(tuned(double, lambda n, t: t if n else "so " * 200), learned.classes.author, None)
    assert gate.outcome == "warn"


def test_endings_that_differ_are_warned_of(material, learned):
    count = len(material.tuned)
    endings = Endings(base=[True] * count, tuned=[False] * count)
    gate = check_degeneration(prepare_texts(material), learned.classes.author, endings)
    assert (gate.outcome, gate.numbers["ended_difference"]) == ("warn", -1.0)
    assert gate.finding.endswith("0% ended by themselves (the base's: 100%).")


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


def test_coherence_that_was_not_measured_is_said_to_be():
    assert not check_coherence(None).measured
    assert not check_coherence(Losses([3.8] * 7, [], [3.8])).measured


@pytest.mark.parametrize(("short", "outcome"), [(0, "pass"), (2, "warn"), (3, "fail")])
def test_short_passages_are_counted(material, short, outcome):
    gate = check_length(tuned(material, lambda place, text: words(text, 40) if place < short else text))
    assert (gate.outcome, gate.samples) == (outcome, list(range(short)))


def flat(where, noise=0.1, prompts=48):
    chance = np.random.default_rng(0)
    return Scores(*(place + noise * chance.normal(size=(prompts, 3)) for place in (1, 0, where)))


@pytest.mark.parametrize(("where", "outcome"), [(1.0, "pass"), (1.16, "warn"), (1.5, "fail")])
def test_exaggeration(where, outcome):
    assert check_caricature(measure_transfer(flat(where), 0)).outcome == outcome


@pytest.mark.parametrize(
    ("scores", "outcome"),
    [(flat(1), "pass"), (flat(1, prompts=30), "warn"), (flat(1, prompts=8), "fail"), (flat(1, noise=3), "fail")],
)
def test_what_can_be_measured(scores, outcome):
    assert check_measurable(scores).outcome == outcome
