"""Pass what the models wrote of new scenes to the leak rate (services/evaluator/scenes)."""

from __future__ import annotations

from collections.abc import Sequence

from scriptorium.contracts.report.document import Sample
from scriptorium.contracts.report.scenes import NewScenes
from scriptorium.scenes.bank import read_bank
from scriptorium.scenes.choose import SceneChoice
from scriptorium.scenes.own_names import find_own_names
from services.evaluator.scenes.leak_rate import measure_leaks
from services.evaluator.voice_inputs import EvaluationTexts, select_samples


def measure_scenes(texts: EvaluationTexts, samples: Sequence[Sample], choice: SceneChoice) -> NewScenes | None:
    """Measure the leak rate; None if no scene was asked for. The names are those of the training passages."""
    base, tuned = (select_samples(samples, role, "scene") for role in ("base", "tuned"))
    if not tuned:
        return None
    others = [impostor.works for impostor in texts.impostors]
    own_names = find_own_names(texts.author_train, others, read_bank(choice.language))
    return measure_leaks(base, tuned, own_names, choice)
