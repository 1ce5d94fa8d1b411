"""How much the inpainter does for each frame."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Effort:
    """How much is done for each frame."""

    side: int  # pixels: the longer side of frames where motion is estimated
    sources: int  # frames merged; some more where these do not show everything
    offers: int  # motions tried for each of them
    finest_scale: int  # of the flow around the hole, see FlowEstimator
    matches_distant: bool  # look for references that no chain of neighbours leads to
    at_once: bool  # in two threads
    ahead: int  # frames filled before their turn, if they are known: to be joined backwards
    optimism: float  # times the squared error expected of a source: what it errs by in holes


# Offline; streaming.
AT_LEISURE = Effort(
    432,
    sources=3,
    offers=3,
    finest_scale=1,
    matches_distant=True,
    at_once=True,
    ahead=0,
    optimism=3.0,
)
AT_SPEED = Effort(
    320,
    sources=1,
    offers=2,
    finest_scale=2,
    matches_distant=False,
    at_once=False,
    ahead=2,
    optimism=4.0,
)
