"""Let torch compile the parts of the network that always see the same kinds of tensors.

What depends on the place of a hole (the decoder's regions) and what is a library's own
kernel (deformable convolution, attention) is left as it is.
"""

import shutil

from e2fgvi.network import E2FGVI

COMPILERS = ("c++", "g++", "clang++", "cl")


def why_not_compile(device: str) -> str | None:
    """Return what is missing to compile for a device, None if nothing is."""
    if device == "mps":
        return "torch compiles for cpu and cuda only"
    if not any(shutil.which(name) for name in COMPILERS):
        return f"there is no C++ compiler (one of {', '.join(COMPILERS)})"
    return None


def compile_network(network: E2FGVI) -> E2FGVI:
    """Compile parts of the network in place; each is translated when it is first used."""
    network.encoder.compile(dynamic=True)
    network.update_spynet.compile(dynamic=True)
    for alignment in network.feat_prop_module.deform_align.values():
        alignment.get_submodule("conv_offset").compile(dynamic=True)
    for backbone in network.feat_prop_module.backbone.values():
        backbone.compile(dynamic=True)
    for block in network.blocks:
        block.mlp.compile(dynamic=True)
    return network
