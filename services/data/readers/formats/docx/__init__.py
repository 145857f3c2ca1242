"""Word's .docx: its parts, its styles and numbers, its paragraphs, and headings that no style marks."""

from services.data.readers.formats.docx.read import read_docx

__all__ = ["read_docx"]
