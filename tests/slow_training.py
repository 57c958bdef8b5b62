"""`csplade` with a pause after each step of a training, so that whoever looks now and then can stop it in the midst.

`python -m csplade.tests.slow_training` takes the arguments of `csplade`.
"""

import time
from collections.abc import Mapping
from typing import Any

from csplade.cli import main
from csplade.pipelines.training_log import TrainingLog

MODULE = "csplade.tests.slow_training"
_PAUSE_SECONDS = 0.2

_write = TrainingLog.write


def _write_slowly(self: TrainingLog, line: Mapping[str, Any]) -> None:  # Any: JSON values
    _write(self, line)
    time.sleep(_PAUSE_SECONDS)


if __name__ == "__main__":
    TrainingLog.write = _write_slowly  # type: ignore[method-assign]
    main()
