"""A novel goes through the containers over HTTP while some of them are stopped, killed and started again."""

from __future__ import annotations

from pathlib import Path

from openai import OpenAI
from openai.types.fine_tuning import FineTuningJob

from scriptorium.local.demo_assets import BASE
from tests.compose.shell import FOLDER, log, wait_for
from tests.compose.stack import ComposeStack
from tests.documented_backup import read_backup_commands

TRAINER, SERVER = "trainer-cpu", "server-cpu"
# Fewer steps than the recipe has, and one strength to try, so that the adapter is merged and served at it.
OVERRIDES = {
    "training": {"max_steps": 24, "checkpoints": 1},
    "calibration": {"strengths": [0.75], "briefs": 12, "instructions": 16},
    "select": "balance",
}


def send_book(stack: ComposeStack, book: Path) -> str:
    """Upload the book and create a job with the unmodified client; return the job's id."""
    client = connect(stack)
    with book.open("rb") as content:
        file = client.files.create(file=content, purpose="fine-tune")
    job = client.fine_tuning.jobs.create(
        model=BASE, training_file=file.id, suffix="compose", extra_body={"overrides": OVERRIDES}
    )
    return job.id


def connect(stack: ComposeStack) -> OpenAI:
    """Return a client of this stack's API."""
    return OpenAI(base_url=f"http://127.0.0.1:{stack.api_port}/v1", api_key="none", max_retries=10)


def disturb(stack: ComposeStack, job_id: str) -> None:
    """Stop the trainer in the middle of its work, kill Redis and the API; the job must survive."""
    client = connect(stack)
    wait_for("the 5th step", lambda: last_step(client, job_id) >= 5, seconds=300)
    log("stopping the trainer in the middle of its work")
    stack.compose("stop", TRAINER)
    last = last_step(client, job_id)
    saved_steps = [checkpoint.step_number for checkpoint in client.fine_tuning.jobs.checkpoints.list(job_id)]
    assert saved_steps, "a stopped training saves a checkpoint"
    assert max(saved_steps) >= last - 1, f"stopped at step {last}, saved at {saved_steps}"
    log(f"stopped at step {last}, saved at {max(saved_steps)}; killing Redis, then the API, and restarting the trainer")
    stack.crash("redis")
    stack.crash("api")
    stack.compose("start", TRAINER)
    wait_for("a step of the second attempt", lambda: last_step(client, job_id) > last, seconds=300)
    log("killing the trainer")
    stack.crash(TRAINER)


def last_step(client: OpenAI, job_id: str) -> int:
    """Return the last step in a job's events."""
    events = client.fine_tuning.jobs.list_events(job_id, limit=50).data
    return max((int(event.data["step"]) for event in events if event.data and "step" in event.data), default=0)


def wait_for_job(stack: ComposeStack, job_id: str) -> FineTuningJob:
    """Wait for the job's end and log its events meanwhile."""
    client, logged = connect(stack), set[str]()

    def ended() -> bool:
        for event in reversed(client.fine_tuning.jobs.list_events(job_id, limit=20).data):
            if event.id not in logged and event.type == "message":
                log(f"  {event.message}")
            logged.add(event.id)
        return client.fine_tuning.jobs.retrieve(job_id).status in {"succeeded", "failed", "cancelled"}

    wait_for("the end of the job", ended, seconds=3600)  # beside other work it took more than forty minutes
    return client.fine_tuning.jobs.retrieve(job_id)


def check_results(stack: ComposeStack, job: FineTuningJob) -> None:
    """Check the results of a job that has succeeded: the served model answers, its report can be downloaded."""
    client = connect(stack)
    assert job.fine_tuned_model
    question = {"role": "user", "content": "Write a scene at sea."}
    answer = client.chat.completions.create(model=job.fine_tuned_model, messages=[question], max_tokens=40)
    assert answer.choices[0].message.content
    names = [client.files.retrieve(file).filename for file in job.result_files]
    assert any(name.endswith("report.html") for name in names), names


def lose_and_restore(stack: ComposeStack, job: FineTuningJob) -> None:
    """Back both volumes up as documented, lose and restore them; lose Redis alone, and rebuild its records."""
    backup, restore, rebuild = read_backup_commands()
    log("backing up, and losing everything")
    stack.run_as_documented(backup)
    stack.down()
    stack.run_as_documented(restore)
    for archive in FOLDER.glob("scriptorium-*.tar"):
        archive.unlink()
    stack.up()
    check_results(stack, connect(stack).fine_tuning.jobs.retrieve(job.id))
    log("losing what Redis has")
    stack.execute("redis", "redis-cli", "flushall")
    stack.run_as_documented(rebuild)
    restored = connect(stack).fine_tuning.jobs.retrieve(job.id)
    assert (restored.status, restored.result_files) == (job.status, job.result_files)
    check_results(stack, restored)


def check_hardening(stack: ComposeStack) -> None:
    """Check that no service runs as root, has a writable root or can gain rights, and that only two publish ports."""
    for service in stack.services():
        container = stack.inspect(service)
        host = container["HostConfig"]
        assert stack.user(service) not in {"root", "0"}, f"{service} runs as root"
        assert host["ReadonlyRootfs"] and host["CapDrop"] == ["ALL"], service
        assert "no-new-privileges:true" in host["SecurityOpt"], service
        ports = [port for bound in (host["PortBindings"] or {}).values() for port in bound]
        assert bool(ports) == (service in {"api", "prometheus"}), f"{service} publishes {ports}"
        assert all(port["HostIp"] == "127.0.0.1" for port in ports), service
