"""Weights of measures with which the best trials of a recording come first."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.optimize import minimize

from fovea.segmentation.phase.measures import Measures
from fovea.segmentation.phase.quality import FEWEST, terms

_SHARP = 0.05  # SEG by which a trial is worse that should be chosen e times less often
_LOSS = 4.0  # weight of the SEG lost by a choice, against that of the likelihood
_PENALTY = 0.02  # of the squared weights
#: Bounds of weights that must not be positive; the others must not be negative.
_SIGNS = dict.fromkeys(("spread", "missed", "off"), (None, 0))
_FOUND = 0.4  # SEG from which a trial tells the ratio of diameters


def ratios(rows: pd.DataFrame) -> dict[str, float]:
    """Return the cells' diameter over the diameter that finds them best, median, by mode."""
    best = rows.loc[rows.groupby(["case", "mode"]).SEG.idxmax()]
    best = best[best.SEG > _FOUND]
    found = np.log(best.true / best.d).groupby(best["mode"]).median()
    return {
        mode: round(float(np.exp(found.get(mode, 0.0))), 3) for mode in sorted(set(rows["mode"]))
    }


def fitted(rows: pd.DataFrame) -> dict[str, dict[str, float]]:
    """Return the ratios and weights that suit all trials (see `quality.Numbers`)."""
    rows = _usable(rows)
    ratio = ratios(rows)
    values = _terms(rows, ratio)
    weights = _ranking(rows, values)
    slope, constant = _scale(rows, values.to_numpy() @ weights)
    found = {"constant": round(constant, 3)}
    found |= dict(zip(values.columns, (slope * weights).round(3).tolist(), strict=True))
    return {"ratio": ratio, "weights": found}


def evaluated(rows: pd.DataFrame) -> list[str]:
    """Say for every case what would be chosen with numbers from the other groups."""
    rows = _usable(rows)
    lines, summary = [], []
    for group in rows.group.unique():
        numbers = fitted(rows[rows.group != group])
        part = rows[rows.group == group]
        values = _terms(part, numbers["ratio"])
        weights = np.array([numbers["weights"][name] for name in values.columns])
        total = numbers["weights"]["constant"] + values.to_numpy() @ weights
        part = part.assign(score=1 / (1 + np.exp(-total)))
        for case, trials in part.groupby("case", sort=False):
            got, best = trials.loc[trials.score.idxmax()], trials.loc[trials.SEG.idxmax()]
            same = trials[(trials["mode"] == got["mode"]) & (trials.contrast == got.contrast)]
            off = abs(np.log(got.found / got.true))
            lines.append(
                f"{case}: {got['mode']} {got.contrast} {got.d:.1f}, expected {got.score:.2f}, "
                f"SEG {got.SEG:.2f}; best {best['mode']} {best.contrast} {best.d:.1f}, SEG "
                f"{best.SEG:.2f}; cells {got.true:.1f}, found {got.found:.1f}"
            )
            summary.append((group, best.SEG - got.SEG, best.SEG - same.SEG.max(),
                            abs(got.score - got.SEG), off, got.score, got.SEG))  # fmt: skip
    table = pd.DataFrame(summary, columns=["group", "lost", "mode", "error", "off", "score", "SEG"])
    share = 1 / table.groupby("group").group.transform("size")
    share /= share.sum()
    mode, lost, size, error = (
        float((share * values).sum())
        for values in (table["mode"] <= 0.05, table.lost, table.off <= np.log(1.25), table.error)
    )
    lines.append(
        f"left out, each group alike: mode within 0.05 of the best: {mode:.2f}; SEG lost: "
        f"{lost:.3f}; diameter within a quarter: {size:.2f}; mean error of the expected SEG: "
        f"{error:.3f}; correlation {np.corrcoef(table.score, table.SEG)[0, 1]:.2f}"
    )
    return lines


def _usable(rows: pd.DataFrame) -> pd.DataFrame:
    return rows[(rows["count"] >= FEWEST) & rows.SEG.notna()].reset_index(drop=True)


def _terms(rows: pd.DataFrame, ratio: dict[str, float]) -> pd.DataFrame:
    names = list(Measures.__dataclass_fields__)
    return pd.DataFrame([
        terms(Measures(**dict(zip(names, row[:-2], strict=True))), row[-2], row[-1], ratio)
        for row in rows[[*names, "d", "mode"]].itertuples(index=False, name=None)
    ])  # fmt: skip


def _importance(rows: pd.DataFrame) -> np.ndarray:
    """Return weights of rows that make each group, and each case in it, count alike."""
    return (1 / rows.groupby("group").case.transform("nunique")
            / rows.groupby("case").d.transform("size")).to_numpy()  # fmt: skip


def _ranking(rows: pd.DataFrame, terms_of: pd.DataFrame) -> np.ndarray:
    """Return weights of a conditional logit within cases that also lose little SEG."""
    values = terms_of.to_numpy()
    mean, spread = values.mean(0), values.std(0) + 1e-9
    z, seg = (values - mean) / spread, rows.SEG.to_numpy()
    case, names = pd.factorize(rows["case"])
    count = len(names)
    best = np.full(count, -1.0)
    np.maximum.at(best, case, seg)
    wanted = np.exp((seg - best[case]) / _SHARP)
    wanted /= np.bincount(case, wanted, count)[case]
    weight = np.zeros(count)
    weight[case] = 1 / rows.groupby("group").case.transform("nunique").to_numpy()
    weight *= np.clip(best, 0.1, 1)
    weight /= weight.sum()

    def cost(b: np.ndarray) -> tuple[float, np.ndarray]:
        s = z @ b
        top = np.full(count, -np.inf)
        np.maximum.at(top, case, s)
        p = np.exp(s - top[case])
        p /= np.bincount(case, p, count)[case]
        mine = np.bincount(case, p * seg, count)
        value = -(weight[case] * wanted * np.log(p + 1e-12)).sum()
        value += _LOSS * (weight * (best - mine)).sum() + _PENALTY * b @ b
        slope = z.T @ (weight[case] * (p - wanted))
        slope -= _LOSS * z.T @ (weight[case] * p * (seg - mine[case]))
        return value, slope + 2 * _PENALTY * b

    bounds = [_SIGNS.get(name, (0, None)) for name in terms_of.columns]
    found = minimize(cost, np.zeros(z.shape[1]), jac=True, method="L-BFGS-B", bounds=bounds)
    return found.x / spread


def _scale(rows: pd.DataFrame, score: np.ndarray) -> tuple[float, float]:
    """Return slope and constant of the logistic function that makes a SEG of a score."""
    weight = _importance(rows) * (0.3 + rows.SEG.to_numpy())
    weight /= weight.sum()
    z, seg = (score - score.mean()) / score.std(), rows.SEG.to_numpy()

    def cost(b: np.ndarray) -> float:
        p = 1 / (1 + np.exp(-(b[0] * z + b[1])))
        return -(weight * (seg * np.log(p + 1e-9) + (1 - seg) * np.log(1 - p + 1e-9))).sum()

    slope, constant = minimize(cost, np.zeros(2), method="BFGS").x
    slope /= score.std()
    return float(slope), float(constant - slope * score.mean())
