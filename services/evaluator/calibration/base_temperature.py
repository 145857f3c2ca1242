"""The temperature at which the base is the 0 of the scale: the better one for the base, found on dev briefs.

A tuned model that writes at its calibrated temperature must not be compared with a base at a worse one: a part of what
looks like the author's voice would be the temperature. The choice needs no test brief, so nothing is selected on what
is measured.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from scriptorium.contracts.report.document import Sample
from scriptorium.errors import EvaluationFailed
from services.evaluator.calibration.dev_voice import learn_dev_voice
from services.evaluator.generation.plan import NEUTRAL
from services.evaluator.voice.inputs import HeldOutPassage


def choose_base_temperature(samples: Sequence[Sample], dataset: Path, seed: int) -> float:
    """Return the temperature at which the base's passages lie nearer to the author's; 1 if that cannot be measured.

    `samples` are the base's, from the same dev briefs at 1 and at another temperature; the scores learn how the base
    writes from both alike. Folded T of the other ones, with those at 1 as 0: above 0 they are nearer.
    """
    neutral = [sample for sample in samples if sample.decoding.temperature == NEUTRAL]
    other = [sample for sample in samples if sample.decoding.temperature != NEUTRAL]
    genuine = [HeldOutPassage(sample.genuine, sample.brief, sample.chapter) for sample in neutral]
    base, changed = ([sample.text for sample in chosen] for chosen in (neutral, other))
    try:
        voice = learn_dev_voice(dataset, genuine, base, base_calibration=[*base, *changed], seed=seed)
        nearer = voice.measure(changed).folded.value > 0
    except EvaluationFailed:
        return NEUTRAL
    return other[0].decoding.temperature if nearer else NEUTRAL
