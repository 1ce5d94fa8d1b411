"""Fill: a clip with holes to a clip without (E2FGVI)."""

from e2fgvi.network import E2FGVI, build_network

__all__ = ["E2FGVI", "build_network"]
