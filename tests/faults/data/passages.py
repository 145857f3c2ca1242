"""Faults within a passage: each takes clean paragraphs and gives them back spoilt."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from dataclasses import dataclass

Paragraphs = list[str]
Spoil = Callable[[Paragraphs, random.Random], Paragraphs]

FRENCH = (
    "Le vieil homme descendit vers la rivière avec sa lampe et regarda longtemps l'eau noire qui passait sous le pont. "
    "Il n'y avait personne dans la rue, et les maisons étaient toutes fermées depuis que la pluie avait commencé. "
    "Je ne sais pas ce que vous voulez, dit-il à voix basse, mais je vous prie de partir avant la nuit. "
    "Elle ne répondit rien, car elle avait peur de lui et de ce qu'il allait faire avec la lettre de son frère."
)
GERMAN = (
    "Der alte Mann ging mit seiner Lampe zum Fluss hinunter und sah lange auf das Wasser, das unter der Brücke floss. "
    "Es war niemand auf der Straße, und alle Häuser waren geschlossen, seit der Regen angefangen hatte. "
    "Ich weiß nicht, was Sie wollen, sagte er leise, aber ich bitte Sie, vor der Nacht wieder zu gehen. "
    "Sie antwortete nicht, denn sie hatte Angst vor ihm und vor dem, was er mit dem Brief ihres Bruders tun würde."
)
SPANISH = (
    "El viejo bajó al río con su lámpara y miró durante mucho tiempo el agua que pasaba por debajo del puente. "
    "No había nadie en la calle, y todas las casas estaban cerradas desde que la lluvia había empezado a caer. "
    "No sé lo que usted quiere, dijo en voz baja, pero le ruego que se vaya de aquí antes de la noche. "
    "Ella no le contestó nada, porque tenía miedo de él y de lo que iba a hacer con la carta de su hermano."
)
RUSSIAN = (
    "Старик спустился к реке с лампой и долго смотрел на чёрную воду, которая текла под мостом. "
    "На улице никого не было, и все дома были закрыты с тех пор, как начался дождь. "
    "Я не знаю, что вам нужно, сказал он тихо, но я прошу вас уйти до ночи. "
    "Она ничего не ответила, потому что боялась его и того, что он сделает с письмом её брата."
)
LATIN = (
    "Senex cum lucerna ad flumen descendit et diu aquam nigram sub ponte fluentem spectavit. Nemo erat in via, et omnes"
    " domus clausae erant, cum pluvia iam cecidisset. Nescio quid velitis, inquit, sed vos oro ut ante noctem abeatis."
    " Illa nihil respondit, nam eum timebat et quae ille de epistula fratris eius facturus esset, atque in domum suam"
    " rediit nec quisquam eam ab eo tempore vidit, neque enim ex ea domo umquam est egressa."
)


@dataclass(frozen=True)
class Fault:
    """A kind of fault, the code under which it must be found, and how it is made; `whole` spoils a whole passage."""

    name: str
    code: str
    spoil: Spoil
    whole: bool = False


def insert(*texts: str) -> Spoil:
    """Paragraphs put between two others, one of them, chosen by chance."""

    def spoil(paragraphs: Paragraphs, chance: random.Random) -> Paragraphs:
        at = chance.randrange(1, len(paragraphs))
        return [*paragraphs[:at], chance.choice(texts), *paragraphs[at:]]

    return spoil


def say(*texts: str) -> Spoil:
    """Words put after a sentence in the middle of a long paragraph."""

    def spoil(paragraphs: Paragraphs, chance: random.Random) -> Paragraphs:
        at = chance.choice(longest(paragraphs))
        stops = [match.end() for match in re.finditer(r"[a-z]\. ", paragraphs[at])] or [len(paragraphs[at])]
        stop = chance.choice(stops)
        spoilt = f"{paragraphs[at][:stop]} {chance.choice(texts)} {paragraphs[at][stop:]}"
        return [*paragraphs[:at], spoilt, *paragraphs[at + 1 :]]

    return spoil


def words(change: Callable[[str, random.Random], str], share: float) -> Spoil:
    """A share of the words of the long paragraphs changed."""

    def spoil(paragraphs: Paragraphs, chance: random.Random) -> Paragraphs:
        chosen = longest(paragraphs)
        return [
            " ".join(change(word, chance) if chance.random() < share else word for word in paragraph.split(" "))
            if index in chosen
            else paragraph
            for index, paragraph in enumerate(paragraphs)
        ]

    return spoil


def each(change: Callable[[str], str]) -> Spoil:
    """Every paragraph changed."""
    return lambda paragraphs, _: [change(paragraph) for paragraph in paragraphs]


def longest(paragraphs: Paragraphs) -> list[int]:
    """The indexes of the three longest paragraphs."""
    return sorted(range(len(paragraphs)), key=lambda index: -len(paragraphs[index]))[:3]


def swap_signs(word: str, chance: random.Random) -> str:
    """A letter read as a digit or sign, as scanners do."""
    swaps = [(a, b) for a, b in ("l1", "o0", "e^", "s5", "b6") if a in word[1:-1]]
    if not swaps or not word.isalpha():
        return word
    letter, sign = chance.choice(swaps)
    return word[0] + word[1:-1].replace(letter, sign) + word[-1]


def double_encode(text: str) -> str:
    """Mojibake with a byte lost, which cannot be undone."""
    return text.replace(".", "â€.").replace("and", "andÃ")


def shuffle_letters(word: str, chance: random.Random) -> str:
    """A word that is none."""
    letters = list(word)
    chance.shuffle(letters)
    return "".join(letters) if word.isalpha() and len(word) > 2 else word


def join_words(paragraphs: Paragraphs, chance: random.Random) -> Paragraphs:
    """Spaces lost in the longest paragraph."""
    at = longest(paragraphs)[0]
    parts = paragraphs[at].split(" ")
    start = chance.randrange(max(1, len(parts) - 12))
    joined = [
        *parts[:start],
        "".join(re.sub(r"\W", "", part) for part in parts[start : start + 12]),
        *parts[start + 12 :],
    ]
    return [*paragraphs[:at], " ".join(joined), *paragraphs[at + 1 :]]


def cut_last(paragraphs: Paragraphs, chance: random.Random) -> Paragraphs:
    """The last sentence broken off."""
    kept = paragraphs[longest(paragraphs)[0]].split()
    return [*paragraphs, " ".join(kept[: chance.randrange(12, 24)]).rstrip(".,;:!?\"'") + " the"]


def cut_first(paragraphs: Paragraphs, _: random.Random) -> Paragraphs:
    """The first sentence without its beginning."""
    return ["of which he had never spoken to any of them before.", *paragraphs]


def loop(paragraphs: Paragraphs, chance: random.Random) -> Paragraphs:
    """A generator that got stuck."""
    chosen = [paragraphs[index] for index in longest(paragraphs)]
    sentence = chance.choice(re.findall(r"[A-Z][^.!?]{40,200}[.!?]", " ".join(chosen)) or [chosen[0]])
    return [*paragraphs[:2], " ".join([sentence] * 60), *paragraphs[2:3]]


def template(paragraphs: Paragraphs, chance: random.Random) -> Paragraphs:
    """Sentences from one mould."""
    nouns = sorted(set(re.findall(r"\b[a-z]{5,9}\b", " ".join(paragraphs))))
    mould = [f"She could feel {a} and the {b} in it." for a, b in (chance.sample(nouns, 2) for _ in range(60))]
    return [*paragraphs[:1], " ".join(mould)]


def disorder(paragraphs: Paragraphs, chance: random.Random) -> Paragraphs:
    """The letters of every word in another order."""
    return [" ".join(shuffle_letters(word, chance) for word in text.split(" ")) for text in paragraphs]


def hyphenate(word: str, _: random.Random) -> str:
    """A word as it was cut at the end of a line that is gone."""
    return f"{word[:3]}- {word[3:]}" if word.isalpha() and word.islower() and len(word) > 5 else word


def list_names(paragraphs: Paragraphs, chance: random.Random) -> Paragraphs:
    """An index at the end of a book."""
    surnames = ("Adams", "Brown", "Clark", "Davis", "Evans", "Frank", "Green", "Harris")
    places = ("Boston", "Salem", "York", "Albany", "Trenton", "Dover")
    names = (f"{chance.choice(surnames)} {chance.choice(places)} {chance.randrange(300)}" for _ in range(50))
    return [*paragraphs[:2], ", ".join(names), *paragraphs[2:]]


def list_goods(line: str) -> Spoil:
    """Rows of a table between two paragraphs."""
    goods = ("Flour", "Sugar", "Rope", "Tar", "Salt", "Oil")

    def spoil(paragraphs: Paragraphs, chance: random.Random) -> Paragraphs:
        rows = [line.format(name=name, price=chance.randrange(10, 99)) for name in goods]
        return [*paragraphs[:2], *rows, *paragraphs[2:]]

    return spoil


def shout(paragraphs: Paragraphs, _: random.Random) -> Paragraphs:
    """Some paragraphs in capitals."""
    return [*paragraphs[:1], " ".join(paragraphs[1:4]).upper(), *paragraphs[4:]]


def unjoin(paragraphs: Paragraphs, _: random.Random) -> Paragraphs:
    """Every line a paragraph of its own."""
    return re.findall(r"(?:\S+ ){5,8}", re.sub(r"[.!?]", "", " ".join(paragraphs)))


def count_words(paragraphs: Paragraphs, chance: random.Random) -> Paragraphs:
    """Numbers for small words."""
    return [re.sub(r"\b(?:the|and|of|to)\b", lambda _: str(chance.randrange(1000)), text) for text in paragraphs]


def lengthen(paragraphs: Paragraphs, chance: random.Random) -> Paragraphs:
    """A passage four times as long."""
    return disorder(paragraphs * 4, chance)


def repeat_line(paragraphs: Paragraphs, _: random.Random) -> Paragraphs:
    """One line after each paragraph."""
    return [part for text in paragraphs for part in (text, *["He looked at her and said nothing."] * 2)]


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
