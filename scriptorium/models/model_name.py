"""The names of models that answer: a base, `ft:...`, and of a tuned one a checkpoint and a strength.

<base>                              a base model on the volume
ft:<base>:scriptorium:<suffix>:<id>    a finished job's model, at the strength that was merged
<the same>:ckpt-step-<N>            one of its checkpoints, at strength 1
<any of these two>@<strength>       the same with its adapter's scale multiplied, 0 < strength <= 1.5
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from scriptorium.errors import InvalidRequest
from scriptorium.identifiers import JOB_PREFIX
from scriptorium.models.scaled_adapter import MAX_STRENGTH

TUNED = "ft:"
STRENGTH = re.compile(r"(?P<name>ft:.*)@(?P<strength>[^@:]*)", re.DOTALL)
CHECKPOINT = re.compile(r"(?P<name>ft:.*):ckpt-step-(?P<step>\d{1,9})", re.DOTALL)


@dataclass(frozen=True)
class ModelName:
    """A name in parts; `voice` is a base's name or a finished job's `ft:...`."""

    voice: str
    step: int | None = None
    strength: float | None = None

    def __str__(self) -> str:
        step = "" if self.step is None else f":ckpt-step-{self.step}"
        return f"{self.voice}{step}{'' if self.strength is None else f'@{self.strength:g}'}"

    @property
    def job_id(self) -> str | None:
        """The id of the job that made the model; None for a base."""
        return f"{JOB_PREFIX}{self.voice.rsplit(':', 1)[-1]}" if self.voice.startswith(TUNED) else None

    @property
    def variant(self) -> bool:
        """True if another checkpoint or strength is meant than the one that was merged."""
        return self.step is not None or self.strength is not None


def parse_model_name(text: str) -> ModelName:
    """Return a name in parts. Raises InvalidRequest for a strength that is no number above 0 and up to 1.5."""
    strength = None
    if scaled := STRENGTH.fullmatch(text):
        text, strength = scaled["name"], read_strength(scaled["strength"])
    if checkpoint := CHECKPOINT.fullmatch(text):
        return ModelName(checkpoint["name"], int(checkpoint["step"]), strength)
    return ModelName(text, None, strength)


def read_strength(text: str) -> float:
    """Return a strength that stands behind an @, in hundredths: more places would make a model for each of them."""
    try:
        strength = round(float(text), 2)
    except (ValueError, OverflowError):
        strength = 0.0
    if not 0 < strength <= MAX_STRENGTH:
        raise InvalidRequest(
            f"The strength {text!r} is not a number above 0 and up to {MAX_STRENGTH:g}.",
            param="model",
            next_step="Name the strength behind an @, as in ft:...@0.7; 1 is the adapter as it was trained.",
        )
    return strength
