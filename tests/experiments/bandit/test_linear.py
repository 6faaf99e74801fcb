"""LinTS is Bayesian linear regression, kept up to date by rank one."""

import math

import numpy as np
import pytest

from postopt.errors import OutcomeError
from postopt.experiments.linear import LinTS


class TestLinTS:
    def test_is_the_ridge_regression_of_all_that_was_learned(self):
        rng = np.random.default_rng(0)
        x, noise, ridge = rng.standard_normal((500, 8)), 0.3, 2.0
        y = x @ rng.standard_normal(8) + noise * rng.standard_normal(500)
        model = LinTS(8, noise=noise, ridge=ridge)
        for row, value in zip(x, y, strict=True):
            model.learn(row, value)
        precision = x.T @ x + ridge * np.eye(8)
        assert model.weights == pytest.approx(np.linalg.solve(precision, x.T @ y))
        assert model.covariance == pytest.approx(noise**2 * np.linalg.inv(precision))
        mean, spread = model.predict(np.eye(8))
        assert mean == pytest.approx(model.weights)
        assert spread == pytest.approx(np.sqrt(np.diag(model.covariance)))
        assert model.n == 500

    def test_shares_are_probabilities_of_being_best(self):
        model, contexts = LinTS(2), np.array([[1.0, 0], [0, 1], [1, 0]])
        model.learn([1, 0], 2.0)
        drawn = np.random.default_rng(1).multivariate_normal(model.weights, model.covariance, 100_000)
        best = np.mean(drawn[:, 1] > drawn[:, 0])
        given = model.shares(contexts, rng=np.random.default_rng(2), draws=50_000)
        assert given.sum() == pytest.approx(1)
        assert given[1] == pytest.approx(best, abs=0.01)

    def test_finds_the_better_arm(self):
        rng, model = np.random.default_rng(3), LinTS(3, noise=0.5)
        weights, taken = np.array([0.2, 0.5, -0.3]), 0
        for _ in range(400):
            contexts = np.eye(3)
            arm = rng.choice(3, p=model.shares(contexts, rng=rng, draws=20))
            model.learn(contexts[arm], float(weights[arm] + 0.5 * rng.standard_normal()))
            taken += arm == 1
        assert taken > 250

    def test_refuses_what_cannot_be(self):
        model, rng = LinTS(2), np.random.default_rng(0)
        for context, reward in (([1, math.nan], 1.0), ([1, 1], math.nan), ([1, 1], math.inf)):
            with pytest.raises(OutcomeError):
                model.learn(context, reward)
        with pytest.raises(ValueError, match="shape"):
            model.learn([1, 2, 3], 1.0)
        with pytest.raises(ValueError, match="no candidate"):
            model.shares(np.zeros((0, 2)), rng=rng)
        with pytest.raises(ValueError, match="draws"):
            model.shares(np.eye(2), rng=rng, draws=0)
        for setting in ({"dimensions": 0}, {"dimensions": 1, "noise": 0}, {"dimensions": 1, "ridge": -1}):
            with pytest.raises(ValueError, match="is"):
                LinTS(**setting)
        assert model.n == 0
