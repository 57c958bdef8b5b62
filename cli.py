"""The `csplade` program: names the commands, loads the one that is called, turns errors into exit codes.

Exit code 0 means full success, 2 wrong usage, 1 anything else. Results go to stdout, everything else to stderr.
"""

import importlib
import signal
import sys
from contextlib import suppress

import click
from csplade import __version__
from csplade.commands.standard_streams import drop_unwritten, flush_all, open_missing
from csplade.pipelines.errors import CspladeError

# In data order. A command's module is loaded when it is called, so that `csplade --help` needs none of them.
COMMANDS = {
    "demo": "See CSPLADE beside BM25 on the Python library's documentation.",
    "node": "Start, stop and look at a search server on this machine.",
    "adapt": "Adapt a language model to sparse retrieval, before training.",
    "train": "Train a sparse encoder on pairs.",
    "export": "Export a trained model to an encoder folder.",
    "quantize": "Write an encoder in another precision, measured beside it.",
    "inspect": "Show an encoder folder; --check recomputes its golden vectors.",
    "encode": "Encode texts into sparse vectors: JSON lines or Parquet.",
    "data": "Check and describe training data.",
    "index": "Versions of an index behind an alias: create, status, swap, rollback, drop.",
    "ingest": "Encode documents and index them.",
    "reindex": "Copy an index that is there, from this or another cluster, and encode it.",
    "enrich": "Encode in place what has no weights or old ones, once or all the time.",
    "calibrate": "Measure how frequent words are in an index, so that queries fit it.",
    "query": "Search an index.",
    "explain": "Show which terms met in each hit, or why a document is not found.",
    "rewrite": "Rewrite an ordinary search body for term weights.",
    "serve": "Answer in the cluster's place: a gateway that forwards every request.",
    "evaluate": "Measure nDCG@10, MRR@10 and recall@100 on a judged collection.",
    "mine": "Mine hard negatives for training from a live index.",
}


class LazyGroup(click.Group):
    """A group that imports `csplade.commands.NAME` when the command NAME is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the commands in data order."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return one command."""
        if cmd_name not in COMMANDS:
            return None
        command = importlib.import_module(f"csplade.commands.{cmd_name}").command
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the summaries without importing the commands."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="csplade")
def program() -> None:
    """Learned sparse retrieval with a causal language model, in your own OpenSearch.

    \b
    Example:
      csplade node start
      csplade ingest documents.jsonl --index articles
      csplade query "how do I keep bread fresh" --index articles
    """


def main() -> None:
    """Run the program and exit."""
    open_missing()
    try:
        code = _run()
    except BrokenPipeError:
        # The reader of a pipe (head, less) has gone: there is nobody left to tell.
        code = 1
    except OSError as error:
        # What no command expects: a name that is too long, a folder that may not be entered, a full disk.
        code = 1
        # Standard error may be what is on the full disk.
        with suppress(OSError):
            click.echo(f"Error: {_os_sentence(error)}", err=True)
    drop_unwritten()
    sys.exit(code)


def _run() -> int:
    """Run the command that is called, tell why it ends if it fails, and return the exit code."""
    try:
        _heed_sigterm()
        # A command that ends with ctx.exit(1) comes back here with that number, any other with None.
        code: int | None = program.main(standalone_mode=False)
        flush_all()
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except CspladeError as error:
        _tell(f"Error: {error}", error)
        return error.exit_code
    except (click.Abort, KeyboardInterrupt) as error:
        # click puts its own error in the place of what was raised.
        _tell("Stopped.", error.__cause__ or error)
        return 1
    return code or 0


def _heed_sigterm() -> None:
    """Let a service manager's way to stop a program be Ctrl-C's, so that whatever runs tidies up."""
    # Whoever starts the program may have chosen that it is ignored.
    if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, signal.default_int_handler)


def _tell(sentence: str, error: BaseException) -> None:
    """Print why a command ends, and what went wrong besides while it did."""
    for line in (sentence, *getattr(error, "__notes__", ())):
        click.echo(line, err=True)


def _os_sentence(error: OSError) -> str:
    name = "the output" if error.filename is None else error.filename
    return f"{name} cannot be used ({error.strerror or error}): check the path, its permissions and its disk"


if __name__ == "__main__":
    main()
