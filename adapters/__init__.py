"""Retrievers for LangChain, LlamaIndex, Haystack and PyTerrier over a `SparseSearch`; one module and one extra each."""
