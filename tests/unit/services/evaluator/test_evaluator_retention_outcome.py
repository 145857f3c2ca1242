"""The outcome of retention: measured, judged and reported."""

from __future__ import annotations

import json
from pathlib import Path

from scriptorium.jobs.reporter import SilentReporter
from services.evaluator.evaluate import evaluate_voice
from services.evaluator.retention_outcome import cut_to_equal_length


def test_passages_are_compared_at_the_length_of_the_shorter() -> None:
    assert cut_to_equal_length("He went home at\nlast.", "She stayed") == ("He went", "She stayed")
    assert cut_to_equal_length("He went.", "") == ("", "")


def test_an_evaluation_asks_instructions_and_reports_retention(request_, tmp_path: Path, engines) -> None:
    request = request_.model_copy(update={"instructions": 32})
    reporter = SilentReporter()
    result = evaluate_voice(request, tmp_path, reporter, transport=engines.transport, retry_delays=(0.0,))
    outcome = json.loads((tmp_path / "report.json").read_text())["kept"]
    assert outcome["retention"]["following"]["asked"] == 32
    assert [part["code"].partition("_")[0] for part in outcome["parts"]] == ["instructions", "neutral", "briefs"]
    assert result.retention in ("warn", "fail")  # 32 instructions never show enough for a pass
    page = (tmp_path / "report.html").read_text()
    assert "What it can still do" in page
    assert "32 things whose answers a program can" in page
    assert any(line.startswith("[VALIDATE] Retention: ") for line in reporter.messages)


def test_without_instructions_the_briefs_alone_are_judged(request_, tmp_path: Path, engines) -> None:
    evaluate_voice(request_, tmp_path, SilentReporter(), transport=engines.transport, retry_delays=(0.0,))
    outcome = json.loads((tmp_path / "report.json").read_text())["kept"]
    assert outcome["retention"] is None
    assert [part["code"].partition("_")[0] for part in outcome["parts"]] == ["briefs"]
