"""BART, small and new, or large and pretrained."""

from __future__ import annotations

from pathlib import Path

from tokenizers import Tokenizer
from transformers import AutoConfig, BartConfig, BartForConditionalGeneration, GenerationConfig

PAD, FIRST, STOP, UNKNOWN, MASK = "<pad>", "<s>", "</s>", "<unk>", "<mask>"
SPECIAL = (FIRST, PAD, STOP, UNKNOWN, MASK)
"""Special tokens of BART; the first four are its tokens 0 to 3."""


def small_bart(
    vocab_size: int,
    d_model: int = 128,
    n_layers: int = 2,
    n_heads: int = 4,
    hidden: int = 256,
    n_places: int = 128,
    dropout: float = 0.1,
) -> BartForConditionalGeneration:
    """A BART that knows nothing yet.

    Parameters
    ----------
    vocab_size : int
        Tokens, `SPECIAL` among them: the first four as 0 to 3.
    d_model, n_heads, hidden : int
        The heads divide the width.
    n_layers : int
        Of the encoder, and again of the decoder.
    n_places : int
        Steps at most, of what is read and of what is written.
    dropout : float

    Source: Lewis et al. 2020, "BART: denoising sequence-to-sequence pre-training", section 2.1.
    """
    config = BartConfig(
        vocab_size=vocab_size,
        d_model=d_model,
        encoder_layers=n_layers,
        decoder_layers=n_layers,
        encoder_attention_heads=n_heads,
        decoder_attention_heads=n_heads,
        encoder_ffn_dim=hidden,
        decoder_ffn_dim=hidden,
        max_position_embeddings=n_places,
        dropout=dropout,
        attention_dropout=dropout,
        forced_eos_token_id=None,
        tie_word_embeddings=True,
    )
    return without_habits(BartForConditionalGeneration(config))


def pretrained_bart(source: str) -> tuple[BartForConditionalGeneration, Tokenizer]:
    """A pretrained BART and its tokenizer.

    Parameters
    ----------
    source : str
        A folder, or the name of a model on the hub. Weights are read from safetensors files alone: the older ones may run
        code when they are opened.

    Raises
    ------
    ValueError
        If there is no such model, it has no safetensors file, or is no BART.
    """
    _refuse_unsafe(Path(source))
    try:
        kind = AutoConfig.from_pretrained(source).model_type
        language = (
            BartForConditionalGeneration.from_pretrained(source, use_safetensors=True) if kind == "bart" else None
        )
        tokenizer = _tokenizer(source)
    except Exception as error:  # tokenizers raises nothing more special
        reason = " ".join(str(error).split())[:300]
        raise ValueError(
            f"A language model is a folder, or a name on the hub, of a BART with its tokenizer; '{source}' is none: {reason}"
        ) from None
    if language is None:
        raise ValueError(f"The language model must be a BART; '{source}' is of kind '{kind}'. Choose another")
    if tokenizer.get_vocab_size() != language.config.vocab_size:
        raise ValueError(
            f"The tokenizer of '{source}' must have the {language.config.vocab_size} tokens of its model; it has "
            f"{tokenizer.get_vocab_size()}. Take both from the same place"
        )
    return without_habits(language), tokenizer


def _tokenizer(source: str) -> Tokenizer:
    """As it was saved: transformers' own class for BART would cut words in another way than a tokenizer of ours."""
    file = Path(source) / "tokenizer.json"
    return Tokenizer.from_file(str(file)) if Path(source).is_dir() else Tokenizer.from_pretrained(source)


def _refuse_unsafe(folder: Path) -> None:
    """ValueError if the folder does not hold a configuration and weights as safetensors."""
    if folder.is_dir() and not ((folder / "config.json").is_file() and any(folder.glob("*.safetensors"))):
        found = ", ".join(sorted(path.name for path in folder.iterdir())[:8]) or "nothing"
        raise ValueError(
            f"A language model is a folder with model.safetensors, config.json and tokenizer.json; '{folder}' holds {found}. "
            "Weights of other kinds may run code when opened: save them as safetensors (model.save_pretrained) first"
        )


def without_habits(language: BartForConditionalGeneration) -> BartForConditionalGeneration:
    """The model without ways of generating of its own: what is generated is up to who asks, and the same everywhere."""
    config = language.config
    language.generation_config = GenerationConfig(  # type: ignore[no-untyped-call]
        bos_token_id=config.bos_token_id,
        pad_token_id=config.pad_token_id,
        eos_token_id=config.eos_token_id,
        decoder_start_token_id=config.decoder_start_token_id,
        forced_bos_token_id=config.bos_token_id,
    )
    return language
