"""The ground every stage stands on: types, errors, files, randomness; imports no stage."""
