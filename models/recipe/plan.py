"""What the steps of the recipe share: sizes of the model and of its training texts."""

LOWER_LAYERS = 10
"""Lower layers of SmolLM2-135M that are kept as they are."""
TOP_LAYERS = (28, 29)
"""Layers put on top of them and trained."""
VOCABULARY = 32_768
BOS = "<|im_start|>"
DOCUMENT_TOKENS = 80
QUERY_TOKENS = 32
"""Longest training texts, in tokens; the encoder itself reads longer ones."""
