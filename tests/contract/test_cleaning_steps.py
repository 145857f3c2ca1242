"""docs/data.md lists the steps of cleaning as the code has them."""

from pathlib import Path

from services.data.cleaning.steps import MEANINGS, StepName


def test_the_steps_are_documented_as_they_are(project: Path) -> None:
    section = (project / "docs" / "data.md").read_text().partition("## Cleaning")[2].partition("\n## ")[0]
    rows = [line for line in section.splitlines() if line.startswith("| ")][1:]
    assert rows == [f"| {step.replace('_', ' ')} | {meaning} |" for step, meaning in MEANINGS.items()]
    assert list(MEANINGS) == list(StepName)
