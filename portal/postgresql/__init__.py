"""Django's PostgreSQL, but nobody waits for a server that is there and does not answer."""
