"""What a fit reports to where no callback listens."""


class Silence:
    """All kinds of tasks in one (see `_callbacks`): told of everything, it says nothing."""

    def begin_epoch(self):
        """Do nothing."""

    def end_epoch(self):
        """Do not stop."""
        return False

    def close(self):
        """Do nothing."""

    def end(self):
        """Do nothing."""

    def phase(self, name, n_epochs, fit, model, fold):
        """Stay silent."""
        return self

    def sizing(self):
        """Stay silent."""
        return self

    def calibration(self, n_folds):
        """Stay silent."""
        return self


SILENCE = Silence()
