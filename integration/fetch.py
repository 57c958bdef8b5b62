"""Fetches files of Maven Central through jgo, and keeps only what has the pinned checksum."""

import errno
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from csplade.integration.errors import NodeError, causes, lowest_cause
from csplade.integration.servers import Artifact
from csplade.pipelines.contract import sha256
from csplade.pipelines.errors import MissingExtraError

_SILENT_SECONDS = 60

Tell = Callable[[str], None]
"""Receives sentences about what goes on."""


def fetch(artifact: Artifact, folder: Path, tell: Tell) -> Path:
    """Download one file to somewhere below `folder` and return its path.

    Raises:
        MissingExtraError: jgo is not installed.
        NodeError: it cannot be downloaded, or what came is something else.
        OSError: the disk is full.
    """
    try:
        from jgo.maven import MavenContext, PythonResolver
    except ImportError as error:
        raise MissingExtraError("jgo", "node") from error
    tell(f"Downloading {artifact.title}" + (f" ({artifact.megabytes} MB)" if artifact.megabytes else ""))
    resolver = PythonResolver(progress_callback=_quarters(artifact, tell))
    context = MavenContext(resolver=resolver, repo_cache=folder, timeout=_SILENT_SECONDS)
    component = context.project(artifact.group, artifact.name).at_version(artifact.version)
    try:
        path = Path(component.artifact(packaging=artifact.packaging).resolve())
    except (OSError, RuntimeError) as error:
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise NodeError(f"{artifact.title} cannot be downloaded ({_cause(error)})") from error
    check(path, artifact)
    return path


def check(path: Path, artifact: Artifact) -> None:
    """Delete a file that is not the artifact.

    Raises:
        NodeError: it was not.
    """
    found = sha256(path)
    if found != artifact.sha256:
        path.unlink()
        raise NodeError(
            f"the download of {artifact.title} is damaged and was deleted (SHA-256 {found}, expected "
            f"{artifact.sha256}): try again, and if it stays so, look whether a proxy changes downloads"
        )


def _quarters(artifact: Artifact, tell: Tell) -> Callable[[str, int], object]:
    """Return what jgo calls with a file's name and bytes, to be told of each piece; told on are only quarters."""

    @contextmanager
    def watch(_name: str, total: int) -> Iterator[Callable[[int], None]]:
        done = 0

        def update(count: int) -> None:
            nonlocal done
            before, done = 4 * done // total, done + count
            if artifact.megabytes and before < (quarter := 4 * done // total) < 4:
                tell(f"Downloading {artifact.title}: {25 * quarter}%")

        yield update

    return watch


def _cause(error: BaseException) -> str:
    """Return the lowest cause in one line; with the next step where a certificate is not trusted."""
    cause = lowest_cause(error).partition("\n")[0][:300]
    untrusted = any(isinstance(one, ssl.SSLCertVerificationError) for one in causes(error))
    return f"{cause}; name the certificate authorities to trust in REQUESTS_CA_BUNDLE" if untrusted else cause
