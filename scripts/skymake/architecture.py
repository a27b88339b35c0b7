"""How large a dense decoder (Qwen2, Llama and their like) is, from its config.json."""

from typing import Any, Self

from skymake.records import Record


class Architecture(Record):
    """The shape of a decoder. hidden, intermediate: widths. queries, keys: widths of all heads together."""

    layers: int
    hidden: int
    intermediate: int
    queries: int
    keys: int
    vocabulary: int
    tied: bool
    biased: bool

    @classmethod
    def of(cls, config: dict[str, Any]) -> Self:
        """The architecture that a config.json describes."""
        heads = config["num_attention_heads"]
        width = config.get("head_dim") or config["hidden_size"] // heads
        return cls(
            layers=config["num_hidden_layers"],
            hidden=config["hidden_size"],
            intermediate=config["intermediate_size"],
            queries=heads * width,
            keys=config.get("num_key_value_heads", heads) * width,
            vocabulary=config["vocab_size"],
            tied=config.get("tie_word_embeddings", False),
            biased=config["model_type"] == "qwen2" or config.get("attention_bias", False),
        )

    @property
    def embedding(self) -> int:
        """Parameters of the embedding, which is the largest single layer."""
        return self.vocabulary * self.hidden

    @property
    def parameters(self) -> int:
        """Parameters of the model."""
        attention = 2 * self.hidden * (self.queries + self.keys) + self.biased * (self.queries + 2 * self.keys)
        layer = attention + 3 * self.hidden * self.intermediate + 2 * self.hidden
        return self.embedding * (1 if self.tied else 2) + self.layers * layer + self.hidden
