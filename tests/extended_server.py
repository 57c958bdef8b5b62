"""A server of our own with modules that its archive lacks: a copy of what is unpacked, started for one test file."""

import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from csplade.integration.account import server_account
from csplade.integration.client import connect
from csplade.integration.errors import ClusterError
from csplade.integration.install import descriptor_of
from csplade.integration.node_config import java_switches
from csplade.integration.node_launch import Ground, launch, prepare, seats_of
from csplade.integration.places import find_places, make_places
from csplade.integration.ports import FreePorts
from csplade.integration.processes import end
from csplade.integration.servers import Artifact, Module, Server
from csplade.tests.gateway_installs import java_packages
from csplade.tests.local_node import reachable_folder

_PATIENCE_SECONDS = 300


@contextmanager
def extended(server: Server, add: Callable[[Ground, Path], None]) -> Iterator[str]:
    """Give the address of a running server; `add` puts into its folder, the second argument, what it lacks."""
    account = server_account()
    places = find_places(os.environ, account)
    make_places(places, account)
    ground = prepare(server, java_switches(512, quick_start=True), places, account, lambda _text: None)
    with reachable_folder() as folder, FreePorts() as free:
        home, notes = folder / "home", folder / "notes"
        shutil.copytree(ground.home, home)
        add(ground, home)
        notes.mkdir()
        node = launch(replace(ground, home=home), folder / "node", seats_of(0, 1, free), notes)
        try:
            _await_server(node.url)
            yield node.url
        finally:
            end(node.processes, 30)


def add_templates(server: Server, home: Path) -> None:
    """Put the module for search templates into a server's folder, as Maven Central has it for the older lines."""
    jar = Artifact(f"org.{server.flavor}.plugin", "lang-mustache-client", server.version, "jar", 0, "")
    module = Module("lang-mustache", f"org.{server.flavor}.script.mustache.MustachePlugin", jar)
    folder = home / "modules" / module.name
    folder.mkdir()
    for path in java_packages(f"{jar.group}:{jar.name}:{jar.version}").glob("*.jar"):
        # The server has what the module needs of it.
        if path.name.startswith(("lang-mustache", "compiler")):
            shutil.copy(path, folder)
    (folder / "plugin-descriptor.properties").write_text(descriptor_of(server, module))
    # As both projects ship it beside the jar.
    permission = 'permission java.lang.RuntimePermission "accessDeclaredMembers";'
    (folder / "plugin-security.policy").write_text(f"grant {{\n  {permission}\n}};\n")


def _await_server(url: str) -> None:
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while True:
        try:
            connect(url).cluster.health(params={"wait_for_status": "yellow"})
            return
        except ClusterError:
            if time.monotonic() > deadline:
                raise
        time.sleep(0.5)
