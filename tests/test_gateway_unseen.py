"""Indexes of which the cluster tells the gateway less than there is: mappings that are not seen, indexes just made."""

import pytest
from csplade.tests.gateway_searches import capable, verdict
from csplade.tests.rewrite_index import mapping
from csplade.tests.scripted_cluster import INDEX, Asked, Said, match, playing

UNRESOLVED = 'shown_weights_total{reason="unresolved"}'


@pytest.mark.parametrize(
    ("mapped", "kinds", "said"),
    [
        ((), ("rank_features",), "rewritten"),
        ((INDEX,), ("rank_features",), "rewritten"),
        ((INDEX,), ("rank_features", "unmapped"), "passed; no_weights_field"),
        ((), (), "passed; no_weights_field"),
    ],
)
def test_what_a_mapping_does_not_say_the_fields_do(mapped: tuple[str, ...], kinds: tuple[str, ...], said: str) -> None:
    def silent(asked: Asked) -> Said | None:
        # Elasticsearch with security passes over what the caller may not see, as it does over what is not there.
        if "/_resolve/index/" in asked.target:
            return Said({"indices": [{"name": INDEX}, {"name": "articles-2"}], "aliases": [], "data_streams": []})
        if "/_mapping" in asked.target:
            return Said({name: {"mappings": mapping()} for name in mapped})
        return Said({"fields": capable(*kinds) if kinds else {}}) if "/_field_caps" in asked.target else None

    with playing(silent, hide_weights=True) as play:
        path = f"/{INDEX},articles-2/_search?ignore_unavailable=true"
        assert verdict(play.ask("POST", path, match("bread"))) == said
        assert all("ignore_unavailable=true" in asked.target for asked in play.cluster.of("/_field_caps"))
        # Weights are hidden either way.
        assert hides(play.cluster.of("/_search")[-1])
        assert play.gateway.counts().get(UNRESOLVED, 0) == 0


@pytest.mark.parametrize("mapped", [(INDEX,), ()])
def test_who_may_not_ask_for_the_fields_either_is_told_by_what_the_mappings_say(mapped: tuple[str, ...]) -> None:
    def closed(asked: Asked) -> Said | None:
        if "/_mapping" in asked.target:
            return Said({name: {"mappings": mapping()} for name in mapped})
        return Said({"error": "no"}, 403) if "/_field_caps" in asked.target else None

    with playing(closed) as play:
        assert verdict(play.search()) == ("rewritten" if mapped else "passed; no_weights_field")


def test_an_index_of_another_encoder_is_told_though_another_is_not_seen() -> None:
    def silent(asked: Asked) -> Said | None:
        if "/_resolve/index/" in asked.target:
            return Said({"indices": [{"name": INDEX}, {"name": "articles-2"}], "aliases": [], "data_streams": []})
        if "/_mapping" in asked.target:
            return Said({INDEX: {"mappings": {**mapping(), "_meta": {"csplade": {"fingerprint": "another"}}}}})
        return Said({"fields": capable("rank_features")}) if "/_field_caps" in asked.target else None

    with playing(silent) as play:
        assert verdict(play.ask("POST", "/articles*/_search", match("bread"))) == "passed; other_encoder"


@pytest.mark.parametrize("resolved", [404, 200])
def test_weights_of_an_index_that_was_not_there_a_moment_ago_are_hidden(resolved: int) -> None:
    made = False

    def making(asked: Asked) -> Said | None:
        if made:
            return None
        if "/_resolve/index/" in asked.target and resolved == 200:
            return Said({"indices": [], "aliases": [], "data_streams": []})
        return Said({"error": "no such index"}, 404)

    with playing(making, hide_weights=True) as play:
        assert (play.search().status, play.ask("GET", f"/{INDEX}/_doc/1").status) == (404, 404)
        # It is not asked again for some seconds.
        made, asked = True, len(play.cluster.of("/_resolve/"))
        answer = play.search()
        assert (answer.status, verdict(answer)) == (200, "passed; unresolved")
        assert hides(play.cluster.of("/_search")[-1])
        play.ask("GET", f"/{INDEX}/_doc/1")
        assert hides(play.cluster.of("/_doc/1")[-1])
        assert len(play.cluster.of("/_resolve/")) == asked
        assert play.gateway.counts().get(UNRESOLVED, 0) == 0


def hides(asked: Asked) -> bool:
    """Return whether a request asks for no weights."""
    return "_source_excludes=csplade_terms," in asked.target
