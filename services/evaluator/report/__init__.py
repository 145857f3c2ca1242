"""The report: its findings as JSON, its page, its sentences and its pictures."""
