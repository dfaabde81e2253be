"""What people touch: the command line, the server and the studio."""
