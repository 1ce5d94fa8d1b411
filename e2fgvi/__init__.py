"""Fill: a clip with holes to a clip without (E2FGVI)."""
