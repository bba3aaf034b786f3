"""Train a byte-level BPE on brown.jsonl (run prepare.mjs first) and write tokenizer.json.

    python train_tokenizer.py [--data brown.jsonl] [--vocab 4096] [--out tokenizer.json]

Needs tokenizers.  No prefix space is added by the tokenizer: write every word as " word".
A sentence then has the same ids whether it is encoded whole or word by word.
"""
import argparse
import json
from pathlib import Path

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

HERE = Path(__file__).resolve().parent


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, default=HERE / "brown.jsonl")
    parser.add_argument("--out", type=Path, default=HERE / "tokenizer.json")
    parser.add_argument("--vocab", type=int, default=4096)
    args = parser.parse_args()
    sentences = [json.loads(line)["words"] for line in args.data.read_text().splitlines()]

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=args.vocab,
        special_tokens=["<|endoftext|>"],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator(("".join(f" {w}" for w in words) for words in sentences), trainer)
    tokenizer.save(str(args.out))

    word_ids = {w: tokenizer.encode(f" {w}").ids for w in {w for words in sentences for w in words}}
    differ = sum(
        tokenizer.encode("".join(f" {w}" for w in words)).ids != [i for w in words for i in word_ids[w]]
        for words in sentences
    )
    tokens = sum(len(word_ids[w]) for words in sentences for w in words)
    print(f"vocabulary {tokenizer.get_vocab_size()}, {tokens} tokens, {tokens / sum(map(len, sentences)):.3f} per word")
    print(f"sentences whose ids differ when encoded word by word: {differ}")


if __name__ == "__main__":
    main()
