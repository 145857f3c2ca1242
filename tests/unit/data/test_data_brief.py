import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scriptorium.dataset import CONTINUE
from services.data.brief import find_names, point_of_view, read_lexicon, share_of_dialogue, shares_run, write_briefs

THIRD = (
    "She went with Clara to the cabin, and Clara looked at her and at the ocean while they waited for him there. " * 3
)
FIRST = "I went with Clara to the tower, and she gave me a lamp so that we might find our way down to the river. " * 3


def test_a_brief_reads_like_an_order() -> None:
    (brief, other) = write_briefs([THIRD, FIRST], "brief")
    assert brief is not None
    assert other is not None
    assert brief.startswith("Write a passage of about 70 words from a novel, in the third person, with no dialogue.")
    assert " People and places: Clara." in brief
    assert "cabin" in brief
    assert "clara" not in brief
    assert "in the first person" in other


def test_the_other_prompt_is_constant() -> None:
    assert write_briefs([THIRD, FIRST], "continue") == [CONTINUE, CONTINUE]


def test_what_people_say_is_not_who_tells() -> None:
    spoken = '"I think that I shall go, and I shall take my horse," he said to her. ' * 3
    assert point_of_view(spoken + THIRD) == ", in the third person"
    assert point_of_view(spoken) == ""


@pytest.mark.parametrize(
    ("text", "share"),
    [
        ("He said nothing at all.", "no"),
        ('He went to the door and to the window. "Well," he said, and he waited for a while.', "some"),
        ("“I do not know what you mean,” she said.", "much"),
        ("‘I don’t know what you mean,’ she said.", "much"),
        ("The horses’ heads and the men’s hands were cold.", "no"),
    ],
)
def test_dialogue_is_what_is_quoted(text: str, share: str) -> None:
    assert share_of_dialogue(text).startswith(share)


def test_names_are_capitals_inside_sentences() -> None:
    text = 'Then Tom Bell saw Mr. Mole, the Germans, and Rome. He said, "You are German." '
    text += "Never had Tom Bell been so glad of Rome."
    names = find_names(text, read_lexicon([text, "You never saw then."]))
    assert names[:2] == ["Tom Bell", "Rome"]
    assert len([name for name in names if name.startswith("German")]) == 1
    assert not {"Mr", "Then", "He", "You", "Never"} & set(names)


def test_a_brief_that_would_quote_is_worded_with_less() -> None:
    passage = "A passage of about words, from a novel. " * 10
    assert write_briefs([passage], "brief") == [None]
    listed = "People and places: Rome, Ada, Bell, Clara, it has to do with Rome, Ada, Bell, Clara. " * 5
    (brief,) = write_briefs([listed], "brief")
    assert brief is not None
    assert "People" not in brief
    assert shares_run("one two three, four: five six", "zero One two. Three four five six!")
    assert not shares_run("one two three four five", "one two three four five")


@given(st.lists(st.text(alphabet=st.sampled_from("abC ,.\"I'\n"), min_size=1, max_size=300), min_size=1, max_size=4))
def test_no_brief_quotes_its_passage(texts: list[str]) -> None:
    for text, brief in zip(texts, write_briefs(texts, "brief"), strict=True):
        assert brief is None or (not shares_run(brief, text) and re.match(r"Write a passage of about \d+ words", brief))


def test_a_contracted_pronoun_is_nobodys_name() -> None:
    text = "He said, if I'll go and I've gone, that Clara and I'll meet by the river where Clara waits. " * 4
    assert find_names(text, read_lexicon([text])) == ["Clara"]
