"""Faults within a passage: what each is called, the code that must find it, and the way it is made."""

from __future__ import annotations

import re
from dataclasses import dataclass

from tests.faults.data.languages import FRENCH, GERMAN, LATIN, RUSSIAN, SPANISH
from tests.faults.data.ways import (
    Spoil,
    count_words,
    cut_first,
    cut_last,
    disorder,
    double_encode,
    each,
    hyphenate,
    insert,
    join_words,
    lengthen,
    list_goods,
    list_names,
    loop,
    repeat_line,
    say,
    shout,
    swap_signs,
    template,
    unjoin,
    words,
)


@dataclass(frozen=True)
class Fault:
    """A kind of fault, the code under which it must be found, and how it is made; `whole` spoils a whole passage."""

    name: str
    code: str
    spoil: Spoil
    whole: bool = False


FAULTS = [
    # characters
    Fault("replacement characters", "replacement_character", each(lambda text: text.replace("'", "\ufffd"))),
    Fault(
        "one replacement character", "replacement_character", say("It was na\ufffdve of him.", "A caf\ufffd. No more.")
    ),
    Fault("damaged mojibake", "mojibake", each(double_encode)),
    Fault(
        "mojibake of letters", "mojibake", say("La mÃ\xadsica, le cÅ“ur et lâ€ Ã©tÃ.", "Le frâ€re dâ€™AndrÃ, le cÅur.")
    ),
    Fault(
        "question marks for letters", "lost_letter", say("He didn?t know, she wasn?t there.", "It?s na?ve, I?m sure.")
    ),
    Fault("zero-width spaces", "invisible_character", each(lambda text: text.replace(" the ", " \u200bthe "))),
    Fault(
        "soft hyphens",
        "invisible_character",
        each(lambda text: text.replace("tion", "\xadtion").replace("ing", "\xading")),
    ),
    Fault("direction marks", "invisible_character", say("He \u202eturned back\u202c there.")),
    Fault("private-use ligatures", "private_character", each(lambda text: text.replace("th", "\ue031"))),
    Fault(
        "rules of signs",
        "repeated_character",
        say("-------------------- And so it went.", "________________ he wrote."),
    ),
    # scanning
    Fault("scanned letters as digits", "ocr_garbage", words(swap_signs, 0.5)),
    Fault("spaced letters", "spaced_letters", say("It was a g r e a t b i g ship.", "He read: V I R G I N I A on it.")),
    Fault("joined words", "joined_words", join_words),
    Fault(
        "no space after full stops",
        "joined_words",
        each(lambda text: re.sub(r"([a-z][.,;]) (?=[A-Za-z])", r"\1", text)),
    ),
    Fault("hyphens of line ends", "hyphen_left", words(hyphenate, 0.5)),
    Fault("letters in disorder", "strange_words", disorder, whole=True),
    # language
    Fault("French", "other_language", insert(FRENCH)),
    Fault("German", "other_language", insert(GERMAN)),
    Fault("Spanish", "other_language", insert(SPANISH)),
    Fault("Russian", "other_language", insert(RUSSIAN)),
    Fault("Latin", "other_language", insert(LATIN)),
    Fault("an index of names", "no_prose", list_names),
    # frames
    Fault(
        "licence",
        "boilerplate",
        insert(
            "This eBook is for the use of anyone anywhere at no cost.",
            "Permission is granted under the terms of this license agreement.",
            "Copyright (C) 1999 by the author. All rights reserved.",
        ),
    ),
    Fault(
        "imprint",
        "boilerplate",
        insert(
            "ISBN 978-0-00-000000-2. No part of this publication may be reproduced.",
            "First published in Great Britain by Grant and Sons. ISBN 0-00-000000-1",
        ),
    ),
    Fault(
        "transcriber's note",
        "boilerplate",
        insert(
            "Transcriber's note: spelling was left as it is in the original.",
            "[Transcriber's Notes: page headings were removed.]",
        ),
    ),
    Fault(
        "website",
        "boilerplate",
        insert(
            "Next chapter | Chapter list | Sign up for our newsletter and read more.",
            "Previous chapter. Back to top. Leave a comment below.",
        ),
    ),
    Fault("page numbers", "page_furniture", insert("Page 112 of 300", "112 | The Return of the Captain", "p. 211")),
    Fault("page marks", "page_furniture", say("[Page 112 of 300]", "(p. 211)", "(Page 17)")),
    Fault(
        "leaders of a contents list",
        "page_furniture",
        insert("The Return . . . . . . . . . . . . . 112", "The Long Way Home .............. 77"),
    ),
    Fault(
        "web address",
        "link",
        say(
            "See www.example.com for more.",
            "Found on https://books.example.org/x?id=3 today.",
            "More at example.com now.",
        ),
    ),
    Fault(
        "notes to oneself",
        "draft_mark",
        say(
            "TODO describe the room.",
            "[insert name of the ship here]",
            "Lorem ipsum dolor sit amet.",
            "[CHECK: was it 1812?]",
        ),
    ),
    # markup
    Fault(
        "HTML",
        "html_left",
        say("<i>Never!</i> he said.<br/>", 'He <span class="x">turned</span> away.', "<p>It was <b>late</b>.</p>"),
    ),
    Fault("HTML entities", "html_left", say("Tom &amp;amp; Co <br>&nbsp;were there.")),
    Fault(
        "Markdown",
        "markdown_left",
        say(
            "So he said.[^1] No more.",
            "![the map](map.png) lay there.",
            "He read [the letter](https://example.com/a) again.",
            "He typed `print this` and waited.",
        ),
    ),
    Fault("LaTeX", "code_left", say("He was \\emph{very} late.", "\\textit{Never}, he said.")),
    Fault("RTF", "code_left", say("\\par\\pard He was \\i very\\i0 late.")),
    Fault(
        "program text",
        "code_left",
        insert("function tell(story) { return story.end(); }", '{"text": "a story", "id": 4}'),
    ),
    Fault(
        "tokens of a chat template",
        "special_token",
        say("<|im_end|>", "[/INST] Yes. [INST]", "<|eot_id|>", "<start_of_turn>"),
    ),
    Fault("subtitle times", "timestamp", insert("00:12:31,500 --> 00:12:34,000", "[12:31] He came in.")),
    # people
    Fault(
        "e-mail address",
        "email_address",
        say("Write to john.doe@example.com today.", "Ask mary_42 (at) mail.example.org for it."),
    ),
    Fault(
        "telephone number",
        "phone_number",
        say(
            "Call 555-123-4567 or come.",
            "Call +44 20 7946 0958 now.",
            "His number was (212) 555-0147 then.",
            "Tel. 0171/234567 was his.",
        ),
    ),
    # shape
    Fault("broken off at the end", "cut_end", cut_last, whole=True),
    Fault("begins in mid-sentence", "cut_start", cut_first, whole=True),
    Fault("capitals", "all_capitals", shout),
    Fault("no capitals", "no_capitals", each(str.lower), whole=True),
    Fault("no punctuation", "no_punctuation", each(lambda text: re.sub(r"[.,;:!?\"'-]", "", text)), whole=True),
    Fault("lines that were never joined", "verse_layout", unjoin, whole=True),
    Fault("price list", "table_layout", list_goods("{name} of the best quality {price}.50")),
    Fault("table with bars", "table_layout", list_goods("{name} | best | in barrels")),
    Fault("numbers", "many_numbers", count_words, whole=True),
    Fault("empty but for signs", "invalid_training_file", lambda *_: ["* * *", "- - - ?", "...!"], whole=True),
    Fault("too short", "passage_too_short", lambda paragraphs, _: paragraphs[:1], whole=True),
    Fault("too long", "passage_too_long", lengthen, whole=True),
    # repetition and machines
    Fault("one line again and again", "line_repeated", repeat_line),
    Fault("a generator that loops", "low_variety", loop, whole=True),
    Fault("sentences from one mould", "same_sentences", template, whole=True),
    Fault(
        "an assistant's words",
        "assistant_phrase",
        insert(
            "As an AI language model, I cannot continue this story.",
            "Sure, here is the next part of the story:",
            "I hope this helps! Let me know if you want changes.",
            "Here's a rewritten version of your passage.",
        ),
    ),
    Fault(
        "turns of a chat",
        "assistant_phrase",
        insert("User: Please go on with the story.", "Assistant: He went down to the river."),
    ),
]
