#!/usr/bin/env python3
"""Between corpus/TARGET.txt, one input a line, and a folder of files as libFuzzer wants it.

    corpus.py unpack TARGET FOLDER
    corpus.py pack TARGET FOLDER
"""

import hashlib
import pathlib
import re
import sys


def line(data: bytes) -> str:
    def shown(byte: int) -> str:
        if byte == 0x0A:
            return "\\n"
        return chr(byte) if 0x20 <= byte < 0x7F and byte != 0x5C else f"\\x{byte:02x}"

    text = "".join(map(shown, data))
    # Editors cut spaces off at the end.
    return text[:-1] + "\\x20" if text.endswith(" ") else text


def data(line: str) -> bytes:
    def meant(escape: re.Match) -> str:
        return "\n" if escape[1] == "n" else chr(int(escape[2], 16))

    return re.sub(r"\\(n|x(..))", meant, line).encode("latin-1")


def main() -> None:
    what, target, folder = sys.argv[1], sys.argv[2], pathlib.Path(sys.argv[3])
    lines = pathlib.Path(__file__).parent / "corpus" / f"{target}.txt"
    if what == "unpack":
        folder.mkdir(parents=True, exist_ok=True)
        for text in lines.read_text("ascii").splitlines():
            found = data(text)
            (folder / hashlib.sha1(found).hexdigest()).write_bytes(found)
    elif what == "pack":
        lines.parent.mkdir(exist_ok=True)
        found = sorted({line(path.read_bytes()) for path in folder.iterdir()})
        lines.write_text("".join(text + "\n" for text in found), "ascii")
    else:
        sys.exit(__doc__)


main()
