"""The second judge on the mixtures of bench.voice: T2 beside T, with the demo's real base model.

Each context of the judge is also tried alone, because the readings of all three are there anyway: "-base" compares
the author's with the base's only, "-other" with other authors' only.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from bench.voice_losses import measure_log_probabilities
from scriptorium.contracts.report.voice import Estimate
from scriptorium.local.demo_assets import BASE
from scriptorium.local.environments import DEMO, ENVS, PROJECT
from scriptorium.models.tokenizer import chat_tokenizer
from services.evaluator.second_judge.contexts import CONTEXT_TOKENS
from services.evaluator.second_judge.judge import WEIGHTS, Vector, measure_affinities, place_passages
from services.evaluator.second_judge.passages import PASSAGE_TOKENS, mean_of
from services.evaluator.second_judge.read import plan_readings
from services.evaluator.voice.inputs import VoiceInputs

MAX_TOKENS = 2 * (max(CONTEXT_TOKENS, PASSAGE_TOKENS) + 2)
VARIANTS: Mapping[str, Vector] = {
    "T2": WEIGHTS,
    "-base": np.array([1.0, -1.0, 0.0]),
    "-other": np.array([1.0, 0.0, -1.0]),
}


@dataclass
class JudgedMixtures:
    """T and the T2 of each variant of all judged mixtures, by their shares."""

    transfers: dict[float, list[float]] = field(default_factory=lambda: defaultdict(list))
    judged: dict[str, dict[float, list[float]]] = field(
        default_factory=lambda: {name: defaultdict(list) for name in VARIANTS}
    )

    def add(self, share: float, transfer: float, judged: Mapping[str, Estimate]) -> None:
        """Add a mixture."""
        self.transfers[share].append(transfer)
        for name, estimate in judged.items():
            self.judged[name][share].append(estimate.value)

    def linearity_error(self, variant: str = "T2") -> float:
        """Return the largest deviation over the shares of the mean over authors and divisions, in points."""
        means = {share: float(np.mean(values)) for share, values in self.judged[variant].items() if share < 1}
        return max((abs(mean - 100 * share) for share, mean in means.items()), default=float("nan"))

    def agreement(self, variant: str = "T2") -> float:
        """Return the rank correlation (Spearman) of T and T2 over the mixtures, without the author's own text."""
        shares = [share for share in self.transfers if share < 1]
        first = [value for share in shares for value in self.transfers[share]]
        second = [value for share in shares for value in self.judged[variant][share]]
        return float(np.corrcoef(_rank(first), _rank(second))[0, 1]) if len(first) > 1 else float("nan")


def _rank(values: Sequence[float]) -> Vector:
    """Return the rank of each value; no two are equal."""
    return np.argsort(np.argsort(values)).astype(np.float64)


def judge_mixture(inputs: VoiceInputs, prompts: int, seed: int) -> dict[str, Estimate]:
    """Let the base read the passages of `prompts` briefs, and place those of the tuned model by each variant."""
    model = DEMO / "models" / BASE
    plan = plan_readings(inputs, chat_tokenizer(model), prompts=prompts, max_tokens=MAX_TOKENS, seed=seed)
    passages = plan.list_passages()
    python, cache = ENVS / "axolotl" / "bin" / "python", PROJECT / "build" / "voice-readings"
    rows = measure_log_probabilities([(passage.ids, passage.start) for passage in passages], python, model, cache)
    readings = plan.arrange([mean_of(row, passage.places) for row, passage in zip(rows, passages, strict=True)])
    affinities = {name: measure_affinities(readings, weights) for name, weights in VARIANTS.items()}
    return {name: place_passages(parts, parts.tuned, seed) for name, parts in affinities.items()}
