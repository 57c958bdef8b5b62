"""CSPLADE: learned sparse retrieval with a causal language model, for OpenSearch and Elasticsearch."""

__version__ = "0.1.0"
