"""How near an evolution came to the picture that a simulated participant prefers, beside pictures that nobody selected."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bci_app.contract.identification import bootstrap_interval
from bci_app.contract.preprocessing import cut_trials
from bci_app.engine.evolution_demo import DEMO
from bci_app.engine.evolution_plan import EvolutionPlan
from bci_app.engine.evolution_responder import TrialResponder
from bci_app.engine.evolution_session import EvolutionSession
from bci_app.engine.offline import in_decoder_order
from bci_app.engine.summary import write_json
from bci_app.evolution.space import SearchSpace
from bci_app.pictures.picture import Picture, make_picture, resize
from bci_app.simulation.cortex import features
from bci_app.simulation.preference import cosine, hidden_picture
from bci_app.simulation.settings import ParticipantSettings

TRUTH = "truth.json"
N_PRIOR = 200
"""Pictures of the prior that the evolved one is compared with."""
MEASURES = {
    "features": "cosine in the participant's own visual features",
    "pixels": "correlation of the pixels",
}

Numbers = NDArray[np.float64]
Measure = Callable[[Picture], float]


def measures(hidden: Picture) -> dict[str, Measure]:
    """Similarity of a picture to the hidden one, by the names of `MEASURES`; each at most 1."""
    wanted = features(hidden)
    size = hidden.image.shape[0]
    pixels = _centred(hidden, size)
    return {
        "features": lambda picture: cosine(features(picture), wanted),
        "pixels": lambda picture: cosine(_centred(picture, size), pixels),
    }


def _centred(picture: Picture, size: int) -> Numbers:
    pixels = resize(picture.image, size).astype(np.float64).ravel()
    return np.asarray(pixels - pixels.mean())


def compare(session: EvolutionSession, participant: ParticipantSettings) -> dict[str, Any] | None:
    """Similarities to the hidden picture after an evolution; None if no generation was scored, or nothing is preferred.

    Returns
    -------
    dict
        For each measure: ``estimate``, the picture that the optimiser believes in; mean and 95 % interval over pictures of
        ``evolved`` (the last generation), ``natural`` (the references shown) and ``prior`` (`N_PRIOR` pictures of the
        generator); ``chance``, the share of the latter that are at least as similar as the estimate. ``single_trial`` as
        `single_trial` gives it.
    """
    run, generator = session.run, session.plan.generator
    if run.estimate is None or participant.preference is None:
        return None
    hidden = hidden_picture(participant.preference)
    space = SearchSpace.of(generator.latent_space)
    drawn = generator.generate(space.sample(np.random.default_rng(run.state.seed), N_PRIOR))
    prior = [make_picture(image, "prior", f"{index}") for index, image in enumerate(drawn)]
    estimate = make_picture(run.estimate, "evolved", "estimate")
    groups: dict[str, Sequence[Picture]] = {
        "evolved": run.pictures.evolved,
        "natural": run.pictures.natural,
        "prior": prior,
    }
    told: dict[str, Any] = {
        "single_trial": single_trial(session.plan, participant, prior),
        "hidden": hidden.id,
        "sham": run.is_sham,
        "generations": len(run.history.results),
    }
    for name, similarity in measures(hidden).items():
        at = similarity(estimate)
        values = {group: np.array([similarity(each) for each in pictures]) for group, pictures in groups.items()}
        told[name] = {
            "estimate": at,
            "chance": float(np.mean(values["prior"] >= at)),
            **{group: _mean(each) for group, each in values.items()},
        }
    return told


def _mean(values: Numbers) -> dict[str, float] | None:
    """Mean with its interval over pictures; None of nothing."""
    if values.size == 0:
        return None
    return dict(zip(("value", "low", "high"), bootstrap_interval(values), strict=True))


def single_trial(plan: EvolutionPlan, participant: ParticipantSettings, others: Sequence[Picture]) -> dict[str, float]:
    """What one presentation tells: a session simulated offline, in which every fifth picture is the hidden one.

    Parameters
    ----------
    plan : EvolutionPlan
        Its responder reads trials; its timing is that of the session.
    participant : ParticipantSettings
        With a preference.
    others : sequence of Picture
        Shown besides.

    Returns
    -------
    dict
        In the unit of the response: ``size``, how much higher the mean response to the hidden picture is, and ``spread``, the
        standard deviation of single responses to the same kind of picture; ``snr``, size over spread.
    """
    from bci_app.simulation.participant import simulate_session  # brings scipy.signal, half a second to import

    responder = plan.responder
    assert isinstance(responder, TrialResponder)
    assert participant.preference is not None
    hidden = hidden_picture(participant.preference)
    shown = [hidden] * (len(others) // 4) + list(others)
    pictures = [shown[index] for index in np.random.default_rng(0).permutation(len(shown))]
    onsets = 1.0 + plan.settings.timing.soa_s * np.arange(len(pictures))
    recording = simulate_session(participant, pictures, onsets)
    recording = in_decoder_order(recording, responder.preprocessing, responder.wanted_by)
    trials, _ = cut_trials(recording, responder.preprocessing, responder.cut)
    values = np.array([responder.read(trial).value for trial in trials], np.float64)  # NaN where rejected
    is_hidden = np.array([trial.marker.label == hidden.id for trial in trials])
    preferred, rest = (values[which & ~np.isnan(values)] for which in (is_hidden, ~is_hidden))
    size = float(preferred.mean() - rest.mean())
    spread = float(np.sqrt((preferred.var() + rest.var()) / 2))
    return {"size": size, "spread": spread, "snr": size / spread}


def keep_truth(folder: Path, truth: dict[str, Any]) -> None:
    """Write it beside the run."""
    write_json(folder / TRUTH, truth)


def counterparts(folder: Path) -> list[tuple[str, dict[str, Any]]]:
    """Finished demos beside `folder` that differ from it in nothing but the sham: name of the folder, and truth."""
    own, sham = _besides_sham(folder), _read(folder / TRUTH)["sham"]
    found = []
    for path in sorted(folder.resolve().parent.glob(f"*/{TRUTH}")):
        try:
            truth = _read(path)
            if truth["sham"] != sham and _besides_sham(path.parent) == own:
                found.append((path.parent.name, truth))
        except (OSError, ValueError, KeyError):  # what cannot be read is no demo of ours
            continue
    return found


def _besides_sham(folder: Path) -> dict[str, Any]:
    demo = _read(folder / DEMO)
    demo["evolution"].pop("sham")
    return demo


def _read(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return content


def truth_paragraph(truth: dict[str, Any], others: Sequence[tuple[str, dict[str, Any]]] = ()) -> str:
    """How near the evolution came, in one paragraph; `others` are the runs of `counterparts`."""
    hidden = truth["hidden"].split("/")[1]
    words = [
        f"Similarity to the hidden picture '{hidden}' after {truth['generations']} generations "
        f"({MEASURES['features']}, 1 is the picture itself, with 95 % intervals over pictures):"
    ]
    words.append(_one(truth["features"], truth["sham"]))
    words.append(f"By {MEASURES['pixels']}: {_short(truth['pixels'])}.")
    single = truth["single_trial"]
    words.append(
        f"In single trials the hidden picture is answered with {single['size']:.1f} µV more than others, and "
        f"responses vary by {single['spread']:.1f} µV (ratio {single['snr']:.2f})."
    )
    for name, other in others:
        which = "sham" if other["sham"] else "real"
        words.append(
            f"The {which} run {name}, with the same settings: {other['features']['estimate']:.2f} (pixels "
            f"{other['pixels']['estimate']:.2f})."
        )
    if not others and not truth["sham"]:
        words.append("One run is one case: compare it with its control, the same command with --sham.")
    return " ".join(words)


def _one(figures: dict[str, Any], sham: bool) -> str:
    how = "scores dealt at random" if sham else "the picture evolved"
    return (
        f"{figures['estimate']:.2f} for {how}, {_words(figures['evolved'])} for the last generation; "
        f"{_words(figures['natural'])} for the natural references, {_words(figures['prior'])} for pictures of the generator "
        f"that nobody selected, of which {round(N_PRIOR * figures['chance'])} of {N_PRIOR} are as similar or more."
    )


def _short(figures: dict[str, Any]) -> str:
    return (
        f"{figures['estimate']:.2f}; last generation {_words(figures['evolved'])}, natural references "
        f"{_words(figures['natural'])}, prior {_words(figures['prior'])}"
    )


def _words(mean: dict[str, float] | None) -> str:
    return "none shown" if mean is None else f"{mean['value']:.2f} [{mean['low']:.2f}, {mean['high']:.2f}]"
