"""The attention for a CPU gives the answers that the model's own gives, also for prompts of several lengths."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from in_axolotl import AXOLOTL_MARKS, run_in_axolotl

from scriptorium.local.demo_assets import BASE, demo_assets

pytestmark = [*AXOLOTL_MARKS, pytest.mark.slow]


def test_greedy_answers_are_the_same_as_with_the_own_attention_of_the_model(tmp_path: Path) -> None:
    output = tmp_path / "answers.json"
    run_in_axolotl("cpu_attention_reference.py", (demo_assets().models / BASE).resolve(), output)
    answers = json.loads(output.read_text("utf-8"))
    assert answers["ours"] == answers["own"]
    assert any(answers["own"])
    assert answers["restored"]
