"""docs/voice.md lists every score, gate and verdict of the voice metric."""

import re
from pathlib import Path
from typing import get_args

from scriptorium.contracts import VoiceName
from scriptorium.contracts.report.voice import GateCode
from services.evaluator.voice.scorer import SCORES


def test_scores_gates_and_verdicts_are_documented(project: Path) -> None:
    listed = re.findall(r"^\| `(\w+)` \|", (project / "docs" / "voice.md").read_text(), re.MULTILINE)
    assert listed == [*get_args(VoiceName), *SCORES, *get_args(GateCode)]
