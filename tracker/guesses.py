"""What a session takes over from engines: other meanings of a click, and what they found."""

from collections.abc import Sequence
from dataclasses import replace

from tracker import images
from tracker.prompts import Place
from tracker.proposals import Rule, new_objects
from tracker.session import THUMBNAIL_PIXELS, FindObject, Session
from tracker.types import Frame, Mask, Origin, Prompt, Proposal, UserError


def is_ambiguous(session: Session) -> bool:
    """Return whether all that is said of the current object in this frame is a single click."""
    said = session.edit.prompts.get(_place(session), Prompt())
    return len(said.points) == 1 and said.box is None and said.mask is None


def next_guess(session: Session, find: FindObject) -> Session:
    """Take the next of what the single click in the frame looked at may mean.

    Raises:
        UserError: there is more than a click, or it has one meaning only.
    """
    if not is_ambiguous(session):
        raise UserError("only a single click may mean several things; click again to correct it")
    said = session.edit.prompts[_place(session)]
    prompt = replace(said, choice=said.choice + 1)
    masks = find(session.view.index, prompt).masks
    if len(masks) == 1:
        raise UserError("there is no other guess for this click; click again to correct it")
    prompt = replace(prompt, choice=prompt.choice % len(masks))
    picture = _thumbnail(session, masks[0])
    return session.change(session.edit.mark(_place(session), prompt, masks[0], picture))


def add_found(
    session: Session,
    found: Sequence[Proposal],
    rule: Rule | None = None,
    origin: Origin = "proposed",
) -> Session:
    """Mark what was found in the frame looked at, each an object of its own.

    Args:
        session: looking at the frame.
        found: masks of it.
        rule: when one is new; None for the published rule.
        origin: who found it.

    Raises:
        UserError: all of it is marked already.
    """
    new = new_objects(found, session.labels(session.view.index), rule)
    if not new:
        raise UserError("what was found here is marked already, or too small or too large")
    edit = session.edit
    for proposal in new:
        if edit.places_of(edit.current):
            edit = edit.add_object(proposal.name)
        elif proposal.name:
            edit = edit.change_object(replace(edit.object, name=proposal.name))
        place = Place(session.view.index, edit.current)
        picture = _thumbnail(session, proposal.mask)
        prompt = Prompt(mask=proposal.mask, origin=origin)
        edit = edit.mark(place, prompt, proposal.mask, picture)
    return session.change(edit)


def _place(session: Session) -> Place:
    return Place(session.view.index, session.edit.current)


def _thumbnail(session: Session, mask: Mask) -> Frame | None:
    return images.thumbnail(session.view.picture, mask, THUMBNAIL_PIXELS)
