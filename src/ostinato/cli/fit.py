"""`ostinato fit`: train a model on a file."""

from collections.abc import Callable, Collection
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperCommand

from ostinato.cli.screen import screen
from ostinato.cli.tasks import chatbot, classifier, forecaster, language, tagger, translator

app = typer.Typer(no_args_is_help=True)


@app.callback()
def fit() -> None:
    """Train a model on a file, score it on data it has not seen, save it."""


def _add(name: str, command: Callable[..., None], settings: str, named: Collection[str]) -> None:
    """A command whose help lists the task's settings too; they are only imported for that."""

    class Command(TyperCommand):
        def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
            return super().parse_args(ctx, _spelled_out(args))

        def format_help(self, ctx: Any, formatter: Any) -> None:
            from ostinato.cli.listing import all_settings

            super().format_help(ctx, formatter)
            module, _, kind = settings.partition(":")
            screen().print(all_settings(getattr(import_module(module), kind), named))

    app.command(name, cls=Command, no_args_is_help=True)(command)


def _spelled_out(arguments: list[str]) -> list[str]:
    """The arguments, with `--doctor` alone made `--doctor watch`: typer has no values that may be left out."""
    spelled = []
    for place, argument in enumerate(arguments):
        spelled.append(argument)
        if argument == "--doctor" and arguments[place + 1 : place + 2] not in (["watch"], ["fix"]):
            spelled.append("watch")
    return spelled


_add("forecaster", forecaster.fit, "ostinato.tasks.forecasting.settings:ForecasterSettings", forecaster.NAMED)
_add("classifier", classifier.fit, "ostinato.tasks.classification.settings:ClassifierSettings", classifier.NAMED)
_add("tagger", tagger.fit, "ostinato.tasks.tagging.settings:TaggerSettings", tagger.NAMED)
_add("language-model", language.fit, "ostinato.tasks.language.settings:LanguageSettings", language.NAMED)
_add("chatbot", chatbot.fit, "ostinato.tasks.dialogue.settings:ChatbotSettings", chatbot.NAMED)
_add("translator", translator.fit, "ostinato.tasks.translation.settings:TranslatorSettings", translator.NAMED)
