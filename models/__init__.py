"""The shipped encoder folders, and the scripts that made them."""
