"""What the tuned model can still do is measured, judged and told."""

from __future__ import annotations

import json
from pathlib import Path

from scriptorium.jobs.reporter import SilentReporter
from services.evaluator.evaluate import evaluate_voice
from services.evaluator.retention_outcome import at_equal_length


def test_passages_are_compared_at_the_length_of_the_shorter() -> None:
    assert at_equal_length("He went home at\nlast.", "She stayed") == ("He went", "She stayed")
    assert at_equal_length("He went.", "") == ("", "")


def test_an_evaluation_asks_instructions_and_tells_what_was_kept(request_, tmp_path: Path, engines_) -> None:
    request = request_.model_copy(update={"instructions": 32})
    reporter = SilentReporter()
    result = evaluate_voice(request, tmp_path, reporter, transport=engines_.transport, waits=(0.0,))
    kept = json.loads((tmp_path / "report.json").read_text())["kept"]
    assert kept["retention"]["following"]["asked"] == 32
    assert [part["code"].partition("_")[0] for part in kept["parts"]] == ["instructions", "neutral", "briefs"]
    assert result.retention in ("warn", "fail")  # 32 instructions never show enough for a pass
    page = (tmp_path / "report.html").read_text()
    assert "What it can still do" in page
    assert "32 things whose answers a program can" in page
    assert any(line.startswith("[VALIDATE] Retention: ") for line in reporter.messages)


def test_without_instructions_the_briefs_alone_are_judged(request_, tmp_path: Path, engines_) -> None:
    evaluate_voice(request_, tmp_path, SilentReporter(), transport=engines_.transport, waits=(0.0,))
    kept = json.loads((tmp_path / "report.json").read_text())["kept"]
    assert kept["retention"] is None
    assert [part["code"].partition("_")[0] for part in kept["parts"]] == ["briefs"]
