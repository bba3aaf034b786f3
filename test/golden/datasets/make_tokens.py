"""Writes tokens.json: ids that the Rust tokenizers give for texts, against which the JavaScript ones are tested.

    pip install tokenizers && python make_tokens.py
"""
import json
from pathlib import Path

from tokenizers import Tokenizer

HERE = Path(__file__).resolve().parent
tokenizer = Tokenizer.from_file(str(HERE / "../../../examples/brown/tokenizer.json"))
texts = [
    "The Fulton County Grand Jury said Friday",
    " an investigation of Atlanta's recent primary election produced `` no evidence '' .",
    "caf\u00e9 na\u00efve \u65e5\u672c\u8a9e \U0001f600",
    "two  spaces\tand\nlines\n\nend",
    "1234567.89 %",
]
words = ["The", "Fulton", "County", "Grand", "Jury", "said", "Friday", "an", "investigation", "of", "Atlanta's"]
out = {
    "texts": [{"text": text, "ids": tokenizer.encode(text, add_special_tokens=False).ids} for text in texts],
    "words": [{"word": word, "ids": tokenizer.encode(" " + word).ids} for word in words],
}
(HERE / "tokens.json").write_text(json.dumps(out))
