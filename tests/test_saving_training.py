"""A training run goes on from its file with the same bits, or says what differs and changes nothing."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minigrad import nn, optim, saving

BIT_GENERATORS = [np.random.PCG64, np.random.PCG64DXSM, np.random.MT19937, np.random.Philox, np.random.SFC64]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "run.safetensors"


class Part:
    """A model or an optimizer as saving sees it; it may change one array and then refuse another."""

    made_with = {"class": "Part"}
    lr = 0.5

    def __init__(self, **arrays):
        self.arrays = arrays

    def state_dict(self):
        return self.arrays

    def load_state_dict(self, arrays):
        for name, x in arrays.items():
            if (x < 0).any():
                raise ValueError(f"{name} is negative")
            self.arrays[name][...] = x


def parts(fill):
    model = Part(**{"conv.weight": np.full((2, 3), fill), "optimizer.gate": np.full(2, fill)})
    return model, Part(step=np.array(fill), **{"model.m": np.full(2, fill)})


def assert_same(loaded, saved):
    assert loaded.keys() == saved.keys()
    for name, x in saved.items():
        assert (loaded[name].dtype, loaded[name].shape, loaded[name].tobytes()) == (x.dtype, x.shape, x.tobytes())


@pytest.mark.parametrize("kind", BIT_GENERATORS)
@settings(max_examples=10, deadline=None, derandomize=True)
@given(used=st.integers(0, 2000), small=st.integers(0, 3))
def test_a_resumed_run_draws_the_same_numbers(tmp_path_factory, kind, used, small):
    shared_path = tmp_path_factory.getbasetemp() / "draws.safetensors"
    rng = np.random.Generator(kind(5))
    rng.random(used)
    rng.integers(9, size=small, dtype="u4")  # leaves half a word in the generator
    saving.save_training(shared_path, *parts(1.0), 3, {"data": rng})
    resumed = np.random.Generator(kind(6))
    saving.load_training(shared_path, *parts(0.0), {"data": resumed})
    for draw in ("random", "standard_normal"):
        assert getattr(rng, draw)(1000).tobytes() == getattr(resumed, draw)(1000).tobytes()
    assert (rng.integers(9, size=99, dtype="u4") == resumed.integers(9, size=99, dtype="u4")).all()


def test_a_resumed_run_has_its_arrays_epoch_and_extra(path):
    extra = {"losses": [0.5, 0.25]}
    saving.save_training(path, *parts(1.5), epoch=7, rngs={}, extra=extra)
    model, optimizer = parts(0.0)
    weight = model.arrays["conv.weight"]
    assert saving.load_training(path, model, optimizer, {}) == (7, extra)
    expected_model, expected_optimizer = parts(1.5)
    assert_same(model.arrays, expected_model.arrays)
    assert_same(optimizer.arrays, expected_optimizer.arrays)
    assert model.arrays["conv.weight"] is weight


def rng_of(kind=np.random.PCG64):
    return {"data": np.random.Generator(kind(1))}


def other(part, **attributes):
    changed = Part(**part.arrays)
    vars(changed).update(attributes)
    return changed


MISFITS = {
    "the model lacks a name": lambda m, o, r: (Part(other=np.zeros(2)), o, r, "file's model and .*'conv.weight'"),
    "the optimizer lacks a name": lambda m, o, r: (m, Part(other=np.zeros(2)), r, "file's optimizer and .*'model.m'"),
    "the model has another shape": lambda m, o, r: (
        Part(**{**m.arrays, "conv.weight": np.zeros((3, 2))}), o, r, r"'conv.weight' was .*\(2, 3\), now .*\(3, 2",
    ),
    "the model has another dtype": lambda m, o, r: (
        Part(**{k: x.astype("f4") for k, x in m.arrays.items()}), o, r, "was float64 .*, now float32",
    ),
    "the optimizer has another shape": lambda m, o, r: (
        m, Part(step=np.array(0.0), **{"model.m": np.zeros(5)}), r, "optimizer 'model.m' was .*2.*, now .*5",
    ),
    "the optimizer is of another class": lambda m, o, r: (
        m, other(o, made_with={"class": "Adam"}), r, "optimizer's class was Part, now Adam; make it with Part",
    ),
    "the optimizer has one number more": lambda m, o, r: (
        m, other(o, made_with={"class": "Part", "momentum": 0.9}), r, "optimizer's momentum was missing, now 0.9",
    ),
    "a generator is missing": lambda m, o, r: (m, o, {}, r"holds the generators \['data'\], got \[\]"),
    "a generator has another name": lambda m, o, r: (m, o, {"noise": r["data"]}, "use the same names"),
    "a generator is of another kind": lambda m, o, r: (m, o, rng_of(np.random.MT19937), "was PCG64, now MT19937"),
}  # fmt: skip


def all_of(model, optimizer, rngs):
    """Return everything that load_training may change, as text."""
    arrays = [(k, x.dtype, x.tobytes()) for part in (model, optimizer) for k, x in part.state_dict().items()]
    return repr((arrays, optimizer.lr, [(name, rng.bit_generator.state) for name, rng in rngs.items()]))


def refused(path, model, optimizer, rngs, message, **options):
    """Assert that load_training raises ValueError with the file's name and that message, and changes nothing."""
    before = all_of(model, optimizer, rngs)
    with pytest.raises(ValueError, match=message) as caught:
        saving.load_training(path, model, optimizer, rngs, **options)
    assert str(path) in str(caught.value)
    assert all_of(model, optimizer, rngs) == before


@pytest.mark.parametrize("misfit", MISFITS)
def test_nothing_changes_if_anything_does_not_fit(path, misfit):
    saving.save_training(path, *parts(1.0), 3, rng_of())
    model, optimizer, rngs, message = MISFITS[misfit](*parts(0.0), rng_of())
    refused(path, model, optimizer, rngs, message)


def test_nothing_changes_if_the_model_accepts_its_arrays_and_the_optimizer_does_not(path):
    model, optimizer = parts(1.0)
    optimizer.arrays["model.m"][1] = -1
    saving.save_training(path, model, optimizer, 3, rng_of())
    refused(path, *parts(0.0), rng_of(), "model.m is negative; nothing was changed")


def test_nothing_changes_if_the_caller_refuses_epoch_or_extra(path):
    def check(epoch, extra):
        raise ValueError(f"{path}: {epoch} {extra}")

    saving.save_training(path, *parts(1.0), 3, rng_of(), {"seed": 0})
    refused(path, *parts(0.0), rng_of(), "3 {'seed': 0}", check=check)


OPTIMIZERS = {
    "Adam": lambda xs: optim.Adam(xs, 0.1),
    "Adam with betas .5": lambda xs: optim.Adam(xs, 0.1, betas=(0.5, 0.999)),
    "Adam with eps 1": lambda xs: optim.Adam(xs, 0.1, eps=1),
    "Adam with lr 9": lambda xs: optim.Adam(xs, 9),
    "Adam with decay": lambda xs: optim.Adam(xs, 0.1, weight_decay=0.01),
    "Adam in groups": lambda xs: optim.Adam([{"params": xs[:1], "lr": 0.2}, {"params": xs[1:]}], 0.1),
    "AdamW": lambda xs: optim.AdamW(xs, 0.1),
    "AdamW with lr 9": lambda xs: optim.AdamW(xs, 9),
    "Muon": lambda xs: optim.Muon(xs, 0.1),
    "SGD": lambda xs: optim.SGD(xs, 0.1),
    "SGD with momentum": lambda xs: optim.SGD(xs, 0.1, momentum=0.9),
    "SGD with more of it": lambda xs: optim.SGD(xs, 0.1, momentum=0.95),
    "SGD with nesterov": lambda xs: optim.SGD(xs, 0.1, momentum=0.9, nesterov=True),
    "RMSprop": lambda xs: optim.RMSprop(xs, 0.1),
    "RMSprop with alpha .9": lambda xs: optim.RMSprop(xs, 0.1, alpha=0.9),
}


def net_and(optimizer):
    model = nn.Linear(2, 3, rng=np.random.default_rng(0))
    return model, OPTIMIZERS[optimizer](list(model.parameters()))


@pytest.mark.parametrize("made", OPTIMIZERS)
def test_the_state_of_another_optimizer_is_refused_even_if_its_arrays_fit(path, made):
    saving.save_training(path, *net_and(made), 3, {})
    saving.load_training(path, *net_and(made), {})
    for another in OPTIMIZERS.keys() - {made}:
        refused(path, *net_and(another), {}, "optimizer")


def test_the_learning_rate_that_a_schedule_has_set_is_restored(path):
    model, optimizer = net_and("Adam")
    optimizer.lr *= 0.5
    saving.save_training(path, model, optimizer, 3, {})
    model, fresh = net_and("Adam")
    saving.load_training(path, model, fresh, {})
    assert fresh.lr == 0.05


def test_a_negative_step_count_is_refused(path):
    model, optimizer = net_and("Adam")
    optimizer.state["steps"][1] = -1
    saving.save_training(path, model, optimizer, 3, {})
    refused(path, *net_and("Adam"), {}, "negative step count")


# ---- metadata that were altered, under a checksum that fits


def rewrite(path, change):
    """Save a run, and the same file again with its training state changed."""
    rngs = {
        name: np.random.Generator(kind(1)) for name, kind in {"a": np.random.Philox, "b": np.random.MT19937}.items()
    }
    saving.save_training(path, *net_and("Adam"), 3, rngs, {"seed": 0})
    arrays, metadata = saving.load(path)
    change(metadata["training_state"])
    saving.save(path, arrays, metadata)
    return rngs


ALTERATIONS = {
    "an entry less": lambda t: t.pop("rngs"),
    "an entry more": lambda t: t.update(more=1),
    **{
        f"{value!r} for {name}": lambda t, name=name, value=value: t.update({name: value})
        for name in ("epoch", "lr", "rngs", "optimizer")
        for value in (None, -1, "3", [3], {"a": 1}, 1e400, 2**70, True)
        if (name, value) != ("lr", 2**70)
    },
    "half an epoch": lambda t: t.update(epoch=0.5),
    "a list for extra": lambda t: t.update(extra=[]),
    **{
        f"{value!r} for a generator's {name}": lambda t, name=name, value=value: t["rngs"]["a"].update({name: value})
        for name in ("state", "buffer", "buffer_pos", "has_uint32", "uinteger", "bit_generator")
        for value in (None, -1, 5, 2.5, "0", [], {}, 2**70, [2**70] * 4)
        if (name, value) not in [("uinteger", 5)]
    },
    "a place outside of the generator's buffer": lambda t: t["rngs"]["b"]["state"].update(pos=625),
    "a place before the generator's buffer": lambda t: t["rngs"]["b"]["state"].update(pos=-1),
    "a longer key": lambda t: t["rngs"]["b"]["state"].update(key=[0] * 625),
    "an entry more in a generator": lambda t: t["rngs"]["a"].update(more=1),
}


@pytest.mark.parametrize("alteration", ALTERATIONS)
def test_an_altered_training_state_is_refused_and_nothing_changes(path, alteration):
    rngs = rewrite(path, ALTERATIONS[alteration])
    refused(path, *net_and("Adam"), rngs, "run.safetensors")


def test_arrays_that_belong_to_no_part_are_refused(path):
    saving.save_training(path, *net_and("Adam"), 3, {})
    arrays, metadata = saving.load(path)
    saving.save(path, {**arrays, "more": np.zeros(1)}, metadata)
    refused(path, *net_and("Adam"), {}, r"holds \['more'\]")


def test_a_file_of_arrays_is_not_a_training_state(path):
    saving.save(path, {"model.x": np.ones(3)}, {"epoch": 3})
    with pytest.raises(ValueError, match="holds arrays but no training state"):
        saving.load_training(path, *parts(0.0), {})
