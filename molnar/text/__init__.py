"""Words in, embeddings out: prompt -> tokens -> embeddings.

`prompt.py` reads what the user typed, `tokens.py` cuts it into pieces, `embeddings.py` (the only
file here that needs torch) turns pieces into vectors, `words.py` says which words the model never
learned, and `meaning.py`, phrase by phrase (`phrases.py`), reads them as names that it did.

Before that, `expansion.py` writes out what a prompt asks for (comments, permutations, variants,
wildcards, styles, `--flags` at its end), and `grammar.py` reads what is left in it for each step:
terms (`AND`, `::`), schedules (`timing.py`), weights and BREAK (`attention.py`).
"""
