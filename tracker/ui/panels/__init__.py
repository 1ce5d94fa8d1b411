"""The panels of the page, one module each: components, layout, wiring, and what they show.

To add one: write its module like the others here, name it in `tracker.ui.page.Panels`, lay
it out where `tracker.ui.page` says, and wire it there.  Nothing else knows it.
"""
