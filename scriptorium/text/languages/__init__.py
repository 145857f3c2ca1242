"""Languages as data, one file for each, and the one place where the language of a text is detected."""
