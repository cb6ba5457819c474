"""How doubtful each cell of a fit is, and why: the worst cells are shown first."""

from __future__ import annotations

import numpy as np
import pandas as pd

from fovea.fits.fit_table import NOTABLE
from fovea.samples.parts import CELL

#: Area of a cell in one frame over that in the one before, or the inverse, that is called a jump.
JUMP = 1.5
#: R² below which a fit is called poor.
POOR = 0.9
#: Confidence of tracking below which a cell is listed.
UNSURE = 0.5


def jumps_of_area(rows: pd.DataFrame, area: pd.Series) -> pd.DataFrame:
    """Return the largest jump of each cell's area between frames that follow each other.

    Parameters
    ----------
    rows : DataFrame
        Rows of a sample's traces: `dataset`, `fov`, `cell` and `frame`, in this order.
    area : Series of float
        Area of the cell in each row.

    Returns
    -------
    DataFrame
        By dataset, field of view and cell: `jump`, the larger over the smaller area, at least 1,
        and `jump_frame`, the later frame of the two; NaN and -1 for cells of one frame.
    """
    groups = rows.groupby(CELL, sort=False)
    follows = groups["frame"].diff().to_numpy() == 1
    before = area.groupby([rows[name] for name in CELL], sort=False).shift().to_numpy(float)
    now = area.to_numpy(float)
    sound = follows & (before > 0) & (now > 0)
    ratio = np.full(len(rows), np.nan)
    ratio[sound] = np.maximum(now[sound] / before[sound], before[sound] / now[sound])
    found = rows[CELL].assign(jump=ratio, jump_frame=np.where(sound, rows["frame"], -1))
    found = found.sort_values("jump", ascending=False, kind="stable", na_position="last")
    return found.drop_duplicates(CELL).set_index(CELL)


def doubts(table: pd.DataFrame) -> tuple[np.ndarray, list[list[str]]]:
    """Return how doubtful cells are, (N,) float64 of at least 0, and the reasons of each.

    One for each reason, three where there is no estimate and two for a parameter at a bound or a
    poor R², and 1 - R² (at most 1) beside them; cells without a reason are in the order of R².

    Parameters
    ----------
    table : DataFrame
        One row per cell: a table of fits, see `fovea.fits.fit_table`, and where known `jump` and
        `jump_frame` of `jumps_of_area` and `confidence`, that of its track (0 to 1).
    """
    score = np.zeros(len(table))
    reasons: list[list[str]] = [[] for _ in range(len(table))]

    def count(found: np.ndarray, word, weight: int = 1) -> None:
        score[found] += weight
        for row in np.flatnonzero(found):
            reasons[row].append(word(row))

    def column(name: str) -> np.ndarray:
        return table[name].to_numpy(float)

    if "r_squared" in table:
        r_squared = column("r_squared")
        bounds = [name for name in table if name.endswith("_at_bound")]
        at_bound = table[bounds].ne("").to_numpy() if bounds else np.zeros((len(table), 0), bool)
        stopped = at_bound.any(axis=1)
        failed = ~table["success"].to_numpy(bool) & ~stopped
        count(failed, lambda row: "no estimate", 3)
        count(stopped, lambda row: ", ".join(
            f"{name.removesuffix('_at_bound')} at a bound"
            for name, here in zip(bounds, at_bound[row], strict=True) if here), 2)  # fmt: skip
        count(r_squared < POOR, lambda row: "poor R²", 2)
        limit = np.maximum(NOTABLE, 3 / np.sqrt(np.maximum(column("n_points"), 1)))
        count(column("autocorrelation") > limit, lambda row: "correlated residuals")
        # Without R², as where no fit was possible, the worst there is.
        score += np.clip(np.nan_to_num(1 - r_squared, nan=1.0), 0, 1)
    if "jump" in table:
        frames, jump = table["jump_frame"].to_numpy(), column("jump")
        count(jump > JUMP, lambda row: f"area jumps × {jump[row]:.2g} at frame {frames[row]:.0f}")
    if "confidence" in table:
        sure = column("confidence")
        count(sure < UNSURE, lambda row: f"tracking unsure ({sure[row]:.2f})")
    return score, reasons
