"""The board Voice: how much of the voice each run has learned and from which text, and the speed of its merge."""

from __future__ import annotations

from deploy.monitoring.board import HOST, JOB, Board, PanelRow
from deploy.monitoring.panels import Column, Query, Step, bars, chart, curves, groups, name, number, rows
from deploy.monitoring.queries import RUN_SELECTOR, last, newest, while_training

LOSS_DROP = "scriptorium_evaluation_loss_drop_percent"
VOICE_TRANSFER = "scriptorium_evaluation_voice_transfer"
LEARNED_STEPS: tuple[Step, ...] = ((None, "red"), (0, "yellow"), (5, "green"))
DROP_COLOURS = {
    "author low": "#37872D",
    "author mean": "#73BF69",
    "author high": "#C8F2C2",
    "others low": "#56606e",
    "others mean": "#8e99a8",
    "others high": "#c7d0d9",
}


def _loss_drop(text: str, bound: str) -> str:
    return last(LOSS_DROP, selector=f'text="{text}", bound="{bound}", {RUN_SELECTOR}')


def _voice_transfer(of: str) -> str:
    return last(VOICE_TRANSFER, selector=f'of="{of}", {RUN_SELECTOR}')


def _examples(split: str) -> str:
    return last("scriptorium_data_examples", selector=f'split="{split}", {RUN_SELECTOR}')


def _author_lead() -> str:
    """Return how far the author's lower bound is above the mean of other authors' text."""
    return f"{_loss_drop('author', 'low')} - on (job_id) {_loss_drop('others', 'mean')}"


CURRENT_PANELS = (
    name("Newest run", "The newest of the runs chosen above that was evaluated.",
         Query(newest(_loss_drop("author", "mean")), "{{job_id}}"), width=6, no_value="not evaluated yet"),
    number("Voice learned", "How much better the tuned model predicts held-out chapters of the author than the base "
           "model does.", "percent", Query(newest(_loss_drop("author", "mean")), "drop in loss"),
           width=4, decimals=1, steps=LEARNED_STEPS),
    number("95 % interval", "The voice learned is very likely between these bounds.", "percent",
           Query(newest(_loss_drop("author", "low")), "low"), Query(newest(_loss_drop("author", "high")), "high"),
           width=5, decimals=1, steps=LEARNED_STEPS),
    number("Other authors", "The same drop on other authors' text: what is not this author's voice.", "percent",
           Query(newest(_loss_drop("others", "mean")), "drop in loss"), width=3, decimals=1,
           no_value="no other authors"),
    number("The author's own", "How far the author's lower bound is above other authors' drop: above zero the model "
           "has learned this author and not just prose.", "suffix: points", Query(newest(_author_lead()), "ahead"),
           width=3, decimals=1, steps=((None, "red"), (0, "green")), no_value="no other authors"),
    number("Answers", "How many held-out briefs both models answered.", "none",
           Query(newest(last("scriptorium_evaluation_samples")), "answers"), width=3, decimals=0),
)  # fmt: skip

VOICE_PANELS = (
    rows("T of each run", "How far it has come from the base model (0) to the author (100), with the 95 % interval; "
         "beside it the base that was asked to imitate, the closest other author, and the share of new scenes with "
         "names of the book.",
         Column("low", _voice_transfer("tuned low"), decimals=0), Column("T", _voice_transfer("tuned"), decimals=0),
         Column("high", _voice_transfer("tuned high"), decimals=0),
         Column("asked", _voice_transfer("prompted"), decimals=0),
         Column("other author", _voice_transfer("impostor"), decimals=0),
         Column("names leaked", last("scriptorium_evaluation_leak_ratio"), "percentunit", 0),
         key="job_id", key_title="run", width=16, height=8),
    curves("Selectivity of checkpoints", "What held-out passages of the author gained over those of others, nats a "
           "token: the higher, the more of this author.", "none",
           Query(last("scriptorium_training_checkpoint_selectivity", "job_id", "step")),
           series="job_id", x_label="step", x_title="step", width=8, decimals=3),
)  # fmt: skip

CALIBRATION_PANELS = (
    curves("T by strength", "How far text from dev briefs has come to the author, by how much of the adapter is added: "
           "the voice that a strength gives.", "none",
           Query(last("scriptorium_calibration_voice_transfer", "job_id", "strength")),
           series="job_id", x_label="strength", x_title="strength", width=9, decimals=0,
           x_decimals=2),
    curves("Instructions kept by strength", "Lower bound of the change in dev instructions followed, against the base, "
           "in points: the price of a strength.", "none",
           Query(last("scriptorium_calibration_followed_points", "job_id", "strength")),
           series="job_id", x_label="strength", x_title="strength", width=9, decimals=0,
           x_decimals=2),
    rows("What was chosen", "The strength at which each run's adapter was merged, and the temperature at which it "
         "writes.",
         Column("strength", last("scriptorium_calibration_strength"), decimals=2),
         Column("temperature", last("scriptorium_calibration_temperature"), decimals=2),
         key="job_id", key_title="run", width=6, height=8),
)  # fmt: skip

DROP_PANELS = (
    groups("Drop in held-out loss, run by run", "How much the loss on held-out text falls from base to tuned model, "
           "with both bounds: green should stand clear above grey.", "percent",
           Query("label_join(" + last(LOSS_DROP, "job_id", "text", "bound") + ', "series", " ", "text", "bound")'),
           column="series", row="job_id", colours=DROP_COLOURS, width=14, height=11),
    rows("Numbers of each run", "The drop in loss with its bounds, and the same for other authors' text.",
         Column("low", _loss_drop("author", "low"), "percent", 1),
         Column("author", _loss_drop("author", "mean"), "percent", 1),
         Column("high", _loss_drop("author", "high"), "percent", 1),
         Column("others", _loss_drop("others", "mean"), "percent", 1),
         Column("answers", last("scriptorium_evaluation_samples"), decimals=0),
         key="job_id", key_title="run", width=10, height=11),
)  # fmt: skip

TEXT_PANELS = (
    rows("What each run read", "Size of the book, how it was split by chapter, and what the checks found.",
         Column("words", last("scriptorium_data_words"), "locale"),
         Column("chapters", last("scriptorium_data_chapters")),
         Column("train", _examples("train")), Column("dev", _examples("dev")), Column("test", _examples("test")),
         Column("findings", last("scriptorium_data_findings")), key="job_id", key_title="run", width=12, height=8),
    bars("Merge speed", "Bytes of merged weights written per second.", "Bps",
         Query(last("scriptorium_merge_bytes_per_second"), "{{job_id}}"), width=6),
    chart("Dev loss while training", "Loss on the dev chapters: when it turns up again, the run learns by heart.",
          "none", Query(while_training("scriptorium_training_dev_loss"), "{{job_id}}"),
          width=6, decimals=2),
)  # fmt: skip

BOARD = Board(
    uid="scriptorium-voice",
    title="Voice",
    description="How much of the author's voice each run has learned, from which text.",
    variables=(JOB, HOST),
    rows=(
        PanelRow("", CURRENT_PANELS),
        PanelRow("Did the voice come through?", VOICE_PANELS),
        PanelRow("How strong may it be?", CALIBRATION_PANELS),
        PanelRow("Did it learn the author?", DROP_PANELS),
        PanelRow("From which text", TEXT_PANELS),
    ),
)
