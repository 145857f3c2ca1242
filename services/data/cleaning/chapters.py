"""The chapters of a book, found by headings, else by page breaks, else by wide gaps; headings do not train."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, partial
from itertools import takewhile

from scriptorium.text.word_spans import count_running_words
from services.data.cleaning.back_matter import drop_back_matter
from services.data.cleaning.doubt import could_be_poem, could_be_story, find_repeated_lines, is_prose
from services.data.cleaning.evidence.heading_words import by_somebody, matter, notice
from services.data.cleaning.evidence.subtitles import find_subtitles
from services.data.cleaning.headings import (
    SENTENCE_END,
    WIDE_GAP,
    BlockKind,
    classify,
    is_numbered,
    split_heading,
)
from services.data.cleaning.layout import Block, Layout, join_blocks
from services.data.cleaning.opening_capitals import lower_openings
from services.data.cleaning.steps import CleaningLog, StepName

MIN_MEAN_CHAPTER_WORDS = 1000  # else page breaks and gaps are only the look of the page
MAX_NOTICE_WORDS = 80
MAX_FRONT_MATTER_SHARE = 0.2  # of the book's words: more that looks like notices is a story without ends of sentences
MIN_OPENING_WORDS = 60  # before the first heading: a chapter, not a title page
STEPS = {
    BlockKind.HEADING: StepName.HEADINGS,
    BlockKind.SUBTITLE: StepName.HEADINGS,
    BlockKind.SCENE_BREAK: StepName.SCENE_BREAKS,
}


@dataclass
class Chapter:
    """A title, unique in its manuscript, and cleaned paragraphs with the lines at which they begin in their file."""

    title: str
    paragraphs: list[str] = field(default_factory=list)
    lines: Sequence[int] = ()
    name_place: Callable[[int], str] = str
    source: str = ""  # the name of the file

    @property
    def words(self) -> int:
        """The number of words."""
        return sum(map(count_running_words, self.paragraphs))

    def locate(self, paragraph: int) -> str:
        """Return the place of a paragraph: in the file, if known, and the chapter."""
        return f"{self.name_place(self.lines[paragraph])}, {self.title}" if self.lines else self.title


@dataclass
class HeadedBlocks:
    """Headings and the blocks of text that follow them."""

    headings: list[str] = field(default_factory=list)
    blocks: list[Block] = field(default_factory=list)


def find_chapters(layout: Layout, log: CleaningLog, *, opens: bool = True) -> list[Chapter]:
    """Return the chapters without headings, front and back matter; at least one if there is text.

    With `opens` False the text continues a book and has no front matter.
    """
    layout = replace(layout, blocks=drop_back_matter(choose_breaks(layout), layout, log))
    groups = split_at_headings(layout, log)
    groups = drop_front_matter(groups, layout.language.code, log) if opens else groups
    texts = [join_blocks(group.blocks, layout, log) for group in groups]
    first_paragraphs = lower_openings([(text[0], lines[0]) for text, lines in texts], layout.vocabulary, log)
    return [
        Chapter(name_chapter(group.headings, number), [first, *text[1:]], lines, log.place_namer())
        for number, (group, first, (text, lines)) in enumerate(
            zip(groups, first_paragraphs, texts, strict=True), start=1
        )
    ]


def choose_breaks(layout: Layout) -> list[Block]:
    """Return the blocks with the page breaks that can be those of chapters; without headings, wide gaps count, too."""
    if layout.has_headings:
        return layout.blocks
    blocks = [part for block in layout.blocks for part in split_heading(block, layout)]
    words = layout.vocabulary.words
    page_breaks = [block.page_break for block in blocks]
    wide_gaps = [block.page_break or block.gap >= layout.usual_gap + WIDE_GAP for block in blocks]
    kinds = (classify(set_page_break(block, False), layout, after_heading=False) for block in blocks)
    candidates = [page_breaks] if BlockKind.HEADING in kinds else [wide_gaps, page_breaks]
    for breaks in candidates:
        if words >= MIN_MEAN_CHAPTER_WORDS * sum(breaks):
            return list(map(set_page_break, blocks, breaks))
    return [replace(block, page_break=False, seam=block.seam or block.page_break) for block in blocks]


def set_page_break(block: Block, page_break: bool) -> Block:
    """Return a block with or without a page break before it."""
    return block if block.page_break == page_break else replace(block, page_break=page_break)


def split_at_headings(layout: Layout, log: CleaningLog) -> list[HeadedBlocks]:
    """Group the text by the headings before it; leave out the entries of a table of contents."""
    groups = [HeadedBlocks()]
    in_contents = False
    subtitles = find_subtitles(layout) if not layout.has_headings else frozenset()
    repeated_lines = cache(partial(find_repeated_lines, layout.blocks))
    for block in layout.blocks:
        group = groups[-1]
        opens = bool(group.headings) and not group.blocks
        kind = classify(block, layout, after_heading=opens)
        if opens and kind in (BlockKind.TEXT, BlockKind.SUBTITLE) and not layout.has_headings:
            kind = judge_title(kind, group.headings, block.line in subtitles)
        if group.blocks and (block.page_break or kind in (BlockKind.HEADING, BlockKind.CONTENTS)):
            group = HeadedBlocks()
            groups.append(group)
        in_contents = kind is BlockKind.CONTENTS or (in_contents and not (kind is BlockKind.TEXT and is_prose(block)))
        if kind is BlockKind.TEXT and not in_contents:
            group.blocks.append(block)
            continue
        if kind in (BlockKind.HEADING, BlockKind.SUBTITLE) and not group.blocks:
            group.headings.append(block.text)  # a scene's own heading names no chapter
        step = STEPS.get(kind, StepName.CONTENTS)
        doubtful = step is StepName.CONTENTS and could_be_poem(block, repeated_lines())
        if not log.change(step, block.line, block.text, doubtful=doubtful):
            group.blocks.append(block)
    return [group for group in groups if group.blocks]


def judge_title(kind: BlockKind, headings: Sequence[str], is_title: bool) -> BlockKind:
    """Return the kind of a block under headings: under a numbered one a title needs evidence."""
    if is_title:
        return BlockKind.SUBTITLE
    return BlockKind.TEXT if any(map(is_numbered, headings)) else kind


def drop_front_matter(groups: list[HeadedBlocks], language: str, log: CleaningLog) -> list[HeadedBlocks]:
    """Return the groups from the first numbered heading on, or from an earlier one that has enough of the story.

    What is wanted of the front matter nevertheless opens the first of them.
    """
    limit = MAX_FRONT_MATTER_SHARE * sum(block.words for group in groups for block in group.blocks)
    wanted: list[Block] = []
    for index, group in enumerate(groups):
        if any(map(is_numbered, group.headings)):
            return [HeadedBlocks(group.headings, [*wanted, *group.blocks]), *groups[index + 1 :]]
        blocks = drop_imprint(group.blocks, limit, language)
        outside = any(map(matter(language).match, group.headings))
        is_story = not outside and sum(block.words for block in blocks) >= MIN_OPENING_WORDS
        if is_story or index == len(groups) - 1:
            blocks = blocks or group.blocks
            wanted += keep_wanted(group.blocks[: len(group.blocks) - len(blocks)], outside, log)
            return [HeadedBlocks(group.headings, [*wanted, *blocks]), *groups[index + 1 :]]
        wanted += keep_wanted(group.blocks, outside, log)
    return []


def keep_wanted(blocks: Iterable[Block], outside: bool, log: CleaningLog) -> list[Block]:
    """Leave out blocks that come before the story; return those that are wanted nevertheless."""
    return [
        block
        for block in blocks
        if not log.change(StepName.FRONT_MATTER, block.line, block.text, doubtful=not outside and could_be_story(block))
    ]


def drop_imprint(blocks: list[Block], limit: float, language: str) -> list[Block]:
    """Return the blocks from the first one that is not a title, name, dedication or notice; all of `limit` words."""
    imprint = list(takewhile(lambda block: block.words < MAX_NOTICE_WORDS and is_notice(block.text, language), blocks))
    return blocks if sum(block.words for block in imprint) > limit else blocks[len(imprint) :]


def is_notice(text: str, language: str) -> bool:
    """Return whether a text is about the book, or not a sentence; "By Edgar Allan Poe" may end in a full stop."""
    return bool(notice(language).search(text) or by_somebody(language).match(text)) or not SENTENCE_END.search(text)


def name_chapter(headings: list[str], number: int) -> str:
    """Return the innermost numbered heading with its title; a plain count if there is none."""
    numbered = [index for index, text in enumerate(headings) if is_numbered(text)]
    chosen = headings[numbered[-1] :] if numbered else headings[-1:]
    return ": ".join(" ".join(text.lstrip("# ").split()) for text in chosen) or f"Chapter {number}"


def make_unique(chapters: Iterable[Chapter]) -> Iterator[Chapter]:
    """Yield the chapters as they come, later ones of the same title numbered."""
    counts: Counter[str] = Counter()
    for chapter in chapters:
        counts[chapter.title] += 1
        number = counts[chapter.title]
        yield chapter if number == 1 else replace(chapter, title=f"{chapter.title} ({number})")
