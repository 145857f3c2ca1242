from scriptorium.contracts import Hyperparameters
from scriptorium.recipe import Training
from scriptorium.requests import apply_hyperparameters


def test_auto_leaves_the_recipe_as_it_is() -> None:
    training = Training(max_steps=45)
    assert apply_hyperparameters(training, Hyperparameters()) == training


def test_the_three_knobs_of_the_wire() -> None:
    wished = Hyperparameters(n_epochs=2, batch_size=4, learning_rate_multiplier=0.5)
    training = apply_hyperparameters(Training(max_steps=45, micro_batch_size=2, learning_rate=1e-3), wished)
    assert (training.num_epochs, training.max_steps) == (2, None)
    assert (training.micro_batch_size, training.gradient_accumulation_steps) == (2, 2)
    assert training.learning_rate == 5e-4
