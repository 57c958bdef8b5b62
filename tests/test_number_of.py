"""Numbers agree with what they count."""

from csplade.pipelines.number_of import number_of


def test_one_is_singular_and_all_others_are_plural() -> None:
    assert [number_of(count, "document") for count in (0, 1, 2, -1)] == [
        "0 documents",
        "1 document",
        "2 documents",
        "-1 documents",
    ]
    assert [number_of(count, "query has", "queries have") for count in (1, 10)] == ["1 query has", "10 queries have"]
