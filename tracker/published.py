"""The published weights: which file, where from, how large, under which licence.

Sizes and hashes that their authors never published are None: there the bytes the parameters
alone need are the floor, and the strict load by the engine is the proof.
"""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Checkpoint:
    """One file of weights as its authors published it."""

    name: str
    file: str  # its name in the checkpoint folder
    purpose: str
    licence: str
    commercial: bool  # does the licence allow commercial use?
    least_bytes: int  # a smaller file cannot be complete
    url: str | None = None  # over HTTPS, or else:
    drive: str | None = None  # the id of a file on Google Drive
    bytes: int | None = None
    sha256: str | None = None
    zipped: bool = False  # published inside a zip archive
    folder: str | None = None  # a Hugging Face folder with the same weights serves as well

    @property
    def page(self) -> str:
        """Return where a person can fetch the published file with a browser."""
        return self.url or f"https://drive.google.com/file/d/{self.drive}/view"


def _sam(name: str, file: str, size: int, sha256: str, purpose: str) -> Checkpoint:
    url = f"https://dl.fbaipublicfiles.com/segment_anything/{file}"
    return Checkpoint(name, file, purpose, "Apache-2.0", True, size, url, None, size, sha256)


def _aot(name: str, file: str, drive: str, least_bytes: int) -> Checkpoint:
    purpose = "follows objects through a video"
    return Checkpoint(name, file, purpose, "BSD-3-Clause", True, least_bytes, drive=drive)


_ALL = (
    Checkpoint(
        name="mobile_sam",
        file="mobile_sam.pt",
        purpose="clicks and boxes to masks, fast without an accelerator",
        licence="Apache-2.0",
        commercial=True,
        least_bytes=40_728_226,
        url="https://github.com/ChaoningZhang/MobileSAM/raw/master/weights/mobile_sam.pt",
        bytes=40_728_226,
        sha256="6dbb90523a35330fedd7f1d3dfc66f995213d81b29a5ca8108dbcdd4e37d6c2f",
    ),
    Checkpoint(
        name="sam_hq_tiny",
        file="sam_hq_vit_tiny.pth",
        purpose="clicks and boxes to masks with finer edges, fast without an accelerator",
        licence="Apache-2.0",
        commercial=True,
        least_bytes=40_000_000,
        url="https://huggingface.co/lkeab/hq-sam/resolve/main/sam_hq_vit_tiny.pth",
        sha256="0f32c075ccdd870ae54db2f7630e7a0878ede5a2b06d05d6fe02c65a82fb7196",
    ),
    _sam(
        "sam_vit_b",
        "sam_vit_b_01ec64.pth",
        375_042_383,
        "ec2df62732614e57411cdcf32a23ffdf28910380d03139ee0f4fcbe91eb8c912",
        "clicks and boxes to masks",
    ),
    _sam(
        "sam_vit_l",
        "sam_vit_l_0b3195.pth",
        1_249_524_607,
        "3adcc4315b642a4d2101128f611684e8734c41232a17c648ed1693702a49a622",
        "clicks and boxes to masks, larger",
    ),
    _sam(
        "sam_vit_h",
        "sam_vit_h_4b8939.pth",
        2_564_550_879,
        "a7bf3b02f3ebf1267aba913ff637d9a2d5c33d3173bb679e46d9f338c26f262e",
        "clicks and boxes to masks, largest",
    ),
    Checkpoint(
        name="groundingdino",
        file="groundingdino_swint_ogc.pth",
        purpose="words to boxes",
        licence="Apache-2.0",
        commercial=True,
        least_bytes=693_997_677,
        url="https://github.com/IDEA-Research/GroundingDINO/releases/download/"
        "v0.1.0-alpha/groundingdino_swint_ogc.pth",
        bytes=693_997_677,
        sha256="3b3ca2563c77c69f651d7bd133e97139c186df06231157a64c507099c52bc799",
        folder="grounding-dino-tiny",
    ),
    _aot("aott", "AOTT_PRE_YTB_DAV.pth", "1owPmwV4owd_ll6GuilzklqTyAd0ZvbCu", 23_209_292),
    _aot("aots", "AOTS_PRE_YTB_DAV.pth", "1beU5E6Mdnr_pPrgjWvdWurKAIwJSz1xf", 28_265_836),
    _aot("aotb", "AOTB_PRE_YTB_DAV.pth", "1hH-GOn4GAxHkV8ARcQzsUy8Ax6ndot-A", 33_322_380),
    _aot("aotl", "AOTL_PRE_YTB_DAV.pth", "1L1N2hkSPqrwGgnW9GyFHuG59_EYYfTG4", 33_322_380),
    _aot("r50_aotl", "R50_AOTL_PRE_YTB_DAV.pth", "1qJDYn3Ibpquu4ffYoQmVjg1YCbr2JQep", 59_884_428),
    _aot(
        "swinb_aotl",
        "SwinB_AOTL_PRE_YTB_DAV.pth",
        "192jCGQZdnuTsvX-CVra-KVZl2q1ZR0vW",
        262_017_308,
    ),
    _aot("deaott", "DeAOTT_PRE_YTB_DAV.pth", "1ThWIZQS03cYWx1EKNN8MIMnJS5eRowzr", 29_225_648),
    _aot("deaots", "DeAOTS_PRE_YTB_DAV.pth", "1YwIAV5tBtn5spSFxKLBQBEQGwPHyQlHi", 41_083_956),
    _aot("deaotb", "DeAOTB_PRE_YTB_DAV.pth", "1BHxsonnvJXylqHlZ1zJHHc-ymKyq-CFf", 52_942_264),
    _aot("deaotl", "DeAOTL_PRE_YTB_DAV.pth", "18elNz_wi9JyVBcIUYKhRdL08MA-FqHD5", 52_942_264),
    Checkpoint(
        name="r50_deaotl",
        file="R50_DeAOTL_PRE_YTB_DAV.pth",
        purpose="follows objects through a video",
        licence="BSD-3-Clause",
        commercial=True,
        least_bytes=236_513_959,
        drive="1QoChMkTVxdYZ_eBlZhK2acq9KMQZccPJ",
        bytes=236_513_959,
        sha256="7e8a8d83310739bac02817f6bf48b6bbe2bbd7d5325722f1084088eb3aee1e06",
    ),
    _aot(
        "swinb_deaotl",
        "SwinB_DeAOTL_PRE_YTB_DAV.pth",
        "1g4E-F0RPOx9Nd6J7tU9AE1TjsouL4oZq",
        281_637_192,
    ),
    Checkpoint(
        name="lpips",
        file="lpips_alex_v0.1.pth",
        purpose="evaluation: weighs the channels of alexnet for LPIPS",
        licence="BSD-2-Clause",
        commercial=True,
        least_bytes=4 * 1_152,
        url="https://github.com/richzhang/PerceptualSimilarity/raw/master/lpips/weights/v0.1/alex.pth",
    ),
    Checkpoint(
        name="alexnet",
        file="alexnet-owt-7be5be79.pth",
        purpose="evaluation: the features LPIPS compares",
        licence="BSD-3-Clause",
        commercial=True,
        least_bytes=244_403_360,
        url="https://download.pytorch.org/models/alexnet-owt-7be5be79.pth",
    ),
    Checkpoint(
        name="i3d",
        file="i3d_rgb_imagenet.pt",
        purpose="evaluation: the features VFID compares",
        licence="Apache-2.0",
        commercial=True,
        least_bytes=4 * 12_697_264,
        url="https://github.com/sczhou/ProPainter/releases/download/v0.1.0/i3d_rgb_imagenet.pt",
    ),
    Checkpoint(
        name="e2fgvi",
        file="E2FGVI-CVPR22.pth",
        purpose="fills the hole, at 432x240 only",
        licence="CC BY-NC 4.0",
        commercial=False,
        least_bytes=167_206_676,
        drive="1tNJMTJ2gmWdIXJoHVi5-H504uImUiJW9",
        zipped=True,
    ),
    Checkpoint(
        name="e2fgvi_hq",
        file="E2FGVI-HQ-CVPR22.pth",
        purpose="fills the hole, at any size",
        licence="CC BY-NC 4.0",
        commercial=False,
        least_bytes=164_535_938,
        drive="10wGdKSUOie0XmCr8SQ2A2FeDe-mfn5w3",
        bytes=164_535_938,
        sha256="afff989d41205598a79ce24630b9c83af4b0a06f45b137979a25937d94c121a5",
    ),
)
RECORDS: Mapping[str, Checkpoint] = {record.name: record for record in _ALL}
DEFAULT = ("sam_vit_b", "groundingdino", "r50_deaotl", "e2fgvi_hq")
