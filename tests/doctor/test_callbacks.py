"""The callbacks, in training runs of the real Trainers."""

import subprocess
import sys

import pytest
import pytorch_lightning as lightning
import torch
import torch.nn.functional as F
import transformers
from torch import nn
from torch.optim.optimizer import _global_optimizer_post_hooks

from vgplib.doctor.watching import callbacks

X, Y = torch.randn(48, 6, generator=torch.Generator().manual_seed(1)), torch.arange(48) % 3


def data(size=4):
    return torch.utils.data.DataLoader(torch.utils.data.TensorDataset(X, Y), batch_size=size)


class Sick(lightning.LightningModule):
    """Ten sigmoid layers; ``forward`` is never called, as is common in Lightning."""

    def __init__(self, fail_at=None):
        super().__init__()
        torch.manual_seed(0)
        hidden = [module for _ in range(10) for module in (nn.Linear(6, 6), nn.Sigmoid())]
        self.net, self.fail_at, self.losses = nn.Sequential(*hidden, nn.Linear(6, 3)), fail_at, []

    def training_step(self, batch, index):
        if index == self.fail_at:
            raise ZeroDivisionError
        loss = F.cross_entropy(self.net(batch[0]), batch[1])
        self.losses.append(loss.item())
        return loss

    def validation_step(self, batch, index):
        return F.cross_entropy(self.net(batch[0]), batch[1])

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.1)


def fit(module, watching, folder, **settings):
    quiet = {
        name: False
        for name in ("logger", "enable_checkpointing", "enable_progress_bar")
        + ("enable_model_summary",)
    }
    trainer = lightning.Trainer(
        accelerator="cpu", max_epochs=1, callbacks=[watching], default_root_dir=folder,
        **quiet, **settings,
    )  # fmt: skip
    trainer.fit(module, data(), data())


def test_lightning_is_watched_step_by_step(tmp_path):
    module, watching = Sick(), callbacks.LightningWatch(every=3)
    fit(module, watching, tmp_path, val_check_interval=4)
    record = watching.watched.dataset()
    assert watching.watched.steps == 12 and record.step.values.tolist() == [0, 3, 6, 9]
    assert record.loss.values == pytest.approx(module.losses[::3])
    assert watching.watched.diagnosis.conditions == {"vanishing"}
    assert watching.watched.diagnosis.findings[0].where[0] == "net.0"
    assert not _global_optimizer_post_hooks


def test_lightning_adds_up_gradients(tmp_path):
    watching = callbacks.LightningWatch(every=1)
    fit(Sick(), watching, tmp_path, accumulate_grad_batches=3)
    assert watching.watched.steps == 4


def test_lightning_that_fails_leaves_nothing_behind(tmp_path):
    watching = callbacks.LightningWatch(every=1)
    with pytest.raises(ZeroDivisionError):
        fit(Sick(fail_at=5), watching, tmp_path)
    assert watching.watched.steps == 5 and not _global_optimizer_post_hooks


class Classifier(nn.Module):
    """What the Hugging Face Trainer trains: it returns the loss itself."""

    def __init__(self):
        super().__init__()
        self.net = Sick().net

    def forward(self, x, labels):
        logits = self.net(x)
        return {"loss": F.cross_entropy(logits, labels), "logits": logits}


def trainer(model, watching, folder, **settings):
    arguments = transformers.TrainingArguments(
        str(folder), use_cpu=True, max_steps=12, per_device_train_batch_size=4,
        report_to=[], save_strategy="no", disable_tqdm=True, **settings,
    )  # fmt: skip
    rows = [{"x": x, "labels": y} for x, y in zip(X, Y, strict=True)]
    return transformers.Trainer(
        model, arguments, train_dataset=rows, eval_dataset=rows, callbacks=[watching]
    )


@pytest.mark.parametrize("parts", [1, 2])
def test_the_hugging_face_trainer_is_watched_step_by_step(parts, tmp_path):
    watching = callbacks.TrainerWatch(every=4)
    settings = {"gradient_accumulation_steps": parts, "eval_strategy": "steps", "eval_steps": 5}
    trainer(Classifier(), watching, tmp_path, **settings).train()
    record = watching.watched.dataset()
    assert watching.watched.steps == 12 and record.step.values.tolist() == [0, 4, 8]
    assert watching.watched.diagnosis.conditions == {"vanishing"}
    assert not _global_optimizer_post_hooks


def test_a_hugging_face_run_that_failed_is_closed_by_hand_or_by_the_next(tmp_path):
    watching = callbacks.TrainerWatch(every=1)
    model = Classifier()
    failing = trainer(model, watching, tmp_path)
    handle = model.net[3].register_forward_pre_hook(lambda module, inputs: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        failing.train()
    handle.remove()
    failing.train()
    assert watching.watched.steps == 12 and not _global_optimizer_post_hooks
    watching.close()  # harmless


def test_a_language_model_of_the_library_is_watched(tmp_path):
    torch.manual_seed(0)
    model = transformers.GPT2LMHeadModel(
        transformers.GPT2Config(vocab_size=20, n_positions=8, n_embd=8, n_layer=2, n_head=2)
    )
    watching = callbacks.TrainerWatch(every=5)
    arguments = transformers.TrainingArguments(
        str(tmp_path), use_cpu=True, max_steps=6, report_to=[], save_strategy="no",
        disable_tqdm=True,
    )  # fmt: skip
    rows = [{"input_ids": (torch.arange(8) + i) % 20, "labels": torch.arange(8)} for i in range(16)]
    transformers.Trainer(model, arguments, train_dataset=rows, callbacks=[watching]).train()
    names = list(watching.watched.dataset().name.values)
    assert names[-1] == "lm_head" and "transformer.h.1.mlp.c_fc" in names
    assert watching.watched.diagnosis.healthy


def test_what_is_asked_wrongly_says_what_there_is():
    with pytest.raises(ValueError, match="every must be at least 1, not 0"):
        callbacks.TrainerWatch(every=0)
    with pytest.raises(AttributeError, match="it has LightningWatch, TrainerWatch"):
        callbacks.LightingWatch  # noqa: B018


@pytest.mark.parametrize(
    ("name", "package"), [("LightningWatch", "lightning"), ("TrainerWatch", "transformers")]
)
def test_packages_load_only_when_used_and_are_named_when_missing(name, package):
    code = f"""
import sys
from vgplib.doctor.watching import callbacks
heavy = {{"lightning", "pytorch_lightning", "transformers"}}
assert not heavy & set(sys.modules), heavy & set(sys.modules)

class Missing:
    def find_spec(self, name, path=None, target=None):
        if name in heavy:
            raise ModuleNotFoundError(name, name=name)

sys.meta_path.insert(0, Missing())
callbacks.{name}
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert f"is not installed: pip install {package}" in done.stderr.splitlines()[-1]
