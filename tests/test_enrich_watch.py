"""What `csplade enrich --watch` tells, where Ctrl-C comes in a moment that is hard to meet from outside."""

import io
import sys

import pytest
from csplade.commands.enrich_watch import tell
from tqdm import tqdm


class _Interrupted:
    """A lock that Ctrl-C meets while it is being taken; who gives it back nevertheless sees what tqdm's own does."""

    def acquire(self) -> None:
        raise KeyboardInterrupt

    def release(self) -> None:
        raise RuntimeError("cannot release un-acquired lock")


def test_ctrl_c_finds_no_lock_of_a_bar_that_a_line_would_take(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = io.StringIO()
    with tqdm(total=3, file=terminal) as bar:
        monkeypatch.setattr(sys, "stderr", terminal)
        bar.update(1)
        with monkeypatch.context() as patch:
            patch.setattr(tqdm, "_lock", _Interrupted())
            tell("told")
    # The bar is taken away before the line, and drawn again below it.
    before, after = terminal.getvalue().split("told\n")
    assert before.endswith("\r")
    assert "1/3" in after
