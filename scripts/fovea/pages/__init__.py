"""Pages for people: `views` are figures of Bokeh, `report` makes static pages of them, and `live`
is the page to work in.

Nothing but the command and the rules imports it. Bokeh is imported by figures and what shows them
alone: the start page, pages of fields of view and their pictures do without.
"""
