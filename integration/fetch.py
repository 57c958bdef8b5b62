"""Fetches files of Maven Central through jgo, and keeps only what has the pinned checksum."""

import errno
import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from csplade.integration.errors import NodeError
from csplade.integration.servers import Artifact
from csplade.pipelines.errors import MissingExtraError

_READ_SECONDS = 60

Tell = Callable[[str], None]
"""Receives sentences about what goes on."""


def fetch(artifact: Artifact, folder: Path, tell: Tell) -> Path:
    """Download one file into `folder` and return its path.

    Raises:
        MissingExtraError: jgo is not installed.
        NodeError: it cannot be downloaded, or what came is something else.
    """
    try:
        from jgo.maven import MavenContext, PythonResolver
    except ImportError as error:
        raise MissingExtraError("jgo", "node") from error
    tell(f"Downloading {artifact.title} ({artifact.megabytes} MB)")
    resolver = PythonResolver(progress_callback=_quarters(artifact, tell))
    context = MavenContext(resolver=resolver, repo_cache=folder, timeout=_READ_SECONDS)
    component = context.project(artifact.group, artifact.name).at_version(artifact.version)
    try:
        path = Path(component.artifact(packaging=artifact.packaging).resolve())
    except (OSError, RuntimeError) as error:
        if isinstance(error, OSError) and error.errno == errno.ENOSPC:
            raise NodeError(
                f"the disk of {folder} is full: make room, or set XDG_CACHE_HOME to another disk"
            ) from error
        raise NodeError(f"{artifact.title} cannot be downloaded ({_first_line(error)})") from error
    check(path, artifact)
    return path


def check(path: Path, artifact: Artifact) -> None:
    """Delete a file that is not the artifact.

    Raises:
        NodeError: it was not.
    """
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != artifact.sha256:
        path.unlink()
        raise NodeError(
            f"the download of {artifact.title} is damaged (SHA-256 {found}, expected {artifact.sha256}) and was "
            "deleted: try again, or look whether a proxy changes downloads"
        )


def _quarters(artifact: Artifact, tell: Tell) -> Callable[[str, int], object]:
    """Return what jgo calls with a file's name and bytes, to be told of each piece; told on are only quarters."""

    @contextmanager
    def watch(_name: str, total: int) -> Iterator[Callable[[int], None]]:
        done = 0

        def update(count: int) -> None:
            nonlocal done
            before, done = done, done + count
            quarter = 4 * done // total
            if quarter > 4 * before // total and quarter < 4 and artifact.megabytes > 10:
                tell(f"Downloading {artifact.title}: {25 * quarter}%")

        yield update

    return watch


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0][:300] or type(error).__name__
