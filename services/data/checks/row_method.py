"""The rows of a manuscript and the training method: preferences for dpo, and for it alone."""

from __future__ import annotations

from collections.abc import Sequence

from scriptorium.errors import InvalidTrainingFile, Problem
from scriptorium.recipe import Method
from services.data.readers import Manuscript

SHOWN_ROWS = 20
DPO_STEP = (
    'Create the job with "method": {"type": "dpo"} (in a recipe training.method: dpo) and a file of nothing but '
    "preferences, or leave these rows out."
)
SUPERVISED_STEP = (
    'Send rows {"input": {"messages": [...]}, "preferred_output": [...], "non_preferred_output": [...]} alone, or '
    "create the job without the method dpo."
)


def check_method(manuscript: Manuscript, filename: str, method: Method) -> None:
    """Raise InvalidTrainingFile if texts or rows are not what the method learns from, with their places."""
    if method == "dpo":
        texts = dict.fromkeys(part.name for part in manuscript.parts)
        others = [row.place for row in manuscript.rows if not row.is_preference]
        problems = [
            *(Problem(name, "is text") for name in texts),
            *(Problem(place, "has one answer") for place in others),
        ]
        message = (
            f"{filename} has {len(problems):,} text(s) or row(s) that are no preferences; dpo learns from nothing else."
        )
        next_step = SUPERVISED_STEP
    else:
        problems = [Problem(row.place, "is a preference") for row in manuscript.rows if row.is_preference]
        message = (
            f"{filename} has {len(problems):,} row(s) with two answers, which supervised training cannot learn from."
        )
        next_step = DPO_STEP
    if problems:
        raise InvalidTrainingFile(
            message, param="training_file", problems=shorten(problems, filename), next_step=next_step
        )


def shorten(problems: Sequence[Problem], filename: str) -> list[Problem]:
    """Return the first problems, and the number of the others."""
    more = len(problems) - SHOWN_ROWS
    rest = [Problem(filename, f"has {more:,} more of these")] if more > 0 else []
    return [*problems[:SHOWN_ROWS], *rest]
