"""Features of text that the voice scores count: words, characters, grammar, habits."""
