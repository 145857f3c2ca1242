"""Score the trials: the voice of their passages, the instructions followed by their answers, and their lengths."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from scriptorium.artifacts.dataset import Row
from scriptorium.artifacts.trials import Trial
from scriptorium.contracts import TrialScore
from scriptorium.instructions.instruction import Instruction
from scriptorium.text.words import count_words
from services.evaluator.calibration.dev_voice import DevVoice
from services.evaluator.retention.compare import compare_answers
from services.evaluator.voice.align_lengths import MIN_LENGTH_SHARE, choose_length


@dataclass(frozen=True)
class Yardstick:
    """What trials are measured against: the base's trial, the dev rows of its briefs, the dev instructions, the voice.

    `voice` is None if T cannot be measured on these dev rows.
    """

    base: Trial
    rows: Sequence[Row]
    instructions: Sequence[Instruction]
    voice: DevVoice | None

    @property
    def min_words(self) -> float:
        """The words that make a passage long enough, as the gate for length counts them."""
        return MIN_LENGTH_SHARE * choose_length([row.passage for row in self.rows])


def score_trial(trial: Trial, yardstick: Yardstick) -> TrialScore:
    """Score one trial; what cannot be measured stays None, or 0 asked."""
    measured = {
        **_score_voice(trial, yardstick.voice),
        **_score_answers(trial, yardstick),
        "long_enough": share_long_enough(trial, yardstick.min_words),
        "base_long_enough": share_long_enough(yardstick.base, yardstick.min_words),
    }
    return describe_trial(trial).model_copy(update=measured)


def describe_trial(trial: Trial) -> TrialScore:
    """Return the score of a trial of which nothing was measured here."""
    return TrialScore(
        step=trial.step or 0,
        strength=trial.strength,
        temperature=trial.temperature,
        selectivity=trial.selectivity,
    )


def share_long_enough(trial: Trial, min_words: float) -> float | None:
    """Return the share of a trial's passages that have `min_words` words; None if it has none."""
    enough = [count_words(passage.text) >= min_words for passage in trial.passages]
    return fmean(enough) if enough else None


def list_passages(trial: Trial) -> list[str]:
    """Return the passages of a trial in the order of the briefs."""
    return [passage.text for passage in sorted(trial.passages, key=lambda passage: passage.brief)]


def _score_voice(trial: Trial, voice: DevVoice | None) -> dict[str, float]:
    """Measure the folded T of a trial that answered every brief."""
    written = list_passages(trial)
    if voice is None or len(written) != len(voice.inputs.held_out):
        return {}
    folded = voice.measure(written).folded
    return {"transfer": folded.value, "low": folded.low, "high": folded.high}


def _score_answers(trial: Trial, yardstick: Yardstick) -> dict[str, float | bool]:
    """Compare the answers with the base's, for the instructions that both were asked."""
    asked = min(len(trial.answers), len(yardstick.base.answers), len(yardstick.instructions))
    if not asked:
        return {}
    answers = yardstick.base.answers[:asked], trial.answers[:asked]
    following = compare_answers(yardstick.instructions[:asked], *answers)
    low = following.change.low_points
    return {
        "asked": asked,
        "base_followed": following.base,
        "followed": following.tuned,
        "low_points": low,
        "kept": low > -following.margin_points,
    }
