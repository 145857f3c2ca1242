"""Changes that make bad input of good: of bytes, of the tokens of a text, and of the members of an archive.

All are drawn from one random generator, so that a seed and a number give the same input on every machine.
"""

from __future__ import annotations

import io
import math
import re
import struct
import warnings
import zipfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from random import Random

from lxml import etree

from tests.fuzz.xml_mutations import change_tree

MAX_BYTES = 1 << 18  # of an input that grew by repeating a piece of it
TREE_SHARE = 0.6  # of the changes to XML, which stays well-formed
REPEATED_SHARE = 0.03  # of the changes: they find what takes the square of the time
TOKEN = re.compile(rb"\w+|\s+|.", re.DOTALL)
NUMBER = re.compile(rb"-?\d+(?:\.\d+)?")
NUMBERS = [
    b"0", b"-1", b"1", b"255", b"65536", b"2147483647", b"-2147483649", b"9223372036854775808", b"1e999", b"-1e-999",
    b"NaN", b"Infinity", b"1.5", b"0x1F", b"00", b"9" * 400, b"9" * 5000, "٣".encode(), "²".encode(), b"1_000", b"",
]  # fmt: skip
BYTES = [b"\0", b"\xff\xfe", b"\xef\xbb\xbf", b"\xed\xa0\x80", b"\xc0", b"\x1a", b"\r", b"\xe2\x80\xa8", b"\x85"]
TOKENS: dict[str, Sequence[bytes]] = {
    "xml": [
        b"<", b"</", b">", b"/>", b"<!--", b"-->", b"<![CDATA[", b"]]>", b"<?xml", b"?>", b"&amp;", b"&#0;",
        b"&#x110000;",
        b"&lol9;", b'<!DOCTYPE a [<!ENTITY b "b"><!ENTITY c "&b;&b;&b;">]>',
        b"<!DOCTYPE a SYSTEM 'file:///etc/passwd'>",
        b"xmlns:w='x'", b"w:val=''", b"<w:p>", b"</w:p>", b"<w:tbl>", b"<w:txbxContent>", b"<p>", b"</p>", b"<table>",
        b"<td>", b"<text:p>", b"<text:h>", b"<section>", b"<title>", b"<body>", b"</body>", b"<ruby>", b"<rt>", b"<a>",
        b"<sup>", b"<pre>", b"<svg>", b"hidden", b"style='display:none'", b"id='a'", b"<w:del>", b"<style>", b"<nav>",
    ],
    "rtf": [
        b"{", b"}", b"\\", rb"\par ", rb"\page ", rb"\u-3 ?", rb"\u55357 ?", rb"\'ff", rb"\bin9999999999 ", rb"\*",
        rb"\s1 ",
        rb"{\info{\title ", rb"{\stylesheet{\s1 heading 1;}}", rb"\fcharset134 ", rb"\ansicpg65001 ", rb"\f0 ",
        rb"\uc16 ",
        rb"\intbl ", rb"\cell ", rb"\row ", rb"{\pict ", rb"{\footnote ", rb"\deleted ", rb"\v ", rb"{\*\shpinst ",
        rb"\trowd ",
    ],
    "pdf": [
        b"<<", b">>", b"[", b"]", b"(", b")", b"endobj", b"stream\n", b"endstream", b"1 0 R", b"2 0 R", b"/Kids",
        b"/Parent",
        b"/Length", b"/Filter/FlateDecode", b"/Filter/LZWDecode", b"/Filter[/ASCII85Decode/ASCIIHexDecode]",
        b"/Encrypt 1 0 R",
        b"/Prev 0", b"startxref", b"/ObjStm", b"/Type/XRef/W[1 2 1]", b"q ", b"Q ", b"cm ", b"Tm ", b"Tj ", b"TJ ",
        b"Do ",
        b"BI ID EI ", b"/ToUnicode 4 0 R", b"/Encoding/Identity-H", b"/Predictor 15/Columns 0", b"1e40", b"/#", b"<</",
    ],
    "json": [
        b"{", b"}", b"[", b"]", b",", b":", b'"', b"null", b"true", b"{}", b"[]", b'""', b'"\\ud800"', b'"\\u0000"',
        b'"messages"', b'"role":"assistant",', b'"role":"user",', b'"content":null,', b'"weight":0,', b'"a":1,"a":2,',
        b"\n",
        b'"data_offsets":[0,0]', b'"dtype":"F64"', b'"shape":[]', b'"__metadata__":{}', b'"F8_E4M3"', b'"I64"',
    ],
    "yaml": [
        b"&a [*a]", b"*a", b"&a", b"<<: *a", b"!!python/object:os.system", b"!!timestamp 2001-99-99", b"2001-99-99",
        b"2001-12-14t21:59:43.10-99:99", b"!!binary x", b"!!int x", b"!!set {a, b}", b"? ", b"- ", b": ", b"{", b"}",
        b"[", b"]",
        b"|\n", b">\n", b"---\n", b"...\n", b"%YAML 9.9\n", b"\t", b"#", b"'", b'"', b"~", b"1:99:99", b"0b2",
        b".nan", b"@",
    ],
    "text": [
        b"\n", b"\n\n", b"\f", b"\t", b"    ", b"# ", b"---\n", b"***", b"~~~\n", b"```\n", b"> ",
        b"| a | b |\n|---|---|\n",
        b"[[", b"]]", b"[^1]", b"[^1]: ", b"%%", b"==", b"![[", b"/*", b"*/", b"<!--", b"<b>", b"^", b"_", b"*",
        b"[a]: ", b"Title: ",
        b"   a\n", b"a: b\n", b"Chapter ", b"CHAPTER IX\n", "第一回\n".encode(), b"_a_", b"* * *\n", b"=", b"===\n",
        b"!", b"@", b"~", b">",
        b"<", b"*** START OF THE PROJECT GUTENBERG EBOOK ***\n", "â€™".encode(), b"&amp;", "\u200b".encode(), b"1.\n",
        b"- a\n",
    ],
}  # fmt: skip
NAMES = [
    "../../a.txt", "/etc/passwd", "C:\\a.txt", "a\0b.txt", ".hidden.txt", "", "/", "a/", "x" * 3000 + ".txt",
    "\ud800.txt",
    "Chapter " + "9" * 5000 + ".txt", "Chapter ².md", "١.txt", "a.docx", "b.epub", "c.jsonl", "d.pdf", "e.zip",
    "chunk_1.txt",
    "Sea.scriv/Sea.scrivx", "Epilogue.txt", "IX.txt", "a\x1b[2Jb.txt", "con.rtf", "f.fb2.zip", "a.odt",
    "word/document.xml",
]  # fmt: skip
KINDS = {
    "xml": "xml", "xhtml": "xml", "html": "xml", "opf": "xml", "ncx": "xml", "rels": "xml", "scrivx": "xml",
    "fb2": "xml",
    "rtf": "rtf", "pdf": "pdf", "json": "json", "jsonl": "json", "yaml": "yaml",
}  # fmt: skip  # of tokens, by the extension of a member
Mutator = Callable[[Random, bytes], bytes]


def change_bytes(random: Random, raw: bytes) -> bytes:
    """Flip, insert, drop, double or cut bytes, without regard to what they mean."""
    data = bytearray(raw)
    for _ in range(random.choice((1, 1, 2, 4, 16))):
        place, size = random.randrange(len(data) + 1), 1 << random.randrange(8)
        match random.randrange(7):
            case 0 if place < len(data):
                data[place] ^= 1 << random.randrange(8)
            case 1:
                data[place:place] = random.choice(BYTES)
            case 2:
                del data[place : place + size]
            case 3:
                data[place:place] = data[place : place + size]
            case 4:
                value = random.choice(
                    (0, 1, 0x7F, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF, 1 << 62, (1 << 64) - 1)
                )
                field = value.to_bytes(8, "little")[: random.choice((1, 2, 4, 8))]
                data[place : place + len(field)] = field
            case 5:
                data[place : place + size] = random.randbytes(size)
            case _ if random.random() < 0.2:
                del data[place:]
    return bytes(data)


def change_tokens(kind: str) -> Mutator:
    """Return what drops, doubles, swaps, nests and replaces the tokens of a text of a kind."""

    def change(random: Random, raw: bytes) -> bytes:
        tokens = TOKEN.findall(raw)
        for _ in range(random.choice((1, 1, 2, 4, 8))):
            place, end = sorted((random.randrange(len(tokens) + 1), random.randrange(len(tokens) + 1)))
            end = min(end, place + random.choice((1, 2, 8, 64)))
            match random.randrange(8):
                case 0:
                    del tokens[place:end]
                case 1:
                    tokens[place:place] = tokens[place:end]
                case 2:
                    tokens[place:end] = reversed(tokens[place:end])
                case 3 | 4:
                    tokens[place:place] = [random.choice(TOKENS[kind])]
                case 5:
                    tokens[place:end] = [random.choice(TOKENS[kind])]
                case 6:
                    numbers = [index for index, token in enumerate(tokens) if NUMBER.fullmatch(token)]
                    if numbers:
                        tokens[random.choice(numbers)] = random.choice(NUMBERS)
                case _:
                    tokens[place:place] = [random.choice(BYTES)]
        return b"".join(tokens)

    return change


def repeat_piece(random: Random, raw: bytes, kind: str) -> bytes:
    """Repeat a piece of an input, or a token, up to MAX_BYTES: a depth, a list or a line without an end."""
    start = random.randrange(len(raw) + 1)
    piece = random.choice((random.choice(TOKENS[kind]), raw[start : start + (1 << random.randrange(9))])) or b" "
    if random.random() < 0.3:
        piece += random.choice(TOKENS[kind])
    size = 1 << random.randrange(4, int(math.log2(MAX_BYTES)))
    return raw[:start] + piece * (size // len(piece)) + raw[start:]


def change_text(kind: str) -> Mutator:
    """Return what changes a text: its bytes, its tokens, or how often a piece of it comes."""
    tokens = change_tokens(kind)

    def change(random: Random, raw: bytes) -> bytes:
        if kind == "xml" and random.random() < TREE_SHARE:
            with suppress(etree.XMLSyntaxError):
                return change_tree(random, raw)
        changed = (change_bytes if random.random() < 0.25 else tokens)(random, raw)
        return repeat_piece(random, changed, kind) if random.random() < REPEATED_SHARE else changed

    return change


def change_archive(random: Random, raw: bytes) -> bytes:
    """Change the members of an archive, their names, sizes and flags, or the archive as bytes."""
    if random.random() < 0.1:
        return change_bytes(random, raw)
    with zipfile.ZipFile(io.BytesIO(raw)) as archive:
        members = [(name, archive.read(name)) for name in archive.namelist()]
    for _ in range(random.choice((1, 1, 1, 2, 3))):
        place = random.randrange(len(members))
        name, content = members[place]
        match random.randrange(12):
            case 0:
                members[place] = (random.choice(NAMES), content)
            case 1:
                members.insert(0, (name, random.choice(members)[1]))
            case 2 if len(members) > 1:
                del members[place]
            case 3 if random.random() < 0.05:
                members[place] = (name, bytes(random.choice((1 << 20, 3 << 20, 40 << 20))))
            case 4 if random.random() < 0.05:
                members += [(f"{number}.txt", b"a") for number in range(random.choice((100, 1000, 20_001)))]
            case 5:
                members[place] = (name, random.choice(members)[1])
            case _:
                members[place] = (name, change_text(find_kind(name))(random, content))
    packed = pack(members, random.choice((zipfile.ZIP_DEFLATED, zipfile.ZIP_STORED)))
    return lie_about_members(random, packed) if random.random() < 0.1 else packed


def find_kind(name: str) -> str:
    """Return the kind of the tokens of a file, by its extension."""
    return KINDS.get(name.rpartition(".")[2].lower(), "text")


def pack(members: Sequence[tuple[str, bytes]], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """Return an archive; a name may come twice, and may be none."""
    target = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(target, "w", method, compresslevel=1) as archive:
        warnings.simplefilter("ignore")  # of a name that comes twice
        for name, content in members:
            info = zipfile.ZipInfo("x")
            info.filename = name.encode("utf-8", "replace").decode()
            info.compress_type = method
            archive.writestr(info, content)
    return target.getvalue()


def lie_about_members(random: Random, raw: bytes) -> bytes:
    """Change a field of an entry in an archive's table of contents: its flags, method, checksum, sizes or place."""
    data = bytearray(raw)
    entries = [match.start() for match in re.finditer(rb"PK\x01\x02", raw)]
    offset, code = random.choice(
        ((8, "<H"), (10, "<H"), (16, "<L"), (20, "<L"), (24, "<L"), (28, "<H"), (30, "<H"), (42, "<L"))
    )
    place = random.choice(entries) + offset if entries else 0
    limit = 1 << 8 * struct.calcsize(code)
    value = random.choice((0, 1, 0x41, 12, 14, 8, 0x7FFF, limit - 1, limit // 2, random.randrange(limit))) % limit
    if place + 4 <= len(data):
        struct.pack_into(code, data, place, value)
    return bytes(data)
