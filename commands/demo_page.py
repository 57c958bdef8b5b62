"""The page of `csplade demo --open`: a gateway in front of the demo's index, and a browser that shows it."""

import webbrowser
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from csplade.commands.connection import Connection
from csplade.commands.demo_index import INDEX
from csplade.commands.output import notice
from csplade.commands.serve import open_encoder, require_server, tell_page, trust_of

if TYPE_CHECKING:
    from csplade.integration.access import Access
    from csplade.integration.dialect import Dialect
    from csplade.integration.gateway_rules import GatewayRules
    from opensearchpy import OpenSearch


def page_trust(connection: Connection) -> "Access":
    """Return whom the page's gateway trusts; asked before minutes of work.

    Raises:
        MissingExtraError: the extra `serve` is not installed.
        UsageError: no gateway can stand in front of this cluster.
    """
    require_server()
    return trust_of(connection)


def open_page(client: "OpenSearch", trust: "Access", encoder_folder: Path) -> None:
    """Serve the page on a free port, and open it in a browser if there is one; ends by Ctrl-C.

    Raises:
        UsageError: the cluster's address names a user, whom a gateway would not use.
        ClusterError: the gateway cannot start.
    """
    from csplade.integration.addresses import parse_addresses
    from csplade.integration.client import address
    from csplade.integration.detect import read_dialect
    from csplade.integration.gateway_app import Weighing
    from csplade.integration.gateway_config import GatewayOptions

    upstream = parse_addresses(address(client))
    options = GatewayOptions(upstream=upstream, trust=trust, port=0, log_requests=False)
    rules = _rules(read_dialect(client))
    require_server()(options, _show, Weighing(rules, partial(open_encoder, encoder_folder)))


def _rules(dialect: "Dialect") -> "GatewayRules":
    from csplade.integration.field_map import OWN_INDEX
    from csplade.integration.gateway_rules import GatewayRules
    from csplade.integration.rewrite_config import IndexRules, RewriteConfig
    from csplade.integration.rewrite_policy import RewriteOptions

    return GatewayRules(RewriteConfig((IndexRules(INDEX, OWN_INDEX, RewriteOptions(dialect=dialect)),)))


def _show(url: str, sentence: str) -> None:
    notice(sentence)
    # Where there is no browser, such as on a server, the address in print is all there can be.
    webbrowser.open(tell_page(url))
