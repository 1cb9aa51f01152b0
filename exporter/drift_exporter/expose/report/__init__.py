"""Pages for people: the drift report of a model, the list of models, the landing page."""
