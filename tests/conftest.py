"""What every test shares."""

import torch

# Small tensors gain nothing from more threads, and on a busy machine waiting for them costs a lot.
torch.set_num_threads(1)
