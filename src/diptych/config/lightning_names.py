"""The key to use for what Lightning's Trainer, and others, call by another name."""

_BUDGET = "budget_images (progress is counted in images, not in epochs or steps)"
_DEVICES = "trainer=gpu or trainer=ddp, and trainer.devices"
ANSWERS = {
    "accumulate_grad_batches": "data.batch_size for the batch of a step, and system.micro_batch_size for as many of "
    "its examples as fit into memory at a time",
    "callbacks": "callbacks.NAME",
    "check_val_every_n_epoch": "validate_every_images",
    "default_root_dir": "paths.outputs",
    "enable_checkpointing": "~callbacks.checkpoints to write none",
    "enable_progress_bar": "callbacks.progress.quiet=true to show none",
    "epochs": _BUDGET,
    "fast_dev_run": "debug=one_step",
    "gpus": _DEVICES,
    "gradient_clip_algorithm": "system.max_grad_norm, which clips the norm",
    "gradient_clip_val": "system.max_grad_norm",
    "limit_train_batches": _BUDGET,
    "limit_val_batches": "trainer.max_val_batches",
    "log_every_n_steps": "callbacks.metrics_log.every_images",
    "logger": "tracking=wandb, offline, csv, tensorboard or none",
    "max_epochs": _BUDGET,
    "max_steps": _BUDGET,
    "max_time": _BUDGET,
    "min_epochs": _BUDGET,
    "min_steps": _BUDGET,
    "num_epochs": _BUDGET,
    "num_processes": _DEVICES,
    "num_sanity_val_steps": "monitor=null for none; otherwise two batches show whether the monitored figure exists",
    "overfit_batches": "debug=overfit_batch",
    "resume_from_checkpoint": "diptych resume RUN",
    "sync_batchnorm": "nothing: batch normalisation of several devices is always joint",
    "tpu_cores": _DEVICES,
    "use_distributed_sampler": "nothing: each device always takes its part of every batch",
    "val_check_interval": "validate_every_images",
    "weights_save_path": "paths.outputs",
}
"""What to use instead, by the name of the Trainer's argument."""


def lightning_answer(key: str) -> str:
    """The answer for `trainer.NAME` or NAME, where NAME is Lightning's; "" for any other key."""
    instead = ANSWERS.get(key.lstrip("+~").removeprefix("trainer."))
    return (
        f"there is no {key.lstrip('+~')} to set: this is a name of Lightning's Trainer; use {instead}"
        if instead
        else ""
    )
