"""The topics of the dev instructions: none of the gate's, and none of their nouns as the thing itself.

What is chosen by its answers to the dev instructions (a checkpoint, a strength) is judged by others. Their number has
no factor in common with that of the kinds, so that a kind gets another topic each time.
"""

from __future__ import annotations

from scriptorium.instructions.topics import Topic

DEV_TOPICS = (
    Topic("a barber's shop", "barber", ("mirror", "razor", "chair")),
    Topic("a canal lock", "lock", ("gate", "barge", "water")),
    Topic("a toy shop", "toy", ("doll", "train", "puzzle")),
    Topic("a farm kitchen", "kitchen", ("kettle", "table", "onion")),
    Topic("a football match", "match", ("goal", "whistle", "crowd")),
    Topic("an aquarium", "aquarium", ("fish", "pump", "gravel")),
    Topic("a night train", "train", ("berth", "window", "guard")),
    Topic("a vineyard", "vineyard", ("grape", "barrel", "slope")),
    Topic("a fire station", "fire", ("hose", "siren", "helmet")),
    Topic("a stamp collection", "stamp", ("album", "tweezers", "country")),
    Topic("a sledge", "sledge", ("snow", "runner", "rope")),
    Topic("a violin", "violin", ("bow", "string", "varnish")),
    Topic("a flower shop", "flower", ("rose", "ribbon", "vase")),
    Topic("a desert well", "well", ("bucket", "sand", "camel")),
    Topic("a dentist", "dentist", ("tooth", "drill", "smile")),
    Topic("a circus tent", "circus", ("clown", "rope", "drum")),
    Topic("a village fountain", "fountain", ("basin", "coin", "pigeon")),
)
