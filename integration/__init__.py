"""The cluster side: index, ingest, search. Is handed an encoder; never imports torch, transformers or onnxruntime."""
