"""Where texts are encoded: in this process, or by the workers of a Ray cluster."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click
from csplade.pipelines.errors import UsageError

if TYPE_CHECKING:
    from csplade.pipelines.encode_ray import Workers

LOCAL, RAY = "local", "ray"
_WORKERS = 2


@dataclass(frozen=True)
class EngineChoices:
    """What a user chose; None where that was left open."""

    engine: str
    workers: int | None
    gpus_per_worker: float | None

    @property
    def pool(self) -> "Workers":
        """Return who encodes on Ray.

        Raises:
            UsageError: Ray gives no worker so many GPUs.
        """
        from csplade.pipelines.encode_ray import Workers

        return Workers(self.workers or _WORKERS, self.gpus_per_worker or 0.0)

    def check_engine(self, only_ray: Mapping[str, object], only_local: Mapping[str, object]) -> None:
        """Refuse options, by name, that the chosen engine would not look at; None and False are not given.

        Raises:
            UsageError: one is given.
        """
        workers = {"--workers": self.workers, "--gpus-per-worker": self.gpus_per_worker}
        if self.engine == LOCAL:
            _refuse({**workers, **only_ray}, "is for Ray's workers, and nothing here looks at it: add --engine ray")
        else:
            _refuse(only_local, "is for one process, and Ray's workers do not look at it: leave out --engine ray")


def _refuse(options: Mapping[str, object], why: str) -> None:
    for name, value in options.items():
        if value is not None and value is not False:
            raise UsageError(f"{name} {why}, or leave out {name}")


def tell_workers(runs_on: Sequence[str]) -> str:
    """Return a sentence on what Ray's workers ran on; what those processors can do is not known here."""
    return f"Texts were encoded by Ray's workers, on {runs_on[0]}."


ENGINE_OPTIONS = (
    click.option(
        "--engine",
        default=LOCAL,
        show_default=True,
        type=click.Choice([LOCAL, RAY]),
        help="Encode in this process, or on a Ray cluster: RAY_ADDRESS names it, else one is started here.",
    ),
    click.option(
        "--workers",
        default=None,
        type=click.IntRange(1),
        help=f"Encoders at once; only with --engine ray. Default: {_WORKERS}.",
    ),
    click.option(
        "--gpus-per-worker",
        default=None,
        type=click.FloatRange(min=0.0),
        help="GPUs of each encoder, which runs on them; may be a part of one; only with --engine ray. Default: none.",
    ),
)
