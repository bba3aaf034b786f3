"""Train a small decoder-only transformer on Brown and write it as model.onnx.

    python train.py [--data brown.jsonl] [--seed 0] [--steps 3600] [--threads 2] [--out model.onnx]

Needs torch, numpy, tokenizers, onnx, onnxruntime; run prepare.mjs and train_tokenizer.py first.
Every 20th document (ca20, ca40, cb16, ...: 25 of 500) is held out.  A document is <|endoftext|> and then
its sentences, every word written as " word".  Prints the held-out loss and checks the written file.
"""
import argparse
import json
import math
import time
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import torch
from tokenizers import Tokenizer
from torch import nn
from torch.nn import functional as F

HERE = Path(__file__).resolve().parent
CONTEXT = 64


class Block(nn.Module):
    """Pre-LN block: x + attn(ln1(x)), then x + mlp(ln2(x)) with a tanh-GELU MLP."""

    def __init__(self, d_model, d_mlp, heads):
        super().__init__()
        self.heads, self.d_head = heads, d_model // heads
        self.ln1, self.ln2 = nn.LayerNorm(d_model), nn.LayerNorm(d_model)
        self.qkv, self.proj = nn.Linear(d_model, 3 * d_model), nn.Linear(d_model, d_model)
        self.fc_in, self.fc_out = nn.Linear(d_model, d_mlp), nn.Linear(d_mlp, d_model)

    def attend(self, x, mask):
        batch, seq, _ = x.shape
        q, k, v = self.qkv(x).view(batch, seq, 3, self.heads, self.d_head).permute(2, 0, 3, 1, 4).unbind(0)
        scores = q @ k.transpose(-2, -1) / math.sqrt(self.d_head) + mask[:seq, :seq]
        return self.proj((scores.softmax(-1) @ v).transpose(1, 2).reshape(batch, seq, self.heads * self.d_head))

    def forward(self, x, mask):
        x = x + self.attend(self.ln1(x), mask)
        return x + self.fc_out(F.gelu(self.fc_in(self.ln2(x)), approximate="tanh"))


class Lm(nn.Module):
    def __init__(self, vocab, d_model=128, d_mlp=512, heads=4, layers=4):
        super().__init__()
        self.wte, self.wpe = nn.Embedding(vocab, d_model), nn.Embedding(CONTEXT, d_model)
        self.blocks = nn.ModuleList(Block(d_model, d_mlp, heads) for _ in range(layers))
        self.ln_f = nn.LayerNorm(d_model)
        self.unembed = nn.Linear(d_model, vocab, bias=False)
        self.register_buffer("mask", torch.full((CONTEXT, CONTEXT), -1e9).triu(1), persistent=False)
        for name, p in self.named_parameters():
            if name.endswith("bias"):
                nn.init.zeros_(p)
            elif p.dim() == 2:
                scale = (2 * layers) ** -0.5 if name.endswith(("proj.weight", "fc_out.weight")) else 1
                nn.init.normal_(p, std=0.02 * scale)
        self.unembed.weight = self.wte.weight  # tied

    def forward(self, input_ids):
        x = self.wte(input_ids) + self.wpe.weight[: input_ids.shape[1]]
        for block in self.blocks:
            x = block(x, self.mask)
        return self.unembed(self.ln_f(x))


def read_tokens(path, tokenizer):
    """(training tokens, held-out tokens), documents in order."""
    documents, word_ids = {}, {}
    for line in path.read_text().splitlines():
        record = json.loads(line)
        ids = documents.setdefault(record["id"].split(":")[0], [tokenizer.token_to_id("<|endoftext|>")])
        for word in record["words"]:
            if word not in word_ids:
                word_ids[word] = tokenizer.encode(f" {word}").ids
            ids += word_ids[word]
    parts = [], []
    for i, name in enumerate(sorted(documents)):
        parts[i % 20 == 19].extend(documents[name])
    return torch.tensor(parts[0]), torch.tensor(parts[1])


def windows(tokens):
    """Non-overlapping (input, target) windows of CONTEXT tokens."""
    n = (len(tokens) - 1) // CONTEXT
    return tokens[: n * CONTEXT].view(n, CONTEXT), tokens[1 : n * CONTEXT + 1].view(n, CONTEXT)


@torch.no_grad()
def mean_loss(model, tokens):
    x, y = windows(tokens)
    total = sum(F.cross_entropy(model(a).flatten(0, 1), b.flatten(), reduction="sum").item() for a, b in zip(x.split(64), y.split(64)))
    return total / y.numel()


def unigram_loss(train, held, vocab):
    """Cross-entropy on the held-out targets of the training token frequencies (add-one)."""
    counts = torch.bincount(train, minlength=vocab).double() + 1
    return -(counts / counts.sum()).log()[windows(held)[1]].mean().item()


def train(model, tokens, held, steps, batch=32, peak_lr=3e-3, warmup=200):
    decay, rest = [[p for p in model.parameters() if (p.dim() > 1) == big] for big in (True, False)]
    optimizer = torch.optim.AdamW([{"params": decay, "weight_decay": 0.1}, {"params": rest, "weight_decay": 0.0}], betas=(0.9, 0.95))
    offsets, start = torch.arange(CONTEXT + 1), time.time()
    for step in range(1, steps + 1):
        lr = peak_lr * min(step / warmup, 0.5 + 0.5 * math.cos(math.pi * step / steps))
        for group in optimizer.param_groups:
            group["lr"] = lr
        rows = tokens[torch.randint(len(tokens) - CONTEXT, (batch, 1)) + offsets]
        loss = F.cross_entropy(model(rows[:, :-1]).flatten(0, 1), rows[:, 1:].flatten())
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        if step % 200 == 0 or step == steps:
            print(f"step {step}/{steps}  train {loss.item():.3f}  held-out {mean_loss(model, held[:20000]):.3f}  {time.time() - start:.0f} s", flush=True)


def export(model, path):
    torch.onnx.export(
        model, (torch.zeros(2, 8, dtype=torch.long),), str(path), dynamo=False, opset_version=17,
        input_names=["input_ids"], output_names=["logits"],
        dynamic_axes={"input_ids": {0: "batch", 1: "seq"}, "logits": {0: "batch", 1: "seq"}},
    )
    onnx.checker.check_model(onnx.load(path), full_check=True)


def check(model, path, vocab):
    session = ort.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    for shape in [(1, 1), (1, 2), (3, 7), (2, 33), (5, CONTEXT), (1, CONTEXT)]:
        ids = torch.randint(vocab, shape)
        with torch.no_grad():
            gap = np.abs(model(ids).numpy() - session.run(["logits"], {"input_ids": ids.numpy()})[0]).max()
        print(f"onnxruntime vs torch at {shape}: max abs difference {gap:.1e}")
        assert gap < 1e-3


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, default=HERE / "brown.jsonl")
    parser.add_argument("--tokenizer", type=Path, default=HERE / "tokenizer.json")
    parser.add_argument("--out", type=Path, default=HERE / "model.onnx")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int, default=3600)
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    torch.use_deterministic_algorithms(True)
    torch.manual_seed(args.seed)

    tokenizer = Tokenizer.from_file(str(args.tokenizer))
    vocab = tokenizer.get_vocab_size()
    tokens, held = read_tokens(args.data, tokenizer)
    model = Lm(vocab)
    print(f"{sum(p.numel() for p in model.parameters())} parameters, {len(tokens)} training and {len(held)} held-out tokens")
    train(model, tokens, held, args.steps)
    model.eval()

    export(model, args.out)
    check(model, args.out, vocab)
    loss, unigram = mean_loss(model, held), unigram_loss(tokens, held, vocab)
    print(f"held-out loss {loss:.4f} nats/token, perplexity {math.exp(loss):.1f}  (torch {torch.__version__}, seed {args.seed})")
    print(f"unigram       {unigram:.4f} nats/token, perplexity {math.exp(unigram):.1f}")


if __name__ == "__main__":
    main()
