"""What the steps of the recipe are given on their command lines."""

from pathlib import Path

import click
from csplade.models.recipe.plan import SIZES
from csplade.pipelines.errors import CspladeError

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)


class Step(click.Command):
    """A step as a command: what csplade refuses ends in its sentence."""

    def invoke(self, ctx: click.Context) -> object:
        """Run the step."""
        try:
            return super().invoke(ctx)
        except CspladeError as error:
            raise click.ClickException(str(error)) from error


gguf = click.argument("gguf", metavar="GGUF_FILE", type=_FILE)
minilm = click.argument("minilm", metavar="MINILM_FOLDER", type=_FOLDER)
pairs_folder = click.argument("pairs_folder", metavar="PAIRS_FOLDER", type=_FOLDER)
work = click.argument("work", metavar="WORK_FOLDER", type=_FOLDER)
new_work = click.argument("work", metavar="WORK_FOLDER", type=click.Path(file_okay=False, path_type=Path))
size = click.argument(
    "size",
    metavar="[mini|whole]",
    default="mini",
    type=click.Choice(list(SIZES)),
    callback=lambda *given: SIZES[given[2]],
)
collections = click.argument("collections", metavar="COLLECTION...", nargs=-1, required=True, type=_FOLDER)
"""Folders of judged collections in BEIR's layout."""
