"""What reading a zip archive that somebody sent can raise."""

import struct
import zipfile
import zlib

# Names in unknown encodings, fields that point nowhere, bits that ask for a password: the
# `zipfile` module refuses what is broken in many voices.  OSError is not among them: the disk
# may be at fault.
BROKEN_ARCHIVE = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    IndexError,
    NotImplementedError,
    RuntimeError,
    ValueError,
)
