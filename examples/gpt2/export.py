"""GPT-2 small as the ONNX file that gpt2.yaml reads: token ids in, logits out, no cache.

    pip install torch transformers onnx
    python export.py                    # downloads the public weights "gpt2" (548 MB) and writes gpt2.onnx, tokenizer.json
    python export.py --random-tiny OUT  # the same architecture and the same export, 2 small blocks with random weights
"""

import argparse
from pathlib import Path

import torch
from transformers import GPT2Config, GPT2LMHeadModel


class LogitsOnly(torch.nn.Module):
    """Tokens to logits: the cache and the mask of padding would be further inputs and outputs of the graph."""

    def __init__(self, model: GPT2LMHeadModel):
        super().__init__()
        self.model = model

    def forward(self, input_ids):
        return self.model(input_ids=input_ids, attention_mask=torch.ones_like(input_ids), use_cache=False).logits


def tiny() -> GPT2LMHeadModel:
    torch.manual_seed(0)
    return GPT2LMHeadModel(GPT2Config(vocab_size=256, n_positions=64, n_embd=16, n_layer=2, n_head=2))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--random-tiny", type=Path, metavar="OUT")
    args = parser.parse_args()
    here = Path(__file__).parent
    if args.random_tiny:
        model, out = tiny(), args.random_tiny
    else:
        from transformers import GPT2TokenizerFast

        model, out = GPT2LMHeadModel.from_pretrained("gpt2"), here / "gpt2.onnx"
        GPT2TokenizerFast.from_pretrained("gpt2").backend_tokenizer.save(str(here / "tokenizer.json"))
    model.eval()
    example = torch.zeros(1, 8, dtype=torch.long)
    torch.onnx.export(
        LogitsOnly(model),
        (example,),
        str(out),
        dynamo=False,
        opset_version=17,
        input_names=["input_ids"],
        output_names=["logits"],
        dynamic_axes={"input_ids": {0: "batch", 1: "seq"}, "logits": {0: "batch", 1: "seq"}},
    )
    print(f"wrote {out}")


if __name__ == "__main__":
    main()
