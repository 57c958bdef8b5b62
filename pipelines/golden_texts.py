"""Texts of the golden vectors, written for this: plain, long words, names and codes, other scripts, edge cases."""

from random import Random

DOCUMENTS = (
    "Bread goes stale because its starch crystallises; wrapping the loaf in a cloth slows the loss of moisture.",
    "The pump failed at 04:17 when valve XJ-4400B stuck half open and pressure rose above 3.5 bar.",
    "Photosynthesis turns light, water and carbon dioxide into sugar and oxygen inside the chloroplasts of plants.",
    "To reset your password, open the account page, choose security and follow the link in the message we send you.",
    "Patients with atrial fibrillation who receive anticoagulants have a lower risk of stroke but bleed more often.",
    "def retry(function, attempts=3): calls the function again when it raises TimeoutError",
    "Zürich, São Paulo and Kraków signed the agreement; 東京 and Москва joined in 2019.",
    "The tenant shall give written notice no later than thirty days before the lease ends.",
    "Shipping is free. " * 40,
    "ok",
    "...",
    "",
)
QUERIES = (
    "how do I keep a loaf fresh",
    "valve XJ-4400B",
    "how do plants make food",
    "forgot my login",
    "blood thinners for irregular heartbeat",
    "what is it",
    "repeat a call after a timeout",
    "Москва",
    "",
)


def filling(tokens: int) -> str:
    """Return words of the texts above in an order by chance, always the same: as many as tokens are to be filled."""
    words = " ".join(DOCUMENTS + QUERIES).split()
    return " ".join(Random(0).choices(words, k=tokens))
