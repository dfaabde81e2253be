"""How good a model is: what was asked, what the judge saw, and how sure we are of it.

The parts: `prompts` (the exam) -> `sources` (who draws) -> `segments`, `shapes`, `checker` (the
judge; `selftest` tests it) -> `proceval` (scores) beside `controls`; `stickers`, `fidelity`; `exam`
runs it all, `report` prints it.
"""
