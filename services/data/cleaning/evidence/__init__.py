"""The evidence for headings: words of languages, the numbering of a book, the lines under its headings."""
