"""Published recurrences, written plainly: each compiles and has the plain loop's results and gradients."""

import pytest
import torch
from public_cells import PUBLIC
from random_programs import compiled_quickly
from scan_scenario import assert_compiled, made_case


@pytest.mark.parametrize("name", PUBLIC)
def test_a_public_cell_compiles_and_is_right(name):
    torch.manual_seed(0)
    cell = PUBLIC[name]().double()

    with compiled_quickly():
        for settings in ({}, {"reverse": True, "lengths": None}):
            assert_compiled(made_case(cell, batch=3, **settings))
