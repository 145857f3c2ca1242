from html.parser import HTMLParser
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scriptorium.artifacts.dataset import EXAMPLES, QUALITY_PAGE
from scriptorium.contracts import (
    Change,
    CleaningStep,
    Finding,
    FindingsDecision,
    PrepareRequest,
    PrepareResult,
    Severity,
    TokenStatistics,
)
from scriptorium.contracts.base import Answerer
from scriptorium.recipe import Chunking, PromptKind, Split
from services.data.output.chapter_map import draw_map
from services.data.output.histogram import draw_histogram
from services.data.output.quality_page import group_findings_by_severity, make_verdict, render_page, write_quality
from services.data.passage import Passage

VOID = {"meta", "br"}
NASTY = '<script>alert("x")</script> & \x07bell'


class PageReader(HTMLParser):
    """The page as a browser sees it: all tags closed, ids unique, labels that exist."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.labels: list[str] = []
        self.words: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        known = dict(attrs)
        assert not {"src", "href", "onclick"} & known.keys()
        self.ids += [known["id"] or ""] if "id" in known else []
        self.labels += (known.get("aria-labelledby") or "").split()
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        pass

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] != "style":
            self.words += data.split()


def passage(chapter: str, number: int, tokens: int = 900) -> Passage:
    return Passage(f"Text {number}", chapter, f"{chapter}, passage {number}", words=tokens // 2, tokens=tokens)


def request(**changes: object) -> PrepareRequest:
    fields: dict[str, object] = {
        "manuscript": Path("m"), "filename": f"The River {NASTY}.txt", "base": Path("b"), "prompt": "mixed",
        "chunking": Chunking(), "split": Split(),
    }  # fmt: skip
    return PrepareRequest.model_validate(fields | changes)


def statistics(examples: int) -> TokenStatistics:
    return TokenStatistics(examples=examples, mean=900, minimum=700, maximum=2000, total=examples * 900)


def finding(code: str, severity: Severity, number: int = 0) -> Finding:
    return Finding(
        code=code, place=f"I, passage {number}", message=f"seen {NASTY}", severity=severity, next_step="Mend it."
    )


ORDER = [passage(f"Chapter {index // 3} {NASTY}", index % 3, 700 + 40 * index) for index in range(30)]
SPLITS = {"train": ORDER[:21], "dev": ORDER[21:24], "test": ORDER[24:]}
RESULT = PrepareResult(
    words=20_000,
    chapters=10,
    splits={"all": statistics(30), "train": statistics(21), "dev": statistics(3), "test": statistics(6)},
    steps=[
        CleaningStep(
            name="hyphens", meaning="Words are whole.", count=1_234,
            examples=[Change(place="book.txt:7", before=f"for-\nester {NASTY}", after="forester")] * 5,
        )
    ],
    findings=[finding("email_address", Severity.DEBATABLE, number) for number in range(7)]
    + [finding("cut_end", Severity.NOTE), finding("not_in_the_table", Severity.NOTE)],
)  # fmt: skip
EXAMPLE = {
    "kind": "brief", "chapter": "I", "tokens": 1_000, "trained_tokens": 900,
    "pieces": [{"text": "<|im_start|>user", "trained": False}, {"text": f"Learned {NASTY}", "trained": True}],
}  # fmt: skip


def read(page: str) -> PageReader:
    reader = PageReader()
    reader.feed(page)
    assert reader.open == []
    assert len(set(reader.ids)) == len(reader.ids)
    assert set(reader.labels) <= set(reader.ids)
    return reader


def test_the_page_is_complete_and_escapes_everything() -> None:
    page = render_page(request(), RESULT, order=ORDER, splits=SPLITS, leak_check="21 against 9", examples=[EXAMPLE])
    text = " ".join(read(page).words)
    assert "<script" not in page
    assert "\x07" not in page
    assert "default-src 'none'" in page
    assert len(page.encode()) < 1_000_000
    for words in [
        "21 passages are for training and 9 are held out",
        "1,234",
        "book.txt:7",
        "forester",
        "An e-mail address.",
    ]:
        assert words in text
    for words in ["and 2 more", "not in the table", "21 against 9", "<|im_start|>user", "Mend it."]:
        assert words.lower() in text.lower()
    assert page.count("<mark>") == 1


def test_an_empty_section_has_no_heading(tmp_path: Path) -> None:
    bare = RESULT.model_copy(update={"steps": [], "findings": []})
    write_quality(tmp_path, request(), bare, order=ORDER, splits=SPLITS, leak_check="")
    page = (tmp_path / QUALITY_PAGE).read_text(encoding="utf-8")
    assert "the text was clean" in page
    for heading in [">Findings<", "Leak check", "What the model sees"]:
        assert heading not in page
    (tmp_path / EXAMPLES).write_text("[]")
    write_quality(tmp_path, request(), bare, order=ORDER, splits=SPLITS, leak_check="")


def test_a_large_book_has_a_small_page() -> None:
    order = [passage(f"chunk_{index}.txt", 1) for index in range(6_000)]
    splits = {"train": order[:4_500], "dev": order[4_500:5_000], "test": order[5_000:]}
    page = render_page(request(), RESULT, order=order, splits=splits, leak_check="x", examples=[])
    assert len(page.encode()) < 300_000
    assert "and 5,600 more chapters" in " ".join(read(page).words)


@pytest.mark.parametrize(
    ("findings", "beginning"),
    [
        ([], "Ready to train. 21"),
        ([finding("cut_end", Severity.NOTE)], "Ready to train. 21"),
        ([finding("text_leaked", Severity.SERIOUS)], "This manuscript is not ready"),
    ],
)
def test_the_verdict_is_the_worst_finding(findings: list[Finding], beginning: str) -> None:
    assert make_verdict(RESULT.model_copy(update={"findings": findings})).startswith(beginning)


@pytest.mark.parametrize(
    ("recommended", "asked", "answer", "answered_by", "beginning"),
    [
        (
            "stop",
            True,
            None,
            None,
            "Better not train on this text as it is. Findings to review are in 30 % of the passages.",
        ),
        ("stop", True, "stop", "person", "Stopped by decision"),
        ("stop", True, "stop", "policy", "Stopped by the recipe, as recommended: this text does not train as it is."),
        ("stop", True, "go_on", "person", "It trains by decision, although the advice was to correct the text first."),
        ("stop", True, "go_on", "nobody", "Ready to train: nobody could be asked, so preparation went on, although"),
        ("go_on", True, None, None, "Ready to train, if you agree."),
        ("go_on", True, "go_on", "person", "Ready to train, by decision."),
        ("go_on", True, "go_on", "policy", "Ready to train, as the recipe decides."),
        ("go_on", True, "go_on", "nobody", "Ready to train: nobody could be asked, so preparation went on, as is"),
        ("go_on", False, "go_on", "policy", "Ready to train. Findings"),
        ("go_on", False, "go_on", "nobody", "Ready to train. Findings"),
    ],
)
def test_the_verdict_says_what_is_advised_and_what_was_decided(
    recommended: str, asked: bool, answer: str | None, answered_by: Answerer | None, beginning: str
) -> None:
    decision = FindingsDecision(
        codes={"link": 3}, share=0.3, tolerated=0.02, recommended=recommended, asked=asked, answer=answer,
        answered_by=answered_by,
    )  # fmt: skip
    verdict = make_verdict(RESULT.model_copy(update={"decision": decision}))
    assert verdict.startswith(beginning)
    assert ("waits for your decision" in verdict) == (answer is None)


def test_too_little_text_is_not_ready() -> None:
    splits = {**RESULT.splits, "train": statistics(9)}
    assert "at least 10 are needed" in make_verdict(RESULT.model_copy(update={"splits": splits}))


def test_code_in_our_sentences_is_code() -> None:
    found = RESULT.model_copy(update={"findings": [finding("lost_letter", Severity.DEBATABLE)]})
    page = render_page(request(), found, order=ORDER, splits=SPLITS, leak_check="x", examples=[])
    assert "<code>don?t</code>" in page


def test_findings_are_ordered_by_severity_and_then_by_number() -> None:
    severities = group_findings_by_severity(RESULT.findings)
    assert [(severity, [group.count for group in groups]) for severity, _, groups in severities] == [
        ("debatable", [7]),
        ("note", [1, 1]),
    ]
    assert len(severities[0][2][0].first) == 5


@given(st.lists(st.integers(0, 9_000), min_size=1, max_size=200), st.integers(20, 2_000), st.integers(0, 3_000))
def test_every_passage_is_in_one_bar(lengths: list[int], minimum: int, width: int) -> None:
    picture = draw_histogram(lengths, minimum, minimum + width, "tokens")
    assert sum(int(bar.label.split()[0]) for bar in picture.bars) == len(lengths)
    assert all(picture.left <= bar.x and bar.x + bar.width <= picture.right + 1 for bar in picture.bars)
    assert all(picture.top - 0.1 <= bar.y < picture.bottom for bar in picture.bars)
    assert picture.left <= picture.band[0] <= picture.band[1] <= picture.right
    assert len(picture.bars) <= 75
    assert len(picture.x_ticks) >= 2


def test_the_map_shows_the_book_from_left_to_right() -> None:
    drawn = draw_map([passage.chapter for passage in ORDER], SPLITS)
    assert [piece.split for piece in drawn.pieces] == ["train"] * 7 + ["dev"] + ["test"] * 2
    assert [row.passages for row in drawn.rows] == [3] * 10
    assert sum(piece.width for piece in drawn.pieces) == pytest.approx(drawn.width, abs=20)
    assert drawn.pieces[0].x == 0
    assert "choosing 1" in drawn.summary


def test_a_chapter_in_two_splits_has_two_pieces() -> None:
    order = [passage("I", number) for number in range(6)]
    drawn = draw_map(["I"], {"train": order[:4], "dev": order[4:5], "test": order[5:]})
    assert [(row.splits, row.words) for row in drawn.rows] == [("training, choosing, final test", 2_700)]
    assert [piece.split for piece in drawn.pieces] == ["train", "dev", "test"]


@pytest.mark.parametrize("kind", get_args(PromptKind))
def test_an_example_of_every_kind_is_shown(kind: str) -> None:
    page = render_page(
        request(), RESULT, order=ORDER, splits=SPLITS, leak_check="x", examples=[{**EXAMPLE, "kind": kind}]
    )
    assert "Prompt: " in page
