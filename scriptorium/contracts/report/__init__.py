"""What report.json and samples.jsonl hold: the document, and a module for each of its parts."""
