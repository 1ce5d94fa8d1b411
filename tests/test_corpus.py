"""The script that writes the corpus, for people and other programs."""

import pytest
from corpus import CORPUS

from script.make_corpus import main


@pytest.mark.slow
def test_every_file_of_the_corpus_keeps_its_promise(tmp_path, capsys):
    assert main([str(tmp_path), "--try"]) == 0

    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == len(CORPUS)
    assert all(" kept in " in line for line in lines)
