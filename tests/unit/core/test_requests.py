from scriptorium.contracts import Endpoint, Hyperparameters
from scriptorium.recipe import Data, Training
from scriptorium.requests import apply_hyperparameters, brief_writer
from scriptorium.settings import Settings


def test_auto_leaves_the_recipe_as_it_is() -> None:
    training = Training(max_steps=45)
    assert apply_hyperparameters(training, Hyperparameters()) == training


def test_the_base_model_writes_briefs_through_the_api_unless_others_are_named() -> None:
    settings = Settings(api_port=9000, brief_url="", brief_model="")
    asked = Data(briefs="model")
    assert brief_writer(Data(), "base", settings) is None
    assert brief_writer(asked, "base", settings) == Endpoint(url="http://127.0.0.1:9000", model="base")
    named = Settings(brief_url="http://elsewhere", brief_model="scribe")
    assert brief_writer(asked, "base", named) == Endpoint(url="http://elsewhere", model="scribe")


def test_the_three_knobs_of_the_wire() -> None:
    wished = Hyperparameters(n_epochs=2, batch_size=4, learning_rate_multiplier=0.5)
    training = apply_hyperparameters(Training(max_steps=45, micro_batch_size=2, learning_rate=1e-3), wished)
    assert (training.num_epochs, training.max_steps) == (2, None)
    assert (training.micro_batch_size, training.gradient_accumulation_steps) == (2, 2)
    assert training.learning_rate == 5e-4
