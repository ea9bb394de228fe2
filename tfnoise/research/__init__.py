"""The paper's experiment and its open questions: which trainings, what is measured of them, one report."""
