"""Assignment of objects to those of another frame."""

from __future__ import annotations

import numpy as np


def assign(left: np.ndarray, right: np.ndarray, weight: np.ndarray):
    """Return the matching with the largest sum of weights: its pairs, (M,) int64 each, by left.

    The possible pairs are (P,) int64 each, the weights (P,) float64 and positive. Most objects
    overlap with one other only; those pairs need no solver. The rest falls into small groups, each
    solved by itself, so that time grows with the number of pairs and not with the product of the
    numbers of objects.
    """
    if len(left) == 0:
        return left, right
    left_names, i = np.unique(left, return_inverse=True)
    right_names, j = np.unique(right, return_inverse=True)
    alone = (np.bincount(i)[i] == 1) & (np.bincount(j)[j] == 1)
    matched_i, matched_j = [i[alone]], [j[alone]]
    i, j, weight = i[~alone], j[~alone], weight[~alone]
    if len(i):
        from scipy.optimize import linear_sum_assignment
        from scipy.sparse import coo_array
        from scipy.sparse.csgraph import connected_components

        n, m = len(left_names), len(right_names)
        graph = coo_array((np.ones(len(i)), (i, n + j)), shape=(n + m, n + m))
        group = connected_components(graph, directed=False)[1][i]
        order = np.argsort(group, kind="stable")
        for members in np.split(order, np.flatnonzero(np.diff(group[order])) + 1):
            rows, r = np.unique(i[members], return_inverse=True)
            columns, c = np.unique(j[members], return_inverse=True)
            matrix = np.zeros((len(rows), len(columns)))
            matrix[r, c] = weight[members]
            r, c = linear_sum_assignment(matrix, maximize=True)
            possible = matrix[r, c] > 0
            matched_i.append(rows[r[possible]])
            matched_j.append(columns[c[possible]])
    i, j = np.concatenate(matched_i), np.concatenate(matched_j)
    order = np.argsort(i)
    return left_names[i[order]], right_names[j[order]]
