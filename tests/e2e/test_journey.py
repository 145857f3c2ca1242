"""The whole journey for real: three jobs at once through Axolotl, the merge, vLLM and the report, with kills between.

The first job loses its trainer and then the store while it trains; the second goes through a shutdown of the whole
stack, asks a question, and loses the server during its evaluation; the third is cancelled while it waits for the
device. The tests run in the order of the file, on one stack.
"""

from __future__ import annotations

import csv
import itertools
import json
import os
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import openai
import psutil
import pytest

from scriptorium.artifacts import manifest
from scriptorium.local import stack, state
from scriptorium.local.demo_assets import BASE
from tests.e2e.conftest import RunningStack
from tests.e2e.three_jobs import (
    STEPS,
    ThreeJobs,
    answer_the_question,
    bring_from_a_backup,
    cancel_in_the_queue,
    create_job,
    has_message,
    has_status,
    kill_server_in_evaluation,
    kill_trainer_and_store_in_training,
    messages,
    restart_everything_in_training,
    small_recipe,
    wait_for,
)

pytestmark = [pytest.mark.environments, pytest.mark.slow]

TAGS = ("[DATA]", "[TRAIN]", "[CALIBRATE]", "[MERGE]", "[SERVE]", "[VALIDATE]")


@pytest.fixture(scope="module")
def jobs(running: RunningStack, project: Path) -> ThreeJobs:
    """Three jobs that were submitted at once and have ended, each after what happened to it."""
    book = running.assets.book.read_bytes()
    half = book[len(book) // 2 :].decode("utf-8", "ignore").encode()
    short = small_recipe(project, steps=6)
    jobs = ThreeJobs(
        first=create_job(running, book, "tarzan", {**small_recipe(project), "export": ["gguf-q8_0"]}),
        second=create_job(running, half, "half", {**short, "select": "decision"}),
        cancelled=create_job(running, book, "cancelled", short),
    )
    cancel_in_the_queue(running, jobs.cancelled)
    kill_trainer_and_store_in_training(running, jobs.first)
    restart_everything_in_training(running, jobs.second)
    answer_the_question(running, jobs.second)
    kill_server_in_evaluation(running, jobs.second)
    for job_id in (jobs.first, jobs.second):
        wait_for("the end of the job", has_status(running, job_id, "succeeded", "failed", "cancelled"), 600)
    return jobs


@pytest.fixture(scope="module")
def finished(jobs: ThreeJobs) -> str:
    """The first of the three jobs."""
    return jobs.first


@pytest.fixture(scope="module")
def run(running: RunningStack, finished: str) -> Path:
    """The finished job's folder on the volume."""
    return running.settings.data_dir / "runs" / finished


@pytest.mark.timeout(2400)
def test_each_of_three_jobs_ends_right_and_a_lost_server_costs_no_attempt(
    running: RunningStack, jobs: ThreeJobs
) -> None:
    statuses = {job.id: job.status for job in running.client.fine_tuning.jobs.list()}
    ends = {jobs.first: "succeeded", jobs.second: "succeeded", jobs.cancelled: "cancelled"}
    assert statuses == ends, {job_id: messages(running, job_id)[-3:] for job_id in ends}
    runs = running.settings.data_dir / "runs"
    assert manifest.read(runs / jobs.second / "report")["attempt"] == 1  # type: ignore[index]
    assert not (runs / jobs.cancelled / "training").exists()
    merged = manifest.read(runs / jobs.second / "merged")
    assert merged is not None
    assert merged["result"]["step"] == 3


def test_one_job_at_a_time_held_the_device(running: RunningStack, jobs: ThreeJobs) -> None:
    """What a kill or the shutdown cut short counts from its last begin: another phase may have come between."""
    names = {jobs.first: "first", jobs.second: "second"}
    ends = {"train": ("Starting Axolotl", "Training complete"), "serve": ("Both models answer", "Report written")}
    tenancies = []
    for job_id, name in names.items():
        events = [*running.client.fine_tuning.jobs.list_events(job_id, limit=100)][::-1]
        for phase, (begin, end) in ends.items():
            begins = [event.created_at for event in events if begin in event.message]
            tenancies.append((begins[-1], next(e.created_at for e in events if end in e.message), f"{phase} {name}"))
    tenancies.sort()
    assert all(end <= begin for (_, end, _), (begin, _, _) in itertools.pairwise(tenancies)), tenancies
    order = [name for _, _, name in tenancies]
    assert (order[0], order[-1]) == ("train first", "serve second")


def test_the_job_succeeds_although_its_trainer_and_its_store_were_killed(running: RunningStack, finished: str) -> None:
    job = running.client.fine_tuning.jobs.retrieve(finished)
    assert job.status == "succeeded", messages(running, finished)[-3:]
    assert job.fine_tuned_model == f"ft:{BASE}:scriptorium:tarzan:{finished.removeprefix('ftjob-')}"
    assert (job.trained_tokens or 0) > 1000
    events = messages(running, finished)
    assert any("resuming at step 3" in message or "resuming at step 6" in message for message in events)
    assert any("selectivity" in message for message in events)
    first = [next(i for i, message in enumerate(events) if message.startswith(tag)) for tag in TAGS]
    assert first == sorted(first)


def test_training_went_on_from_its_checkpoint_and_no_step_was_lost_or_doubled(run: Path) -> None:
    with (run / "training" / "metrics.csv").open() as file:
        steps = [int(row["step"]) for row in csv.DictReader(file)]
    assert steps == list(range(1, STEPS + 1))
    assert manifest.read(run / "training")["attempt"] == 2  # type: ignore[index]
    assert not list(run.glob("*.tmp"))


def test_checkpoints_are_listed_newest_first_with_their_losses(running: RunningStack, finished: str) -> None:
    checkpoints = running.client.fine_tuning.jobs.checkpoints.list(finished).data
    assert [checkpoint.step_number for checkpoint in checkpoints] == [9, 6, 3]
    assert all(checkpoint.metrics.valid_loss for checkpoint in checkpoints)


def test_every_phase_is_published_whole_with_hashes(run: Path) -> None:
    for name in ("dataset", "training", "calibration", "merged", "serving", "report"):
        assert manifest.is_complete(run / name), name
    names = {path.name for path in (run / "merged").iterdir()}
    assert {"config.json", "tokenizer.json", "chat_template.jinja", "model.safetensors"} <= names


def test_training_text_is_rendered_with_the_template_that_serves(run: Path) -> None:
    import yaml

    config = yaml.safe_load((run / "training" / "config.yaml").read_text())
    assert config["chat_template"] == "tokenizer_default"
    assert config["special_tokens"]["eos_token"] == "<|im_end|>"
    base = Path(config["base_model"])
    assert (run / "merged" / "chat_template.jinja").read_text() == (base / "chat_template.jinja").read_text()


def test_the_tuned_model_chats_through_the_openai_client(running: RunningStack, jobs: ThreeJobs) -> None:
    model = running.client.fine_tuning.jobs.retrieve(jobs.second).fine_tuned_model
    assert model is not None
    assert {model, BASE} <= {entry.id for entry in running.client.models.list()}
    ask: list[Any] = [{"role": "user", "content": "Write a scene in a jungle."}]
    answer = running.client.chat.completions.create(model=model, messages=ask, max_tokens=32, seed=7)
    assert (answer.choices[0].message.content or "").strip()
    stream = running.client.chat.completions.create(model=model, messages=ask, max_tokens=32, stream=True)
    pieces = [chunk.choices[0].delta.content or "" for chunk in stream if chunk.choices]
    assert len(pieces) > 5
    assert "".join(pieces).strip()


def test_every_jobs_model_answers_by_its_name_at_any_strength(running: RunningStack, jobs: ThreeJobs) -> None:
    """Each is loaded when it is asked, the one from a backup, too; the merger makes the checkpoint at a strength."""
    restored = bring_from_a_backup(running, jobs.second)
    merged = manifest.read(running.settings.data_dir / "runs" / jobs.first / "merged")
    assert merged is not None
    ids = (jobs.first, jobs.second, restored)
    names = [running.client.fine_tuning.jobs.retrieve(job_id).fine_tuned_model for job_id in ids]
    ask: list[Any] = [{"role": "user", "content": "Write a scene in a jungle."}]
    options: dict[str, Any] = {"max_tokens": 24, "temperature": 0, "extra_headers": {"X-Scriptorium-Wait": "300"}}
    answers = {}
    stronger = f"{names[0]}:ckpt-step-{merged['result']['step']}@1.5"
    for model in (*names, stronger):
        answer = running.client.chat.completions.create(model=str(model), messages=ask, **options)
        answers[model] = answer.choices[0].message.content
        assert running.client.models.retrieve(str(model)).status == "warm"  # type: ignore[attr-defined]
    assert all(answers.values())
    assert answers[names[0]] != answers[stronger]  # greedy: only the weights differ
    assert answers[names[1]] == answers[names[2]]
    assert len(answers) == 4
    assert len(running.processes("vllm.entrypoints")) <= 2  # one base and one tuned model
    assert running.run("delete", restored, "--yes").returncode == 0


@pytest.mark.parametrize("killed", ["engine", "server"])  # an engine ends with its server
def test_a_stream_whose_engine_is_killed_ends_with_an_error_and_the_engine_comes_back(
    running: RunningStack, jobs: ThreeJobs, killed: str
) -> None:
    model = running.client.fine_tuning.jobs.retrieve(jobs.second).fine_tuned_model or ""
    ask: list[Any] = [{"role": "user", "content": "Tell a long story of a voyage."}]
    options: dict[str, Any] = {"extra_headers": {"X-Scriptorium-Wait": "300"}, "max_tokens": 600}
    with running.client.chat.completions.create(model=model, messages=ask, stream=True, **options) as stream:
        next(iter(stream))
        engines = [process.pid for process in running.processes("vllm.entrypoints")]
        for pid in engines if killed == "engine" else [running.pid("server")]:
            os.kill(pid, signal.SIGKILL)
        with pytest.raises(openai.APIError):
            list(stream)
    impatient = options | {"extra_headers": {"X-Scriptorium-Wait": "1"}}
    with pytest.raises(openai.InternalServerError) as caught:
        running.client.with_options(max_retries=0).chat.completions.create(model=model, messages=ask, **impatient)
    assert (caught.value.status_code, caught.value.code) == (503, "model_not_ready")
    assert int(caught.value.response.headers["retry-after"]) > 0
    answer = running.client.chat.completions.create(model=model, messages=ask, **options | {"max_tokens": 16})
    assert (answer.choices[0].message.content or "").strip()


def test_the_report_and_the_numbers_can_be_downloaded(running: RunningStack, finished: str) -> None:
    job = running.client.fine_tuning.jobs.retrieve(finished)
    files = {running.client.files.retrieve(file_id).filename: file_id for file_id in job.result_files}
    names = {name.removeprefix(f"{finished}-"): file_id for name, file_id in files.items()}
    reports = {
        name: file_id for name, file_id in names.items() if not name.startswith(("adapter-", "merged-", "model-"))
    }
    contents = {name: running.client.files.content(file_id).text for name, file_id in reports.items()}
    assert set(contents) == {"metrics.csv", "report.json", "report.html", "quality.html"}
    assert {"adapter-adapter_model.safetensors", "merged-model.safetensors", "model-q8_0.gguf"} <= names.keys()
    assert contents["metrics.csv"].startswith("step,train_loss,train_accuracy,valid_loss")
    assert "<html" in contents["report.html"]
    result = json.loads((running.settings.data_dir / "runs" / finished / "report" / "manifest.json").read_text())[
        "result"
    ]
    assert result["author"]["tuned"] < result["author"]["base"]
    assert result["samples"] == 3
    assert result["others"] is not None


def test_the_served_merge_agrees_with_base_and_adapter(run: Path) -> None:
    merged, served = (
        json.loads((run / name / "manifest.json").read_text())["result"] for name in ("merged", "serving")
    )
    assert merged["hashed_shards"] == 1  # the base is the one that was trained on
    assert merged["base"] == "stored"
    assert list(merged["base_losses"]) == ["stored"]
    agreement = served["agreement"]
    assert agreement["tokens"] > 300
    assert agreement["token_agreement"] > 0.9
    assert 0.75 < agreement["effect"] < 1.25
    assert agreement["mean_difference"] < 0.1
    assert agreement["served_change"] > 0
    assert served["token_ids"]["chats"] == 4
    assert served["endings"]["ended"] > 0
    report = json.loads((run / "report" / "report.json").read_text())
    assert report["served"]["agreement"] == agreement


def test_weights_are_exported_and_a_download_goes_on_where_it_stopped(
    running: RunningStack, finished: str, run: Path, tmp_path: Path
) -> None:
    source = run / "merged" / "exports" / "model-q8_0.gguf"
    target = tmp_path / "model.gguf"
    target.with_name("model.gguf.part").write_bytes(source.read_bytes()[: 1 << 20])
    export = running.run("export", finished, "--format", "gguf-q8_0", "--output", str(target))
    assert export.returncode == 0, export.stderr
    assert manifest.hash_file(target) == manifest.hash_file(source)
    adapter = running.run("export", finished, "--format", "adapter", "--output", str(tmp_path / "adapter"))
    assert adapter.returncode == 0, adapter.stderr
    assert {"adapter_config.json", "adapter_model.safetensors"} <= {
        path.name for path in (tmp_path / "adapter").iterdir()
    }


def test_the_command_line_shows_the_same_jobs(running: RunningStack, jobs: ThreeJobs, tmp_path: Path) -> None:
    finished = jobs.first
    follow = running.run("follow", finished, "--output", str(tmp_path / "report"))
    assert follow.returncode == 0, follow.stderr
    assert follow.stdout.splitlines()[-1] == f"report: {tmp_path / 'report' / 'report.html'}"
    assert (tmp_path / "report" / "metrics.csv").exists()
    listed = json.loads(running.run("jobs", "--json").stdout)
    assert {job["id"] for job in listed} == {jobs.first, jobs.second, jobs.cancelled}
    assert json.loads(running.run("reading", finished, "--json").stdout)["answers"] == 0
    assert running.run("status").returncode == 0
    assert "Traceback" not in running.run("logs", "trainer").stdout


def test_the_served_base_can_write_the_briefs(
    running: RunningStack, finished: str, project: Path, tmp_path: Path
) -> None:
    recipe = small_recipe(project)
    recipe["data"] |= {"briefs": "model", "chunking": {"unit": "words", "minimum": 80, "maximum": 160}}
    (tmp_path / "described.yaml").write_text(json.dumps(recipe))
    words = running.assets.book.read_text(encoding="utf-8").split(" ")
    (tmp_path / "part.txt").write_text(" ".join(words[1000:5000]), encoding="utf-8")
    options = (
        "--model",
        str(running.assets.models / BASE),
        "--recipe",
        str(tmp_path / "described.yaml"),
        "--output",
        str(tmp_path / "dataset"),
    )
    prepare = running.run("prepare", str(tmp_path / "part.txt"), *options)
    assert prepare.returncode == 0, prepare.stderr
    rows = [json.loads(line) for line in (tmp_path / "dataset" / "train.jsonl").read_text().splitlines()]
    briefs = [row["messages"][-2]["content"] for row in rows]
    described = [brief for brief in briefs if "It has to do with:" not in brief and len(brief.split(". ", 1)) > 1]
    assert len(described) > len(briefs) / 2


def test_a_running_training_is_cancelled_within_seconds_and_took_the_device_from_twenty_streams(
    running: RunningStack, project: Path
) -> None:
    """Each stream is whole or refused: none hangs, and none is cut."""
    begun = threading.Event()

    def stream_until_training() -> list[str]:
        outcomes = []
        ask: list[Any] = [{"role": "user", "content": "Tell a story."}]
        while not begun.is_set():
            try:
                with running.client.with_options(max_retries=0).chat.completions.create(
                    model=BASE, messages=ask, max_tokens=32, stream=True
                ) as stream:
                    outcomes.append([chunk.choices[0].finish_reason for chunk in stream if chunk.choices][-1] or "cut")
            except openai.APIStatusError as error:
                outcomes.append(str(error.code))
                time.sleep(1)
        return outcomes

    with ThreadPoolExecutor(20) as pool:
        streams = [pool.submit(stream_until_training) for _ in range(20)]
        try:
            job_id = create_job(running, running.assets.book.read_bytes(), "cancelled", small_recipe(project))
            wait_for("a first step", has_message(running, job_id, f"Step 1/{STEPS}"), 300)
        finally:
            begun.set()
        outcomes = [outcome for stream in streams for outcome in stream.result(60)]
    assert set(outcomes) == {"stop", "length", "gpu_busy"} - ({"stop"} - set(outcomes))
    started = time.monotonic()
    running.client.fine_tuning.jobs.cancel(job_id)
    wait_for("the cancelling", has_status(running, job_id, "cancelled"), 15)
    wait_for("the end of Axolotl", lambda: not running.processes("axolotl"), 10)
    assert time.monotonic() - started < 15
    with pytest.raises(openai.ConflictError):
        running.client.with_options(max_retries=0).fine_tuning.jobs.cancel(job_id)


def test_down_leaves_nothing_behind(running: RunningStack, finished: str) -> None:
    running_state = state.find_running(running.settings)
    assert running_state is not None
    family = psutil.Process(running_state.pid).children(recursive=True)
    stopped = running.run("down")
    assert (stopped.returncode, stopped.stdout) == (0, "Stopped.\n")
    assert not any(map(stack.is_alive, family))
    assert running.run("status").returncode == 3
    assert not running.settings.runtime_dir.exists()
    assert not stack.down(running.settings, notify=print)
