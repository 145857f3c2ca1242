import io
import json
from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import CliRunner

from scriptorium.cli import main as command
from scriptorium.cli.doctor import count_by_status, find_subject, print_findings
from scriptorium.doctor import CheckFinding, CheckStatus
from scriptorium.errors import InvalidRequest
from scriptorium.settings import Settings

OK, WARN = (
    CheckFinding("one", CheckStatus.OK, "fine"),
    CheckFinding("two", CheckStatus.WARN, "[so] so", "do --this 'and that'\n[wsl2]"),
)
FAIL, SKIPPED = (
    CheckFinding("three", CheckStatus.FAIL, "bad", "fix it"),
    CheckFinding("four", CheckStatus.SKIPPED, "elsewhere"),
)


def invoke(monkeypatch: pytest.MonkeyPatch, findings: list[CheckFinding], *options: str) -> tuple[int, str]:
    monkeypatch.setattr("scriptorium.doctor.examine", lambda _: findings)
    result = CliRunner().invoke(command.app, ["doctor", *options])
    return result.exit_code, result.stdout


def test_warnings_are_allowed_failures_are_not(monkeypatch: pytest.MonkeyPatch) -> None:
    code, text = invoke(monkeypatch, [OK, WARN, SKIPPED])
    assert (code, text.splitlines()[-1]) == (0, "1 ok, 1 warning, 0 failed, 1 skipped")
    code, text = invoke(monkeypatch, [OK, WARN, FAIL])
    assert (code, text.splitlines()[-1]) == (1, "1 ok, 1 warning, 1 failed, 0 skipped")


def test_machines_get_every_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    code, text = invoke(monkeypatch, [OK, FAIL], "--json")
    assert code == 1
    assert json.loads(text) == [
        {"check": "one", "status": "ok", "seen": "fine", "fix": ""},
        {"check": "three", "status": "fail", "seen": "bad", "fix": "fix it"},
    ]


def test_a_fix_is_printed_as_it_can_be_copied_however_narrow_the_window() -> None:
    lines = io.StringIO()
    long = CheckFinding("five", CheckStatus.FAIL, "bad", "sudo " + "x" * 200)
    print_findings([WARN, long], Console(file=lines, width=40, highlight=False, soft_wrap=True))
    written = lines.getvalue().splitlines()
    assert "    do --this 'and that'" in written
    assert "    [wsl2]" in written
    assert f"    {long.fix}" in written


def test_numbers_agree() -> None:
    assert count_by_status([WARN, WARN]).startswith("0 ok, 2 warnings, 0 failed")
    assert count_by_status([]) == "0 ok, 0 warnings, 0 failed, 0 skipped"


def test_the_service_is_given_or_that_of_the_container(monkeypatch: pytest.MonkeyPatch) -> None:
    assert find_subject(Settings(), None).service == "host"
    assert not find_subject(Settings(), "trainer").container
    monkeypatch.setenv("SCRIPTORIUM_SERVICE", "server")
    inside = find_subject(Settings(), None)
    assert (inside.service, inside.container) == ("server", True)
    with pytest.raises(InvalidRequest, match="no service 'cook'"):
        find_subject(Settings(), "cook")


def test_it_really_runs_here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SCRIPTORIUM_DATA_DIR", str(tmp_path))
    result = CliRunner().invoke(command.app, ["doctor", "--json", "--service", "merger"])
    statuses = {finding["check"]: finding["status"] for finding in json.loads(result.stdout)}
    assert statuses["data writes"] == "ok"
    assert statuses["GPU"] == "skipped"
