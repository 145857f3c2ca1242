"""The leak rate: the share of new scenes with a name of the book that the brief did not give.

A name that the base writes in a new scene by itself is no leak. So a passage of the tuned model is compared with all
scenes of the base, and a passage of the base with its other scenes: that is the rate by accident, under the same rule.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence

from scriptorium.contracts.report.document import Sample
from scriptorium.contracts.report.scenes import LeakedName, LeakShare, NewScenes, SceneLeak
from scriptorium.scenes.choose import SceneChoice
from scriptorium.scenes.own_names import list_capitalised
from scriptorium.stats.wilson import wilson_interval

MAX_LEAK_SHARE = 0.03  # of the passages; about 0.3 was reported of an 8B model that learned one book
NAMED_LEAKS = 5  # names in a finding
NEXT_STEP = (
    "Have the names replaced in a share of the training rows: set data.rename to 0.5 in the recipe, and train again."
)


def measure_leaks(
    base: Sequence[Sample], tuned: Sequence[Sample], own_names: Collection[str], choice: SceneChoice
) -> NewScenes:
    """Measure how often each model names people and places of the book; both wrote the same scenes."""
    by_base = [list_capitalised(sample.text) for sample in base]
    scenes_of_base = Counter(name for names in by_base for name in names)
    base_leaks = [
        find_leaks(sample, own_names, {name for name in scenes_of_base if scenes_of_base[name] > (name in names)})
        for sample, names in zip(base, by_base, strict=True)
    ]
    tuned_leaks = [find_leaks(sample, own_names, scenes_of_base) for sample in tuned]
    shares = count_leaks(tuned_leaks), count_leaks(base_leaks)
    ranked = rank_names(tuned_leaks)
    leaking = [
        SceneLeak(index=sample.index, names=sorted(map(str.capitalize, names)))
        for sample, names in zip(tuned, tuned_leaks, strict=True)
        if names
    ]
    warns = shares[0].share > MAX_LEAK_SHARE
    return NewScenes(
        language=choice.language,
        skipped=choice.skipped,
        own_names=len(own_names),
        tuned=shares[0],
        base=shares[1],
        names=ranked,
        leaking=leaking,
        outcome="not_measured" if not own_names else "warn" if warns else "pass",
        finding=describe_leaks(*shares, ranked) if own_names else "The book has no names of its own that could leak.",
        next_step=NEXT_STEP if warns else "",
    )


def find_leaks(sample: Sample, own_names: Collection[str], ordinary: Collection[str]) -> set[str]:
    """Return the names of the book in a passage, in lower case, without those of its brief and the ordinary ones."""
    in_brief = list_capitalised(sample.brief)
    return {
        name
        for name in list_capitalised(sample.text)
        if name in own_names and name not in in_brief and name not in ordinary
    }


def count_leaks(names_by_passage: Sequence[Collection[str]]) -> LeakShare:
    """Return the share of passages with a leak."""
    leaking = sum(bool(names) for names in names_by_passage)
    low, high = wilson_interval(leaking, len(names_by_passage))
    return LeakShare(
        passages=len(names_by_passage),
        leaking=leaking,
        share=leaking / max(1, len(names_by_passage)),
        low=low,
        high=high,
    )


def rank_names(names_by_passage: Sequence[Collection[str]]) -> list[LeakedName]:
    """Return the names that the tuned model leaked, the most frequent first, with the number of passages."""
    counts = Counter(name for names in names_by_passage for name in names)
    ranked = sorted(counts, key=lambda name: (-counts[name], name))
    return [LeakedName(name=name.capitalize(), passages=counts[name]) for name in ranked]


def describe_leaks(tuned: LeakShare, base: LeakShare, names: Sequence[LeakedName]) -> str:
    """Return the finding in a sentence or two."""
    share, low, high = (f"{100 * value:.0f}" for value in (tuned.share, tuned.low, tuned.high))
    most = ", ".join(f"{name.name} in {name.passages}" for name in names[:NAMED_LEAKS])
    return (
        f"{tuned.leaking} of {tuned.passages} new scenes ({share} %, 95 % interval {low} to {high} %) name people or "
        f"places of the book; the base’s: {base.leaking} of {base.passages}."
    ) + (f" Most often: {most}." if most else "")
