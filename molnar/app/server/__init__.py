"""The server: one queue of jobs behind every way to ask for a picture over HTTP."""
