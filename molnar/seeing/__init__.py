"""Looking at pictures and prompts: what is there, where it is, which words count, what mixes."""
