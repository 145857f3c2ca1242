"""The picture on docs/architecture.md, drawn from the code: `python -m tests.architecture` writes it there again.

Phases, their order and event tags are those of the pipeline's table, queues those of the queue, folders those of the
volume. tests/contract/test_architecture.py compares.
"""

from __future__ import annotations

import re
from pathlib import Path

from scriptorium.artifacts.volume import FOLDERS
from scriptorium.contracts import Phase
from scriptorium.jobs.pipeline import TABLE
from scriptorium.jobs.queue import QUEUES

PAGE = Path(__file__).resolve().parent.parent / "docs" / "architecture.md"
BLOCK = re.compile(r"(?<=```mermaid\n).*?(?=```)", re.DOTALL)


def draw_journey() -> str:
    """Return the Mermaid flowchart of a job: from the client through every phase to the report."""
    lines = [
        "flowchart TB",
        '    client(["client: openai, scriptorium, browser"]) -->|"book, recipe"| api["<b>services/api</b>"]',
        '    api -->|"files/"| volume[("volume<br/>runs/JOB/")]',
        '    api -->|"submit"| store[("Redis<br/>jobs, events, leases")]',
        f'    store -.->|"job id, a hint"| {next(iter(Phase))}',
    ]
    for phase, step in TABLE.items():
        queue = QUEUES[step.task]
        lines.append(f'    {phase}["<b>services/{queue}</b><br/>{phase} {step.tag}"]')
        lines.append(f'    {phase} -->|"{FOLDERS[phase]}/"| volume')
        lines.append(
            f"    {phase} ==> {step.next_phase}" if step.next_phase else f'    {phase} ==> done(["succeeded"])'
        )
    lines.append('    engines["vLLM engines"] -->|"answers"| api')
    lines.append(f"    {Phase.SERVE} --- engines")
    lines.append(f"    {Phase.EVALUATE} --- engines")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Put the picture into the page."""
    page = PAGE.read_text(encoding="utf-8")
    PAGE.write_text(BLOCK.sub(lambda _: draw_journey(), page, count=1), encoding="utf-8")


if __name__ == "__main__":
    main()
