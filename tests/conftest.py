"""What every test shares."""

import signal

import torch

# Small tensors gain nothing from more threads, and on a busy machine waiting for them costs a lot.
torch.set_num_threads(1)

# A shell starts what runs in its background with Ctrl-C ignored, and so would be the programs that tests interrupt.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
