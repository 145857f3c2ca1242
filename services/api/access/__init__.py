"""Who may ask for what: the scopes of routes, the checks of foreign pages, and the login of a browser."""
