"""The API's pages for people: their layout and style, the headers that protect them, and the page of an error."""
