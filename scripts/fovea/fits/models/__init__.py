"""Models of traces: parameters, formulas and derivatives; measures, which are computed directly."""
