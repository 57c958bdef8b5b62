"""The layouts of trained models, by name; light, so that the command can name them."""

import enum


class Layout(enum.StrEnum):
    """Known layouts."""

    TRAINED = "trained"
    """Ours."""
    SPARSE_ENCODER = "sparse-encoder"
    """sentence-transformers."""
    DOC_ONLY = "doc-only"
    """OpenSearch: a masked language model for documents, a table for queries."""
    SPLADE = "splade"
    """A masked language model."""
    LACONIC = "laconic"
    LION = "lion"
