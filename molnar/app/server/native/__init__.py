"""Our own API, under /api."""
