"""Registries: names, targets, and the parameters of methods."""

import inspect

import numpy as np
import pytest

from fovea.cells.features import intensity_features, mask_features
from fovea.config.schema import SCHEMA, load_schema
from fovea.errors import FoveaError
from fovea.plugins.registry import (
    FLUORESCENCE_FEATURES,
    METHODS,
    PHASE_FEATURES,
    PREPROCESSING,
    SEGMENTATION,
    TRACKING,
    Registry,
    load,
)


def test_entries_by_name_and_by_function():
    def own():
        """Do nothing."""

    methods = Registry("tracking method")
    methods.register("json", "json:loads", parameters=("a", "b"))
    methods.register("own", own, parameters=("b",))
    assert list(methods) == ["json", "own"]
    assert load(methods, "json")("[1]") == [1]
    assert load(methods, "own") is own
    assert methods.parameters("json") == ("a", "b")
    assert methods.owners("b") == ["json", "own"]
    assert methods.owners("a") == ["json"]
    assert methods.owners("c") == []


@pytest.mark.parametrize("name", ["Own", "1st", "", "a-b", "a b"])
def test_malformed_names(name):
    with pytest.raises(ValueError, match="cannot be the name of a tracking method; allowed: lower"):
        Registry("tracking method").register(name, print)


def test_names_are_taken_once():
    methods = Registry("tracking method")
    methods.register("own", print)
    with pytest.raises(ValueError, match="there is a tracking method 'own' already"):
        methods.register("own", print)


def test_unknown_names():
    with pytest.raises(FoveaError) as caught:
        load(SEGMENTATION, "logsdt")
    assert str(caught.value) == (
        "'logsdt' is no segmentation method; allowed: logstd, phase; did you mean 'logstd'?"
    )
    with pytest.raises(FoveaError, match=r"^'gauss' is no preprocessing function, for none is reg"):
        load(PREPROCESSING, "gauss")


def test_built_in_features_have_no_function():
    with pytest.raises(TypeError, match="phase feature 'area' has no function of its own"):
        load(PHASE_FEATURES, "area")


def test_every_feature_can_be_computed():
    masks, images = np.ones((1, 3, 5), bool), np.ones((1, 3, 5))
    shape = mask_features(masks, np.zeros((1, 2), int), list(PHASE_FEATURES))
    light = intensity_features(images, masks, list(FLUORESCENCE_FEATURES))
    assert list(shape) == list(PHASE_FEATURES)
    assert list(light) == list(FLUORESCENCE_FEATURES)


@pytest.mark.parametrize("name", SEGMENTATION)
def test_segmentation_takes_a_frame_and_its_parameters(name):
    parameters = list(inspect.signature(load(SEGMENTATION, name)).parameters)
    assert tuple(parameters[1:]) == SEGMENTATION.parameters(name)


@pytest.mark.parametrize("name", TRACKING)
def test_tracking_takes_its_parameters(name):
    tracker = load(TRACKING, name)
    assert set(inspect.signature(tracker).parameters) == set(TRACKING.parameters(name))
    assert callable(tracker.link)


@pytest.mark.parametrize("section", METHODS)
def test_the_schema_has_the_parameters_of_all_methods(section):
    keys = load_schema(SCHEMA)["properties"]["params"]["properties"][section]["properties"]
    registry = METHODS[section]
    owned = {key for name in registry for key in registry.parameters(name)}
    always = {"segmentation": {"consistency"}}  # for any method
    assert set(keys) == owned | {"method"} | always.get(section, set())


@pytest.mark.parametrize("section", METHODS)
def test_the_schema_has_the_defaults_of_the_functions(section):
    keys = load_schema(SCHEMA)["properties"]["params"]["properties"][section]["properties"]
    for name in METHODS[section]:
        signature = inspect.signature(load(METHODS[section], name))
        for key in METHODS[section].parameters(name):
            default = signature.parameters[key].default
            must_be_given = default is inspect.Parameter.empty
            if key in ("mode", "contrast"):  # one frame alone does not tell it
                expected = "adherent" if key == "mode" else "dark"
                assert (keys[key]["default"], default) == ("auto", expected)
                continue
            assert keys[key]["default"] == (None if must_be_given else default)
