"""Index bodies as JSON; README.md lists the files and their blanks."""
