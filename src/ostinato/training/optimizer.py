"""The optimiser of the settings."""

from torch import nn, optim

from ostinato.training.settings import TrainingSettings


def build_optimizer(model: nn.Module, settings: TrainingSettings) -> optim.Optimizer:
    """The optimiser, with weight decay on matrices only: decaying a bias or a gain moves gates, it does not regularise.

    Fused kernels where PyTorch has them: for small recurrent models the optimiser is a good part of a step.
    """
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    groups = [
        {"params": [parameter for parameter in trained if parameter.ndim >= 2], "weight_decay": settings.weight_decay},
        {"params": [parameter for parameter in trained if parameter.ndim < 2], "weight_decay": 0.0},
    ]
    rate = settings.learning_rate
    match settings.optimizer:
        case "adamw":
            return optim.AdamW(groups, lr=rate, fused=True)
        case "adam":
            return optim.Adam(groups, lr=rate, fused=True)
        case "sgd":
            return optim.SGD(groups, lr=rate, momentum=settings.momentum, fused=True)
        case "rmsprop":
            return optim.RMSprop(groups, lr=rate)
