"""The ablation: an arm leaves out what it says, and runs of other settings are not taken for it."""

from dataclasses import replace
from pathlib import Path
from typing import cast

import orjson
import pytest
import torch
from csplade.models.recipe.ablation import ARMS, Arm, Bench, Line, finished, run_missing, settings, table, teach
from csplade.models.recipe.corpus import Corpus
from csplade.models.recipe.plan import Stage
from csplade.models.recipe.pupil import Pupil
from csplade.models.recipe.teacher import Teacher
from csplade.pipelines.development import Development
from csplade.tests.tiny_recipe import STAGE, tiny_corpus, tiny_dictionary, tiny_pupil

SHORT = replace(STAGE, steps=2)
NOTHING = cast("Development", None)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    corpus = tiny_corpus()
    no_teacher = cast("Teacher", None)  # whole documents have their embeddings
    return Bench(Path(), tmp_path, corpus, tiny_dictionary(corpus), no_teacher, {"med": NOTHING, "cisi": NOTHING})


def taught(bench: Bench, stages: tuple[Stage, ...], arm: Arm, frozen: int = 0) -> Pupil:
    pupil = tiny_pupil(frozen)
    teach(bench, replace(arm, stages=stages), pupil, seed=0)
    return pupil


def test_gates_stay_where_an_arm_leaves_them(bench: Bench) -> None:
    begun, moved = tiny_pupil().model.gate, taught(bench, (SHORT,), ARMS["all"]).model.gate
    kept = taught(bench, (SHORT,), ARMS["gates at 1"]).model.gate
    assert torch.equal(kept.weight, begun.weight)
    assert torch.equal(kept.bias, begun.bias)
    assert not torch.equal(moved.weight, begun.weight)


def test_the_start_is_kept_and_is_all_that_an_arm_without_training_has(bench: Bench) -> None:
    begun = taught(bench, (), ARMS["no training: the start alone"]).model
    (kept,) = bench.work.glob("ablation-start-12-*.pt")
    head, shift, strength = torch.load(kept)
    assert torch.equal(begun.head, head)
    assert torch.equal(begun.shift, shift)
    assert torch.equal(begun.strength, strength)
    assert head.abs().max() > 0
    by_chance = taught(bench, (), ARMS["head begun by chance"]).model
    assert by_chance.head.std().item() == pytest.approx(0.02, rel=0.3)
    assert by_chance.shift.abs().max() == 0


def test_stages_follow_each_other(bench: Bench) -> None:
    once = taught(bench, (SHORT,), ARMS["all"]).model.head
    twice = taught(bench, (SHORT, SHORT), ARMS["all"]).model.head
    assert not torch.equal(once, twice)


def test_near_documents_come_only_where_they_are_asked_for(bench: Bench) -> None:
    (stage,) = ARMS["no near documents in a batch"].stages
    assert stage.neighbours == 0
    (usual,) = ARMS["all"].stages
    assert stage.seeds == usual.seeds * (1 + usual.neighbours)


def test_only_runs_of_the_same_settings_are_taken() -> None:
    corpus: Corpus = tiny_corpus()
    judged = {"med": NOTHING, "cisi": NOTHING}
    bench = Bench(Path(), Path(), corpus, tiny_dictionary(corpus), cast("Teacher", None), judged)
    scores = {"cisi": 0.4, "med": 0.7, "cacm": 0.5}
    line: Line = {"arm": "all", "seed": 0, "settings": settings(bench, ARMS["all"]), "scores": scores}
    assert finished([line], bench, "all", 0) == {"med": 0.7, "cisi": 0.4}
    assert finished([line], bench, "all", 1) is None
    assert finished([line], bench, "no InfoNCE", 0) is None
    fewer: Line = {**line, "scores": {"med": 0.7}}
    assert finished([fewer], bench, "all", 0) is None
    other = replace(bench, dictionary=replace(bench.dictionary, biases=bench.dictionary.biases + 1))
    assert finished([line], other, "all", 0) is None
    other = replace(bench, corpus=replace(bench.corpus, digest="of other pairs"))
    assert finished([line], other, "all", 0) is None
    assert finished([{"arm": "all", "seed": 0, "scores": scores}], bench, "all", 0) is None


def test_runs_that_are_kept_are_not_run_again_and_other_arms_not_at_all(bench: Bench) -> None:
    lines = [
        {"arm": name, "seed": seed, "settings": settings(bench, ARMS[name]), "scores": {"med": score, "cisi": 0.4}}
        for name, seed, score in (("all", 0, 0.5), ("no InfoNCE", 0, 0.6), ("all", 1, 0.7), ("no InfoNCE", 1, 0.8))
    ]
    (bench.work / "ablation.jsonl").write_bytes(b"".join(orjson.dumps(line) + b"\n" for line in lines))
    runs = run_missing(bench, ["no InfoNCE", "all"], seeds=2)
    assert runs == {
        "no InfoNCE": [{"med": 0.6, "cisi": 0.4}, {"med": 0.8, "cisi": 0.4}],
        "all": [{"med": 0.5, "cisi": 0.4}, {"med": 0.7, "cisi": 0.4}],
    }
    with pytest.raises(FileNotFoundError, match="expansion"):  # a run that is missing is made: it reads the work folder
        run_missing(bench, ["gates at 1"], seeds=1)


def test_the_table_has_means_of_seeds_and_each_seed() -> None:
    rows = table({"all": [{"med": 0.5, "cisi": 0.3}, {"med": 0.7, "cisi": 0.5}], "less": [{"med": 0.1, "cisi": 0.3}]})
    assert [(row[0], row[-1]) for row in rows] == [("all", "0.4000 0.6000"), ("less", "0.2000")]
    assert [row[1:-1] for row in rows] == [pytest.approx((0.6, 0.4, 0.5)), pytest.approx((0.1, 0.3, 0.2))]
