import re
from html.parser import HTMLParser
from itertools import pairwise, product

import pytest

from scriptorium.contracts import FindingsDecision
from scriptorium.contracts.report.document import TrainingLosses
from scriptorium.contracts.report.scenes import LeakedName, LeakShare, NewScenes, SceneLeak
from services.evaluator.report.page import render_page, split_paragraphs
from tests.report_example import CURVE, DROP, HOSTILE, make_pair, make_report, make_sample

VOID = {"meta", "line", "circle", "polyline", "link", "br", "img"}


class Outline(HTMLParser):
    """The tags, attributes and text of a page; checks that every element is closed."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


@pytest.mark.parametrize(("others", "training"), list(product([None, DROP], [CURVE, TrainingLosses()])))
def test_every_variant_is_well_formed(others, training):
    outline = Outline(render_page(make_report(others, training), [make_pair()]))
    assert outline.open == []
    pictures = [attributes for tag, attributes in outline.tags if tag == "svg"]
    assert len(pictures) == (4 if training.train else 2)  # each once for a phone
    assert [attributes["class"] for attributes in pictures].count("narrow") == len(pictures) / 2
    ids = [attributes["id"] for _, attributes in outline.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    for attributes in pictures:
        assert attributes["role"] == "img"
        assert set((attributes["aria-labelledby"] or "").split()) <= set(ids)
    assert ("No losses were logged" in "".join(outline.text)) is not bool(training.train)


def test_text_is_escaped_everywhere():
    page = render_page(make_report(title=HOSTILE), [make_pair(HOSTILE, genuine=HOSTILE)])
    outline = Outline(page)
    assert "script" not in {tag for tag, _ in outline.tags}
    assert "<script" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; &#34;quoted&#34; {{ 7 * 7 }}" in page
    assert "49" not in [text.strip() for text in outline.text]


def test_the_suffix_comes_second_and_the_findings_are_told():
    decision = FindingsDecision(
        codes={"link": 2}, share=0.012, tolerated=0.02, recommended="go_on", asked=False, answer="go_on"
    )
    report = make_report(title="The River").model_copy(update={"suffix": "second try", "findings": decision})
    page = render_page(report, [make_pair()])
    assert "<h1>The River</h1>" in page
    assert "Named <b>second try</b>" in page
    assert "with 2 debatable findings, which touch 1.2\u00a0% of its passages. Up to 2\u00a0% are tolerated" in page
    left_out = decision.model_copy(update={"left_out": True})
    page = render_page(report.model_copy(update={"findings": left_out}), [make_pair()])
    assert "1.2\u00a0% of its passages, all of them left out of training." in page
    rare = decision.model_copy(update={"codes": {"link": 1}, "share": 0.0004})
    page = render_page(report.model_copy(update={"findings": rare}), [make_pair()])
    assert "with 1 debatable finding, which touches less than 0.1\u00a0% of its passages." in page
    asked = decision.model_copy(update={"asked": True, "recommended": "stop", "share": 1.0})
    page = render_page(report.model_copy(update={"findings": asked}), [make_pair()])
    assert "which touch it as a whole. That was decided against the advice." in page
    for answered_by, sentence in (
        ("person", "That was decided against the advice."),
        ("policy", "The recipe decided that, as advised."),
        ("nobody", "Nobody could be asked: that was against the advice."),
    ):
        update = {"answered_by": answered_by, "recommended": "go_on" if answered_by == "policy" else "stop"}
        page = render_page(report.model_copy(update={"findings": asked.model_copy(update=update)}), [make_pair()])
        assert sentence in page
    assert "debatable" not in render_page(make_report(), [make_pair()])


def test_code_in_our_sentences_is_code():
    report = make_report()
    verdict = report.verdict.model_copy(update={"caveats": ["Run `scriptorium impostors install`."]})
    page = render_page(report.model_copy(update={"verdict": verdict}), [make_pair("She said `no`.")])
    assert "Run <code>scriptorium impostors install</code>." in page
    assert "She said `no`." in page  # not the model's words


def test_new_scenes_are_shown_with_their_leaked_names_marked():
    share = LeakShare(passages=9, leaking=3, share=1 / 3, low=0.12, high=0.65)
    new_scenes = NewScenes(
        language="en", skipped=0, own_names=2, tuned=share, base=share, names=[LeakedName(name="Numa", passages=3)],
        leaking=[SceneLeak(index=index, names=["Numa"]) for index in (2, 5, 7)], outcome="warn", finding="3 of 9 <x>",
        next_step="Set data.rename.",
    )  # fmt: skip
    scenes = [
        make_sample(role="tuned", split="scene", index=index, brief=HOSTILE, text=f"No {index}: numa, NUMA’s Numan.")
        for index in range(9)
    ]
    report = make_report().model_copy(update={"scenes": new_scenes})
    page = render_page(report, [make_pair()], scenes=scenes)
    outline = Outline(page)
    assert outline.open == []
    assert "script" not in {tag for tag, _ in outline.tags}
    assert page.count("<mark>NUMA</mark>’s Numan.") == 2  # two of the three that leak, and two others
    assert page.count("<mark>") == 2
    assert [int(number) for number in re.findall(r"No (\d): numa", page)] == [0, 2, 4, 5]
    assert "3 of 9 &lt;x&gt; Set data.rename." in page
    assert 'id="scenes"' not in render_page(make_report(), [make_pair()])


def test_page_needs_nothing_from_outside():
    outline = Outline(render_page(make_report(DROP), [make_pair() for _ in range(12)]))
    assert not {"img", "link", "script", "iframe"} & {tag for tag, _ in outline.tags}
    assert not [a for _, a in outline.tags if {"src", "href"} & set(a)]
    policy = [a["content"] for _, a in outline.tags if a.get("http-equiv") == "Content-Security-Policy"]
    assert policy == ["default-src 'none'; style-src 'unsafe-inline'"]


def test_page_is_small():
    long = "word " * 2000
    assert len(render_page(make_report(DROP), [make_pair(long, genuine=long) for _ in range(12)]).encode()) < 1_000_000


def test_headings_go_down_step_by_step():
    outline = Outline(render_page(make_report(), [make_pair()]))
    levels = [int(tag[1]) for tag, _ in outline.tags if tag in {"h1", "h2", "h3", "h4"}]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(later - earlier <= 1 for earlier, later in pairwise(levels))
    assert dict(outline.tags)["html"]["lang"] == "en"


def test_a_long_passage_of_the_author_is_folded():
    genuine = " ".join(f"word{n}" for n in range(500))
    outline = Outline(render_page(make_report(), [make_pair(genuine=genuine)]))
    assert "457 more words" in outline.text
    text = " ".join(outline.text)
    assert "word0 " in text
    assert "word499" in text


def test_a_model_that_wrote_nothing():
    assert render_page(make_report(), [make_pair("")]).count("(nothing was written)") == 2


def test_paragraphs():
    assert split_paragraphs("One\r\n\r\n two\x00 \n \nthree\x1b[31m") == ["One", "two", "three[31m"]
