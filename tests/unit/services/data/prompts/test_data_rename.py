"""Other names in a share of the training rows."""

import random
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scriptorium.artifacts.dataset import read_rows
from scriptorium.jobs.reporter import SilentReporter
from scriptorium.models.tokenizer import ChatTokenizer
from scriptorium.scenes.bank import read_bank
from services.data.passage import Passage
from services.data.prepare import prepare_manuscript
from services.data.prompts.rename import NameBook, draw_mapping, list_names, rename, rename_passages
from services.data.text_file import keep_in_memory

MAPPING = {"tarzan": "Hargrove", "opar": "Calder"}
TEXT = (
    "Then Tarzan’s friend went to Opar, said Tarzan; and the small tarzan of the d’Opar stayed in Rome. He was alone."
)
PIECES = ["Tarzan", "tarzan", "OPAR", "Opar’s", "Tarzana", "d’Opar", "Rome", "he", "’", " ", "\n\n", ",", ".", "é", "1"]
BOOK = NameBook(frozenset(["tarzan", "numa"]), frozenset(["opar"]), ["Quince", "Marrow"], ["Calder"])


def make(text: str, **changes: object) -> Passage:
    passage = Passage(
        text, "I", f"p{hash(text)}", len(text.split()), len(text.split()), stored_prompt="Write on Tarzan."
    )
    return Passage(**{**{name: getattr(passage, name) for name in passage.__slots__}, **changes})


def test_names_are_replaced_and_nothing_else():
    assert rename(TEXT, MAPPING) == (
        "Then Hargrove’s friend went to Calder, said Hargrove; and the small tarzan of the d’Calder stayed in Rome. "
        "He was alone."
    )
    assert rename("TARZAN and Tarzana", MAPPING) == "HARGROVE and Tarzana"


@given(st.lists(st.sampled_from(PIECES), max_size=40).map("".join))
def test_words_stay_as_many_names_are_gone_and_the_way_back_gives_the_text(text):
    renamed = rename(text, MAPPING)
    assert len(renamed.split()) == len(text.split())
    assert not re.search(r"(?<![^\W\d_])(?:Tarzan|Opar|TARZAN|OPAR)(?![^\W\d_])", renamed)
    assert rename(renamed, {other.lower(): name.capitalize() for name, other in MAPPING.items()}) == text
    assert rename(text, {}) == text


@given(st.sets(st.sampled_from(["tarzan", "numa", "opar", "rome"])), st.integers())
def test_a_mapping_keeps_kinds_and_never_merges_two(names, seed):
    mapping = draw_mapping(names, BOOK, random.Random(seed))  # noqa: S311
    assert set(mapping) == names & (BOOK.people | BOOK.places)
    assert len(set(mapping.values())) == len(mapping)
    assert {mapping[name] for name in BOOK.places & names} <= {"Calder"}
    assert {mapping[name] for name in BOOK.people & names} <= {"Quince", "Marrow"}


def test_with_too_few_other_names_nothing_is_mapped():
    few = NameBook(BOOK.people, BOOK.places, ["Quince"], ["Calder"])
    assert draw_mapping(["tarzan", "numa"], few, random.Random(0)) == {}  # noqa: S311
    assert set(draw_mapping(["tarzan", "opar"], few, random.Random(0))) == {"tarzan", "opar"}  # noqa: S311


def test_the_names_of_a_book_are_people_and_places():
    text = "So then Tarzan lived in Opar with Mr Clayton, near Opar, on a Monday {}. Hargrove ate, said Hargrove."
    passages = [make(text.format(number)) for number in range(3)]
    book = list_names(passages)
    assert (book.people, book.places) == ({"tarzan", "clayton", "hargrove"}, {"opar"})
    assert "Hargrove" not in book.other_people  # it is in the book
    assert set(book.other_people) < set(read_bank("en").people.split())


@pytest.fixture
def passages() -> list[Passage]:
    with_names = [make(f"And then Tarzan said to Numa that {number} is a number.") for number in range(20)]
    return [*with_names, make("He had nothing to say."), make("And so Tarzan went on.", ready=True)]


def apply(passages, ask, base, **changes):
    request = ask("x", **changes)
    return rename_passages(passages, request, ChatTokenizer(base), keep_in_memory, SilentReporter())


def test_a_share_of_the_rows_has_names_of_its_own_the_same_for_a_seed(passages, ask, base):
    renamed = apply(passages, ask, base, rename=0.5)
    changed = [index for index, passage in enumerate(renamed) if passage.genuine]
    assert len(changed) == 11
    assert max(changed) < 20  # a row without names and a ready row stay as they are
    assert renamed == apply(passages, ask, base, rename=0.5)
    assert renamed != apply(passages, ask, base, rename=0.5, seed=7)
    for index, (before, after) in enumerate(zip(passages, renamed, strict=True)):
        assert (after is before) is (index not in changed)
        if index in changed:
            assert after.genuine == before.text
            assert "Tarzan" not in after.text + after.prompt
            name = after.prompt.removeprefix("Write on ").removesuffix(".")
            assert name in after.text  # brief and passage alike
    assert len({renamed[index].prompt for index in changed}) > 3


def test_without_a_share_nothing_changes(passages, ask, base):
    assert apply(passages, ask, base) == passages


def test_a_row_that_would_become_too_long_keeps_its_names(passages, ask, base):
    assert apply(passages, ask, base, rename=1.0, sequence_len=5) == passages


def test_the_passage_before_gets_the_same_names(passages, ask, base):
    context = [make(passage.text, kind="context", stored_before="Here was Tarzan.") for passage in passages[:20]]
    for passage in apply(context, ask, base, rename=1.0):
        name = passage.before.removeprefix("Here was ").removesuffix(".")
        assert name != "Tarzan"
        assert f"then {name} said" in passage.text


def test_a_dataset_trains_on_other_names_and_keeps_the_authors_text(book, ask, tmp_path):
    book = book.replace("Tom Bell", "Zorvath")
    plain, renamed = tmp_path / "plain", tmp_path / "renamed"
    for folder, share in ((plain, 0.0), (renamed, 1.0)):
        folder.mkdir()
        prepare_manuscript(ask(book, rename=share), folder, SilentReporter())
    for split in ("dev", "test"):
        assert (plain / f"{split}.jsonl").read_bytes() == (renamed / f"{split}.jsonl").read_bytes()
    rows = read_rows(renamed / "train.jsonl")
    assert [row.passage for row in rows] == [row.passage for row in read_rows(plain / "train.jsonl")]
    assert any("Zorvath" in row.passage for row in rows)
    assert not any("Zorvath" in row.answer + row.brief for row in rows)
    assert "Zorvath" not in (renamed / "alpaca" / "train.jsonl").read_text()
