import pytest
from pydantic import ValidationError

from atomsmith.data import Configuration, Dataset
from atomsmith.data.splitting import SplitSettings, k_fold, split, split_given, split_random
from atomsmith.errors import InputError

from .test_dataset import atom


@pytest.fixture
def dataset(make) -> Dataset:
    items = [make(seed, config_type="md", info={"id": seed}) for seed in range(20)]
    items += [make(seed, config_type="slab", info={"id": seed}) for seed in range(20, 30)]
    return Dataset([atom(13, -1.0).replace(info={"id": 99}), *items])


def ids(dataset: Dataset) -> list[int]:
    return [c.info["id"] for c in dataset]


def test_random_split_is_a_partition_within_types(dataset: Dataset) -> None:
    train, test = split_random(dataset, 0.2, seed=1)
    assert sorted(ids(train) + ids(test)) == sorted(ids(dataset))
    assert len(test.of_type("md")) == 4
    assert len(test.of_type("slab")) == 2
    assert ids(train)[0] == 99
    assert ids(test) == sorted(ids(test))


def test_the_seed_decides(dataset: Dataset) -> None:
    assert ids(split_random(dataset, 0.2, seed=1)[1]) == ids(split_random(dataset, 0.2, seed=1)[1])
    assert ids(split_random(dataset, 0.2, seed=1)[1]) != ids(split_random(dataset, 0.2, seed=2)[1])


def test_nothing_is_split_off_at_fraction_zero(dataset: Dataset) -> None:
    train, test = split_random(dataset, 0.0, seed=0)
    assert (len(train), len(test)) == (len(dataset), 0)


def twins(configuration: Configuration) -> list[Configuration]:
    mirrored = configuration.replace(
        positions=configuration.positions * [1, 1, -1],
        cell=configuration.cell * [1, 1, -1],
        forces=configuration.forces * [1, 1, -1],
        stress=configuration.stress * [1, 1, 1, -1, -1, 1],
    )
    return [configuration, mirrored]


@pytest.mark.parametrize("seed", range(5))
def test_twins_stay_together(make, seed: int) -> None:
    pairs = [twins(make(k, config_type="a", info={"id": k})) for k in range(10)]
    dataset = Dataset([c for pair in pairs for c in pair])
    train, test = split_random(dataset, 0.3, seed)
    assert len(test) == 6
    assert not set(ids(train)) & set(ids(test))
    torn = [split_random(dataset, 0.3, s, keep_twins_together=False) for s in range(5)]
    assert any(set(ids(a)) & set(ids(b)) for a, b in torn)


def test_k_fold_tests_everything_once(dataset: Dataset) -> None:
    folds = k_fold(dataset, 5, seed=0)
    assert sorted(k for _, test in folds for k in ids(test)) == list(range(30))
    for train, test in folds:
        assert len(test) == 6
        assert sorted(ids(train) + ids(test)) == sorted(ids(dataset))
        assert 99 in ids(train)
        assert len(test.of_type("md")) == 4


def test_given_split(make) -> None:
    dataset = Dataset([make(k, info={"split": "test" if k % 3 == 0 else "train"}) for k in range(6)])
    sets = split_given(dataset)
    assert {name: len(part) for name, part in sets.items()} == {"test": 2, "train": 4}
    train, test = split(dataset, SplitSettings(method="given"))
    assert (len(train), len(test)) == (4, 2)
    with pytest.raises(InputError, match="no configuration has split='valid'; values there: 'test', 'train'"):
        dataset.split(SplitSettings(method="given", test_value="valid"))
    with pytest.raises(InputError, match=r"configuration 0 \(default\) has no 'set' to split by"):
        dataset.split(SplitSettings(method="given", key="set"))


def test_bad_arguments(dataset: Dataset) -> None:
    with pytest.raises(InputError, match="31 folds asked for of 30 configurations"):
        k_fold(dataset, 31, seed=0)
    with pytest.raises(InputError, match=r"test_fraction is 1\.0"):
        split_random(dataset, 1.0, seed=0)
    with pytest.raises(ValidationError):
        SplitSettings(test_fraction=1.5)
