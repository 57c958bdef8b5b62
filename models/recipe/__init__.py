"""How `models/csplade-mini` was made, step by step; see README.md beside this file. Not installed."""
