"""What a phase that is run by hand prints: titles come from manuscripts, and a terminal obeys none of them."""

import pytest

from scriptorium.contracts import Decision, DecisionKind
from scriptorium.contracts.job import Option
from scriptorium.jobs.reporter import ConsoleReporter

EVIL = "Chapter\x1b]0;owned\x07 One\x9b2J\r\u202e"


def test_a_phase_by_hand_passes_no_control_character_on(capsys: pytest.CaptureFixture[str]) -> None:
    reporter = ConsoleReporter()
    reporter.message(f"The chapter {EVIL} is short.")
    reporter.metrics(f"{EVIL}: 3 of 4")
    option = Option(name="go", meaning=EVIL)
    reporter.ask(
        Decision(kind=DecisionKind.DATA_QUALITY, question=EVIL, options=[option], recommended="go", reason=EVIL)
    )
    output = capsys.readouterr().err
    assert not set(output) & set("\x1b\x07\x9b\r\u202e")
    assert output.count("Chapter]0;owned One2J") == 5
