"""The site for a book's owner, in rooms: jobs, sending a book, chat and models. Its layout is that of `pages`."""
