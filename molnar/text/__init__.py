"""Words in, embeddings out: prompt -> tokens -> embeddings.

`prompt.py` reads what the user typed, `tokens.py` cuts it into pieces, `embeddings.py` (the only
file here that needs torch) turns pieces into vectors, `words.py` says which words the model never
learned, and `meaning.py`, phrase by phrase (`phrases.py`), reads them as names that it did.
"""
