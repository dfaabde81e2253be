"""A recipe and a workspace -> the task of each part, built on the parts trained before it."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from torch import nn

from molnar.base.config import from_json
from molnar.base.errors import ConfigError, TrainingError
from molnar.base.weights import sha256
from molnar.base.workspace import decoder_folder
from molnar.diffusion.networks import config_of
from molnar.diffusion.unet import UNetConfig
from molnar.lab.data.world import World
from molnar.lab.train import corpus as texts
from molnar.lab.train import teacher, thesaurus
from molnar.lab.train.checkpoint import replace_durably
from molnar.lab.train.clip import ClipTask, reader
from molnar.lab.train.decoder import DecoderTask
from molnar.lab.train.diffusion import DiffusionData, DiffusionTask
from molnar.lab.train.finisher import FinisherTask, in_manners
from molnar.lab.train.lexicon import build_lexicon
from molnar.lab.train.meaning import build_meaning, frequencies
from molnar.lab.train.naming import name_vectors
from molnar.lab.train.planner import PlannerTask, sized
from molnar.lab.train.process import autocast, pick_device
from molnar.lab.train.recipe import Recipe
from molnar.lab.train.redrawing import Redrawing, kept, redrawn
from molnar.lab.train.settings import plain
from molnar.lab.train.supply import Supply
from molnar.lab.train.task import Task
from molnar.lab.train.text import TextTask
from molnar.lab.train.tokenizer import piece_weights, train_tokenizer
from molnar.lab.train.upscaler import UpscalerTask
from molnar.lab.train.vae import VaeTask
from molnar.lab.train.workspace import load_weights
from molnar.latent.autoencoder import Autoencoder, AutoencoderConfig
from molnar.plan.paint import features
from molnar.text.embeddings import TextEncoder, TextEncoderConfig
from molnar.text.tokens import Tokenizer

Config = TypeVar("Config")
#: Texts that a rehearsal's tokenizer is made of: enough to encode anything, in a blink.
REHEARSAL_TEXTS = {"a red circle on a blue background": 4, "a dog face": 4}
REHEARSAL_PICTURES = 32
#: Captions that the list of known words is made of.
LEXICON_CAPTIONS = 20_000
#: Captions of shapes alone, whose words need no explaining.
PLAIN_CAPTIONS = 5_000


class Assembly:
    """Builds tasks for one workspace.

    Args:
        recipe: Sizes and settings.
        workspace: The folder that holds tokenizer/, text/, vae/ ...
        supply: Pictures and texts.
        rehearsal: For --dry-run: parts that are not trained yet are stood in for by untrained ones
            of the same size, and nothing is fitted on more than a few pictures.
    """

    def __init__(
        self, recipe: Recipe, workspace: Path, supply: Supply, *, rehearsal: bool = False
    ) -> None:
        self.recipe, self.workspace, self.supply = recipe, workspace, supply
        self.rehearsal = rehearsal

    def task(self, part: str) -> Task:
        """Build the task of a part.

        Raises:
            TrainingError: a part that it needs is not trained yet; names the command.
            ConfigError: `part` has no task.
        """
        makers: dict[str, Callable[[], Task]] = {
            "text": self._text,
            "planner": self._planner,
            "vae": self._vae,
            "diffusion": self._diffusion,
            "decoder": self._decoder,
            "finisher": self._finisher,
            "upscaler": self._upscaler,
            "clip": self._clip,
        }
        if part not in makers:
            raise ConfigError(
                f"no part {part!r} is trained by descent; expected {', '.join(makers)}"
            )
        return makers[part]()

    def make_tokenizer(self) -> Path:
        """Make the tokenizer and the list of known words; a matter of seconds.

        Returns:
            tokenizer/tokenizer.json in the workspace.
        """
        part, folder = self.recipe.tokenizer, self.workspace / "tokenizer"
        body, stickers = self._corpus()
        weights = piece_weights(body, stickers, teacher.vocabulary_words())
        made = train_tokenizer(weights, vocab_size=part.vocab_size, length=part.length)
        folder.mkdir(parents=True, exist_ok=True)
        self.make_lexicon(trained=False)
        (folder / "meaning.safetensors").unlink(missing_ok=True)  # it names what was drawn before
        described = {"kind": "tokenizer", "config": dataclasses.asdict(part)}
        replace_durably(folder / "model.json", json.dumps(described, indent=1).encode())
        made.save(folder / "tokenizer.json")  # last: where it is, the others are
        return folder / "tokenizer.json"

    def make_lexicon(self, *, trained: bool) -> Path:
        """Write which words the pictures teach.

        Args:
            trained: Add each word's neighbours by the workspace's text encoder.

        Returns:
            tokenizer/words.json in the workspace.
        """
        drawn = set(self.supply.drawn())
        stickers = [sticker for sticker in self._stickers() if sticker.name in drawn]
        captions = self.supply.captions(LEXICON_CAPTIONS)
        path = self.workspace / "tokenizer" / "words.json"
        if not trained:
            build_lexicon(stickers, captions).save(path)
            return path
        encoder, known = reader(self.tokenizer(), self.encoder()), teacher.folder() is not None
        build_lexicon(
            stickers,
            captions,
            embed=lambda words: encoder(words).numpy(),
            teacher=teacher.load_teacher() if known and self.recipe.text.teacher else None,
            common=teacher.vocabulary_words(),
        ).save(path)
        if known and self.recipe.text.teacher and self.supply.world is not None:
            self.make_meaning(stickers)
        return path

    def make_meaning(self, stickers: list[texts.StickerText]) -> Path:
        """Write what words stand for that no caption says.

        Returns:
            tokenizer/meaning.safetensors in the workspace.
        """
        path = self.workspace / "tokenizer" / "meaning.safetensors"
        plain = World(self.recipe.world)
        scenes = [plain.text(index) for index in range(PLAIN_CAPTIONS)]
        common = teacher.vocabulary_words()
        vectors = teacher.load_teacher()
        where = thesaurus.folder()
        nouns = thesaurus.read_nouns(where) if where is not None else None
        build_meaning(stickers, scenes, vectors, common, frequencies(), nouns).save(path)
        return path

    def tokenizer(self) -> Tokenizer:
        """Load the workspace's tokenizer."""
        path = self.workspace / "tokenizer" / "tokenizer.json"
        if path.is_file():
            return Tokenizer.load(path)
        if self.rehearsal:
            return train_tokenizer(
                REHEARSAL_TEXTS, vocab_size=300, length=self.recipe.tokenizer.length
            )
        raise missing(path, "tokenizer", self.workspace)

    def encoder(self) -> TextEncoder:
        """Load the workspace's text encoder."""
        found = self._load("text", TextEncoderConfig, TextEncoder)
        return found if found is not None else TextEncoder(self.recipe.text.model)

    def autoencoder(self) -> Autoencoder:
        """Load the workspace's autoencoder, its decoder trained again if it was."""
        own = decoder_folder(self.workspace)
        found = self._load(own, AutoencoderConfig, Autoencoder)
        return found if found is not None else Autoencoder(self.recipe.vae.model)

    def _load(self, part: str, config: type[Config], build: Callable[[Config], Any]) -> Any:
        """Load a trained part; None in a rehearsal where there is none."""
        path = self.workspace / part / "model.json"
        if not path.is_file():
            if self.rehearsal:
                return None
            raise missing(path, part, self.workspace)
        module = build(from_json(config, json.loads(path.read_text())["config"], where=str(path)))
        assert isinstance(module, nn.Module)
        load_weights(module, path.with_name("model.safetensors"))
        return module.eval()

    def _corpus(self) -> tuple[texts.Corpus, list[texts.StickerText]]:
        stickers = self._stickers()
        number = 64 if self.rehearsal else self.recipe.text.num_captions
        own = self.supply.captions(number if self.supply.files is not None else number // 2)
        words = [] if self.rehearsal else teacher.vocabulary_words()
        body = texts.build_corpus(stickers, words=words, captions=own, num_captions=number)
        return body, stickers

    def _stickers(self) -> list[texts.StickerText]:
        folder = self.supply.data.stickers
        return texts.read_stickers(folder) if folder is not None else []

    def _text(self) -> TextTask:
        part, tokenizer = self.recipe.text, self.tokenizer()
        model = dataclasses.replace(part.model, length=tokenizer.length)
        if not self.rehearsal:  # whose tokenizer may be a stand-in with a small vocabulary
            model = dataclasses.replace(model, vocab_size=tokenizer.vocab_size)
        found = teacher.folder() if part.teacher and not self.rehearsal else None
        return TextTask(
            tokenizer,
            self._corpus()[0],
            cache=self.workspace / "cache" / "text",
            teacher=teacher.load_teacher() if found is not None else None,
            encoder=model,
            config=part.data,
        )

    def _vae(self) -> VaeTask:
        data = self.recipe.vae.data
        if self.rehearsal:
            data = dataclasses.replace(data, fit_pictures=REHEARSAL_PICTURES)
        source = self.supply.source(torch.device("cpu"), on_device=False)
        return VaeTask(source, self.recipe.vae.model, data)

    def _encoding(self) -> Autoencoder:
        """Load the autoencoder as it was when latents were fixed."""
        found = self._load("vae", AutoencoderConfig, Autoencoder)
        return found if found is not None else Autoencoder(self.recipe.vae.model)

    def _diffusion(self) -> DiffusionTask:
        part, autoencoder, encoder = self.recipe.diffusion, self._encoding(), self.encoder()
        names = self.supply.names() if part.plan else ()
        model = dataclasses.replace(
            part.model,
            latent_channels=autoencoder.config.latent_channels,
            text_width=2 * encoder.config.width,
            pooled_width=encoder.config.pooled,
        )
        if names:
            model = dataclasses.replace(model, plan=features(encoder.config.pooled))
        else:  # a flow map is exported with plans alone, and a sketch draws what they name
            model = dataclasses.replace(model, flow_map=False)
            if isinstance(model, UNetConfig):
                model = dataclasses.replace(model, sketch=0)
        device = pick_device("auto" if self.rehearsal else part.train.device)
        data = part.data
        if self.rehearsal:
            data = dataclasses.replace(data, spread=0.0, teacher=None, few=())
        source = self.supply.source(device, on_device=device.type != "cpu")
        return DiffusionTask(source, model, autoencoder, self.tokenizer(), encoder, data, names)

    def _decoder(self) -> DecoderTask:
        data, autoencoder = self.recipe.decoder.data, self._encoding()
        source = self.supply.source(torch.device("cpu"), on_device=False)
        if self.rehearsal:
            side = self.recipe.world.size // autoencoder.config.downscale
            latents = torch.zeros(2, autoencoder.config.latent_channels, side, side)
            data = dataclasses.replace(data, redrawing=Redrawing(pictures=1, invented=1))
            return DecoderTask(source, autoencoder, latents, data)
        latents = self._redrawn(data.redrawing)
        vae = sha256(self.workspace / "vae" / "model.safetensors")
        return DecoderTask(source, autoencoder, latents, data, vae)

    def _finisher(self) -> FinisherTask:
        if self.supply.world is None:
            raise TrainingError(
                "a finisher learns from looks that the world draws, and files say of none: "
                "drop --data, or train the parts without it"
            )
        part, codec = self.recipe.finisher, self.autoencoder()
        dressed = self.supply.of_world(in_manners(self.recipe.world, part.data.look_p))
        source = dressed.source(torch.device("cpu"), on_device=False)
        if self.rehearsal:
            side = self.recipe.world.size // codec.config.downscale
            latents = torch.zeros(2, codec.config.latent_channels, side, side)
            return FinisherTask(source, codec, latents, part.data, part.model)
        latents = self._redrawn(part.data.redrawing, dressed)
        return FinisherTask(source, codec, latents, part.data, part.model)

    def _redrawn(self, how: Redrawing, supply: Supply | None = None) -> torch.Tensor:
        """Let the trained network draw pictures again, once: they are kept in the cache."""
        supply = supply or self.supply
        folder = self.workspace / "diffusion"
        path = folder / "model.safetensors"
        if not path.is_file():
            raise missing(path, "diffusion", self.workspace)
        model = json.loads((folder / "model.json").read_text())
        taught = model.get("data", {})
        if taught.get("teacher") and not taught.get("few"):  # guided already
            how = dataclasses.replace(how, guidance=1.0)
        told = json.dumps([plain(how), supply.identity()], sort_keys=True) + sha256(path)
        key = hashlib.sha256(told.encode()).hexdigest()[:32]
        device, settings = pick_device(self.recipe.diffusion.train.device), self.recipe.diffusion

        def draw() -> torch.Tensor:
            config = config_of(model["kind"], model["config"])
            names = supply.names() if getattr(config, "plan", 0) else ()
            source = supply.source(device, on_device=device.type != "cpu")
            parts = self._encoding(), self.tokenizer(), self.encoder()
            data = DiffusionData(size=settings.data.size, drop_p=0.0, plan_drop_p=0.0)
            task = DiffusionTask(source, config, *parts, data, names)
            load_weights(task.module, path)
            task.module.to(device)
            with autocast(settings.train, device):
                return redrawn(task, how)

        return kept(self.workspace / "cache" / "redrawn" / f"{key}.safetensors", draw)

    def _planner(self) -> PlannerTask:
        if self.supply.world is None:
            raise TrainingError(
                "a planner learns from pictures that know what is where, and files do not: "
                "drop --data, or train the parts without it"
            )
        part, tokenizer, encoder = self.recipe.planner, self.tokenizer(), self.encoder()
        names = self.supply.names()
        model = sized(part.model, names, encoder)
        vectors = np.stack(list(name_vectors(tokenizer, encoder, names).values()))
        described = self.supply.world.described
        return PlannerTask(described, model, tokenizer, encoder, vectors, part.data)

    def _upscaler(self) -> UpscalerTask:
        part = self.recipe.upscaler
        trained = (self.workspace / "vae" / "model.json").is_file()
        codec = self.autoencoder() if trained or self.rehearsal else None
        drawn = (self.workspace / "diffusion" / "model.safetensors").is_file()
        again = part.data.redrawing if codec and drawn and not self.rehearsal else None
        # what is drawn from noise alone has no true picture
        latents = self._redrawn(again)[: again.pictures] if again is not None else None
        return UpscalerTask(self.supply.pairs(), part.model, part.data, codec, latents)

    def _clip(self) -> ClipTask:
        part, encoder = self.recipe.clip, self.encoder()
        model = dataclasses.replace(part.model, pooled_width=encoder.config.pooled)
        embed = reader(self.tokenizer(), encoder)
        return ClipTask(self.supply.samples, embed, model, part.data, self.supply.caption())


def missing(path: Path, part: str, workspace: Path) -> TrainingError:
    """Say that a part has to be trained first."""
    return TrainingError(
        f"{path} is missing: this part needs a trained {part}; "
        f"run `molnar train {part} --out {workspace}` first"
    )
