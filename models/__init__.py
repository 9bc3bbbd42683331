"""One file a model: citation, formula of the loss, Module, loss. No data, no training, no plotting."""
