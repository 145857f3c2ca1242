"""The board Training: how every run learns, how fast, and what it does now."""

from __future__ import annotations

from deploy.monitoring.board import HOST, JOB, Board, Event, Row
from deploy.monitoring.panels import Column, Query, chart, curves, name, number, rows, timeline
from deploy.monitoring.queries import RUNS, last, newest, while_training

PHASES = {
    1: ("prepare", "blue"),
    2: ("train", "orange"),
    3: ("merge", "purple"),
    4: ("serve", "green"),
    5: ("evaluate", "yellow"),
    0: ("not at work", "#2f333b"),
}


def _phases() -> str:
    """Each run's phase as a number; zero where it waits or has ended."""
    running = " or ".join(
        f'{number} * max by (job_id) (scriptorium_phase_running{{phase="{title}", {RUNS}, host=~"$host"}})'
        for number, (title, _) in PHASES.items()
        if number
    )
    return f"{running} or 0 * max by (job_id) (scriptorium_phase_attempts{{{RUNS}}})"


def _starts() -> str:
    running = f"max by (job_id, phase) (scriptorium_phase_running{{{RUNS}}}"
    return f"{running}) unless {running} offset $__interval)"


def _rises(metric: str, label: str, where: str) -> str:
    return f"max by ({label}) ({metric}{where}) - max by ({label}) ({metric}{where} offset $__interval) > 0"


ON = ("Loss over time", "Speed")
EVENTS = (
    Event("Phases", _starts(), "blue", "{{phase}} begins", "{{job_id}}", ON),
    Event("Checkpoints", _rises("scriptorium_training_checkpoints", "job_id", f"{{{RUNS}}}"), "green",
          "checkpoint written", "{{job_id}}", ON),
    Event("Failures", _rises("scriptorium_job_failures", "code", ""), "red", "a job failed", "{{code}}", ON),
)  # fmt: skip

NOW = (
    name("Newest run", "The newest of the runs chosen above.",
         Query(newest(last("scriptorium_training_step")), "{{job_id}}"), width=6, none="no run yet"),
    number("Trained", "How much of the newest run's training is done.", "percentunit",
           Query(newest(f"{last('scriptorium_training_step')} / on (job_id) {last('scriptorium_training_steps')}"),
                 "done"),
           width=3, decimals=0, steps=((None, "orange"), (1, "green"))),
    number("Steps", "Optimizer updates that the newest run has done, and how many are planned.", "none",
           Query(newest(last("scriptorium_training_step")), "done"),
           Query(newest(last("scriptorium_training_steps")), "planned"), width=3),
    number("Epoch", "How often the newest run has read the book so far.", "none",
           Query(newest(last("scriptorium_training_epoch")), "epoch"), width=3, decimals=1),
    number("Time left", "How long the newest run's training will still take.", "s",
           Query(newest(last("scriptorium_training_eta_seconds")), "left"), width=3, decimals=0),
    number("Loss", "Training loss of the newest run's last step, in nats per token: lower is better.", "none",
           Query(newest(last("scriptorium_training_loss")), "loss"), width=3, decimals=2),
    number("Dev loss", "Loss of the newest run on chapters it does not train on: the honest number.", "none",
           Query(newest(last("scriptorium_training_dev_loss")), "dev loss"), width=3, decimals=2),
)  # fmt: skip

PICTURE = (
    curves("Loss along the run", "Mean training loss of each twentieth of a run, every run on one axis, so that runs "
           "of any length and day can be compared.", "none",
           Query(last("scriptorium_training_curve_loss", "job_id", "percent")),
           series="job_id", along="percent", label="part of the run that is done", width=14, height=12, percent=True),
    rows("Runs", "The last numbers of every run.",
         Column("loss", last("scriptorium_training_loss"), decimals=2),
         Column("dev loss", last("scriptorium_training_dev_loss"), decimals=2),
         Column("tokens", last("scriptorium_training_tokens"), "short"),
         Column("checkpoints", last("scriptorium_training_checkpoints"), decimals=0),
         key="job_id", called="run", width=10, height=12),
    timeline("Phases", "What each run was doing: the journey from manuscript to report.",
             Query(_phases(), "{{job_id}}"), names=PHASES, width=24, height=6),
)  # fmt: skip

LEARNING = (
    chart("Loss over time", "Loss of the last step and on the dev chapters, while training runs.", "none",
          Query(while_training("scriptorium_training_loss"), "{{job_id}}"),
          Query(while_training("scriptorium_training_dev_loss"), "{{job_id}} dev"), width=12, decimals=2),
    chart("Learning rate", "How large the updates are: it warms up, then falls as the recipe says.", "sci",
          Query(while_training("scriptorium_training_learning_rate"), "{{job_id}}"), width=6, low=0),
    chart("Gradient norm", "Size of the gradient of the last step: spikes are rough places in the text.", "none",
          Query(while_training("scriptorium_training_gradient_norm"), "{{job_id}}"), width=6, low=0, decimals=1),
)  # fmt: skip

MACHINE = (
    chart("Speed", "Tokens trained per second.", "suffix: tok/s",
          Query(while_training("scriptorium_training_tokens_per_second"), "{{job_id}}"), width=6, low=0, decimals=0),
    chart("Use of the arithmetic", "Share of the device's measured matrix-multiplication peak that training achieves "
          "(MFU).", "percentunit", Query(while_training("scriptorium_training_mfu_ratio"), "{{job_id}}"), width=6,
          low=0),
    chart("Memory", "Memory in use on the training device, against what it has: a GPU's own, or a CPU machine's.",
          "bytes", Query(while_training("scriptorium_training_memory_used_bytes"), "{{job_id}}"),
          Query(f"max ({while_training('scriptorium_training_memory_total_bytes')})", "device total"),
          width=6, low=0, dashed="device total"),
    chart("Device use", "How busy the GPU is, or all cores of a CPU.", "percentunit",
          Query(while_training("scriptorium_training_device_use_ratio"), "{{job_id}}"), width=6, low=0, high=1),
)  # fmt: skip

BOARD = Board(
    uid="scriptorium-training",
    title="Training",
    about="How every run learns, how fast, and what it does now.",
    variables=(JOB, HOST),
    events=EVENTS,
    rows=(
        Row("", (*NOW, *PICTURE)),
        Row("How it learns", LEARNING),
        Row("How fast, and what the machine does", MACHINE),
    ),
)
