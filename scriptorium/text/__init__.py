"""Text as every service counts it: words, runs of words, sentences."""
