"""What cleaning leaves out is counted; what could be story is asked about, and kept if a person wants it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from scriptorium.cli.main import app
from scriptorium.contracts import PrepareRequest, PrepareResult
from scriptorium.errors import InvalidTrainingFile
from scriptorium.jobs.reporter import SilentReporter
from scriptorium.recipe import RemovalStep
from services.data.cleaning.clean import clean_book, clean_passage
from services.data.cleaning.steps import MEANINGS, CleaningLog
from services.data.prepare import prepare_manuscript
from tests.answering_reporter import AnsweringReporter

Ask = Callable[..., PrepareRequest]
OPENING = "Nobody in the village remembered the winter of the wolves, and whoever did was silent about it."
PARTS = [
    "CHAPTER I",
    "CHAPTER II",
    "THE END",
    "Contents",
    "Copyright 1912 by A. Nobody",
    "* * *",
    "42.",
    "\f",
    "The River",
    "THE RIVER 7",
    "[Illustration: a river]",
    "He said it was _not_ so,[12] and went home.",
    "It was 3 o'clock when the con-\ntinued rain became a con- flict.",
    "“Halt!”",
    "About the Author",
    "By the time that we came, nobody was there who knew us, and nobody asked what had become of the ship.",
    "老人提着灯走到河边。",
    "Er rief: »Halt!«",
]


def prepare(request: PrepareRequest, folder: Path, reporter: SilentReporter) -> PrepareResult:
    folder.mkdir()
    return prepare_manuscript(request, folder, reporter)


@given(st.lists(st.sampled_from(PARTS), max_size=30), st.sampled_from(["\n", "\n\n", "\n\n\n\n"]), st.booleans())
def test_every_letter_is_kept_or_left_out_by_a_step(parts: list[str], gap: str, keep: bool) -> None:
    for clean in (clean_book, clean_passage):
        log = CleaningLog(keep_doubtful=keep)
        clean(gap.join(parts), log)
        assert log.letters_missing == 0
        assert not keep or not sum(step.doubtful_words for step in log.steps())


def test_what_could_be_story_is_asked_about_and_kept_as_recommended(ask: Ask, book: str, tmp_path: Path) -> None:
    reporter = AnsweringReporter("keep")
    result = prepare(ask(f"{OPENING}\n\n{book}"), tmp_path / "out", reporter)
    question = reporter.questions[0]
    assert [option.name for option in question.options] == ["keep", "go_on", "stop"]
    assert question.recommended == "keep"
    assert not question.harmless
    assert "doubtful_removal (1), in what cleaning left out" in question.reason
    assert result.words == len(f"{OPENING} {book}".split()) - 16
    assert OPENING in (tmp_path / "out" / "alpaca" / "train.jsonl").read_text("utf-8") + "".join(
        (tmp_path / "out" / "alpaca" / f"{name}.jsonl").read_text("utf-8") for name in ("dev", "test")
    )
    assert not any(finding.code == "doubtful_removal" for finding in result.findings)


def test_what_could_be_story_is_left_out_by_decision_and_counted(ask: Ask, book: str, tmp_path: Path) -> None:
    result = prepare(ask(f"{OPENING}\n\n{book}"), tmp_path / "out", AnsweringReporter("go_on"))
    words = len(OPENING.split())
    assert {step.name: (step.words, step.doubtful_words) for step in result.steps} == {
        "front_matter": (words, words),
        "headings": (16, 0),
    }
    assert result.words_in == result.words + words + 16
    assert result.letters_missing == 0
    (finding,) = result.findings
    assert (finding.code, finding.place) == ("doubtful_removal", "book.txt:1")
    assert OPENING in finding.message


def test_to_stop_names_the_place_of_what_was_left_out(ask: Ask, book: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidTrainingFile) as error:
        prepare(ask(f"{OPENING}\n\n{book}"), tmp_path / "out", AnsweringReporter("stop"))
    assert [problem.place for problem in error.value.problems] == ["book.txt:1"]


def test_a_word_in_a_thousand_is_not_asked_about(ask: Ask, prose: Callable[..., str], tmp_path: Path) -> None:
    chapters = [f"CHAPTER {number}\n\n{prose(10, seed=number)}" for number in range(1, 16)]
    opening = "For my mother, who read every word of it."
    result = prepare(ask("\n\n".join([opening, *chapters])), tmp_path / "out", AnsweringReporter("go_on"))
    assert {step.name: step.doubtful_words for step in result.steps}["front_matter"] == 9
    assert not any(finding.code == "doubtful_removal" for finding in result.findings)


def test_by_hand_what_could_be_story_is_kept(ask: Ask, book: str, tmp_path: Path) -> None:
    reporter = SilentReporter()
    result = prepare(ask(f"{OPENING}\n\n{book}"), tmp_path / "out", reporter)
    assert result.words == len(f"{OPENING} {book}".split()) - 16
    assert any("Preparing again" in message for message in reporter.messages)


def test_verse_after_a_contents_list_could_be_story() -> None:
    stanza = (
        "The lamp went down the river\nThe river went to sea\nAnd all the lights of harbour\nWent out in front of me"
    )
    log = CleaningLog()
    clean_book(f"Contents\n\nThe Lamp 1\n\nThe Sea 7\n\nTHE LAMP\n\n{stanza}\n\n{OPENING}", log)
    steps = {step.name: step for step in log.steps()}
    assert [change.before for change in steps["contents"].doubtful] == [" ".join(stanza.split("\n"))]
    assert clean_book(f"Contents\n\nThe Lamp 1\n\n{stanza}", CleaningLog(keep_doubtful=True))[0].paragraphs == [stanza]


def test_prose_after_the_end_could_be_story() -> None:
    story = "\n\n".join([f"{OPENING} {OPENING}"] * 40)
    after = "Many years later the three of them met in the same house once more."
    log = CleaningLog()
    clean_book(f"CHAPTER I\n\n{story}\n\nTHE END\n\n{after}\n\nAbout the Author\n\n{OPENING}", log)
    assert [change.before for step in log.steps() for change in step.doubtful] == [after]


def test_a_table_of_contents_after_the_end_is_back_matter() -> None:
    chapters = "\n\n".join(f"CHAPTER {number}\n\n{OPENING * 40}" for number in range(1, 13))
    entries = "\n".join(
        f"             {roman}        Of what befell them on the way" for roman in ["II", "III", "IV"] * 3
    )
    log = CleaningLog()
    cleaned = clean_book(f"{chapters}\n\nTHE END\n\nINDEX\n\nCHAPTER I     Of the river\n{entries}", log)
    assert len(cleaned) == 12
    assert {step.name: (step.words, step.doubtful_words) for step in log.steps()}["back_matter"] == (3 + 5 + 9 * 8, 0)


def test_line_breaks_can_be_kept() -> None:
    text = "\n".join(["Nobody in the village remembered the winter of the wolves, and"] * 20 + ["it was spring."])
    book = f"{text}\n\n{text}"
    assert "\n" not in clean_book(book)[0].paragraphs[0]
    assert clean_book(book, CleaningLog(skipped=["wrapped_lines"]))[0].paragraphs == [text, text]


@pytest.mark.parametrize("step", sorted({*get_args(RemovalStep)} - {"wrapped_lines"}))
def test_a_step_can_be_skipped(step: str) -> None:
    text = "\n\n".join(
        [
            "*** START OF THE PROJECT GUTENBERG EBOOK RIVER ***",
            "The River",
            "Copyright 1912 by A. Nobody",
            "Contents",
            "CHAPTER I",
            f"THE OLD man said it was _not_ so,[12] the cafÃ© &amp; the old inn. {OPENING}",
            "* * *",
            OPENING,
            *[f"{OPENING}\n\nPage {number}" for number in range(5)],
            *[f"{OPENING}\n\n\fThe River\n\n{OPENING}" for _ in range(5)],
            "THE END",
            "*** END OF THE PROJECT GUTENBERG EBOOK RIVER ***",
        ]
    )
    log = CleaningLog()
    clean_book(text, log)
    assert step in {entry.name for entry in log.steps()}
    log = CleaningLog(skipped=[step])
    clean_book(text, log)
    assert step not in {entry.name for entry in log.steps()}
    assert log.letters_missing == 0


def test_every_step_that_can_be_skipped_is_one() -> None:
    assert set(get_args(RemovalStep)) < set(MEANINGS)


def test_the_preview_tells_what_could_be_story_and_keeps_a_step(tmp_path: Path, book: str) -> None:
    path = tmp_path / "river.txt"
    path.write_text(f"{OPENING}\n\n{book}", encoding="utf-8")
    command = ["prepare", str(path), "--preview"]
    output = CliRunner().invoke(app, command).output
    assert "17 words could be story; --keep front_matter keeps them" in output
    assert "could be story" not in CliRunner().invoke(app, [*command, "--keep", "front_matter"]).output
    wrong = CliRunner().invoke(app, [*command, "--keep", "everything"])
    assert wrong.exit_code == 2
    assert "--keep" in wrong.output
    assert "front_matter" in wrong.output
