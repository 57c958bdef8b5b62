"""What the steps of the recipe share: sizes of the model and of its training texts."""

from csplade.pipelines.contract import Literal

LOWER_LAYERS = 10
"""Lower layers of SmolLM2-135M that are kept as they are."""
TOP_LAYERS = (28, 29)
"""Layers put on top of them and trained."""
VOCABULARY = 32_768
BOS = "<|im_start|>"
DOCUMENT_TOKENS = 80
QUERY_TOKENS = 32
"""Longest training texts, in tokens; the encoder itself reads longer ones."""
DOCUMENT_TERMS = 96
QUERY_TERMS = 8
"""Expansion terms that the graph keeps of a text."""
LITERAL = Literal(k1=1.2, b=0.75, average_words=90.0, default_idf=0.0, analysis="english")
"""The literal path; the idf of unknown words comes from the table."""
STRENGTHS = (0.75, 0.25)
"""Factors on the trained strengths of the expansion, documents and queries; chosen on med and a part of squad-dev."""
GATE_STRENGTHS = (0.0, 0.5)
"""Factors on what training moved the gates away from 1, documents and queries; chosen on the same. The documents' gates
learned on texts of at most 80 tokens and cost 2 to 3% on whole ones."""
