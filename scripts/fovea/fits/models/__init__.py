"""Models of traces: their parameters, formulas and derivatives; measures that are not fitted."""
