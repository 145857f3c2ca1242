"""The dataset on disk: rows, their verification, and the quality page."""
