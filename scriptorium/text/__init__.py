"""Text as every service counts it: words, runs of words, sentences; and how a brief is worded."""
