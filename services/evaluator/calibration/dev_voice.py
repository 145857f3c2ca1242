"""The voice of what was tried: T on dev briefs, between the base's passages and the author's dev passages.

The base's passages are both what the scores learn from and the 0 of the scale, because there are no other dev briefs
to spare. That moves every trial's T in the same way and leaves their order as it is: it is good for choosing, and only
the evaluation's T, on test briefs, says how much of the voice came through.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from threadpoolctl import threadpool_limits

from scriptorium.artifacts.dataset import read_book_language, read_rows
from scriptorium.contracts.report.voice import Transfer
from services.evaluator.impostors import read_impostors
from services.evaluator.voice.align_lengths import align_lengths
from services.evaluator.voice.inputs import HeldOutPassage, VoiceInputs
from services.evaluator.voice.measure import ONE_THREAD, LearnedVoice, learn_voice
from services.evaluator.voice.score_passages import score_passages
from services.evaluator.voice.transfer import Scores, measure_transfer
from services.evaluator.voice_outcome import convert_impostor


@dataclass(frozen=True)
class DevVoice:
    """What was learned of the author, and the dev passages with what the base wrote from their briefs."""

    inputs: VoiceInputs
    learned: LearnedVoice
    seed: int

    def measure(self, written: Sequence[str]) -> Transfer:
        """Measure T of passages that were written from the same briefs, in their order."""
        return measure_transfer(self.score(written), self.seed)

    def score(self, written: Sequence[str]) -> Scores:
        """Score the passages beside the author's and the base's."""
        with threadpool_limits(ONE_THREAD):
            return score_passages(align_lengths(replace(self.inputs, tuned=written)), self.learned.scorer).scores


def learn_dev_voice(
    dataset: Path,
    genuine: Sequence[HeldOutPassage],
    base: Sequence[str],
    *,
    base_calibration: Sequence[str],
    seed: int,
) -> DevVoice:
    """Learn the author from the training text; raises EvaluationFailed if there is too little of something.

    `base` is what the base wrote from the briefs of `genuine`; the scores learn from `base_calibration` how it writes.
    """
    impostors = read_impostors(dataset, seed)
    train = read_rows(dataset / "train.jsonl")
    author_train = [row.passage for row in train]
    inputs = VoiceInputs(
        book_language=read_book_language(dataset, author_train),
        author_train=author_train,
        author_other=[row.answer for row in train if row.genuine],
        held_out=genuine,
        base=base,
        tuned=base,
        base_calibration=base_calibration,
        seen_impostors=[convert_impostor(impostor, ()) for impostor in impostors if impostor.is_seen],
        unseen_impostors=[],
    )
    return DevVoice(inputs, learn_voice(inputs), seed)
