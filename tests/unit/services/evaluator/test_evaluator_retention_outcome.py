"""The outcome of retention: measured, judged and reported."""

from __future__ import annotations

import json
from pathlib import Path

from scriptorium.contracts.train import ReplayResult
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


def test_what_was_replayed_stands_in_the_report_and_its_kinds_apart(request_, tmp_path: Path, engines) -> None:
    replay = ReplayResult(rows=91, tokens=9000, share=0.05, kinds={"poem": 50, "e-mail": 41}, source="a <test>")
    request = request_.model_copy(update={"instructions": 64, "replay": replay})
    evaluate_voice(request, tmp_path, SilentReporter(), transport=engines.transport, retry_delays=(0.0,))
    report = json.loads((tmp_path / "report.json").read_text())
    following = report["kept"]["retention"]["following"]
    assert following["replayed"]["kinds"] == ["words between", "lines", "placeholders"]
    assert following["unseen"]["asked"] == 58
    assert report["replay"] == replay.model_dump()
    page = (tmp_path / "report.html").read_text()
    assert "91 of the training rows, 5.0 % of the trained words" in page
    assert "2 kinds (e-mail, poem)" in " ".join(page.split())
    assert "a &lt;test&gt;" in page
    assert "3 like replayed requests" in page
    assert "29 not replayed" in page


def test_without_instructions_the_briefs_alone_are_judged(request_, tmp_path: Path, engines) -> None:
    evaluate_voice(request_, tmp_path, SilentReporter(), transport=engines.transport, retry_delays=(0.0,))
    outcome = json.loads((tmp_path / "report.json").read_text())["kept"]
    assert outcome["retention"] is None
    assert [part["code"].partition("_")[0] for part in outcome["parts"]] == ["briefs"]
