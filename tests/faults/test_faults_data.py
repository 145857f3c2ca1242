"""A part of `make faults-data`: every third kind of fault, and one author's clean novels."""

import pytest

from tests.faults.data import run
from tests.faults.data.manuscripts import FAULTS as MANUSCRIPTS
from tests.faults.data.passages import FAULTS as PASSAGES


@pytest.mark.slow
def test_every_fault_is_found_at_its_place() -> None:
    missed = [outcome for outcome in run.find_faults(step=3) if outcome.detected < outcome.targets]
    assert missed == []


@pytest.mark.slow
def test_every_fault_is_found_in_other_languages() -> None:
    missed = [outcome for outcome in run.find_language_faults(step=3) if outcome.detected < outcome.targets]
    assert missed == []


@pytest.mark.slow
def test_clean_novels_raise_no_alarm() -> None:
    examples, alarms = run.find_false_alarms("Crane", run.clean_authors()["Crane"])
    assert examples > 20
    assert len(alarms) <= 0.01 * examples


def test_there_are_at_least_thirty_kinds() -> None:
    names = [fault.name for fault in (*PASSAGES, *MANUSCRIPTS)]
    assert len(names) == len(set(names)) >= 30
