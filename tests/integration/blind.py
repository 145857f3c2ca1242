"""An evaluated job with six pairs to read, for tests of the blind reading and of the comparison."""

from __future__ import annotations

import json
from typing import Any

from scriptorium.artifacts.file_store import FileStore
from scriptorium.contracts import Job, Phase, Status
from scriptorium.jobs.runner import Context
from tests.integration.work import submit

HOSTILE = "</p><script>alert(1)</script> & {{ 7 * 7 }} \x07"
TITLE = "A <Night>"
REPORT = (
    "<html><body><main><header><h1>T</h1></header><p>The verdict</p>"
    "<!-- blind reading --><p>The method</p></main></body></html>"
)
PAIRS = 6


def sample(index: int) -> dict[str, Any]:
    """Return a line of samples.jsonl."""
    texts = {role: {"text": f"{role}-text-{index} {HOSTILE}", "finish_reason": "stop"} for role in ("base", "tuned")}
    row = {"index": index, "chapter": f"Chapter {index // 2}", "author": "Anon", "brief": "Write about rain."}
    return {**row, "genuine": f"genuine-{index} {HOSTILE}", **texts, "settings": {"max_tokens": 320}}


def make_evaluated_job(context: Context, job_id: str, report: str = REPORT) -> Job:
    """Make a job that has succeeded, with its report published and offered as a result file."""
    submit(context, job_id)
    folder = context.volume.attempt(job_id, Phase.EVALUATE, 1)
    lines = (json.dumps(sample(index)) + "\n" for index in range(PAIRS))
    (folder / "samples.jsonl").write_text("".join(lines))
    (folder / "report.html").write_text(report)
    context.volume.publish(job_id, Phase.EVALUATE, folder, {"request": {"title": TITLE}, "result": {}, "seconds": 1})
    page = context.volume.folder(job_id, Phase.EVALUATE) / "report.html"
    changes = {"status": Status.SUCCEEDED, "phase": Phase.EVALUATE}
    offered = FileStore(context.volume.files).add_results({f"{job_id}-report.html": page})
    job = context.store.jobs.update(job_id, lambda job: job.model_copy(update={**changes, "result_files": offered}))
    context.volume.save_job(job)
    return job
