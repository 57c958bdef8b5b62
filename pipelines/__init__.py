"""The model side: text in, sparse vectors out. Never imports `csplade.integration`."""
