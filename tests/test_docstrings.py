"""Source text becomes entries: which names, and which part of their docstrings."""

import pytest
from csplade.pipelines.docstrings import LONGEST_TEXT, Entry, entry, prose, read_module

SOURCE = '''
"""Bake bread of all kinds."""
from .ovens import Oven, heat as warm
from bakery._dough import *

__all__ = ["Loaf"]
__all__ += ["slice_loaf"]
__all__.append("later")

class Loaf:
    """A loaf that can be sliced."""
    def weigh(self):
        """Return the weight in grams."""
    @property
    def crust(self):
        """How dark the crust has become."""
    def _secret(self):
        """Nobody should read this here."""
    def __len__(self):
        """Nobody should read this either."""
    class Crumb:
        """What remains on the table."""

try:
    import fast
except ImportError:
    async def slice_loaf(loaf):
        """Cut a loaf in thin slices."""
        def inner():
            """Not visible from outside at all."""
else:
    if True:
        def later():
            """Come back when it is baked."""

def short():
    """Internal helper."""
def silent(): pass
'''


def test_every_public_name_with_a_docstring_is_an_entry() -> None:
    module = read_module(SOURCE)
    assert [(item.id, item.text) for item in module.entries] == [
        ("", "Bake bread of all kinds."),
        ("Loaf", "A loaf that can be sliced."),
        ("Loaf.weigh", "Return the weight in grams."),
        ("Loaf.crust", "How dark the crust has become."),
        ("Loaf.Crumb", "What remains on the table."),
        ("slice_loaf", "Cut a loaf in thin slices."),
        ("later", "Come back when it is baked."),
    ]


def test_what_a_module_exports_and_borrows() -> None:
    module = read_module(SOURCE)
    assert module.exported == frozenset({"Loaf", "slice_loaf", "later"})
    # A name that is borrowed under another name is another name.
    assert module.borrowed == ((".ovens", "Oven"), ("bakery._dough", "*"))


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("", None),
        ("__all__ = ['a', 'b']", {"a", "b"}),
        ("__all__ = 'a', 'b'", {"a", "b"}),
        ("__all__ = ['a']\n__all__.extend(['b'])", {"a", "b"}),
        ("if x:\n __all__ = ['a']", {"a"}),
        ("__all__ = ['a']\n__all__ += other.__all__", None),
        ("__all__ = ['a']\n__all__.extend(f())", None),
        ("__all__ = [*f()]", None),
    ],
)
def test_exported_names_are_known_or_computed(source: str, names: set[str] | None) -> None:
    assert read_module(source).exported == names


def test_nothing_of_a_module_is_run() -> None:
    assert read_module("raise SystemExit\n").entries == ()


def test_broken_source_is_told() -> None:
    with pytest.raises(SyntaxError):
        read_module("def (")


@pytest.mark.parametrize(
    ("name", "docstring", "text"),
    [
        ("f", "One line.", "One line."),
        ("f", "First line\n    of two.\n\n    Second paragraph\n    ", "First line of two. Second paragraph."),
        # Signatures, as C modules write them.
        ("f", "f(x[, y]) -> list\n\nReturn it.", "Return it."),
        ("f", "f(x) --> list of ints. Return it.", "Return it."),
        ("pop", "D.pop(k[,d]) -> v, remove the key.", "remove the key."),
        (
            "update",
            "D.update([E, ]**F) -> None.  Update D from E.\nIf E is short, so is F.",
            "Update D from E. If E is short, so is F.",
        ),
        ("f", "f(a=(1, 2)) -> (first, second)\n\nReturn both.", "Return both."),
        ("f", "f(x) -- do it", "do it."),
        (
            "f",
            "f() -> a thing\nf(x) -> a new thing that holds\n    what is in x\n\nMore.",
            "a new thing that holds what is in x. More.",
        ),
        ("f", "f() -> same as g(x, y)", "same as g(x, y)."),
        ("f", "f(unclosed is text.", "unclosed is text."),
        ("f", "fun(x) is another name.", "fun(x) is another name."),
        # Markup, examples and lists.
        ("f", "Call :func:`~os.walk` or ``None``.", "Call os.walk or None."),
        ("f", "Do it.\n\n>>> f(1)\n2\n\nLast words.", "Do it. Last words."),
        ("f", "Do it, like\n>>> f(1)\n2", "Do it, like."),
        ("f", "Title\n=====\n\nProse.", "Title. Prose."),
        ("f", "Do it as you like:\n    code()\n\nProse.", "Do it as you like: Prose."),
        ("f", "Do it::\n\n    code()\n\nProse.", "Do it: Prose."),
        ("f", "Arguments:\n    - one\n\nProse.", "Prose."),
        ("f", "key\n  What it opens.", "key What it opens."),
        ("f", "", ""),
        ("", "(no name, no signature)", "(no name, no signature)."),
    ],
)
def test_prose_of_a_docstring(name: str, docstring: str, text: str) -> None:
    assert prose(docstring, name) == text


def test_long_text_ends_with_a_sentence_or_else_a_word() -> None:
    sentence = "Words such as e.g. these and i.e. those fill the line."
    text = prose(" ".join([sentence] * 20), "f")
    assert text == " ".join([sentence] * (LONGEST_TEXT // (len(sentence) + 1)))
    endless = prose("word " * 200, "f")
    assert LONGEST_TEXT - 5 <= len(endless) <= LONGEST_TEXT
    assert endless.endswith(" word")


def test_too_little_text_is_no_entry() -> None:
    assert entry("a.f", "Internal helper. Really.") is None
    assert entry("a.f", "f(x) -> list") is None
    assert entry("a.f", None) is None
    assert entry("a.f", "One two three four.") == Entry("a.f", "One two three four.")


@pytest.mark.parametrize(
    ("identity", "title"),
    [
        ("str.partition", "str partition"),
        ("collections.OrderedDict.move_to_end", "collections ordered dict move to end"),
        ("http.HTTPStatus", "http http status"),
        ("base64.b64decode", "base64 b64decode"),
        ("unittest.TestCase.assertIsNone", "unittest test case assert is none"),
    ],
)
def test_titles_are_words(identity: str, title: str) -> None:
    item = Entry(identity, "Some text.")
    assert item.title == title
    assert item.searchable == f"{title}\nSome text."
