"""Making and measuring models: data, training, distillation, evaluation (extra `molnar[train]`)."""
