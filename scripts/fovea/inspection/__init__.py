"""Inspection: what people look at before and after a run. Imported by no stage."""
