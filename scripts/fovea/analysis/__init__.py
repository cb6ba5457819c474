"""From traces to kinetic parameters: models, fits with uncertainties, measures."""
