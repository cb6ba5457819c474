"""A model of traces: exponential decay to nothing."""

import numpy as np

from fovea.plugins import Model, Parameter, model


def decay(time, amplitude, rate):
    """Values at times in hours."""
    return amplitude * np.exp(-rate * time)


DECAY = model(
    Model(
        name="decay",
        title="Decay to nothing",
        time_unit="h",
        parameters=(
            Parameter("amplitude", "Amplitude", "{y}", 100.0, 0.0, 1e9, kind="linear"),
            Parameter("rate", "Decay rate", "1/h", 0.1, 1e-4, 10.0, kind="rate"),
        ),
        function=decay,
    )
)
