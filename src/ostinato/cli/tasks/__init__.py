"""One file per task: its `ostinato fit` command and its demos."""
