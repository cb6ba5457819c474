"""Pages for people: `views` are figures of Bokeh, `report` makes static pages of them.

Nothing but the command and the rules imports it; only `views` and what uses it import Bokeh.
"""
