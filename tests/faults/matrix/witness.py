"""The witness: a user with a patient client who notes all that was acknowledged, and afterwards asks for it again."""

from __future__ import annotations

import hashlib
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import httpx
import openai

from scriptorium.artifacts import job_record, manifest
from scriptorium.artifacts.training_log import TRAINING_LOG, read_training_log
from scriptorium.artifacts.volume import FOLDERS
from scriptorium.contracts import DecisionKind, Phase
from tests.faults.matrix.machine import BASE, Machine, attempt

PromiseKind = Literal["lost", "duplicated", "corrupted", "stuck"]
FINAL = ("succeeded", "failed", "cancelled")
LOSS_NOISE = 0.02  # of two undisturbed runs; see tests/integration/test_same_curve.py
LOAD_SECONDS = 120


@dataclass(frozen=True)
class BrokenPromise:
    """Something that should not be: its kind, and what it is."""

    kind: PromiseKind
    text: str


@dataclass
class Witness:
    """What the API has acknowledged: jobs, uploads by their hashes, events by their ids, and ends."""

    machine: Machine
    uploads: dict[str, str] = field(default_factory=dict)
    jobs: list[str] = field(default_factory=list)
    events: dict[str, set[str]] = field(default_factory=dict)
    ends: dict[str, str] = field(default_factory=dict)
    answers: dict[tuple[str, str], str] = field(default_factory=dict)
    cancelled: list[str] = field(default_factory=list)
    problems: list[BrokenPromise] = field(default_factory=list)

    def upload(self, text: bytes, name: str) -> str | None:
        """Upload a file; return its id if the API acknowledged it."""
        with self.machine.openai() as client, suppress(openai.APIError):
            file = client.files.create(file=(name, text), purpose="fine-tune")
            self.uploads[file.id] = hashlib.sha256(text).hexdigest()
            return file.id
        return None

    def submit(self, text: bytes, name: str, recipe: dict[str, Any]) -> str:
        """Upload a book and make a job of it."""
        file = self.upload(text, name)
        assert file
        with self.machine.openai() as client:
            job = client.fine_tuning.jobs.create(
                model=BASE, training_file=file, suffix=name.removesuffix(".txt"), extra_body={"recipe": recipe}
            )
        self.jobs.append(job.id)
        return job.id

    def cancel(self, job_id: str) -> bool:
        """Cancel a job; return whether the API acknowledged it."""
        with self.machine.http() as http:
            acknowledged = http.post(f"/v1/fine_tuning/jobs/{job_id}/cancel").status_code == httpx.codes.OK
        self.cancelled += [job_id] * acknowledged
        return acknowledged

    def look(self) -> None:
        """Note the events and ends that can be seen now, and answer what a job asks."""
        with self.machine.http() as http:
            for job_id in self.jobs:
                job = get(http, f"/v1/fine_tuning/jobs/{job_id}")
                page = get(http, f"/v1/fine_tuning/jobs/{job_id}/events?limit=100")
                self.events.setdefault(job_id, set()).update(event["id"] for event in page["data"])
                self._check_end(job_id, job["status"])
                if job["status"] == "paused":
                    self._answer(http, job_id)

    def _check_end(self, job_id: str, status: str) -> None:
        end = self.ends.get(job_id)
        if end and end != status:
            self.problems.append(BrokenPromise("lost", f"{job_id} had {end} and is {status}"))
        if status in FINAL:
            self.ends[job_id] = status

    def _answer(self, http: httpx.Client, job_id: str) -> None:
        """Do what a person would: take what is recommended."""
        for decision in get(http, f"/v1/x/jobs/{job_id}/decisions")["data"]:
            if not decision["answer"]:
                address = f"/v1/x/jobs/{job_id}/decisions/{decision['kind']}"
                reply = http.post(address, json={"answer": decision["recommended"]})
                if reply.status_code == httpx.codes.OK:
                    self.answers[job_id, decision["kind"]] = decision["recommended"]

    def check_answers(self, job_id: str) -> Iterator[BrokenPromise]:
        """Yield a problem if the model of a job that succeeded does not answer by its name."""
        with self.machine.openai() as client:
            model = client.fine_tuning.jobs.retrieve(job_id).fine_tuned_model
        ask = {"model": model, "messages": [{"role": "user", "content": "Tell a story."}], "max_tokens": 8}
        headers = {"X-Scriptorium-Wait": str(LOAD_SECONDS)}
        with httpx.Client(base_url=self.machine.url, timeout=2 * LOAD_SECONDS, trust_env=False) as http:
            answer = http.post("/v1/chat/completions", json=ask, headers=headers)
        if answer.status_code != httpx.codes.OK:
            yield BrokenPromise("lost", f"{model} does not answer: {answer.text[:200]}")

    def all_ended(self) -> bool:
        """Return whether every job has ended."""
        return all(job_id in self.ends for job_id in self.jobs)

    def check_acknowledged(self) -> Iterator[BrokenPromise]:
        """Yield what was acknowledged and is not there any more, or is there twice."""
        with self.machine.http() as http:
            for file_id, digest in self.uploads.items():
                content = http.get(f"/v1/files/{file_id}/content")
                if content.status_code != httpx.codes.OK:
                    yield BrokenPromise("lost", f"the upload {file_id}: {content.status_code}")
                elif hashlib.sha256(content.content).hexdigest() != digest:
                    yield BrokenPromise("corrupted", f"the upload {file_id}")
            for job_id in self.cancelled:
                if self.ends.get(job_id) != "cancelled":
                    yield BrokenPromise("lost", f"the cancel of {job_id}, which is {self.ends.get(job_id)}")
            for (job_id, kind), answer in self.answers.items():
                present_answers = {
                    one["kind"]: one["answer"] for one in get(http, f"/v1/x/jobs/{job_id}/decisions")["data"]
                }
                if present_answers.get(kind) != answer and not DecisionKind(kind).recurs:
                    yield BrokenPromise("lost", f"the answer {answer} of {job_id}")
            listed = [*list_all(http, "/v1/fine_tuning/jobs")]
            missing_jobs = set(self.jobs) - {job["id"] for job in listed}
            yield from (BrokenPromise("lost", f"the job {job_id}") for job_id in sorted(missing_jobs))
            sources = Counter(job["training_file"] for job in listed)  # every book was sent for one job
            yield from (BrokenPromise("duplicated", f"a job on {file}") for file in sources if sources[file] > 1)
            for job_id in self.jobs:
                ids = Counter(event["id"] for event in list_all(http, f"/v1/fine_tuning/jobs/{job_id}/events"))
                missing = self.events.get(job_id, set()) - set(ids)
                yield from (BrokenPromise("lost", f"the event {event} of {job_id}") for event in sorted(missing))
                yield from (BrokenPromise("duplicated", f"the event {event}") for event in ids if ids[event] > 1)


class Watch:
    """Looks every second, in a thread, from the beginning of a `with` block to its end."""

    def __init__(self, witness: Witness) -> None:
        self._witness = witness
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="witness")

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._over.wait(1):
            attempt(self._witness.look)


Curve = dict[int, float]


def read_curve(machine: Machine, job_id: str) -> Curve:
    """Return the loss of each step of a published training; a step that is there twice has the later one."""
    log = machine.disk / "runs" / job_id / FOLDERS[Phase.TRAIN] / TRAINING_LOG
    return {line["step"]: line["loss"] for line in read_training_log(log) if "loss" in line}


def check_run(machine: Machine, job_id: str, undisturbed: str | None) -> Iterator[BrokenPromise]:
    """Yield what is wrong with what an ended job has left; it should equal that of an `undisturbed` one."""
    run = machine.disk / "runs" / job_id
    for phase, name in FOLDERS.items():
        body = manifest.read(run / name)
        if body is None:
            yield BrokenPromise("lost", f"{job_id}: {phase} was not published")
        elif {file: entry["sha256"] for file, entry in manifest.describe(run / name).items()} != {
            file: entry["sha256"] for file, entry in body["files"].items()
        }:
            yield BrokenPromise("corrupted", f"{job_id}: files of {phase} differ from their manifest")
    with machine.store() as store:
        if store.jobs.get(job_id).version != job_version(run):
            yield BrokenPromise("corrupted", f"{job_id}: the records of store and volume differ")
    if undisturbed:
        yield from compare_runs(machine, job_id, undisturbed)


def compare_runs(machine: Machine, job_id: str, undisturbed: str) -> Iterator[BrokenPromise]:
    """Yield in what a job's rows and losses differ from those of an undisturbed job on the same book."""
    dataset, reference = (machine.disk / "runs" / name / FOLDERS[Phase.PREPARE] for name in (job_id, undisturbed))
    if manifest.hash_file(dataset / "train.jsonl") != manifest.hash_file(reference / "train.jsonl"):
        yield BrokenPromise("corrupted", f"{job_id}: other rows than undisturbed")
    curve, expected = read_curve(machine, job_id), read_curve(machine, undisturbed)
    if list(curve) != list(expected):
        yield BrokenPromise("lost", f"{job_id}: steps {list(curve)} instead of {list(expected)}")
    elif far := [step for step in curve if abs(curve[step] - expected[step]) > LOSS_NOISE]:
        yield BrokenPromise("corrupted", f"{job_id}: other losses than undisturbed at steps {far}")


def job_version(run: Path) -> int | None:
    """Return the version of the record on the volume."""
    record = job_record.read_record(run / job_record.NAME)
    return record.version if record else None


def get(http: httpx.Client, address: str) -> Any:
    """Return the body of an answer; raises if it is an error."""
    return http.get(address).raise_for_status().json()


def list_all(http: httpx.Client, address: str) -> Iterator[dict[str, Any]]:
    """Yield every item of a list, page by page; waits out a moment without an answer."""
    after = ""
    while True:
        page = get(http, f"{address}?limit=100{after}")
        yield from page["data"]
        if not page["has_more"]:
            return
        after = f"&after={page['data'][-1]['id']}"
        time.sleep(0)
