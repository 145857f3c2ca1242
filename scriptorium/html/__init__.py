"""Parts of HTML pages and their pictures."""
