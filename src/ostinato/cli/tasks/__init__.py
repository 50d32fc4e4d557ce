"""One file a task: its `ostinato fit` command and its demos."""
