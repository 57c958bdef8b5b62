"""The three attentions, by name; light, so that options and commands can name them."""

import enum


class Attention(enum.StrEnum):
    """Which tokens a token sees."""

    CAUSAL = "causal"
    ECHO = "echo"
    BIDIRECTIONAL = "bidirectional"
