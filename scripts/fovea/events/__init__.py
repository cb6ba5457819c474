"""Events of cells, divisions and deaths, and curves of features aligned at them.

`deaths` finds deaths in traces, `found` puts together what is known of a sample's events, and
`curves` aligns values at them. Array functions but for `found`, which reads merged tables; figures
import this package.
"""
