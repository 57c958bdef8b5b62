"""The bar that a training shows."""

import io

from csplade.pipelines.train import show
from tqdm import tqdm


def test_the_bar_tells_loss_and_active_terms() -> None:
    shown = io.StringIO()
    with tqdm(total=2, unit=" steps", file=shown, mininterval=0) as bar:
        show(bar, {"losses": {"total": 0.25}, "document_terms": 90.5, "query_terms": 12.0})
    assert "1/2" in shown.getvalue()
    for told in ("loss=0.25", "document=90.5", "query=12"):
        assert told in shown.getvalue()
