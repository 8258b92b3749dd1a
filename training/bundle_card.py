"""The page of a bundle that a person reads before using it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bci_app.contract.manifest import GeneratorManifest, ImageModelManifest, Provenance, Score, TextManifest
from bci_app.contract.reading import Reads
from bci_app.text.scores import MATCHED_MINUS_SHUFFLED


def write_card(manifest: GeneratorManifest, files: Mapping[str, bytes], about: Sequence[str], held_out: str) -> str:
    """The card in Markdown.

    Parameters
    ----------
    manifest : GeneratorManifest
        With its scores; without any the card says that there are none.
    files : mapping of str to bytes
        What the bundle holds besides manifest and card.
    about : sequence of str
        Paragraphs on the networks and their latents.
    held_out : str
        What the test pictures are to the training pictures.
    """
    dim, size, provenance = manifest.latent_space.dim, manifest.image_size, manifest.provenance
    reads = ", and reads such numbers from a picture." if manifest.has_encoder else "; it cannot read a picture."
    lines = [
        f"# {manifest.name}",
        f"Draws {size} x {size} pictures from {dim} numbers{reads}",
        *about,
        f"{_draws(manifest)}",
        f"Trained on: {', '.join(provenance.data)}. Pictures of other kinds come out as the nearest of these.",
        _origin(provenance, files),
        _table(manifest.metrics, "noise instead of latents") if manifest.metrics else "It has not been scored.",
        f"Held out: {held_out}",
    ]
    return "\n\n".join(lines) + "\n"


def _draws(manifest: GeneratorManifest) -> str:
    """What to draw latents from."""
    truncation = manifest.latent_space.truncation
    cut = "not clipped" if truncation is None else f"clipped: numbers beyond {truncation:g} become {truncation:g}"
    return f"To draw pictures, draw the numbers from N(0, I), {cut}."


def write_classifier_card(manifest: ImageModelManifest, files: Mapping[str, bytes], layers: Sequence[str]) -> str:
    """The card of a classifier, in Markdown; `layers` say which of its units can be driven, in words."""
    size, provenance = manifest.image_size, manifest.provenance
    lines = [
        f"# {manifest.name}",
        f"Tells {len(manifest.classes)} classes of {size} x {size} pictures apart. It comes with the program as something to "
        "drive: a unit of any of its layers is a response that pictures can be evolved for.",
        f"Layers: {'; '.join(layers)}.",
        f"Trained on: {', '.join(provenance.data)}. Classes: {', '.join(manifest.classes)}.",
        _origin(provenance, files),
        _table(manifest.metrics, "noise pictures"),
        *(f"Held out: {score.held_out}" for score in manifest.metrics),
    ]
    return "\n\n".join(lines) + "\n"


def write_text_card(manifest: TextManifest, files: Mapping[str, bytes], about: Sequence[str]) -> str:
    """The card of a reader of text, in Markdown: it leads with what tells reading from guessing."""
    provenance = manifest.provenance
    lines = [
        f"# {manifest.name}",
        f"Writes text from {_READS[manifest.reads]}, up to {_limit(manifest)} a sentence. It writes freely: each word follows "
        "from the signal and from the words it wrote before, never from the true ones.",
        _read_or_guessed(manifest.metrics),
        *about,
        f"Trained on: {', '.join(provenance.data)}; {len(manifest.trained_on)} different sentences, which are listed in its "
        "manifest and must not be shown to test it.",
        _origin(provenance, files),
        _table(manifest.metrics, "noise instead of the signal") if manifest.metrics else "It has not been scored.",
        *(f"Held out: {held_out}" for held_out in dict.fromkeys(score.held_out for score in manifest.metrics)),
        "What it writes is a guess about what a person read, worded by a language model; it is fluent whether or not the signal "
        "told anything. Research software, not a medical device.",
    ]
    return "\n\n".join(lines) + "\n"


_READS: dict[Reads, str] = {
    "word-features": "a row of features per word, computed elsewhere from EEG",
    "word-windows": "a window of EEG at the marker of each word",
    "waves": "the whole stretch of EEG of a sentence, without knowing where its words are",
}


def _limit(manifest: TextManifest) -> str:
    sentence = manifest.sentence
    return f"{sentence.max_s:g} s" if manifest.reads == "waves" else f"{sentence.max_words} words"


def _read_or_guessed(metrics: Sequence[Score]) -> str:
    """What the primary figure allows to say."""
    score = next((score for score in metrics if score.name == MATCHED_MINUS_SHUFFLED), None)
    if score is None or score.low is None or score.high is None:
        why = (
            "it was not tested"
            if score is None
            else "its test was of too few sentences, or what it writes from noise told sentences apart as well"
        )
        return f"Whether it reads or guesses is not known: {why}. Take what it writes for guesses."
    figure = (
        f"With the sentence that was shown, BLEU-1 is {score.value:.1f} points (95 % interval {score.low:.1f} to "
        f"{score.high:.1f}) above BLEU-1 with other sentences of the same task and number of steps."
    )
    if score.low > 0 and score.noise_input is not None and score.noise_input >= score.low:
        return (
            f"{figure} But fed noise, the same model scores {score.noise_input:.1f}: it is not the signal that tells."
        )
    if score.low > 0:
        return f"{figure} So much of what it writes is owed to the signal; all the rest any sentence of its kind would earn."
    return f"{figure} The interval is not above zero: no information of the signal was detected in what it writes."


def _origin(provenance: Provenance, files: Mapping[str, bytes]) -> str:
    sizes = ", ".join(f"{name} {len(content) / 2**20:.1f} MB" for name, content in files.items())
    return (
        f"Licence: {provenance.licence}. Commit: {provenance.commit}.\nMade by: `{provenance.command}`\nFiles: {sizes}."
    )


def _table(scores: Sequence[Score], noise: str) -> str:
    return "\n".join(
        (
            f"| score | value (95 % interval) | chance | {noise} | shuffled pairing | n |",
            "|---|---|---|---|---|---|",
            *(_row(score) for score in scores),
        )
    )


def _row(score: Score) -> str:
    interval = f" ({score.low:.4f} to {score.high:.4f})" if score.low is not None and score.high is not None else ""
    others: Sequence[float | None] = (score.chance, score.noise_input, score.shuffled_pairing)
    cells = " | ".join("" if number is None else f"{number:.4f}" for number in others)
    return f"| {score.name} | {score.value:.4f}{interval} | {cells} | {score.n} |"
