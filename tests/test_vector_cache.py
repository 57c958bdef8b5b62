"""The cache of vectors: nothing is encoded twice, whatever stops a run, and a damaged file is told."""

import gzip
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from csplade.pipelines.errors import EncoderError, SourceError
from csplade.pipelines.sparse import SparseVector
from csplade.pipelines.vector_cache import SAVE_EVERY, CachedEncoder, VectorCache
from csplade.tests.word_encoder import READ_AHEAD, WordEncoder, word_contract, word_vector

TEXTS = ["fresh bread", "salt", "", "butter and salt", "salt", "half \ud800"]
FINGERPRINT = word_contract().fingerprint


class CountingEncoder(WordEncoder):
    """Remembers which texts it was asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = []

    def documents(self, texts: Iterable[str]) -> Iterator[SparseVector]:
        def watched() -> Iterator[str]:
            for text in texts:
                self.seen.append(text)
                yield text

        return super().documents(watched())


def opened(folder: Path) -> tuple[CountingEncoder, CachedEncoder]:
    """Return what a new run of the program would have."""
    encoder = CountingEncoder()
    return encoder, CachedEncoder(encoder, VectorCache.open(folder, FINGERPRINT))


def file_of(folder: Path) -> Path:
    (path,) = folder.iterdir()
    return path


def test_a_second_run_encodes_nothing_and_gives_the_same(tmp_path: Path) -> None:
    folder = tmp_path / "not" / "there"
    encoder, cached = opened(folder)
    assert list(cached.documents(TEXTS)) == list(map(word_vector, TEXTS))
    assert encoder.seen == list(dict.fromkeys(TEXTS))

    encoder, cached = opened(folder)
    assert cached.missing(TEXTS) == []
    again = list(cached.documents(TEXTS))
    assert again == list(map(word_vector, TEXTS))
    assert [list(vector) for vector in again] == [list(word_vector(text)) for text in TEXTS]
    assert encoder.seen == []
    assert cached.contract == word_contract()


def test_only_what_is_new_is_encoded(tmp_path: Path) -> None:
    list(opened(tmp_path)[1].documents(TEXTS))
    encoder, cached = opened(tmp_path)
    texts = ["new", *TEXTS, "newer"]
    assert cached.missing(texts) == ["new", "newer"]
    assert list(cached.documents(texts)) == list(map(word_vector, texts))
    assert encoder.seen == ["new", "newer"]


def test_queries_are_not_kept(tmp_path: Path) -> None:
    _, cached = opened(tmp_path)
    assert list(cached.queries(["salt"])) == [word_vector("salt")]
    assert cached.missing(["salt"]) == ["salt"]
    assert list(tmp_path.iterdir()) == []


def test_weights_come_back_to_the_last_bit(tmp_path: Path) -> None:
    vector = SparseVector.from_pairs([("▁a%2Eb", 1 / 3), ("brot", 1e-7), ("π", 123456.789)])
    cache = VectorCache.open(tmp_path, FINGERPRINT)
    cache["x"] = vector
    cache.save()
    assert VectorCache.open(tmp_path, FINGERPRINT)["x"] == vector


def test_each_encoder_has_its_own_vectors(tmp_path: Path) -> None:
    list(opened(tmp_path)[1].documents(TEXTS))
    other = VectorCache.open(tmp_path, word_contract(opset=2).fingerprint)
    assert "salt" not in other
    assert not other.damage


def test_an_interrupted_run_keeps_what_was_encoded_and_the_next_goes_on(tmp_path: Path) -> None:
    texts = [f"text {number}" for number in range(50)]
    _, cached = opened(tmp_path)
    with pytest.raises(KeyboardInterrupt), closing(cached.documents(texts)) as vectors:
        for number, _ in enumerate(vectors, start=1):
            if number == 20:
                raise KeyboardInterrupt

    encoder, cached = opened(tmp_path)
    assert cached.missing(texts) == texts[20:]
    assert list(cached.documents(texts)) == list(map(word_vector, texts))
    assert encoder.seen == texts[20:]


def test_an_encoder_that_fails_on_the_way_leaves_what_it_had_done(tmp_path: Path) -> None:
    class Failing(WordEncoder):
        def documents(self, texts: Iterable[str]) -> Iterator[SparseVector]:
            yield word_vector(next(iter(texts)))
            raise MemoryError

    with pytest.raises(MemoryError):
        list(CachedEncoder(Failing(), VectorCache.open(tmp_path, FINGERPRINT)).documents(TEXTS))
    assert TEXTS[0] in VectorCache.open(tmp_path, FINGERPRINT)


def test_even_a_killed_run_loses_only_the_last_few(tmp_path: Path) -> None:
    texts = [f"text {number}" for number in range(SAVE_EVERY + READ_AHEAD)]
    _, cached = opened(tmp_path)
    vectors = cached.documents(texts)
    for _ in range(SAVE_EVERY):
        next(vectors)
    # As a program that is killed, `vectors` is not closed before the file is looked at.
    assert opened(tmp_path)[1].missing(texts) == texts[SAVE_EVERY:]
    del vectors


def damaged(content: bytes) -> dict[str, bytes]:
    other = gzip.compress(b'{"format": 1, "fingerprint": "another"}\n')
    # A flipped bit near the end is in the packed weights or in the checksum.
    flipped = content[:-20] + bytes([content[-20] ^ 1]) + content[-19:]
    return {
        "cut off": content[: len(content) // 2],
        "a bit flipped": flipped,
        "empty": b"",
        "empty inside": gzip.compress(b""),
        "something else": b"no gzip at all",
        "no JSON": gzip.compress(gzip.decompress(content) + b"{\n"),
        "no vector": gzip.compress(gzip.decompress(content) + b"[1]\n"),
        "of another encoder": other,
        "of another format": gzip.compress(gzip.decompress(content).replace(b'"format":1', b'"format":2')),
    }


@pytest.mark.parametrize("case", damaged(gzip.compress(b"x" * 50)))
def test_a_damaged_file_is_told_and_built_again(tmp_path: Path, case: str) -> None:
    list(opened(tmp_path)[1].documents(TEXTS))
    path = file_of(tmp_path)
    path.write_bytes(damaged(path.read_bytes())[case])

    cache = VectorCache.open(tmp_path, FINGERPRINT)
    assert cache.damage
    encoder = CountingEncoder()
    assert list(CachedEncoder(encoder, cache).documents(TEXTS)) == list(map(word_vector, TEXTS))
    assert encoder.seen == list(dict.fromkeys(TEXTS))
    assert file_of(tmp_path) == path
    repaired = VectorCache.open(tmp_path, FINGERPRINT)
    assert "salt" in repaired
    assert not repaired.damage


def test_nothing_there_is_no_damage(tmp_path: Path) -> None:
    assert not VectorCache.open(tmp_path / "nowhere", FINGERPRINT).damage


def test_a_file_that_cannot_be_opened_is_told(tmp_path: Path) -> None:
    list(opened(tmp_path)[1].documents(TEXTS))
    path = file_of(tmp_path)
    path.unlink()
    path.mkdir()
    with pytest.raises(SourceError, match="cannot be read"):
        VectorCache.open(tmp_path, FINGERPRINT)


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    cache = VectorCache(tmp_path / "file" / "vectors.gz", FINGERPRINT, {})
    with pytest.raises(SourceError, match="cannot be kept in"):
        cache.save()


def test_a_write_that_fails_leaves_the_old_file_and_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    list(opened(tmp_path)[1].documents(TEXTS))
    path = file_of(tmp_path)
    before = path.read_bytes()
    _, cached = opened(tmp_path)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.replace", full)
    with pytest.raises(SourceError, match="No space left on device"):
        list(cached.documents(["new"]))
    assert file_of(tmp_path) == path
    assert path.read_bytes() == before


def test_an_encoder_that_loses_a_text_is_told(tmp_path: Path) -> None:
    class Forgetful(WordEncoder):
        def documents(self, texts: Iterable[str]) -> Iterator[SparseVector]:
            yield from list(super().documents(texts))[1:]

    with pytest.raises(EncoderError, match="fewer vectors than texts"):
        list(CachedEncoder(Forgetful(), VectorCache.open(tmp_path, FINGERPRINT)).documents(TEXTS))
