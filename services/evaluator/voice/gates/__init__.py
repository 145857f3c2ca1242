"""What may not go wrong, whatever the score: one gate a file, each with a code, its numbers and a next step."""
