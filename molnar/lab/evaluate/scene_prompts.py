"""Prompts of a subject that wears something, is somewhere, has a look, a style or a colour.

They are worded as people type. About every second one is a combination that training never shows
(`lab/data/heldout.json`); what the world itself leaves out, because it could hardly be seen (a grey
wolf in grey mountains), is not asked for; no look, style or colour is held out, and nothing is
asked for in its own colour. The lists are in rounds, every accessory, place, look, style and colour
(but white) once a round, so the beginning of a list is a fair short exam. A test pins them:
changing one means a new VERSION.
"""

from __future__ import annotations

from dataclasses import dataclass

from molnar.base.looks import MANNERS
from molnar.lab.data.heldout import accessory_held_out, place_held_out
from molnar.lab.data.palette import COLOURS
from molnar.lab.data.places import PLACES
from molnar.lab.evaluate.prompts import Split

VERSION = 4


@dataclass(frozen=True, slots=True)
class Wish:
    """One prompt and what must be seen: a subject, and what it wears, or where or how it is."""

    prompt: str
    subject: str  # concept, as in the pack's index.json
    thing: str  # an accessory of `wardrobe.ACCESSORIES`, a place, a look, a style, or a colour

    @property
    def split(self) -> Split:
        """Whether training shows this subject with this accessory, place, look, style or colour."""
        if self.thing in MANNERS or self.thing in COLOURS:
            return "seen"
        held = place_held_out if self.thing in PLACES else accessory_held_out
        return "heldout" if held(self.subject, self.thing) else "seen"


@dataclass(frozen=True, slots=True)
class Seen:
    """What a judge saw: what is asked for in the nearest render, and the five nearest subjects.

    ``thing`` is NOTHING where that one wears nothing, is on a plain background, or as it is.
    """

    thing: str
    subjects: tuple[str, ...]

    def answers(self, wish: Wish) -> bool:
        """Whether accessory (place, look, style, colour) and subject are those asked for."""
        return self.thing == wish.thing and wish.subject in self.subjects


NOTHING = "nothing"

ACCESSORY_PROMPTS: tuple[Wish, ...] = (
    Wish("a dog wearing a beret", "dog face", "beret"),
    Wish("a pig wearing a top hat", "pig face", "top hat"),
    Wish("a bear wearing a party hat", "bear", "party hat"),
    Wish("a fox wearing a cap", "fox", "cap"),
    Wish("a lion with a crown", "lion", "crown"),
    Wish("a monkey with a pink bow", "monkey face", "bow"),
    Wish("an owl with glasses", "owl", "glasses"),
    Wish("a rabbit wearing sunglasses", "rabbit face", "sunglasses"),
    Wish("a penguin with a bow tie", "penguin", "bow tie"),
    Wish("a wolf wearing a scarf", "wolf", "scarf"),
    # second round
    Wish("a rabbit wearing a beret", "rabbit face", "beret"),
    Wish("a penguin wearing a top hat", "penguin", "top hat"),
    Wish("a pig with a party hat", "pig face", "party hat"),
    Wish("a dog wearing a blue cap", "dog face", "cap"),
    Wish("a fox wearing a crown", "fox", "crown"),
    Wish("a cat with a pink bow", "cat face", "bow"),
    Wish("a dog wearing glasses", "dog face", "glasses"),
    Wish("a cat with sunglasses", "cat face", "sunglasses"),
    Wish("a frog wearing a bow tie", "frog", "bow tie"),
    Wish("a bear wearing a red scarf", "bear", "scarf"),
    # third round
    Wish("a cat with a blue beret", "cat face", "beret"),
    Wish("a duck wearing a black top hat", "duck", "top hat"),
    Wish("a panda with a party hat", "panda", "party hat"),
    Wish("a panda with a red cap", "panda", "cap"),
    Wish("a dog with a crown", "dog face", "crown"),
    Wish("a lion with a bow", "lion", "bow"),
    Wish("a wolf with glasses", "wolf", "glasses"),
    Wish("a mouse with sunglasses", "mouse face", "sunglasses"),
    Wish("a koala with a red bow tie", "koala", "bow tie"),
    Wish("a skull with a scarf", "skull", "scarf"),
    # fourth round
    Wish("a skull wearing a red beret", "skull", "beret"),
    Wish("a ghost with a top hat", "ghost", "top hat"),
    Wish("an angry face wearing a party hat", "angry face", "party hat"),
    Wish("a monkey wearing a cap", "monkey face", "cap"),
    Wish("a robot wearing a crown", "robot", "crown"),
    Wish("a rabbit wearing a bow", "rabbit face", "bow"),
    Wish("a bear with glasses", "bear", "glasses"),
    Wish("a tiger wearing sunglasses", "tiger face", "sunglasses"),
    Wish("a face blowing a kiss with a bow tie", "face blowing a kiss", "bow tie"),
    Wish("a fox with a green scarf", "fox", "scarf"),
)

PLACE_PROMPTS: tuple[Wish, ...] = (
    Wish("an owl on a beach", "owl", "beach"),
    Wish("a frog in a kitchen", "frog", "kitchen"),
    Wish("a ghost in a bar", "ghost", "bar"),
    Wish("an owl in the night sky", "owl", "night sky"),
    Wish("a fox in the snow", "fox", "snow"),
    Wish("a pig in a forest", "pig face", "forest"),
    Wish("a penguin in the desert", "penguin", "desert"),
    Wish("a tiger in the mountains", "tiger face", "mountains"),
    Wish("a dinosaur in a city", "T-Rex", "city"),
    Wish("a rabbit underwater", "rabbit face", "underwater"),
    Wish("a cow in a meadow", "cow face", "meadow"),
    Wish("a fox in a living room", "fox", "living room"),
    # second round
    Wish("a crab at the beach", "crab", "beach"),
    Wish("a pumpkin in a kitchen", "jack-o-lantern", "kitchen"),
    Wish("a robot in a bar", "robot", "bar"),
    Wish("a rocket in the night sky", "rocket", "night sky"),
    Wish("a unicorn in the snow", "unicorn", "snow"),
    Wish("a bear in the woods", "bear", "forest"),
    Wish("a robot in a desert", "robot", "desert"),
    Wish("a fox in the mountains", "fox", "mountains"),
    Wish("a penguin in a city", "penguin", "city"),
    Wish("a turtle underwater", "turtle", "underwater"),
    Wish("a cat in a meadow", "cat face", "meadow"),
    Wish("a cat in a living room", "cat face", "living room"),
    # third round
    Wish("a duck on the beach", "duck", "beach"),
    Wish("a cat in a kitchen", "cat face", "kitchen"),
    Wish("a snake at a bar", "snake", "bar"),
    Wish("a lion under a night sky", "lion", "night sky"),
    Wish("a house in the snow", "house", "snow"),
    Wish("a tent in a forest", "tent", "forest"),
    Wish("an elephant in the desert", "elephant", "desert"),
    Wish("a helicopter in the mountains", "helicopter", "mountains"),
    Wish("a bus in the city", "bus", "city"),
    Wish("an octopus underwater", "octopus", "underwater"),
    Wish("a horse in a field", "horse face", "meadow"),
    Wish("a teddy bear in a living room", "teddy bear", "living room"),
)

LOOK_PROMPTS: tuple[Wish, ...] = (
    Wish("a house, pixel art", "house", "pixel art"),
    Wish("a line drawing of a cat", "cat face", "line drawing"),
    Wish("a mushroom in halftone", "mushroom", "halftone"),
    Wish("a mosaic of a turtle", "turtle", "mosaic"),
    Wish("a watercolor of a tulip", "tulip", "watercolor"),
    Wish("a blueprint of a rocket", "rocket", "blueprint"),
    Wish("a neon sign of a cactus", "cactus", "neon"),
    Wish("a fox, paper cut", "fox", "paper cut"),
    # second round
    Wish("pixel art of a frog", "frog", "pixel art"),
    Wish("an octopus, line art", "octopus", "line drawing"),
    Wish("a halftone print of a banana", "banana", "halftone"),
    Wish("an owl as mosaic tiles", "owl", "mosaic"),
    Wish("an apple, watercolour", "red apple", "watercolor"),
    Wish("a castle, blueprint", "castle", "blueprint"),
    Wish("a pineapple in neon", "pineapple", "neon"),
    Wish("a paper cut of a whale", "spouting whale", "paper cut"),
    # third round
    Wish("an 8-bit ghost", "ghost", "pixel art"),
    Wish("a penguin, ink outlines", "penguin", "line drawing"),
    Wish("a robot, comic print", "robot", "halftone"),
    Wish("a strawberry, mosaic", "strawberry", "mosaic"),
    Wish("a watercolor painting of a snail", "snail", "watercolor"),
    Wish("a blueprint drawing of an umbrella", "umbrella", "blueprint"),
    Wish("a guitar, glowing neon", "guitar", "neon"),
    Wish("a sun, cut paper", "sun", "paper cut"),
)

STYLE_PROMPTS: tuple[Wish, ...] = (
    Wish("a flat rocket", "rocket", "flat"),
    Wish("a 3d fox", "fox", "3d"),
    Wish("an outline house", "house", "outline"),
    Wish("a glossy strawberry", "strawberry", "glossy"),
    Wish("a simple owl", "owl", "simple"),
    Wish("a blob cat", "cat face", "blob"),
    # second round
    Wish("a flat icon of a guitar", "guitar", "flat"),
    Wish("a 3d render of a car", "automobile", "3d"),
    Wish("an outline icon of an umbrella", "umbrella", "outline"),
    Wish("a glossy mushroom", "mushroom", "glossy"),
    Wish("a simple drawing of a castle", "castle", "simple"),
    Wish("a blob penguin", "penguin", "blob"),
    # third round
    Wish("a robot in flat style", "robot", "flat"),
    Wish("a 3d pineapple", "pineapple", "3d"),
    Wish("an outline snail", "snail", "outline"),
    Wish("a glossy turtle", "turtle", "glossy"),
    Wish("a simple tulip", "tulip", "simple"),
    Wish("a blob ghost", "ghost", "blob"),
)

COLOUR_PROMPTS: tuple[Wish, ...] = (
    Wish("a red owl", "owl", "red"),
    Wish("an orange penguin", "penguin", "orange"),
    Wish("a yellow umbrella", "umbrella", "yellow"),
    Wish("a green teddy bear", "teddy bear", "green"),
    Wish("a blue strawberry", "strawberry", "blue"),
    Wish("a purple frog", "frog", "purple"),
    Wish("a pink car", "automobile", "pink"),
    Wish("a brown rabbit", "rabbit face", "brown"),
    Wish("a black rose", "rose", "black"),
    Wish("a gray crab", "crab", "gray"),
    Wish("a cyan pig", "pig face", "cyan"),
    # second round
    Wish("a red elephant", "elephant", "red"),
    Wish("an orange dolphin", "dolphin", "orange"),
    Wish("a yellow octopus", "octopus", "yellow"),
    Wish("a green fox", "fox", "green"),
    Wish("a blue cat", "cat face", "blue"),
    Wish("a purple banana", "banana", "purple"),
    Wish("a pink robot", "robot", "pink"),
    Wish("a brown snake", "snake", "brown"),
    Wish("a black tulip", "tulip", "black"),
    Wish("a gray turtle", "turtle", "gray"),
    Wish("a cyan jack-o'-lantern", "jack-o-lantern", "cyan"),
    # third round
    Wish("a red ghost", "ghost", "red"),
    Wish("an orange mouse", "mouse face", "orange"),
    Wish("a yellow whale", "spouting whale", "yellow"),
    Wish("a green guitar", "guitar", "green"),
    Wish("a blue dog", "dog face", "blue"),
    Wish("a purple bear", "bear", "purple"),
    Wish("a pink T-Rex", "T-Rex", "pink"),
    Wish("a brown alien", "alien", "brown"),
    Wish("a black duck", "duck", "black"),
    Wish("a gray snail", "snail", "gray"),
    Wish("a cyan lion", "lion", "cyan"),
)
