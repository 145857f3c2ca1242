"""The board Training: the losses, the speed and the present phase of every run."""

from __future__ import annotations

from deploy.monitoring.board import HOST, JOB, Annotation, Board, PanelRow
from deploy.monitoring.panels import Column, Query, chart, curves, name, number, rows, timeline
from deploy.monitoring.queries import RUN_SELECTOR, last, newest, while_training

PHASE_NAMES = {
    1: ("prepare", "blue"),
    2: ("train", "orange"),
    3: ("calibrate", "#5794F2"),
    4: ("merge", "purple"),
    5: ("serve", "green"),
    6: ("evaluate", "yellow"),
    0: ("not at work", "#2f333b"),
}


def _phase_number() -> str:
    """Return the phase of each run as a number; zero if it waits or has ended."""
    running = " or ".join(
        f'{number} * max by (job_id) (scriptorium_phase_running{{phase="{title}", {RUN_SELECTOR}, host=~"$host"}})'
        for number, (title, _) in PHASE_NAMES.items()
        if number
    )
    return f"{running} or 0 * max by (job_id) (scriptorium_phase_attempts{{{RUN_SELECTOR}}})"


def _phase_starts() -> str:
    running = f"max by (job_id, phase) (scriptorium_phase_running{{{RUN_SELECTOR}}}"
    return f"{running}) unless {running} offset $__interval)"


def _increases(metric: str, label: str, selector: str) -> str:
    return f"max by ({label}) ({metric}{selector}) - max by ({label}) ({metric}{selector} offset $__interval) > 0"


ANNOTATED_CHARTS = ("Loss over time", "Speed")
ANNOTATIONS = (
    Annotation("Phases", _phase_starts(), "blue", "{{phase}} begins", "{{job_id}}", ANNOTATED_CHARTS),
    Annotation("Checkpoints", _increases("scriptorium_training_checkpoints", "job_id", f"{{{RUN_SELECTOR}}}"), "green",
               "checkpoint written", "{{job_id}}", ANNOTATED_CHARTS),
    Annotation("Failures", _increases("scriptorium_job_failures", "code", ""), "red", "a job failed", "{{code}}",
               ANNOTATED_CHARTS),
)  # fmt: skip

CURRENT_PANELS = (
    name("Newest run", "The newest of the runs chosen above.",
         Query(newest(last("scriptorium_training_step")), "{{job_id}}"), width=6, no_value="no run yet"),
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

OVERVIEW_PANELS = (
    curves("Loss along the run", "Mean training loss of each twentieth of a run, every run on one axis, so that runs "
           "of any length and day can be compared.", "none",
           Query(last("scriptorium_training_curve_loss", "job_id", "percent")),
           series="job_id", x_label="percent", x_title="part of the run that is done", width=14, height=12,
           percent=True),
    rows("Runs", "The last numbers of every run.",
         Column("loss", last("scriptorium_training_loss"), decimals=2),
         Column("dev loss", last("scriptorium_training_dev_loss"), decimals=2),
         Column("tokens", last("scriptorium_training_tokens"), "short"),
         Column("checkpoints", last("scriptorium_training_checkpoints"), decimals=0),
         key="job_id", key_title="run", width=10, height=12),
    timeline("Phases", "What each run was doing: the journey from manuscript to report.",
             Query(_phase_number(), "{{job_id}}"), names=PHASE_NAMES, width=24, height=6),
)  # fmt: skip

LEARNING_PANELS = (
    chart("Loss over time", "Loss of the last step and on the dev chapters, while training runs.", "none",
          Query(while_training("scriptorium_training_loss"), "{{job_id}}"),
          Query(while_training("scriptorium_training_dev_loss"), "{{job_id}} dev"), width=12, decimals=2),
    chart("Learning rate", "How large the updates are: it warms up, then falls as the recipe says.", "sci",
          Query(while_training("scriptorium_training_learning_rate"), "{{job_id}}"), width=6, low=0),
    chart("Gradient norm", "Size of the gradient of the last step: spikes are rough places in the text.", "none",
          Query(while_training("scriptorium_training_gradient_norm"), "{{job_id}}"), width=6, low=0, decimals=1),
)  # fmt: skip

SPEED_PANELS = (
    chart("Speed", "Tokens trained per second, and what the plan expects.", "suffix: tok/s",
          Query(while_training("scriptorium_training_tokens_per_second"), "{{job_id}}"),
          Query(f"max ({while_training('scriptorium_training_planned_tokens_per_second')})", "plan"),
          width=6, low=0, decimals=0, dashed="plan"),
    chart("Use of the arithmetic", "Share of the device's measured matrix-multiplication peak that training achieves "
          "(MFU).", "percentunit", Query(while_training("scriptorium_training_mfu_ratio"), "{{job_id}}"), width=6,
          low=0),
    chart("Memory", "Memory in use on the training device, what the plan expects training to need, and what there is.",
          "bytes", Query(while_training("scriptorium_training_memory_used_bytes"), "{{job_id}}"),
          Query(while_training("scriptorium_training_planned_memory_bytes"), "{{job_id}} plan"),
          Query(f"max ({while_training('scriptorium_training_memory_total_bytes')})", "device total"),
          width=6, low=0, dashed="device total"),
    chart("Device use", "How busy the GPU is, or all cores of a CPU.", "percentunit",
          Query(while_training("scriptorium_training_device_use_ratio"), "{{job_id}}"), width=6, low=0, high=1),
)  # fmt: skip

BOARD = Board(
    uid="scriptorium-training",
    title="Training",
    description="How every run learns, how fast, and what it does now.",
    variables=(JOB, HOST),
    annotations=ANNOTATIONS,
    rows=(
        PanelRow("", (*CURRENT_PANELS, *OVERVIEW_PANELS)),
        PanelRow("How it learns", LEARNING_PANELS),
        PanelRow("How fast, and what the machine does", SPEED_PANELS),
    ),
)
