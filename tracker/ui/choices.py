"""How to remove, as it is chosen all over the page."""

from dataclasses import dataclass
from typing import Any

import gradio as gr
from gradio.components import Component

from tracker.options import Options
from tracker.session import Session
from tracker.ui.panel import Updates
from tracker.ui.panels.quality import QualityPanel
from tracker.ui.panels.search import SearchPanel


@dataclass(frozen=True, eq=False)
class Choices:
    """The controls that together say it."""

    quality: QualityPanel
    search: SearchPanel
    words: gr.Textbox

    @property
    def inputs(self) -> list[Component]:
        """Return the components that `options` reads, in its order."""
        return [*self.quality.inputs, *self.search.inputs(self.words)]

    @property
    def changes(self) -> list[Any]:
        """Return the events that say something else was chosen."""
        return [part.change for part in self.inputs if hasattr(part, "change")]

    def options(self, session: Session, *values: Any) -> Options:
        """Return what is chosen; what the page has no control for is as the project said.

        Raises:
            UserError: words are to be looked for again, but there are none.
        """
        num_quality = len(self.quality.inputs)
        options = self.quality.options(session.base, *values[:num_quality])
        return self.search.add_to(options, *values[num_quality:])

    def restore(self, session: Session) -> Updates:
        """Return the controls as the project of a session says."""
        updates = self.quality.restore(session) | self.search.restore(session.base)
        search = session.base.search
        if search is not None and search.words is not None:
            updates[self.words] = gr.update(value=search.words)
        return updates
