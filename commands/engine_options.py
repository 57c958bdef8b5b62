"""Where texts are encoded: in this process, or by the workers of a Ray cluster."""

import click

LOCAL, RAY = "local", "ray"

engine_option = click.option(
    "--engine",
    default=LOCAL,
    show_default=True,
    type=click.Choice([LOCAL, RAY]),
    help="Encode in this process, or on a Ray cluster: RAY_ADDRESS names it, else one is started here.",
)
workers_option = click.option(
    "--workers", default=2, show_default=True, type=click.IntRange(1), help="Encoders at once, with --engine ray."
)
gpus_option = click.option(
    "--gpus-per-worker",
    default=0.0,
    show_default=True,
    type=click.FloatRange(min=0.0),
    help="GPUs of each encoder, with --engine ray; may be a part of one.",
)
