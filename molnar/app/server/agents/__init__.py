"""What programs that talk for people (agents) may ask for, by the Model Context Protocol.

`tools.py` says what there is and turns a call into orders, `results.py` what came of it into an
answer, and `protocol.py` joins both to the protocol's own library. Whoever draws stands behind a
`Desk`: the server's hub, or the process itself where there is no server.
"""
