"""Interactive figures and texts of Bokeh, built from tables and arrays; static and live pages use
them alike. They are linked by their data source, whose selection they share, and need no server.
Texts from recordings, logs and configs are escaped here, and are never mathematics.
"""
