"""Figures for papers and for the report, each as PDF and as PNG. Imported by no stage."""
