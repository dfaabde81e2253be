"""Captioned pictures: drawn from specs (`world`), or read from files (`folder`, `shards`).

spec -> render -> picture, and spec -> captions -> caption.
"""
