"""Plug-ins: the examples of docs/plugins from outside the repository, errors, changes."""

import os
import re
import shutil
from pathlib import Path

import numpy as np
import pytest

from fovea import plugins
from fovea.cells.extract import extract
from fovea.config.plan import Plan
from fovea.config.validation import ConfigError, validated
from fovea.errors import FoveaError
from fovea.plugins import registry
from fovea.plugins.loader import Context, keep_only, load_plugins
from fovea.plugins.registry import load
from fovea.segmentation.segment import segment
from fovea.store.reader import ArrayReader
from fovea.tracking.track import track
from support.channels import write_channel, write_tracked

DOCS = Path(__file__).resolve().parents[2] / "docs/plugins"
EXAMPLES = sorted(path.name for path in DOCS.glob("*.py"))


@pytest.fixture(autouse=True)
def _clean():
    yield
    keep_only([])


def example(name, folder):
    """A copy of an example outside the repository, loaded."""
    path = str(shutil.copy(DOCS / name, folder))
    for environment in DOCS.glob("*.yaml"):
        shutil.copy(environment, folder)
    load_plugins([path])
    return path


def written(folder, code, name="mine.py"):
    path = folder / name
    path.write_text(code, encoding="utf-8")
    return str(path)


def config(path, **more):
    base = {"input": "a.tif", "channels": {"pc": 0, "fl": [1]}}
    return {"datasets": {"demo": base | more.pop("dataset", {})}, "plugins": [path]} | more


def disk(radius, size=61):
    y, x = np.mgrid[:size, :size] - size // 2
    return x * x + y * y <= radius * radius


def test_there_are_five_kinds_of_examples():
    assert EXAMPLES == [
        "bright.py", "cellpose_segmentation.py", "circularity.py", "decay.py", "gaussian.py",
        "omnipose_segmentation.py", "trackastra_tracking.py",
    ]  # fmt: skip


def test_feature(tmp_path):
    example("circularity.py", tmp_path)
    measure = load(registry.PHASE_FEATURES, "roundness")
    context = Context("pc_ch_0", 1, 0, (0, 0))
    image = np.zeros((61, 61), np.uint16)
    assert measure(image, disk(25), context) == pytest.approx(1, abs=0.05)
    bar = np.zeros((61, 61), bool)
    bar[30, 5:55] = True
    assert measure(image, bar, context) < 0.2


def test_model(tmp_path):
    example("decay.py", tmp_path)
    decay = registry.MODELS["decay"]
    assert decay.names == ["amplitude", "rate"]
    values = decay(np.array([0.0, 1.0]), 10.0, np.log(2))
    np.testing.assert_allclose(values, [10, 5])


def test_segmentation_and_preprocessing(tmp_path):
    paths = [example("bright.py", tmp_path), example("gaussian.py", tmp_path)]
    frames = np.full((2, 80, 90), 500, np.uint16)
    frames[:, 10:30, 40:60] = 3000
    frames[:, 50:70, 5:25] = 4000
    frames[:, 75, 80] = 5000  # one bright pixel, which the filters remove
    source, target = tmp_path / "pc_ch_0", tmp_path / "seg_labeled_ch_0"
    write_channel(source, frames)
    options = {"method": "bright", "above": 1200, "smoothing": 1.0}
    segment(source, target, options, preprocess="gaussian")
    with ArrayReader(target / "0") as found:
        labels = found[1]
    assert labels.max() == 2
    assert labels[20, 50] == 1
    assert labels[60, 15] == 2
    complete = validated(
        config(paths[0], plugins=paths,
               params={"segmentation": {"method": "bright"}, "preprocess": "gaussian"})
    )  # fmt: skip
    assert complete["params"]["segmentation"] == {"method": "bright", "above": 1000,
                                                  "smoothing": 1.0}  # fmt: skip
    plan = Plan(complete).datasets["demo"]
    assert set(plan.plugin_code("segmentation")) == set(paths)
    assert plan.plugin_code("tracking") == {}


def test_tracking(tmp_path):
    code = re.search(r"```python\n(.*?)```", (DOCS / "README.md").read_text(), re.DOTALL)[1]
    load_plugins([written(tmp_path, code)])
    source, target = tmp_path / "seg_labeled_ch_0", tmp_path / "seg_tracked_ch_0"
    frames = np.zeros((3, 20, 20), np.uint16)
    frames[:, 2:6, 2:6], frames[:, 10:14, 10:14] = 1, 2
    write_channel(source, frames)
    track(source, target, {"method": "apart", "first": 1}, lineage=tmp_path / "lineage.csv")
    with ArrayReader(target / "0") as found:
        assert [int(frame.max()) for frame in found] == [2, 4, 6]
    lines = (tmp_path / "lineage.csv").read_text().splitlines()
    assert lines[0] == "fov,cell,first_frame,last_frame,parent,confidence,repaired"
    assert lines[3].startswith("0,3,1,1,0,")


LINKER = """
from fovea.plugins import Linker, tracking

@tracking("nearest", conda="mine.yaml")
class Nearest(Linker):
    def __init__(self, reach: float = 10.0, divisions: bool = False):
        super().__init__(divisions=divisions)
        self.reach = reach

    def affinity(self, boxes, others, areas, other_areas, frames):
        import numpy as np
        way = np.hypot(*(boxes[:, None, :2] - others[None, :, :2]).transpose(2, 0, 1))
        left, right = np.nonzero(way < self.reach)
        return left, right, 1 - way[left, right] / self.reach
"""


def test_a_tracker_may_see_all_frames(tmp_path):
    (tmp_path / "mine.yaml").write_text("channels: [conda-forge]\n")
    path = written(tmp_path, LINKER)
    chosen = validated(config(path, params={"tracking": {"method": "nearest"}}))
    assert chosen["params"]["tracking"] == {"method": "nearest", "divisions": False, "reach": 10.0}
    plan = Plan(chosen).datasets["demo"]
    assert plan.environment("tracking") == str(tmp_path / "mine.yaml")
    assert plan.environment("segmentation") is None
    frames = np.zeros((3, 20, 40), np.uint16)
    for t in range(3):
        frames[t, 4:8, 4 + 4 * t : 8 + 4 * t] = 1
    links = load(registry.TRACKING, "nearest")(reach=5.0, divisions=False).link(frames)
    assert links.lineage() == [(1, 0, 2, 0)]
    links = load(registry.TRACKING, "nearest")(reach=3.0, divisions=False).link(frames)
    assert len(links.lineage()) == 3


FORMER = """
from fovea.analysis.models import Model, Parameter
from fovea.linkers import Linker
from fovea.plugins import model, tracking
from fovea import linking

@tracking("former")
class Former(Linker):
    def affinity(self, boxes, others, areas, other_areas, frames):
        raise NotImplementedError

    def link(self, frames):
        from fovea.linking import Links
        assert linking.Links is Links
        return Links([], [], {})

model(Model("flat", "Flat", "h", (Parameter("a", "A", "", 1.0, 0.0, 2.0),), function=max))
"""


def test_plugins_written_for_the_former_layout_still_work(tmp_path):
    load_plugins([written(tmp_path, FORMER)])
    assert isinstance(registry.MODELS["flat"], plugins.Model)
    tracker = load(registry.TRACKING, "former")()
    assert isinstance(tracker, plugins.Linker)
    assert isinstance(tracker.link([]), plugins.Links)


def test_examples_import_from_one_module_of_fovea():
    code = "".join(path.read_text("utf-8") for path in [*DOCS.glob("*.py"), DOCS / "README.md"])
    imports = re.findall(r"^(?:from|import) (fovea\S*)", code, re.MULTILINE)
    assert len(imports) >= 6
    assert set(imports) == {"fovea.plugins"}


def test_features_reach_the_traces(tmp_path, demo_cells):
    path = written(tmp_path, (
        "from fovea.plugins import feature\n"
        "@feature('peak')\n"
        "def peak(image, mask, context):\n"
        "    assert image.dtype == 'uint16' and image.shape == mask.shape\n"
        "    return image[mask].max()\n"
        "@feature('mean_again', channel='fluorescence')\n"
        "def mean_again(image, mask, context):\n"
        "    assert context.channel == 'fl_ch_1' and context.cell == 1\n"
        "    return image[mask].mean()\n"
    ))  # fmt: skip
    load_plugins([path])
    cells, frames = demo_cells
    extract(cells, tmp_path / "traces.csv", tmp_path / "cells.csv", 0,
            {"pc_ch_0": ["peak", "area"], "fl_ch_1": ["mean_again", "intensity_mean"]},
            min_frames=1, border_margin=0)  # fmt: skip
    header, *rows = (tmp_path / "traces.csv").read_text().splitlines()
    assert header.endswith("peak_ch_0,area_ch_0,mean_again_ch_1,intensity_mean_ch_1")
    for t, row in enumerate(rows):
        peak, area, mean, again = map(float, row.split(",")[-4:])
        assert peak == frames[0][t][10:20, 12:24].max()
        assert area == 120
        assert mean == pytest.approx(again)


@pytest.fixture
def demo_cells(tmp_path):
    """Crops of one cell in two frames."""
    from fovea.background.background import background
    from fovea.cells.crop import crop

    rng = np.random.default_rng(0)
    stacks = rng.integers(100, 900, (2, 2, 40, 50)).astype(np.uint16)
    labels = np.zeros((2, 40, 50), np.uint16)
    labels[:, 10:20, 12:24] = 1
    raw = [write_channel(tmp_path / name, stack)
           for name, stack in zip(("pc_ch_0", "fl_ch_1"), stacks, strict=True)]  # fmt: skip
    tracked = write_tracked(tmp_path / "seg_tracked_ch_0", labels)
    smooth = tmp_path / "fl_background_ch_1"
    background([raw[1]], [smooth], tracked,
               {"dilation_radius": 1, "tile_size": 8, "tile_overlap": 0.5,
                "rounding_error": 0.0625, "save_corrected": False})  # fmt: skip
    crop(tracked, raw, [smooth], tmp_path / "cells.zarr", 1)
    return tmp_path / "cells.zarr", stacks


# ------------------------------------------------------------------------------------- errors


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("x = 1\ny = 1 / 0\n", "line 2: ZeroDivisionError: division by zero"),
        ("def f(:\n    pass\n", "line 1: invalid syntax"),
        ("import no_such_package\n", "line 1: ModuleNotFoundError: No module named"),
        ("from fovea.plugins import segmentation\n@segmentation('logstd')\ndef f(a): pass\n",
         "line 2: ValueError: there is a segmentation method 'logstd' already"),
        ("from fovea.plugins import feature\n@feature('x', channel='red')\ndef f(*a): pass\n",
         "line 2: ValueError: channel must be phase or fluorescence, got 'red'"),
        ("import sys\nsys.exit(0)\n", "line 2: the plug-in ends the program; let it return"),
        ("raise SystemExit\n", "line 1: the plug-in ends the program"),
        ("\nraise KeyboardInterrupt\n", "line 2: KeyboardInterrupt: stopped from outside, or by"),
        ("class Mine(BaseException): pass\nraise Mine('a\\nb')\n", "line 2: Mine: a b"),
    ],
)  # fmt: skip
def test_a_file_that_fails_names_its_line(tmp_path, code, message):
    path = written(tmp_path, code)
    with pytest.raises(FoveaError, match=re.escape(f"{path}, {message}")):
        load_plugins([path])
    with pytest.raises(ConfigError, match=re.escape(f"config.yaml: plugins[0]: {path}, {message}")):
        validated(config(path))


def test_a_pipe_is_no_plugin(tmp_path):
    os.mkfifo(tmp_path / "pipe.py")
    with pytest.raises(FoveaError, match="there is no such plug-in file that can be read"):
        load_plugins([str(tmp_path / "pipe.py")])


def test_a_missing_file(tmp_path):
    with pytest.raises(ConfigError, match=r"plugins\[0\]: nowhere\.py: there is no such plug-in"):
        validated(config("nowhere.py"))


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("return frame[0]", "line 2: 'mine' returned an array of (9,) for a frame of (8, 9)"),
        ("return frame / 2", "line 2: 'mine' returned float64 values; labels are whole numbers"),
        ("return frame.nothing", "line 4: AttributeError: 'numpy.ndarray' object has no attribute"),
        ("raise SystemExit(0)", "line 4: the plug-in ends the program"),
        ("raise KeyboardInterrupt", "line 4: KeyboardInterrupt: stopped from outside, or by the"),
    ],
)
def test_a_method_that_fails_names_its_line(tmp_path, body, message):
    path = written(tmp_path, "from fovea.plugins import segmentation\n@segmentation('mine')\n"
                             f"def mine(frame):\n    {body}\n")  # fmt: skip
    load_plugins([path])
    with pytest.raises(FoveaError, match=re.escape(f"{path}, {message}")):
        load(registry.SEGMENTATION, "mine")(np.ones((8, 9), np.uint16))


def test_a_tracker_that_fails_names_its_line(tmp_path):
    code = (
        "from fovea.plugins import tracking\n@tracking('mine')\nclass Mine:\n"
        "    def update(self, labels):\n        raise KeyError('no')\n"
    )
    path = written(tmp_path, code)
    load_plugins([path])
    tracker = load(registry.TRACKING, "mine")()
    with pytest.raises(FoveaError, match=re.escape(f"{path}, line 5: KeyError: 'no'")):
        tracker.update(np.zeros((2, 2), np.uint16))


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("def update(self, labels):\n        return labels / 2.0",
         "line 4: 'update' returned float64 values; IDs are whole numbers of at least 0"),
        ("def update(self, labels):\n        return labels[0]",
         "line 4: 'update' returned an array of (2,) for a frame of (2, 2)"),
        ("def link(self, frames):\n        return frames.nothing",
         "line 5: AttributeError: 'numpy.ndarray' object has no attribute 'nothing'"),
        ("def link(self, frames):\n        return list(frames)",
         "line 4: 'link' returned list in place of Links of fovea.plugins"),
    ],
)  # fmt: skip
def test_ids_of_a_tracker_are_checked(tmp_path, body, message):
    path = written(tmp_path, "from fovea.plugins import tracking\n@tracking('mine')\nclass Mine:\n"
                             f"    {body}\n")  # fmt: skip
    load_plugins([path])
    tracker = load(registry.TRACKING, "mine")()
    with pytest.raises(FoveaError, match=re.escape(f"{path}, {message}")):
        getattr(tracker, "update" if "update" in body else "link")(np.ones((2, 2), np.uint16))


def test_a_tracker_without_a_method(tmp_path):
    path = written(tmp_path, "from fovea.plugins import tracking\n@tracking('mine')\n"
                             "class Mine:\n    pass\n")  # fmt: skip
    load_plugins([path])
    with pytest.raises(FoveaError, match=re.escape(f"{path}: Mine has neither a method update")):
        load(registry.TRACKING, "mine")()


def test_a_model_that_fails_names_its_line(tmp_path):
    path = example("decay.py", tmp_path)
    Path(path).write_text(Path(path).read_text().replace("np.exp(", "np.expo("))
    load_plugins([path])
    line = next(i for i, text in enumerate(Path(path).read_text().splitlines(), 1)
                if "expo(" in text)  # fmt: skip
    with pytest.raises(FoveaError, match=re.escape(f"{path}, line {line}: AttributeError")):
        registry.MODELS["decay"](np.array([0.0, 1.0]), 10.0, 0.5)


def test_a_model_may_be_a_function_without_code_in_python(tmp_path):
    code = (
        "from math import exp\nfrom fovea.plugins import Model, Parameter, model\n"
        "model(Model('e', 'E', 'h', (Parameter('a', 'A', '', 1.0, 0.0, 2.0),), function=exp))\n"
    )
    path = written(tmp_path, code)
    load_plugins([path])
    with pytest.raises(FoveaError, match=re.escape(f"{path}: TypeError: ")):
        registry.MODELS["e"](np.array([0.0, 1.0]), 10.0)


def test_an_environment_that_is_missing(tmp_path):
    shutil.copy(DOCS / "cellpose_segmentation.py", tmp_path)
    path = str(tmp_path / "cellpose_segmentation.py")
    line = next(i for i, text in enumerate(Path(path).read_text().splitlines(), 1)
                if "@segmentation" in text)  # fmt: skip
    text = f"{path}, line {line}: ValueError: there is no conda environment file {tmp_path}"
    with pytest.raises(FoveaError, match=re.escape(text)):
        load_plugins([path])


def test_a_feature_that_is_no_number(tmp_path):
    path = written(tmp_path, "from fovea.plugins import feature\n@feature('mine')\n"
                             "def mine(image, mask, context):\n    return mask\n")  # fmt: skip
    load_plugins([path])
    with pytest.raises(FoveaError, match=r"'mine' returned an array of \(2, 2\); a feature is one"):
        load(registry.PHASE_FEATURES, "mine")(np.ones((2, 2)), np.ones((2, 2), bool), None)


def test_parameters_are_checked_like_all_others(tmp_path):
    path = example("bright.py", tmp_path)
    with pytest.raises(ConfigError) as caught:
        validated(config(path, params={"segmentation": {"method": "bright", "above": 1.5}}))
    assert "params.segmentation.above: 1.5 is not a whole number" in str(caught.value)
    with pytest.raises(ConfigError, match="params.segmentation.abov: unknown key; .*'above'"):
        validated(config(path, params={"segmentation": {"method": "bright", "abov": 1}}))
    with pytest.raises(ConfigError, match=r"belongs to method 'bright', but the method is 'phase'"):
        validated(config(path, params={"segmentation": {"above": 1}}))


# ------------------------------------------------------------------------------------ changes


def test_another_config_forgets_plugins(tmp_path):
    path = example("bright.py", tmp_path)
    chosen = {"segmentation": {"method": "bright"}}
    validated(config(path, params=chosen))
    with pytest.raises(ConfigError, match="'bright' is no segmentation method"):
        validated(config(path, plugins=[], params=chosen))


def test_changed_code_is_another_parameter(tmp_path):
    path = example("bright.py", tmp_path)
    chosen = {"params": {"segmentation": {"method": "bright"}}}

    def plugin_code() -> dict[str, str]:
        complete = validated(config(path, **chosen))
        return Plan(complete).datasets["demo"].plugin_code("segmentation")

    before = plugin_code()
    same = plugin_code()
    Path(path).write_text(Path(path).read_text().replace("smooth > above", "smooth >= above"))
    after = plugin_code()
    assert list(before) == list(after) == [path]
    assert before == same
    assert before != after


def test_registering_needs_a_config():
    with pytest.raises(RuntimeError, match="name it in the config"):
        plugins.feature("stray")(lambda image, mask, context: 0.0)


IMAGES = """
from fovea.plugins import linked, tracking

@tracking("shown", images=True, memory=7)
class Shown:
    def __init__(self, edges: str = ""):
        self.made = edges

    def link(self, labels, images):
        import numpy as np
        assert labels.shape == images.shape == (2, 8, 9)
        assert labels[0].shape == (8, 9) and images[0:2].shape == (2, 8, 9)
        assert np.array_equal(labels[1] > 0, images[1] > 100)
        numbers = np.fromstring(self.made, sep=" ", dtype=int).reshape(-1, 2, 2)
        return linked(labels, numbers.tolist())
"""


def shown(tmp_path, edges):
    """Cells of two frames of two objects, linked by a plug-in that is given images."""
    path = written(tmp_path, IMAGES)
    load_plugins([path])
    labels = np.zeros((2, 8, 9), np.uint16)
    labels[:, 1:3, 1:3], labels[:, 5:7, 5:7] = 1, 2
    write_channel(tmp_path / "seg", labels)
    write_channel(tmp_path / "pc", 100 + labels)
    track(tmp_path / "seg", tmp_path / "ids", {"method": "shown", "edges": edges},
          lineage=tmp_path / "lineage.csv", images=tmp_path / "pc")  # fmt: skip
    lines = (tmp_path / "lineage.csv").read_text().splitlines()[1:]
    return [tuple(map(int, line.split(",")[1:5])) for line in lines]


@pytest.mark.parametrize(
    ("edges", "lineage"),
    [
        ("", [(1, 0, 0, 0), (2, 0, 0, 0), (3, 1, 1, 0), (4, 1, 1, 0)]),
        ("0 1 1 1  0 2 1 2", [(1, 0, 1, 0), (2, 0, 1, 0)]),
        ("0 1 1 2", [(1, 0, 1, 0), (2, 0, 0, 0), (3, 1, 1, 0)]),
        ("0 1 1 1  0 1 1 2", [(1, 0, 0, 0), (2, 0, 0, 0), (3, 1, 1, 1), (4, 1, 1, 1)]),
    ],
)
def test_a_tracker_may_see_images(tmp_path, edges, lineage):
    assert shown(tmp_path, edges) == lineage


@pytest.mark.parametrize(
    ("edges", "message"),
    [
        ("0 1 1 3", "ValueError: an edge of object 3 of frame 1, which has no such label"),
        ("0 1 2 1", "ValueError: an edge of object 1 of frame 2, which has no such label"),
        ("0 1 0 2", "ValueError: an edge from frame 0 to frame 0, which is not later"),
        ("0 1 1 1  0 2 1 1", "ValueError: two edges that lead to object 1 of frame 1"),
    ],
)
def test_edges_of_a_tracker_are_checked(tmp_path, edges, message):
    with pytest.raises(FoveaError, match=re.escape(message)) as caught:
        shown(tmp_path, edges)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("chains", "message"),
    [
        ([[(0, 1), (1, 3)]], "object 3 of frame 1, which has no such label"),
        ([[(0, 1), (0, 2)]], "cell 1 twice in frame 0"),
        ([[(0, 0)]], "object 0 of frame 0, which has no such label"),
        ([[(2, 1)]], "object 1 of frame 2, which has no such label"),
    ],
)
def test_links_of_a_tracker_are_checked(tmp_path, chains, message):
    path = written(tmp_path, (
        "from fovea.plugins import Links, linked, tracking\n@tracking('mine')\nclass Mine:\n"
        "    def link(self, frames):\n"
        f"        return Links(linked(frames, []).objects, {chains}, {{}})\n"
    ))  # fmt: skip
    load_plugins([path])
    labels = np.zeros((2, 8, 9), np.uint16)
    labels[:, 1:3, 1:3], labels[:, 5:7, 5:7] = 1, 2
    with pytest.raises(FoveaError, match=re.escape(f"{path}, line 4: 'link' returned {message}")):
        load(registry.TRACKING, "mine")().link(labels)
