from pathlib import Path

from scriptorium.artifacts.dataset import QUALITY_PAGE
from scriptorium.artifacts.file_store import FileStore
from scriptorium.artifacts.volume import Volume
from scriptorium.contracts import Hyperparameters, Job, Phase, PrepareResult
from scriptorium.recipe import Recipe
from services.data.tasks import record_updates

JOB = Job(
    id="ftjob-1", created_at=1, model="m", training_file="f", recipe=Recipe(name="x"), hyperparameters=Hyperparameters()
)
RESULT = PrepareResult(words=1, chapters=1, splits={})


def test_the_page_is_offered_once(tmp_path: Path) -> None:
    volume = Volume(tmp_path)
    folder = volume.folder(JOB.id, Phase.PREPARE)
    folder.mkdir(parents=True)
    (folder / QUALITY_PAGE).write_text("<html>")
    updates = record_updates(JOB, RESULT, volume)
    (page,) = FileStore(volume.files).newest()
    assert updates == {"result_files": [page.id]} == record_updates(JOB, RESULT, volume)
    assert (page.filename, page.purpose) == ("ftjob-1-quality.html", "fine-tune-results")
